"""The programs that make what ships, where what they need is lacking."""

import importlib.util
import shutil

import pytest

from data import make_speech, make_words


@pytest.mark.parametrize(
    ("program", "lacks"), [(make_speech, "the program flite"), (make_words, "the package espeakng-loader")]
)
def test_what_a_maker_needs_is_named(program, lacks, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code.startswith(f"{program.__name__} needs {lacks} (")  # which Python prints, with status 1
