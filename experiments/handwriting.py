"""Koutník et al. 2014 (ICML), section 4.3: handwriting, by networks of three sizes; and why the Clockwork RNN loses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from data.ink import ALPHABET
from experiments.experiment import Experiment
from experiments.grid import Arrays, Options, compute
from experiments.handwriting_documents import BINS, INSERTED, answers, pictures, tables
from experiments.published import HANDWRITING_UNITS
from experiments.store import Store

SEARCH_SEED = 100  # which no network of the comparison has
MODELS = (*HANDWRITING_UNITS, "clockwork_lstm", "clockwork_gru")
LONGER = "twice the epochs"  # of the flag
# What may be a reason → the model, and what is changed of it besides.
REASONS = {
    "odd-even pairs": ("clockwork_rnn", {"turns": 2}),
    "periods to 8": ("clockwork_rnn", {"periods": (1, 2, 4, 8)}),
    "periods to 32": ("clockwork_rnn", {"periods": (1, 2, 4, 8, 16, 32)}),
    "mean of the input": ("clockwork_rnn", {"input_mean": True}),
    "full wiring": ("clockwork_rnn", {"connections": "full"}),
    LONGER: ("clockwork_rnn", {}),
    "positions": ("clockwork_rnn", {"points": "positions"}),
    "positions, LSTM": ("lstm", {"points": "positions"}),
}

KEYS = ("variant", "model", "size", "seed")
SEARCHED = ("model", "size", "learning_rate", "parameters", "validation_error", "seconds")
COLUMNS = (*KEYS, "parameters", "units", "learning_rate", "label_error", "validation_error", "epochs", "seconds")
CHARACTERS = (*KEYS, "character", "written", "errors")
STROKES = (*KEYS, "place", "steps", "said", "wrong")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    models: tuple[Literal[MODELS], ...] = MODELS
    """Networks to train."""
    sizes: tuple[Literal[10000, 50000, 100000], ...] = (10000, 50000, 100000)
    """Parameters of the networks, about."""
    reasons: tuple[Literal[tuple(REASONS)], ...] = tuple(REASONS)
    """What to change of the networks of 10,000 parameters, where `sizes` and `models` have these."""
    seeds: int = 5
    """Networks of each kind, with the seeds from 0 on."""
    lines: int = 1000
    """Lines for training; a sixth as many for validation, a quarter for the test."""
    batch_size: int = 16
    """Lines of one update."""
    rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
    """Learning rates to try for each network."""
    epochs: int = 30
    """Epochs of each network."""
    search_epochs: int = 8
    """Epochs of each network that is trained to find a learning rate."""

    def check(self) -> None:
        super().check()
        if not all(self.rates):
            raise ValueError(f"`rates` must be learning rates above 0. Received: {' '.join(map(str, self.rates))}")


def run(options: Flags, store: Store) -> None:
    from experiments.training import handwriting

    keys, cells = zip(*handwriting.search_cells(options), strict=True)
    results = compute(handwriting.try_rate, cells, store, options)
    tries = pd.DataFrame(key | _numbers(result) for key, result in zip(keys, results, strict=True))
    store.write("handwriting_search", tries, SEARCHED)
    rates = best_rates(tries)
    keys, cells = zip(*handwriting.main_cells(options, rates), *handwriting.reason_cells(options, rates), strict=True)
    results = compute(handwriting.train_network, cells, store, options)
    store.write("handwriting", (key | _numbers(one) for key, one in zip(keys, results, strict=True)), COLUMNS)
    store.write("handwriting_characters", _counts(keys, results, "characters", [*ALPHABET, INSERTED]), CHARACTERS)
    store.write("handwriting_strokes", _counts(keys, results, "strokes", range(BINS + 1)), STROKES)


def best_rates(tries: pd.DataFrame) -> dict[tuple[str, int], float]:
    """Return (model, size) → the learning rate with the least error on the validation lines; of equal ones the smallest."""
    tries = tries.sort_values("learning_rate", kind="stable")
    best = tries.loc[tries.groupby(["model", "size"], sort=False).validation_error.idxmin()]
    return dict(zip(zip(best.model, best["size"], strict=True), best.learning_rate, strict=True))


def _numbers(result: Arrays) -> dict[str, Any]:
    return {name: value.item() for name, value in result.items() if not value.ndim}


def _counts(
    keys: Sequence[Mapping], results: Sequence[Arrays], name: str, labels: Sequence
) -> Iterator[dict[str, Any]]:
    """Yield a row for each network that did not diverge and each of its counts that are not all zero."""
    columns = (CHARACTERS if name == "characters" else STROKES)[len(KEYS) :]
    for key, result in zip(keys, results, strict=True):
        for label, counts in zip(labels, result[name], strict=True):
            if counts.any() and np.isfinite(result["label_error"]):
                yield key | dict(zip(columns, (label, *counts), strict=True))


EXPERIMENT = Experiment(
    name="handwriting",
    question="Which network reads handwriting with the fewest errors, at equal numbers of parameters, and why?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={
        **{"models": ("lstm",), "sizes": (10000,), "reasons": ("positions, LSTM",), "rates": (1e-2,)},
        **{"seeds": 1, "lines": 30, "batch_size": 8, "epochs": 1, "search_epochs": 1},
    },
)
