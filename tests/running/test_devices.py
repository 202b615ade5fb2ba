"""Updates shared by several devices or workers: the same as one device makes, and gone on with when a worker was lost."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from main import main, recipe
from running import devices
from running.loop import Loop
from tasks.character_model import CharacterModel
from tasks.sequence_generation import SequenceGeneration

ROOT = Path(__file__).parents[2]
TWO_PROCESSORS = """
import running.quiet, sys, numpy as np, tensorflow as tf
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from main import main, recipe
from running import devices
from running.loop import Loop
from tasks.character_model import CharacterModel
from tasks.series import SeriesTask
from tasks.spoken_words import SpokenWords
sharing = devices.strategy(2)
small = {"units": 8, "periods": (1, 4), "replicas": 2, "dropout": 0.3}
text = recipe("text", streams=4, chunk=16, text="LICENSE", **small)
of_series = lambda data, **own: SeriesTask(recipe("series", data=data, target=("y",), batch_size=4, **own, **small))
forecasts = of_series(sys.argv[1], horizon=3, test_share=0.2, chunk=16)  # of gaps, of which one part has more
answers = of_series(sys.argv[2], group="who", horizon=0, readout="every")
tasks = CharacterModel(text), SpokenWords(recipe("words", batch_size=10, **small)), forecasts, answers
for task in tasks:
    devices.check_split(sharing, task)
    alone, shared = Loop(task, task.settings), devices.make_loop(task, task.settings, sharing)
    shared.call(0)  # compiles all, and does nothing else
    assert not shared.progress.done and (shared.weights == alone.weights).all()
    for loop in (alone, shared):
        loop.run(3)
    assert shared.progress.seconds[0] < 1
    np.testing.assert_allclose(shared.weights, alone.weights, atol=1e-5)
    np.testing.assert_allclose(shared.progress.history, alone.progress.history, rtol=1e-4)
    for one, other in zip(*(tf.nest.flatten(loop.progress.carried) for loop in (alone, shared))):
        np.testing.assert_allclose(one, other, atol=1e-5)
