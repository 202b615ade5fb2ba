"""Locks: one process at a time, and none that is dead."""

import errno
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from running.lock import Lock, LockedError

ROOT = Path(__file__).parents[2]
HOLD = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from running.lock import Lock

held = Lock(Path(sys.argv[1]), "it")
print("held", flush=True)
time.sleep(100)
"""


def test_a_drive_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(file, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match=f"No locks available: '{tmp_path / 'a~lock'}'"):
        Lock(tmp_path / "a~lock", "it")


def test_it_is_refused_while_a_process_holds_it_and_free_when_that_is_killed(tmp_path):
    path = tmp_path / "a~lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    expected = f"it must not be in progress elsewhere. Received: one of process {process.pid} on {platform.node()}"
    with pytest.raises(LockedError, match=expected):
        Lock(path, "it")
    process.kill()
    process.wait()
    lock = Lock(path, "it")
    assert path.read_text() == f"process {os.getpid()} on {platform.node()}"
    lock.release()
    lock.release()
    assert not path.exists()


def test_a_lock_whose_file_is_another_s_by_now_leaves_it(tmp_path):
    path = tmp_path / "a~lock"
    lock = Lock(path, "it")
    path.unlink()
    path.write_text("process 1 on another")
    lock.release()
    assert path.read_text() == "process 1 on another"


def test_the_copy_of_a_lock_goes_with_it(tmp_path):
    """As where a run's folder was replaced by a copy of it."""
    path = tmp_path / "a~lock"
    lock = Lock(path, "it")
    path.rename(tmp_path / "copied")
    path.write_bytes((tmp_path / "copied").read_bytes())
    lock.release()
    assert not path.exists()


def test_a_lock_whose_file_cannot_be_removed_is_free_all_the_same(tmp_path):
    """As where its folder was replaced by a file."""
    (tmp_path / "log").mkdir()
    lock = Lock(tmp_path / "log" / "a~lock", "it")
    (tmp_path / "log").rename(tmp_path / "elsewhere")
    (tmp_path / "log").touch()
    lock.release()
    Lock(tmp_path / "elsewhere" / "a~lock", "it").release()


@pytest.mark.parametrize("kind", ["a file", "a link", "a pipe", "a folder", "bytes"])
def test_what_is_no_lock_is_named_and_stays(tmp_path, kind):
    path, other = tmp_path / "a~lock", tmp_path / "other"
    other.write_text("of years")
    make = {"a file": lambda: path.write_text("of years"), "bytes": lambda: path.write_bytes(b"\xff\x00")}
    make |= {"a link": lambda: path.symlink_to(other), "a pipe": lambda: os.mkfifo(path), "a folder": path.mkdir}
    make[kind]()
    before = os.lstat(path)
    with pytest.raises(ValueError, match=f"it needs a lock. Received: {path}, which is something else; move it away"):
        Lock(path, "it")
    assert os.lstat(path).st_mtime_ns == before.st_mtime_ns and other.read_text() == "of years"


def test_where_nothing_can_be_written_it_is_named_and_nothing_left(tmp_path):
    path, before = tmp_path / "a~lock", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # as a full disk
    try:
        with pytest.raises(OSError, match=f"File too large: '{path}'"):
            Lock(path, "it")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not path.exists()


def test_of_many_that_come_at_once_one_has_it(tmp_path):
    path = tmp_path / "a~lock"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(4)
    ]
    said = []
    deadline = time.monotonic() + 20
    while len(said) < 3 and time.monotonic() < deadline:
        said = [process for process in processes if process.poll() is not None]
        time.sleep(0.05)
    (holder,) = (process for process in processes if process.poll() is None)
    assert holder.stdout.readline() == "held\n" and all(process.returncode == 1 for process in said)
    holder.kill()
    holder.wait()
