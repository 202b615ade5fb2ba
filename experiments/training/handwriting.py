"""Networks that each read handwriting: the search for a learning rate, the comparison, and networks that differ in one thing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data.ink import ALPHABET, Line
from experiments.equal_parameters import parameters, with_size
from experiments.grid import Arrays, Cell
from experiments.handwriting import LONGER, REASONS, SEARCH_SEED, Flags
from experiments.handwriting_documents import BASE, BINS, REASONS_SIZE
from experiments.published import HANDWRITING_UNITS
from main import recipe
from running.trained import Trained, train_silently
from tasks.handwriting import CLASSES, Handwriting, Settings, text_of
from tasks.ink_inputs import FEATURES, PLACE
from tasks.transcriptions import label_error, marked


def network(options: Flags, model: str, size: int, **changes: Any) -> Settings:
    """Return the settings of a network of about a size, all but its learning rate.

    Args:
        options: lines, epochs and batch.
        model: its layer.
        size: parameters, of those published; a model that is not published has as many as the Clockwork RNN.
        changes: to the recipe; the units follow.
    """
    like = model if model in HANDWRITING_UNITS else "clockwork_rnn"
    base = recipe("handwriting", model=like, units=HANDWRITING_UNITS[like][size])
    given = {name: getattr(options, name) for name in ("lines", "epochs", "batch_size")}
    return with_size(recipe("handwriting", model=model, **given | changes), counted(base), counted)


def counted(settings: Settings) -> int:
    """Return the parameters of a network, without periods."""
    return parameters(settings, FEATURES, CLASSES, directions=2)


def search_cells(options: Flags) -> Iterator[tuple[dict, Cell]]:
    """Yield (what a row says of the network, the cell that trains it) for each size, model and learning rate."""
    for size in options.sizes:
        for model in options.models:
            start = replace(network(options, model, size), epochs=options.search_epochs, seed=SEARCH_SEED)
            for rate in options.rates:
                settings = replace(start, learning_rate=rate)
                key = {"model": model, "size": size, "learning_rate": rate}
                yield key, Cell(f"search-{size}-{model}-{rate:g}", {"settings": settings}, 1)


def main_cells(options: Flags, rates: Mapping[tuple[str, int], float]) -> Iterator[tuple[dict, Cell]]:
    """Yield what `search_cells` does for each size, seed and model, with the learning rates of (model, size)."""
    for size in options.sizes:
        starts = [network(options, model, size, learning_rate=rates[model, size]) for model in options.models]
        for seed in range(options.seeds):
            for start in starts:
                yield _cell(BASE, size, replace(start, seed=seed))


def reason_cells(options: Flags, rates: Mapping[tuple[str, int], float]) -> Iterator[tuple[dict, Cell]]:
    """Yield the same for networks that differ in one thing, of the size that this is asked of, with their models' learning rates."""
    for variant in options.reasons:
        model, changes = REASONS[variant]
        own = replace(options, epochs=2 * options.epochs) if variant == LONGER else options
        if rate := rates.get((model, REASONS_SIZE)):
            start = network(own, model, REASONS_SIZE, learning_rate=rate, **changes)
            for seed in range(options.seeds):
                yield _cell(variant, REASONS_SIZE, replace(start, seed=seed))


def _cell(variant: str, size: int, settings: Settings) -> tuple[dict, Cell]:
    same = {name: getattr(settings, name) for name in ("model", "units", "learning_rate", "seed")}
    name = f"{variant}-{size}-{settings.model}-{settings.seed}".replace(" ", "_").replace(",", "")
    return {"variant": variant, "size": size} | same, Cell(name, {"settings": settings}, 1)


def try_rate(settings: Settings) -> Arrays:
    """Train a network without a look at the test lines.

    Returns:
        validation_error: in percent, infinite if training diverged.
        seconds: of training, without compilation.
        parameters: without periods.
    """
    task, trained = _train(settings)
    return _of_any(task, trained)


def train_network(settings: Settings) -> Arrays:
    """Train a network and read the test lines with it.

    Returns:
        What `try_rate` does, and:
        label_error: of the test lines, likewise.
        characters: what `character_errors` finds in these [C, 2].
        strokes: what `said_where` does [bins + 1, 3].
    """
    task, trained = _train(settings)
    lines, (paths,) = task.corpus.test, task.paths(trained.weights, task.test)
    truths, answers = [line.text for line in lines], [text_of(path) for path in paths]
    return _of_any(task, trained) | {
        "label_error": np.array(np.inf if trained.lost[0] else label_error(truths, answers)),
        "characters": character_errors(truths, answers),
        "strokes": said_where(lines, paths, settings.every),
    }


def _train(settings: Settings) -> tuple[Handwriting, Trained]:
    task = Handwriting(settings)
    if not settings.patience:
        task.epoch_quantity = ""  # there is nothing to look at on the way
    return task, train_silently(task, settings)


def _of_any(task: Handwriting, trained: Trained) -> Arrays:
    (error,) = task.after_epoch(trained.weights)["validation_error"]
    return {
        "validation_error": np.array(np.inf if trained.lost[0] else error),
        "epochs": trained.stopped[0],
        "seconds": trained.loop.progress.seconds[-1],
        "parameters": np.array(task.network.size),
    }


def character_errors(truths: Sequence[str], answers: Sequence[str]) -> np.ndarray:
    """Return how often each character was written, and how often it was not read, int [C, 2].

    The last row is of what was read where nothing was written: never and how often. So the second column sums to all errors.
    """
    found = np.zeros((len(ALPHABET) + 1, 2), int)
    for truth, answer in zip(truths, answers, strict=True):
        for said, should in marked(truth, answer):
            found[PLACE.get(should, len(ALPHABET))] += bool(should), said != should
    return found


def said_where(lines: Sequence[Line], paths: Sequence[np.ndarray], every: int) -> np.ndarray:
    """Return where in a stroke characters are said: of each place of `stroke_places`, the steps there, the characters said at
    these, and how many of them are wrong, int [bins + 1, 3].

    Args:
        lines: that were read.
        paths: the best path of each [T].
        every: of how many points a step is the first.
    """
    found = np.zeros((BINS + 1, 3), int)
    for line, path in zip(lines, paths, strict=True):
        places, (begins,) = stroke_places(line.lifted, every), np.nonzero(path >= 0)
        wrong = [said != should for said, should in marked(line.text, text_of(path)) if said]
        kinds = (places, places[begins], places[begins[np.array(wrong, bool)]])
        found += np.transpose([np.bincount(kind, minlength=BINS + 1) for kind in kinds])
    return found


def stroke_places(lifted: np.ndarray, every: int) -> np.ndarray:
    """Return for each step [T] which tenth of its stroke, from 0, is drawn up to its point, or `BINS` where the pen is lifted before
    the next step.

    Args:
        lifted: whether a point is the last of its stroke [P].
        every: of how many points a step is the first.
    """
    (last,) = np.nonzero(lifted)
    sizes = np.diff(last, prepend=-1)  # of the strokes
    drawn = np.concatenate([np.arange(1, size + 1) for size in sizes])  # points of the stroke so far [P]
    bins = (BINS * drawn - 1) // np.repeat(sizes, sizes)
    lifts = np.logical_or.reduceat(lifted, np.arange(0, len(lifted), every))
    return np.where(lifts, BINS, bins[::every])
