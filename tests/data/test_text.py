"""Texts as numbers: what each character becomes, and what is refused."""

import hashlib

import numpy as np
import pytest

from data.text import load_text


def test_characters_are_numbered_in_order(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("banana é\n", encoding="utf-8")
    text = load_text(str(path))
    assert text.characters == "\n abné" and text.source == str(path)
    np.testing.assert_array_equal(text.indices, [3, 2, 4, 2, 4, 2, 1, 5, 0])
    assert text.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_default_is_what_help_shows():
    text = load_text(None)
    assert 400_000 < len(text.indices) < 700_000 and text.source.startswith("pydoc_data.topics of Python 3.")
    written = "".join(text.characters[index] for index in text.indices)
    assert "debugging assertions" in written and text.sha256 == hashlib.sha256(written.encode()).hexdigest()


def test_refuses(tmp_path):
    with pytest.raises(ValueError, match="`text` must be a file that exists. Received: nowhere.txt"):
        load_text("nowhere.txt")
    (tmp_path / "a.bin").write_bytes(b"ab\xff\xfe")
    with pytest.raises(ValueError, match="`text` must be a text file in UTF-8. Received: .*a.bin, no such from byte 2"):
        load_text(str(tmp_path / "a.bin"))