"""


def test_two_devices_do_what_one_does(tmp_path):
    """With noise on the input and dropout, of which each device draws its part."""
    rng, who = np.random.default_rng(0), np.repeat(range(12), 10)
    table = pd.DataFrame({"y": rng.normal(size=120), "x": rng.normal(size=120), "who": who})
    gaps = table.y.where(rng.random(120) < 0.5)
    table.assign(y=gaps).drop(columns="who").to_csv(tmp_path / "gaps.csv", index=False)
    table.assign(y=who % 5).to_csv(tmp_path / "sequences.csv", index=False)
    command = [sys.executable, "-c", TWO_PROCESSORS, tmp_path / "gaps.csv", tmp_path / "sequences.csv"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "config",
    [
        "{bad",
        "[]",
        "[" * 5000,
        "1" * 5000,
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": -1}}',
        '{"cluster": {"chief": ["a:1"], "worker": ["b:2"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": "ab"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:65536"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1, 2]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_cluster_that_is_not_described_is_refused(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=f"TF_CONFIG must be JSON of the form .* Received: {re.escape(config[:200])}$"):
        devices.strategy(1)


def test_replicas_that_a_cluster_spreads_are_not_shared_by_workers_too(monkeypatch, capsys):
    config = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert main(["--ray", "local", "--replicas", "2"]) == 2
    assert "main.py: --ray must not come with workers of TF_CONFIG. Received: a:1, b:2" in capsys.readouterr().err


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(ValueError, match="`devices` must be at most 1, the CPUs of this machine. Received: 2"):
        devices.strategy(2)
    with pytest.raises(ValueError, match="`devices` must be at least 1. Received: 0"):
        devices.strategy(0)


def test_sequences_that_cannot_be_split_evenly_are_refused(monkeypatch):
    class Sharing:
        num_replicas_in_sync = 2

    task = SequenceGeneration(recipe("generation"))
    with pytest.raises(ValueError, match="`devices` must divide the sequences of an update, 1 here. Received: 2"):
        devices.check_split(Sharing, task)
    config = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match="the devices of all workers of TF_CONFIG must divide the sequences"):
        devices.check_split(Sharing, task)


FLAGS = {"units": 8, "periods": (1, 4), "streams": 4, "chunk": 16, "epochs": 30, "dropout": 0.2}


def test_two_workers_do_what_one_process_does_and_go_on_after_one_was_lost(tmp_path):
    """With half of the streams each; the second worker is killed in the middle."""
    ports = free_ports()
    checkpoint = tmp_path / "results" / "text" / "a" / "checkpoint.npz"
    task = CharacterModel(recipe("text", text=str(ROOT / "LICENSE"), **FLAGS))
    updates = task.batches * FLAGS["epochs"]
    first, second = start(tmp_path, ports)
    told = b""
    while not re.search(rb" [1-9]\d+/%d" % updates, told):
        told += os.read(first.stdout.fileno(), 1000)
    second.kill()
    said = first.communicate(timeout=60)[1].decode()
    assert first.returncode == 1 and checkpoint.exists()
    assert "another worker cannot be reached any more; go on with the same flags and --name a --resume" in said
    with np.load(checkpoint) as saved:
        assert 0 < saved["seen"] < updates
    workers = start(tmp_path, ports, "--resume")
    for worker in workers:
        assert worker.communicate(timeout=120) and worker.returncode == 0
    metrics = json.loads((checkpoint.parent / "metrics.json").read_text())
    alone = Loop(task, task.settings).run()
    assert metrics["updates"] == alone.progress.done == updates
    assert metrics["bits_per_character"] == pytest.approx(
        task.evaluate(alone.weights)["bits_per_character"][0], rel=1e-4
    )


@pytest.mark.parametrize("changes", [("--units", "20"), ("--resume",)])
def test_workers_with_other_settings_are_refused(tmp_path, changes):
    workers = start(tmp_path, free_ports(), of_second=changes)
    said = [worker.communicate(timeout=120)[1].decode().splitlines()[-1] for worker in workers]
    assert [worker.returncode for worker in workers] == [2, 2] and not list(tmp_path.rglob("config.json"))
    assert all(line.startswith(f"main.py: {changes[0]} must be the same for all workers of TF_CONFIG") for line in said)


@pytest.mark.parametrize("letter, same", [("t", True), ("s", False)])
def test_workers_with_other_data_are_refused(tmp_path, monkeypatch, letter, same):
    """Each worker has a file of that name, but not the same in it."""
    tasks = {}
    for where, own in (("here", "t"), ("there", letter)):
        (tmp_path / where).mkdir()
        monkeypatch.chdir(tmp_path / where)
        Path("own.txt").write_text(f"It was the best of {own}imes. " * 50)
        tasks[where] = CharacterModel(recipe("text", text="own.txt", **FLAGS))
    there = devices.data_in_short(tasks["there"].kept)
    monkeypatch.setattr(devices, "_of_all", lambda _, own: np.array([own, there if own.ndim > 1 else own]))
    if same:
        return devices.check_same(None, tasks["here"])
    with pytest.raises(
        ValueError, match="`text` must hold the same for all workers of TF_CONFIG. Received: other data"
    ):
        devices.check_same(None, tasks["here"])


def free_ports():
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            ports.append(free.getsockname()[1])
    return ports


def test_a_worker_that_waits_for_the_other_says_so_and_can_be_ended(tmp_path):
    (worker,) = start(tmp_path, [1, 2], count=1)
    assert worker.stdout.readline() == b"waiting for all of localhost:1, localhost:2 \xe2\x80\xa6\n"
    worker.send_signal(signal.SIGINT)
    assert worker.wait(timeout=10) == -signal.SIGINT and not list(tmp_path.rglob("config.json"))


def start(folder, ports, *more, count=2, of_second=()):
    """Start workers of a run, of which there are two."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in FLAGS.items() if name != "periods"]
    words += ["--periods", *map(str, FLAGS["periods"]), "--text", "LICENSE", "--name", "a", *more]
    words += [f"--results-dir={folder / 'results'}", f"--log-dir={folder / 'log'}"]
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    processes = []
    for index in range(count):
        own = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        environment = os.environ | {"TF_CONFIG": own, "CUDA_VISIBLE_DEVICES": "-1"}
        command = [sys.executable, "main.py", "text", *words, *of_second * index]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))
        time.sleep(0.1)
    return processes
