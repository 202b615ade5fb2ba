"""Texts as numbers: what each character becomes, and what is refused."""

import hashlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.text import load_text


def test_characters_are_numbered_in_order(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("banana é\n", encoding="utf-8")
    text = load_text(str(path))
    assert text.characters == "\n abné" and text.source == str(path)
    np.testing.assert_array_equal(text.indices, [3, 2, 4, 2, 4, 2, 1, 5, 0])
    assert text.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_byte_order_mark_is_no_character(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfab")
    assert load_text(str(tmp_path / "a.txt")).characters == "ab"


def test_a_text_that_would_fill_the_memory_is_refused_unread(tmp_path):
    path = tmp_path / "a.txt"
    with open(path, "wb") as file:
        file.truncate(3 * 2**30)  # takes no place on disk
    with pytest.raises(ValueError, match="a.txt must have at most 1 GiB. Received: 3 GiB"):
        load_text(str(path))


@given(content=st.binary())
@example(content=b"")
def test_any_bytes_are_their_text_or_refused_by_name(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(content)
    try:
        text = load_text(str(path))
    except ValueError as error:
        assert "a.txt must be text" in str(error) and "\n" not in str(error)
        if b"\0" not in content:
            with pytest.raises(UnicodeDecodeError):
                content.decode()
    else:
        lines = content.decode().replace("\r\n", "\n").replace("\r", "\n")  # as Python reads text files
        assert "".join(text.characters[index] for index in text.indices) == lines.removeprefix("\ufeff")


def test_the_default_is_what_help_shows():
    text = load_text(None)
    assert 400_000 < len(text.indices) < 700_000 and text.source.startswith("pydoc_data.topics of Python 3.")
    written = "".join(text.characters[index] for index in text.indices)
    assert "debugging assertions" in written and text.sha256 == hashlib.sha256(written.encode()).hexdigest()


def test_refuses(tmp_path):
    with pytest.raises(ValueError, match="`text` must be a file that exists. Received: nowhere.txt"):
        load_text("nowhere.txt")
    (tmp_path / "a.bin").write_bytes(b"ab\xff\xfe")
    with pytest.raises(ValueError, match="a.bin must be text in UTF-8. Received: other bytes from byte 2 on"):
        load_text(str(tmp_path / "a.bin"))
