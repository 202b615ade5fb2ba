"""Networks, and naive predictors, that each predict one utterance sample by sample and then speak it alone."""

from collections.abc import Iterator

import numpy as np

from data.speech import PHONES
from experiments.grid import Arrays
from running.trained import train_silently
from tasks.speech_measures import compare
from tasks.speech_prediction import Settings, SpeechPrediction


def train_network(settings: Settings) -> Arrays:
    """Train one network; returns what `main.py` measures of it, and what it says, teacher-forced and free-running [T].

    One that diverged says nothing, and its errors are not there.
    """
    task = SpeechPrediction(settings)
    trained = train_silently(task, settings)
    found = {"parameters": np.array(task.network.size), "training_seconds": trained.loop.progress.seconds[-1]}
    if trained.lost.any():
        return found
    said = {kind: own[0] * task.std + task.mean for kind, own in task.said(trained.weights).items()}
    return found | {name: np.squeeze(value) for name, value in trained.values().items()} | said


def naive_predictors(settings: Settings) -> Iterator[dict]:
    """Yield what is measured of three predictors that see what a network with this window sees.

    They are the mean, the last sample, and the linear function of window and phone with the least squares on the utterance.
    """
    task, window = SpeechPrediction(settings), settings.window
    truth, phones = task.signal[window:].astype(float), np.eye(len(PHONES))[task.phones]
    seen = np.hstack([np.lib.stride_tricks.sliding_window_view(task.signal[:-1], window), phones])  # [T, k + phones]
    nothing = np.zeros(seen.shape[1])
    last = np.where(np.arange(len(nothing)) == window - 1, 1.0, nothing)
    linear = np.linalg.lstsq(seen, truth)[0]
    for name, weights in (("the mean", nothing), ("the last sample", last), ("the linear predictor", linear)):
        own = np.concatenate([task.signal[:window], np.zeros(len(truth))])
        for step, drive in enumerate(phones @ weights[window:]):
            own[step + window] = own[step : step + window] @ weights[:window] + drive
        said = {"teacher_forced": seen @ weights, "free_running": own[window:]}
        measured = {f"{kind}_{of}": value for kind in said for of, value in compare(truth, said[kind]).items()}
        yield {"predictor": name, "window": window} | measured
