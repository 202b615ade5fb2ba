"""How fast networks speak, sample by sample, on one core.

`python -m benchmarks.speech` times the free-running loop of the default network of `python main.py speech`, of the LSTM
and of the simple RNN, with their own window and with one of 200 samples, and writes `results/speech_speed.csv`.
"""

import sys

from running import signals

if __name__ == "__main__":
    signals.end_quietly()

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from benchmarks import timing
from data.files import write_csv
from data.speech import RATE
from experiments.speech import speed_table
from main import recipe
from running import command_line
from running.command_line import NoFlags
from tasks.speech_prediction import SpeechPrediction, speak

CSV = Path(__file__).parents[1] / "results" / "speech_speed.csv"
COLUMNS = ("network", "units", "window", "times_real_time_low", "times_real_time", "times_real_time_high")
SECONDS = 1.0  # of speech


def measured() -> list[dict]:
    """Return one row for each network and window: seconds of speech a second, quartiles and median."""
    rows = []
    for settings in (recipe("speech", model=model) for model in ("clockwork_rnn", "lstm", "simple_rnn")):
        for window in (settings.window, 200):
            task = SpeechPrediction(replace(settings, window=window, seconds=SECONDS))
            network = task.network.keras_model(task.network.start(0).weights)
            speaking = {"speak": lambda task=task, network=network: speak(network, task.signal, task.phones, 1.0)}
            speaking["speak"]()
            times = timing.in_turn(speaking, 0.0, least=15)["speak"]
            speeds = np.percentile(len(task.phones) / RATE / times, (25, 50, 75))
            values = (settings.model, settings.units, window, *(f"{speed:.3g}" for speed in speeds))
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def measure(_: NoFlags) -> None:
    """Time all on one core, write the rows and print the table."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    write_csv(CSV, COLUMNS, measured())
    print(speed_table(pd.read_csv(CSV)))


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status."""
    return command_line.run(measure, arguments, NoFlags(), "python -m benchmarks.speech", "nothing is kept")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
