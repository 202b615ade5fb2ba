"""Checkpoints: what is damaged is found out, and the one before takes its place."""

import json
import os

import numpy as np
import pytest

from running import checkpoints
from running.checkpoints import CheckpointError

ABOUT = {"units": 4, "board": {"events": 12}}


def save(folder, number):
    checkpoints.save(folder, {"weights": np.full(50, number, np.float32), "done": np.array(number)}, ABOUT)


def test_the_last_two_are_kept_with_what_is_said_of_them(tmp_path):
    for number in range(3):
        save(tmp_path, number)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.npz", "checkpoint.before.npz"}
    found = checkpoints.load(tmp_path)
    assert (found.state["weights"] == 2).all() and found.state["done"] == 2 and found.remark == ""
    assert found.about == ABOUT | {"format": 1}
    (tmp_path / "checkpoint.npz").unlink()  # as where the process is killed between two renames
    found = checkpoints.load(tmp_path)
    assert found.state["done"] == 1
    assert found.remark == "going on from checkpoint.before.npz, not checkpoint.npz (No such file or directory)"


def test_wherever_a_byte_is_flipped_the_state_is_right_or_the_one_before(tmp_path):
    save(tmp_path, 1)
    save(tmp_path, 2)
    path, fallen = tmp_path / "checkpoint.npz", 0
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found = checkpoints.load(tmp_path)
        assert (found.state["weights"] == found.state["done"]).all() and found.state["done"] == 2 - bool(found.remark)
        assert "\n" not in found.remark
        fallen += bool(found.remark)
    assert fallen > len(whole) / 7 / 2


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_what_is_cut_is_found_out(tmp_path, length):
    save(tmp_path, 1)
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"checkpoint.npz \(damaged: .*\), checkpoint.before.npz \(No such file"):
        checkpoints.load(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "checkpoint.npz")
    with pytest.raises(
        CheckpointError, match=r"checkpoint.npz \(damaged: not a file\), checkpoint.before.npz \(No such"
    ):
        checkpoints.load(tmp_path)


@pytest.mark.parametrize(
    "content, why",
    [
        ({"weights": np.ones(3)}, "of another version of this program"),
        ({"about": np.array(json.dumps({"format": 0}))}, "of another version of this program"),
        ({"about": np.array([{}], object)}, "damaged: Object arrays cannot be loaded"),
    ],
)
def test_what_is_none_of_ours_is_refused(tmp_path, content, why):
    np.savez(tmp_path / "checkpoint.npz", **content)
    with pytest.raises(CheckpointError, match=rf"checkpoint.npz \({why}"):
        checkpoints.load(tmp_path)


def test_a_run_without_a_checkpoint_can_only_begin_again(tmp_path):
    """As one that was killed while it compiled."""
    wanted = "`resume` needs a run with a checkpoint; `overwrite` begins again without one. Received: .*checkpoint.npz"
    with pytest.raises(checkpoints.CheckpointError, match=wanted):
        checkpoints.load(tmp_path)
