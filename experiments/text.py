"""Text, character by character: simple RNN, LSTM and Clockwork RNNs of every wiring, trained for equally long."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import Cell, Options, compute
from experiments.markdown import markdown, spread
from experiments.pictures import COLOURS, panels
from experiments.store import Store

MEASURED = ("parameters", "epochs", "bits_per_character", "seconds")
COLUMNS = ("network", "units", "seed", *MEASURED)
NAIVE_COLUMNS = ("predictor", "bits_per_character")
WIRED = {f"Clockwork RNN, {name}": name for name in ("slow_to_fast", "fast_to_slow", "full", "hierarchical", "none")}
MODELS = {"simple RNN": "simple_rnn", "LSTM": "lstm"} | dict.fromkeys(WIRED, "clockwork_rnn")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    networks: tuple[Literal[tuple(MODELS)], ...] = tuple(MODELS)
    """Networks to train."""
    seeds: int = 1
    """Networks of each kind, with the seeds from 0 on."""
    minutes: float = 4.0
    """Training of each network, as its first epoch foretells it."""
    text: str | None = None
    """Text file in UTF-8; without it, the language topics of Python's help()."""

    def check(self) -> None:
        super().check()
        if not 0 < self.minutes < np.inf:
            raise ValueError(f"`minutes` must be above 0. Received: {self.minutes}")


def networks(text: str | None) -> dict[str, Any]:
    """Return the settings of all networks; those of all wirings have as many parameters as that of the recipe."""
    from data.text import load_text
    from experiments.equal_parameters import parameters, with_parameters
    from main import recipe

    characters = load_text(text).characters
    features = len(characters)
    own = {"text": text, "prime": characters[0]}
    wanted = parameters(recipe("text"), features, features)
    known = {name: recipe("text", model=MODELS[name], **own) for name in ("simple RNN", "LSTM")}
    for name, wiring in WIRED.items():
        wired = recipe("text", connections=wiring, **own)
        known[name] = with_parameters(wired, wanted, features, features)
    return known


def make_cells(options: Flags) -> Iterator[tuple[dict, Cell]]:
    """Yield (what the row of the network says, the cell that trains it)."""
    known = networks(options.text)
    for seed in range(options.seeds):
        for name in options.networks:
            settings = replace(known[name], seed=seed)
            file = f"{name}-{seed}".replace(", ", "-").replace(" ", "_")
            key = {"network": name, "units": settings.units, "seed": seed}
            yield key, Cell(file, {"settings": settings, "minutes": options.minutes}, 1)


def run(options: Flags, store: Store) -> None:
    from experiments.training import text

    keys, cells = zip(*make_cells(options), strict=True)
    naive = text.character_frequencies(cells[0].arguments["settings"])  # refuses what cannot be trained on
    store.write("text_naive", naive, NAIVE_COLUMNS)
    results = compute(text.train_for, cells, store, options)
    rows = [key | {name: float(found[name]) for name in MEASURED} for key, found in zip(keys, results, strict=True)]
    store.write("text", rows, COLUMNS)


def tables(store: Store) -> dict[str, str]:
    """Return what is measured of each network, and of naive predictors."""
    lines = []
    for row in store["text_naive"].itertuples():
        lines.append([f"*{row.predictor}*", "", "", f"{row.bits_per_character:.3f}", "", ""])
    for name, own in store["text"].groupby("network", sort=False):
        bits, epochs, seconds = (
            spread(own[quantity], digits)
            for quantity, digits in (("bits_per_character", ".3f"), ("epochs", ".0f"), ("seconds", ".0f"))
        )
        lines.append([name, own.units.iloc[0], f"{own.parameters.iloc[0]:.0f}", bits, epochs, seconds])
    return {"text": markdown(["network", "units", "parameters", "bits per character", "epochs", "training (s)"], lines)}


def answers(store: Store) -> list[Answer]:
    """Return which network has the fewest bits, and how many more the paper's wiring has."""
    bits = store["text"].set_index("network").bits_per_character
    best, paper = bits.idxmin(), "Clockwork RNN, slow_to_fast"
    effect = f"{paper} : {best} ×{bits[paper] / bits[best]:.2f} (one network each, so no interval)"
    said = f"{best}, {bits[best]:.2f} bits"
    return [Answer("Which network of 500,000 parameters predicts text best?", said, effect, len(bits))]


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the bits per character of each network beside those of naive predictors."""
    naive = store["text_naive"].assign(model="naive").rename(columns={"predictor": "network"})
    rows = pd.concat([store["text"].assign(model=store["text"].network.map(MODELS)), naive], ignore_index=True)
    with panels(1, 1, 8, 0.8 + 0.3 * rows.network.nunique()) as (figure, ((axis,),)):
        shared = {"hue": "model", "palette": COLOURS | {"naive": "0.88"}, "saturation": 1, "legend": False, "ax": axis}
        seaborn.barplot(rows, x="bits_per_character", y="network", estimator="median", errorbar=("pi", 100), **shared)
        for bars in axis.containers:
            axis.bar_label(bars, fmt="%.2f", padding=3)
        axis.set_yticks(axis.get_yticks(), [label.get_text().replace("_", " ") for label in axis.get_yticklabels()])
        axis.set(xlabel="bits per character on the last tenth of the text", ylabel="")
        axis.grid(visible=False)
    return {"text": figure}


EXPERIMENT = Experiment(
    name="text",
    question="How well do networks of 500,000 parameters predict the next character, each trained for equally long?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"networks": ("simple RNN",), "minutes": 0.01},
)
