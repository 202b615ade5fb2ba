"""Trainings of a few seconds, of every task, that the faults are injected into."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np
from scipy.io import wavfile

from tests.faults.program import run

ROOT = Path(__file__).parents[2]
SMALL = ("--units", "8", "--periods", "1", "2", "--log-dir", "log", "--results-dir", "results")
TASKS = {
    "generation": ("generation", "--length", "60", "--epochs", "60", *SMALL),
    "words": ("words", "--corpus", "corpus", "--cache-dir", "cache", "--batch-size", "5", "--epochs", "4", *SMALL),
    "speech": ("speech", "--utterance", "a.wav", "--chunk", "500", "--epochs", "4", *SMALL),
    "text": ("text", "--text", "a.txt", "--streams", "4", "--chunk", "32", "--epochs", "4", *SMALL),
    "series": (
        "series",
        "--data",
        "a.csv",
        "--target",
        "a",
        "--horizon",
        "3",
        "--patience",
        "0",
        "--epochs",
        "2",
        *SMALL,
    ),
    "handwriting": (
        "handwriting",
        *("--lines", "1", "--batch-size", "1", "--every", "6", "--epochs", "4", "--model", "clockwork_rnn"),
        *SMALL,
    ),
}
# Trainings of all tasks whose updates differ in kind: with noise, with dropout, with a state that is carried, with replicas.
KILLED = {
    "generation": (*TASKS["generation"], "--epochs", "8000"),
    "generation, dropout, 20 replicas": (
        *TASKS["generation"],
        *("--epochs", "1500", "--dropout", "0.2", "--replicas", "20", "--keep", "all"),
    ),
    "words, noise and dropout": (*TASKS["words"], "--epochs", "150", "--dropout", "0.2"),
    "speech, noise": (*TASKS["speech"], "--epochs", "80"),
    "text": (*TASKS["text"], "--epochs", "40"),
    "text, clockwork LSTM, 3 replicas": (
        *TASKS["text"],
        *("--model", "clockwork_lstm", "--epochs", "25", "--replicas", "3", "--keep", "all"),
    ),
    "series, noise and dropout": (
        *TASKS["series"],
        *("--epochs", "40", "--dropout", "0.2", "--input-noise", "0.1", "--patience", "50"),
    ),
    "handwriting, noise": (*TASKS["handwriting"], "--epochs", "100", "--input-noise", "0.1"),
}


def flags(task: str, *more: str) -> tuple[str, ...]:
    """Return the words of a task's small training, of the name a, and more."""
    return (*TASKS[task], "--name", "a", *more)


@cache
def base() -> TemporaryDirectory:
    """Return the folder of all that the campaign makes, which is removed at its end."""
    return TemporaryDirectory(prefix="faults-")


def new() -> Path:
    """Return a new folder."""
    return Path(mkdtemp(dir=base().name))


@cache
def data() -> Path:
    """Return a folder with an utterance, a corpus of two words, a text, a table and a line of ink, which nothing changes."""
    folder = new()
    rng = np.random.default_rng(0)
    wavfile.write(folder / "a.wav", 16000, (3000 * np.sin(np.arange(4000) / 9)).astype(np.int16))
    (folder / "a.PHN").write_text("0 2000 h#\n2000 4000 iy\n")
    (folder / "a.txt").write_text("The slow clock keeps what the fast one forgets. " * 60)
    (folder / "a.csv").write_text("a,b\n" + "".join(f"{x:.4f},{y:.4f}\n" for x, y in rng.normal(size=(80, 2))))
    (folder / "a.json").write_text("[[[0, 0, 0], [1, 1, 0.1], [2, 0, 0.2]], [[3, 1, 0.5], [4, 0, 0.6], [5, 1, 0.7]]]")
    for word in ("making", "subway"):
        shutil.copytree(ROOT / "data" / "words" / word, folder / "corpus" / word)
    return folder


@cache
def trained(task: str) -> Path:
    """Return a folder in which a task's small training was done, which nothing changes."""
    folder = prepare()
    outcome = run(flags(task), folder)
    if outcome.status != 0:
        raise RuntimeError(f"the small training of {task} must work. Received: {outcome}")
    return folder


def prepare(task: str | None = None) -> Path:
    """Return a new folder with the data and, where a task is named, its small training."""
    folder = new() / "here"
    shutil.copytree(trained(task) if task else data(), folder, symlinks=True)
    return folder
