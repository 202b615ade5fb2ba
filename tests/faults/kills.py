"""Trainings that are killed at random moments and resumed until they are done, against ones that nothing disturbs."""

import io
import shutil
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.faults.program import Program, run
from tests.faults.trainings import KILLED, prepare

OFTEN = ("--checkpoint-seconds", "0.2")
TWICE = 0.3  # of the trainings that go on are killed once more


class Result(NamedTuple):
    """What a training leaves.

    Args:
        weights: of all its models, by file.
        curves: how many times TensorBoard shows which step of which curve.
        seconds: it took.
    """

    weights: dict[str, np.ndarray]
    curves: Counter
    seconds: float


def kill(setting: str, rng: np.random.Generator) -> str:
    """Kill a training at a random moment, resume it until it is done, and return a verdict, with what differs."""
    folder = prepare()
    words, whole = (*KILLED[setting], *OFTEN, "--name", "a"), undisturbed(setting)
    try:
        while True:
            program = Program(_resumed(words, folder), folder)
            if program.ended(rng.uniform(0, 1.05) * whole.seconds):
                break
            program.kill()
            if rng.random() > TWICE:
                break
        outcome = run(_resumed(words, folder), folder)
        if outcome.status != 0 and not (outcome.status == 2 and "above those of the finished run" in outcome.errors):
            return f"wrong: {outcome.errors[-300:]}"
        return _compare(result(folder, 0), whole)
    finally:
        shutil.rmtree(folder.parent)


@cache
def undisturbed(setting: str) -> Result:
    """Return what a training leaves that nothing disturbs."""
    folder = prepare()
    outcome = run((*KILLED[setting], *OFTEN, "--name", "a"), folder)
    if outcome.status != 0:
        raise RuntimeError(f"the training of {setting} must work. Received: {outcome}")
    return result(folder, outcome.seconds)


def _resumed(words: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return the words with which a user would go on: with `--resume` where there is a checkpoint, or anew."""
    there = [*folder.glob("results/*/a*/checkpoint*.npz")]
    begun = any((*folder.glob("results/*/a"), *folder.glob("log/*/a")))
    return (*words, "--resume") if there else (*words, "--overwrite") if begun else words


def result(folder: Path, seconds: float) -> Result:
    """Return what the training in a folder has left."""
    weights = {path.name: _weights(path) for path in folder.glob("results/*/a/*.keras")}
    (log,) = folder.glob("log/*/a")
    events = EventAccumulator(str(log), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    drawn = [
        tag for tag in events.Tags()["tensors"] if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    ]
    curves = Counter((tag, event.step) for tag in drawn for event in events.Tensors(tag))
    return Result(weights, curves, seconds)


def _weights(model: Path) -> np.ndarray:
    """Return all weights of a model's file as one vector."""
    found: list[np.ndarray] = []
    with zipfile.ZipFile(model) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(
            lambda name, item: found.append(item[()].ravel()) if isinstance(item, h5py.Dataset) else None
        )
    return np.concatenate(found)


def _compare(found: Result, whole: Result) -> str:
    if found.weights.keys() != whole.weights.keys():
        return f"lost: {sorted(whole.weights.keys() - found.weights.keys())[:3]}"
    for name, array in whole.weights.items():
        if not np.array_equal(found.weights[name], array):
            return f"wrong: {name} differs by {np.abs(found.weights[name] - array).max():.1e}"
    if found.curves != whole.curves:
        return f"wrong: {len(whole.curves - found.curves)} points missing, {len(found.curves - whole.curves)} too many"
    return "held"
