"""The examples: each runs, small, and does what it says."""

import importlib.util
import itertools
import runpy
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
import pytest

from main import recipe
from running.trained import train_silently
from tasks.sequence_generation import SequenceGeneration

ROOT = Path(__file__).parents[1]


def example(name, monkeypatch):
    """Return an example as a module, without running it."""
    monkeypatch.syspath_prepend(ROOT)  # so that the path that it adds itself is taken back too
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", (ROOT / "examples").glob("*.py"), ids=lambda file: file.stem)
def test_each_finds_the_layers_from_any_folder(file, monkeypatch, tmp_path):
    source = file.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").touch()  # a common name
    monkeypatch.setattr(sys, "path", [str(file.parent), str(tmp_path)])  # as Python starts a script
    exec(source[: source.index("\n", source.index("sys.path.insert"))], {})
    assert PathFinder.find_spec("models", sys.path).origin == str(ROOT / "examples" / ".." / "models" / "__init__.py")


@pytest.mark.parametrize("file", (ROOT / "examples").glob("*.py"), ids=lambda file: file.stem)
def test_each_takes_no_words(file, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(file), "--epochs", "3"])
    monkeypatch.syspath_prepend(ROOT)
    with pytest.raises(SystemExit, match="Run from the repository root"):
        runpy.run_path(str(file), run_name="__main__")


def test_own_model_learns(monkeypatch, capsys):
    assert example("own_model", monkeypatch).main(epochs=4, examples=1000) > 0.6  # guessing: 0.5 ± 0.016
    assert "48 units, 1440 weights" in capsys.readouterr().out


def test_both_directions_have_twice_the_layer(monkeypatch, capsys):
    module = example("both_directions", monkeypatch)
    signs, wanted = module.products(3)
    np.testing.assert_array_equal(wanted[:, 10], signs[:, 6] * signs[:, 14])
    assert not wanted[:, :4].any() and not wanted[:, -4:].any()
    errors = module.main(epochs=1, examples=50)
    assert np.isfinite([*errors.values()]).all()
    counts = [int(line.split()[2]) for line in capsys.readouterr().out.splitlines() if "weights" in line]
    # Three modules of 22, 21 and 21 units, each hearing itself and the slower ones; input weights; biases.
    hidden = (22 * 64 + 21 * 42 + 21 * 21) + 64 + 64
    assert counts == [copies * hidden + (64 * copies + 1) * 32 + 33 for copies in (1, 2)]


@pytest.mark.usefixtures("without_xla")
def test_morse_reads_what_was_keyed(monkeypatch, capsys):
    module = example("morse", monkeypatch)
    x, (labels, counts, steps) = module.messages(300)
    assert set(counts) == {1, 2, 3, 4} and (labels < 7).all() and steps.max() <= module.STEPS
    for key, own, count, length in zip(x[..., 0], labels, counts, steps):
        runs = [(down, len([*run])) for down, run in itertools.groupby(key[:length])]
        signs = "".join({-1: " " * (run > 2), 1: ".-"[run > 2]}[int(down)] for down, run in runs)
        assert signs.split() == [module.CODES["ETAINMS"[label]] for label in own[:count]]
        assert not key[length:].any()
    assert 0 <= module.main(epochs=1, examples=50) < 0.1
    assert "of 500 new texts are read without an error" in capsys.readouterr().out


def test_streaming_gives_what_the_whole_sequence_gives(monkeypatch, capsys):
    assert example("streaming", monkeypatch).main(steps=50) < 1e-5
    assert "the clock is now at 50" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")  # of the exporters
def test_files_give_what_the_model_gives(monkeypatch):
    apart = example("saving_and_exporting", monkeypatch).main()
    assert {"model.keras", "saved_model"} <= set(apart) and max(apart.values()) < 1e-5


def test_each_of_the_population_is_what_its_seed_gives_alone(monkeypatch):
    small = {"units": 9, "epochs": 20, "length": 64, "periods": (1, 2, 4)}
    population = example("population", monkeypatch).main(**small)
    settings = recipe("generation", seed=7, **small)
    alone = train_silently(SequenceGeneration(settings), settings).values()["mse"]
    assert len(population) == 20
    np.testing.assert_allclose(population[7], alone[0], rtol=1e-4)


def test_there_is_a_test_for_each():
    assert len(list((ROOT / "examples").glob("*.py"))) == 6
