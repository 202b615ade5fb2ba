"""TIMIT's layout: which files are found, and the times that they hold."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.timit import beside, files_below, read_times


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_are_found_wherever_they_are_but_hidden_ones(tmp_path):
    touch(*(tmp_path / name for name in ("A/DR1/SA1.WRD", "b.wrd", "A/DR1/SA1.WAV", "A/._SA1.WRD", ".Trashes/c.wrd")))
    assert files_below(tmp_path, ".wrd") == [tmp_path / "A/DR1/SA1.WRD", tmp_path / "b.wrd"]
    assert files_below(tmp_path / "nowhere", ".wrd") == []


def test_links_to_folders_are_followed_and_each_folder_once(tmp_path):
    touch(tmp_path / "disk" / "DR1" / "SA1.WRD", tmp_path / "disk" / "DR2" / "SA1.WRD")
    (tmp_path / "timit").mkdir()
    (tmp_path / "timit" / "TRAIN").symlink_to(tmp_path / "disk")
    (tmp_path / "timit" / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "DR1" / "up").symlink_to(tmp_path / "timit")
    found = files_below(tmp_path / "timit", ".wrd")
    assert found == [tmp_path / "timit" / "TRAIN" / name / "SA1.WRD" for name in ("DR1", "DR2")]


@pytest.mark.parametrize("sound", ["SA1.WRD", "SA1.wrd", "sa1.Wrd"])
def test_what_is_beside_a_file_may_have_any_case(tmp_path, sound):
    touch(tmp_path / sound, tmp_path / "SA1.WAV", tmp_path / "SA1.WAV.wrd", tmp_path / "SA11.WRD")
    assert beside(tmp_path / "SA1.WAV", ".wrd") == tmp_path / sound
    assert beside(tmp_path / "SA2.WAV", ".wrd") is None


LINES = st.tuples(st.integers(-5, 10**10), st.integers(0, 10**10), st.sampled_from(["h#", "aa", "", "a b"]))


@given(lines=st.lists(LINES.map(lambda line: " ".join(map(str, line))) | st.text(max_size=12), max_size=4))
@example(lines=["\ufeff0 600 h#", "", "600 1600 aa "])
def test_times_are_those_that_are_written_or_refused_in_one_line(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("times") / "a.PHN"
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        times = read_times(path)
    except ValueError as error:
        assert re.search(
            r"a.PHN must have lines of start, end and label, by numbers of up to nine digits. Received: .* in line \d+",
            str(error),
        )
        assert "\n" not in str(error)
    else:
        words = "\n".join(lines).removeprefix("\ufeff").split()
        assert [word for entry in times for word in map(str, entry)] == [
            str(int(word)) if place % 3 < 2 else word.lower() for place, word in enumerate(words)
        ]
        assert all(0 <= start < end < 10**9 for start, end, _ in times)


def test_refuses_a_transcript_that_is_none(tmp_path):
    (tmp_path / "SA1.WRD").write_text("1000 4000 she\n4000 making\n")
    with pytest.raises(ValueError, match="SA1.WRD must have lines of start, end and label. .*'4000 making' in line 2"):
        read_times(tmp_path / "SA1.WRD")
