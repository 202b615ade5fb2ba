"""Files that are there whole or not at all, and what is said of those that are not."""

import errno
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from data.files import read_json, write_about, write_csv, write_json, write_whole
from data.iam import read_transcription
from data.ink_files import read_xml
from data.sounds import read_samples
from data.text import read_lines, read_text


def test_a_file_that_is_not_written_to_the_end_leaves_the_one_before(tmp_path):
    path = tmp_path / "a"
    path.write_text("before")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), write_whole(path) as part:
            part.write_text("half")
            raise error
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_too_long_is_named(tmp_path):
    path = tmp_path / ("a" * 250)
    with pytest.raises(OSError) as caught, write_whole(path) as part:
        part.touch()
    assert caught.value.filename == str(path)


def test_what_a_dead_process_left_is_swept_and_what_a_living_one_writes_stays(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    name, here = f"a[1].{int(dead.stdout)}.parts", platform.node()  # which has a number of its own
    ours, other = (tmp_path / f".{name}.{here}.{pid}.part.npz" for pid in (int(dead.stdout), os.getppid()))
    nobodys = tmp_path / f".{name}.{here}.old.part"
    ours.touch(), other.touch(), nobodys.touch()
    write_csv(tmp_path / name, ["x"], [{"x": 1}])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([other.name, nobodys.name, name])


def test_what_was_made_of_another_file_of_the_same_name_stays(tmp_path):
    path, others = tmp_path / "of_a.csv", tmp_path / "others" / "a.csv"
    for content in ("0", "1"):  # of the same file, which has changed
        with write_about(path, "predict", tmp_path / "a.csv") as part:
            part.write_text(content)
    said = f"`predict` must not replace what was made of another file. Received: {others}, for {path}; move that away first"
    with pytest.raises(ValueError) as caught, write_about(path, "predict", others) as part:
        part.write_text("2")
    assert str(caught.value) == said and path.read_text() == "1"
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".of_a.csv.made_of", path]
    with write_about(path, "predict", others) as part:  # the same content is no loss
        part.write_text("1")
    with pytest.raises(ValueError), write_about(path, "predict", others) as part:  # and is still of the first
        part.write_text("2")
    assert path.read_text() == "1"
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    with write_about(moved / path.name, "predict", moved / "a.csv") as part:  # which has changed, and is where it was
        part.write_text("2")
    moved.rename(tmp_path)
    assert path.read_text() == "2"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match="of_a.csv must be a file"), write_about(path, "predict", others) as part:
        part.write_text("2")


def test_errors_name_the_wanted_file(tmp_path):
    gone = tmp_path / "gone" / "a.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_json(gone, {})
    assert caught.value.filename == str(gone)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # as a full disk
    try:
        with pytest.raises(OSError) as caught:
            write_json(tmp_path / "a.json", {"long": "x" * 10000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "a.json"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "must be JSON. Received: Expecting value"),
        (b'{"a": 1, "b"', "must be JSON. Received: Expecting"),
        (b"\xff\xfe", "must be JSON. Received: 'utf-8' codec"),
        (b"[" * 100000, "must be JSON. Received: brackets"),
        (b"[]", "must be a JSON object with a, b. Received: \\[\\]"),
        (b'{"a": 1}', "must be a JSON object with a, b. Received: {'a': 1}"),
    ],
)
def test_json_that_is_damaged_is_named(tmp_path, content, said):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"x.json {said}"):
        read_json(path, "a", "b")
    write_json(path, {"a": 1, "b": None})
    assert read_json(path, "a", "b") == {"a": 1, "b": None}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that opens and cannot be read")
@pytest.mark.parametrize(
    "name, read",
    [
        ("a.txt", read_text),
        ("a.csv", lambda path: list(read_lines(path))),
        ("a.json", read_json),
        ("a.xml", read_xml),
        ("a.txt", read_transcription),
        ("a.wav", read_samples),
    ],
)
def test_a_file_that_breaks_off_is_named(tmp_path, name, read):
    path = tmp_path / name
    path.symlink_to("/proc/self/mem")
    with pytest.raises(OSError) as caught:
        read(path)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))
