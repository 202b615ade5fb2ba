"""Blocks of text networks: each is the network that `main.py` trains with its seed."""

from dataclasses import replace

import pytest

from experiments import extensions
from experiments.one_run import train_run
from tasks.character_model import CharacterModel


def test_each_network_is_the_one_trained_alone(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("The clock ticks, and then it ticks again. " * 60, encoding="utf-8")
    small = {"text": str(corpus), "units": 12, "periods": (1, 4), "epochs": 2, "streams": 4, "chunk": 64}
    settings = replace(extensions.BASES["text"], **small)
    result = extensions.train_networks("text", settings, ("",), (3, 5))
    alone = train_run(CharacterModel, replace(settings, seed=5))
    assert result["score"].shape == (1, 2) and result["parameters"] == alone["parameters"]
    assert result["score"][0, 1] == pytest.approx(alone["bits_per_character"], rel=1e-6)
    assert result["score"][0, 0] != result["score"][0, 1]
