"""Networks whose carried state is reset by a schedule, on speech and on text."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data.speech import RATE, SHIPPED
from experiments.forgetting import BASE, FACTORS
from experiments.grid import Arrays, Cell
from experiments.training import text
from main import recipe
from running.trained import train_silently
from tasks.speech_prediction import Settings as SpeechSettings
from tasks.speech_prediction import SpeechPrediction

SECONDS, CHUNK = 0.3, 480  # of speech: ten chunks of 30 ms
SEARCH_UTTERANCE = str(SHIPPED / "clock.WAV")  # another one than is trained on
# Task → model → what is changed in its recipe, for equal numbers of parameters; periods up to the utterance's length.
NETWORKS = {
    "speech": {"clockwork_rnn": {"units": 64, "periods": tuple(2**i for i in range(13))}, "lstm": {"units": 19}},
    "text": {"clockwork_rnn": {"units": 128}, "lstm": {"units": 51}},
}
EPOCHS = {"speech": 80, "text": 4}
CHANGES = {
    BASE: {},
    "update": {"forget_every": 1},
    "doubled": {"forget_every": 2, "forget_growth": 2.0},
}

Settings = Any  # of one of the tasks


def base(task: str, model: str, epochs: int | None) -> Settings:
    """Return the settings of a network that is reset only where an epoch begins."""
    short = {"seconds": SECONDS, "chunk": CHUNK} if task == "speech" else {}
    return recipe(task, model=model, epochs=epochs or EPOCHS[task], **NETWORKS[task][model], **short)


def schedules(task: str, settings: Settings) -> dict[str, Settings]:
    """Return schedule → the settings, all of as many updates."""
    found = {name: replace(settings, **changes) for name, changes in CHANGES.items()}
    if task == "speech":
        samples = round(settings.seconds * RATE) - settings.window
        chunks = -(-samples // settings.chunk)
        growth = chunks ** (2 / settings.epochs)  # from every update to none within half of the epochs
        found["grown"] = replace(settings, forget_every=1, forget_growth=growth)
        found["whole"] = replace(settings, chunk=samples, epochs=chunks * settings.epochs)
    return found


def search_cell(model: str, seeds: Sequence[int], epochs: int | None) -> Cell:
    """Return the cell that tries rates on another utterance, `FACTORS` times the recipe's, with as many seeds each."""
    settings = replace(base("speech", model, epochs), utterance=SEARCH_UTTERANCE)
    arguments = {"settings": settings, "seeds": tuple(seeds) * len(FACTORS)}
    arguments["factors"] = tuple(np.repeat(FACTORS, len(seeds)).tolist())
    return Cell(f"search-{model}", arguments, len(arguments["seeds"]))


def train_speech(settings: SpeechSettings, seeds: Sequence[int], factors: Sequence[float] | None = None) -> Arrays:
    """Train one network for each seed, all at once; each is the one that `main.py` trains with that seed.

    Args:
        settings: all but the seeds.
        seeds: of the initial weights and of the noise.
        factors: what each one's learning rate is multiplied by; None is 1.

    Returns:
        teacher_forced_nmse, free_running_nmse [seeds]: on the utterance; infinite if training, or speaking, diverged.
        updates: of each network.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    task = SpeechPrediction(settings, seeds)
    trained = train_silently(task, settings, factors)
    values = trained.values()
    measured = {name: values[name] for name in ("teacher_forced_nmse", "free_running_nmse")}
    found = {name: np.where(np.isfinite(value), value, np.inf) for name, value in measured.items()}
    return found | _cost(task.network.size, settings.epochs * task.batches, trained.loop.progress.seconds[-1], seeds)


def train_text(settings: Settings, seeds: Sequence[int]) -> Arrays:
    """Train one network for each seed; returns what `train_speech` does, with `bits_per_character` instead."""
    result = text.train_networks(settings, seeds)
    updates = settings.epochs * text.CharacterModel(settings).batches
    found = {"bits_per_character": result["bits_per_character"]}
    return found | _cost(result["parameters"], updates, result["seconds"], seeds)


def _cost(parameters: int, updates: int, seconds: float, seeds: Sequence[int]) -> Arrays:
    found = {"parameters": parameters, "updates": updates, "seconds": seconds / len(seeds)}
    return {name: np.array(value) for name, value in found.items()}
