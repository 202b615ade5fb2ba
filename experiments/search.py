"""The search for the best modern setting of each method, with equal effort, on data that no result is reported on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.files import write_whole
from experiments.experiment import Answer, Experiment
from experiments.grid import ROOT, Arrays, Cell, Options, compute
from experiments.markdown import markdown
from experiments.pictures import COLOURS, NAIVE, NAMES, legend, panels
from experiments.published import GENERATION_UNITS, WORDS_UNITS
from experiments.store import Store

INITS = (("normal", 0.1), ("fan_in", 0.5), ("fan_in", 1.0), ("fan_in", 2.0), ("orthogonal", 1.0), ("orthogonal", 1.1))
MUSIC_STARTS = (66150, 110250, 198450)  # of excerpts that are used nowhere else
SEEDS = (1000, 1001)  # of generation; words have the first
FOLDS = 5
CHANCE_WORDS = 96.0  # percent of errors, of 25 words
DIGITS = {"generation": ".1e", "words": ".3g", "text": ".2f"}
# Of text, meant to take about a minute each.
TEXT_EPOCHS = {"simple_rnn": 3, "lstm": 2, "clockwork_rnn": 7, "gru": 3, "clockwork_lstm": 8, "clockwork_gru": 8}
TEXT_ROW = ("method", "learning_rate", "parameters", "epochs", "bits_per_character", "seconds")


@dataclass(frozen=True)
class Search:
    """What is tried for each method of one task; what is not named stays as in `main.py`.

    Args:
        units: method → hidden units.
        known: method → settings known beforehand, which are draw 0.
        choices: setting → the values drawn from; "recurrent" is for recurrent_init and recurrent_scale.
        learning_rates: tried with every draw.
        score: what the score is, small is good.
        networks: that are trained for a try, whose score is their average.
    """

    units: Mapping[str, int]
    known: Mapping[str, Mapping[str, Any]]
    choices: Mapping[str, Sequence[Any]]
    learning_rates: Sequence[float]
    score: str
    networks: int

    @property
    def columns(self) -> tuple[str, ...]:
        changed = [name for name in self.choices if name != "recurrent"]
        return ("method", "draw", "recurrent_init", "recurrent_scale", *changed, "learning_rate", "score", "worst")


FAN_IN = {"recurrent_init": "fan_in", "recurrent_scale": 2.0, "weight_std": 0.1, "clip_norm": 0.1}
NORMAL = {"recurrent_init": "normal", "recurrent_scale": 0.1, "weight_std": 0.1, "clip_norm": 0.1}
WORDS_KNOWN = {
    **{"recurrent_init": "orthogonal", "recurrent_scale": 1.0, "weight_std": 0.3, "input_noise": 0.6},
    **{"dropout": 0.0, "clip_norm": 1.0, "forget_bias": 1.0, "peepholes": False},
}
SEARCHES = {
    "generation": Search(  # of 1000 parameters, periods included
        units={method: units[1000] for method, units in GENERATION_UNITS.items()}
        | {"gru": 17, "clockwork_lstm": 20, "clockwork_gru": 22},
        known={
            "simple_rnn": {"recurrent_scale": 1.1, "weight_std": 0.1},
            "lstm": FAN_IN | {"peepholes": False},
            "gru": FAN_IN,
            "clockwork_rnn": NORMAL,
            "clockwork_lstm": NORMAL | {"forget_bias": 3.0},
            "clockwork_gru": NORMAL | {"learned_initial_state": False},
        },
        choices={
            "clip_norm": (0.03, 0.1, 0.3, 1.0),
            "second_moment": (0.99, 0.999),
            "recurrent": INITS,
            "weight_std": (0.1, 0.3, 1.0),
            "learned_initial_state": (False, True),
            "forget_bias": (0.0, 1.0, 3.0, 5.0),
            "peepholes": (False, True),
        },
        learning_rates=(3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2, 1e-1),
        score="geometric mean of the MSE",
        networks=len(SEEDS) * (len(MUSIC_STARTS) + 1),
    ),
    "words": Search(  # of 10,000 parameters, periods included
        units={method: units[10000] for method, units in WORDS_UNITS.items()}
        | {"gru": 47, "clockwork_lstm": 51, "clockwork_gru": 59},
        known=dict.fromkeys(NAMES, WORDS_KNOWN),
        choices={
            "input_noise": (0.3, 0.6, 1.0),
            "dropout": (0.0, 0.3, 0.6),
            "recurrent": INITS,
            "weight_std": (0.1, 0.3),
            "clip_norm": (0.1, 1.0),
            "forget_bias": (1.0, 3.0, 5.0),
            "peepholes": (False, True),
        },
        learning_rates=(1e-3, 3e-3, 1e-2),
        score="error in cross-validation (%)",
        networks=FOLDS,
    ),
    "text": Search(  # of 500,000 parameters, those of the recipes; nothing but the learning rate
        units={},
        known={},
        choices={},
        learning_rates=(5e-4, 2e-3, 8e-3, 3.2e-2, 1.28e-1),
        score="bits per character",
        networks=1,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    tasks: tuple[Literal["generation", "words", "text"], ...] = tuple(SEARCHES)
    """Tasks to search for; tables and pictures show those of earlier runs in the folder, too."""
    methods: tuple[Literal[tuple(NAMES)], ...] = tuple(NAMES)
    """Methods to search for."""
    draws: int = 12
    """Settings tried for each method on generation and words, besides the learning rates."""
    epochs: int | None = None
    """Epochs of each network; without it, 2000 for generation, those in `main.py` for words, and on text 2 to 8, by
    method."""


def run(options: Flags, store: Store) -> None:
    for task in options.tasks:
        search = SEARCHES[task]
        rows = _text_rows(search, options, store) if task == "text" else _drawn_rows(task, search, options, store)
        store.write(f"search_{task}", rows, TEXT_ROW if task == "text" else search.columns)


def _drawn_rows(task: str, search: Search, options: Flags, store: Store) -> Iterator[dict[str, Any]]:
    """Yield a row for each draw and learning rate of generation or words."""
    if task == "generation":
        from experiments.training.generation import train_networks

        arguments, score, average = _generation_arguments(search), _generation_scores, _geometric_mean
    else:
        from experiments.training.words import train_networks

        arguments, score, average = _words_arguments(search), lambda result: result["test_error"], np.mean
    settings = list(drawn(task, options))
    networks = len(search.learning_rates) * search.networks
    cells = [Cell(f"{task}-{own.model}-{draw}", {"settings": own} | arguments, networks) for draw, own in settings]
    for (draw, own), result in zip(settings, compute(train_networks, cells, store, options), strict=True):
        for rate, scores in zip(search.learning_rates, score(result), strict=True):
            found = {"method": own.model, "draw": draw, "learning_rate": rate}
            found |= {"score": float(average(scores)), "worst": scores.max()}
            yield {name: found.get(name, getattr(own, name, None)) for name in search.columns}


def _generation_arguments(search: Search) -> dict[str, Any]:
    from data.sequences import load_target
    from main import recipe

    length = recipe("generation").length
    targets = [load_target(None, 500, length, None)]
    targets += [load_target(str(ROOT / "data" / "music.flac"), start, length, None) for start in MUSIC_STARTS]
    return {
        "targets": tuple(tuple(target.values.tolist()) for target in targets),
        "seeds": SEEDS * len(search.learning_rates),
        "rate_factors": tuple(rate for rate in search.learning_rates for _ in SEEDS),
    }


def _generation_scores(result: Arrays) -> np.ndarray:
    """Return the MSE of each network [rates, targets · seeds]."""
    mse = np.where(result["diverged"], np.inf, result["mse"])  # [targets, rates · seeds]
    mse = mse.reshape(len(mse), -1, len(SEEDS))
    return np.moveaxis(mse, 1, 0).reshape(mse.shape[1], -1)


def _geometric_mean(values: np.ndarray) -> float:
    return np.exp(np.log(values).mean())


def _words_arguments(search: Search) -> dict[str, Any]:
    from main import recipe
    from tasks.spoken_words import SpokenWords

    SpokenWords(recipe("words"))  # computes the features once for all processes
    rates = search.learning_rates
    return {"seeds": SEEDS[:1] * len(rates), "folds": FOLDS, "rate_factors": rates}


def drawn(task: str, options: Flags) -> Iterator[tuple[int, Any]]:
    """Yield (number of the draw, settings) for each method; a learning rate of 1 is multiplied by those that are tried."""
    from main import recipe

    search = SEARCHES[task]
    for method in options.methods:
        start = recipe(task, model=method, units=search.units[method], learning_rate=1.0)
        epochs = recipe(task, recipe="paper").epochs if task == "generation" else start.epochs
        start = replace(start, epochs=options.epochs or epochs)
        rng = np.random.default_rng(0)
        for number in range(options.draws):
            known = replace(start, **search.known[method])
            yield number, draw(start, search.choices, rng) if number else known


def draw(settings: Any, choices: Mapping[str, Sequence[Any]], rng: np.random.Generator) -> Any:
    """Draw settings of the same method."""
    chosen = {name: values[rng.integers(len(values))] for name, values in choices.items()}
    chosen["recurrent_init"], chosen["recurrent_scale"] = chosen.pop("recurrent")
    if settings.model == "clockwork_rnn":  # whose state before the first step was not searched
        chosen.pop("learned_initial_state", None)
    if settings.model not in ("lstm", "clockwork_lstm"):
        chosen |= {"forget_bias": settings.forget_bias, "peepholes": settings.peepholes}
    return replace(settings, **chosen)


def _text_rows(search: Search, options: Flags, store: Store) -> Iterator[dict[str, Any]]:
    """Yield a row for each method and learning rate, tried within the training part of the text."""
    from experiments.training.text import train_network
    from main import recipe

    text, tries = str(_training_part(store.cells)), [(m, r) for r in search.learning_rates for m in options.methods]
    cells = []
    for method, rate in tries:
        epochs = options.epochs or TEXT_EPOCHS[method]
        settings = recipe("text", model=method, text=text, learning_rate=rate, epochs=epochs)
        cells.append(Cell(f"text-{method}-{rate}", {"settings": settings}, search.networks))
    for (method, rate), result in zip(tries, compute(train_network, cells, store, options), strict=True):
        found = {name: float(result[name]) for name in ("bits_per_character", "seconds")}
        counts = {name: int(result[name]) for name in ("parameters", "epochs")}
        yield {"method": NAMES[method], "learning_rate": rate} | counts | found


def _training_part(folder: Path) -> Path:
    """Write the part of the text that networks are trained on as a text of its own; returns its file."""
    from data.text import load_text
    from main import recipe

    whole = load_text(None)
    kept = len(whole.indices) - round(recipe("text").test_share * len(whole.indices))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"training_part_{whole.sha256[:12]}.txt"
    with write_whole(file) as path:
        path.write_text("".join(whole.characters[index] for index in whole.indices[:kept]), encoding="utf-8")
    return file


def scores(store: Store, task: str) -> pd.DataFrame:
    """Return all tries of a task: model, learning rate, score, and for generation and words the worst and the draw."""
    frame = store[f"search_{task}"]
    if task == "text":
        models = {name: model for model, name in NAMES.items()}
        frame = frame.assign(method=frame.method.map(models), score=frame.bits_per_character)
    return frame


def tables(store: Store) -> dict[str, str]:
    tasks = searched(store)
    found = {f"search-{task}": _best(scores(store, task), SEARCHES[task]) for task in tasks}
    return found | {"search-cells": _cells(store, tasks)}


def answers(store: Store) -> list[Answer]:
    """Return for each task the method whose best try is the best of all; these are chosen, so there is no interval."""
    found = []
    for task in searched(store):
        tries = scores(store, task)
        best = tries.groupby("method").score.min().sort_values()
        (first, second), digits = best.index[:2], DIGITS[task]
        effect = f"next: {NAMES[second]}, {best[second]:{digits}} (best of many tries each, so no interval)"
        said = f"{NAMES[first]}, {best[first]:{digits}}"
        asked = f"Which method's best settings are the best, on {task}?"
        found.append(Answer(asked, said, effect, len(tries) * SEARCHES[task].networks))
    return found


def searched(store: Store) -> list[str]:
    """Return the tasks that were searched for."""
    return [task for task in SEARCHES if f"search_{task}" in store]


def _best(frame: pd.DataFrame, search: Search) -> str:
    """Return the two best tries of each method, and how many there were."""
    hidden = ("method", "draw", "parameters", "epochs", "bits_per_character", "seconds")
    shown = [name for name in frame if name not in hidden]
    lines = []
    for method, name in NAMES.items():
        own = frame[frame.method == method]
        for row in own.sort_values("score")[shown].head(2).itertuples(index=False):
            words = (f"{value:.3g}" if isinstance(value, float) else value for value in row)
            lines.append((name, len(own), *words))
    named = {"score": search.score, "worst": "worst network"}
    return markdown(("method", "tries", *(named.get(name, name.replace("_", " ")) for name in shown)), lines)


def _cells(store: Store, tasks: Sequence[str]) -> str:
    """Return the best of each cell, with clocks and without."""
    lines = []
    for name, cell in {"simple": "rnn", "LSTM": "lstm", "GRU": "gru"}.items():
        line = [name]
        for task in tasks:
            frame, digits = scores(store, task), DIGITS[task]
            for method in ("simple_rnn" if cell == "rnn" else cell, f"clockwork_{cell}"):
                best = frame.score[frame.method == method].min()
                line.append("–" if np.isnan(best) else f"{best:{digits}}" + "%" * (task == "words"))
        lines.append(line)
    head = ["cell"] + [f"{task}, {clocks}" for task in tasks for clocks in ("without clocks", "with")]
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the best score of each method at each learning rate."""
    tasks = searched(store)
    with panels(1, len(tasks), 9, 3.2) as (figure, (axes,)):
        for axis, task in zip(axes, tasks, strict=True):
            frame = scores(store, task)
            for method, name in NAMES.items():
                best = frame[frame.method == method].groupby("learning_rate").score.min()
                line = "-" if method.startswith("clockwork") else "--"
                if not best.empty:
                    axis.plot(best, line, marker="o", markersize=3.5, color=COLOURS[method], label=name)
            axis.set(xscale="log", xlabel="learning rate", ylabel=SEARCHES[task].score, title=task)
            if task == "generation":
                axis.set_yscale("log")
            if task == "words":
                axis.set_ylim(0, 100)
                axis.axhline(CHANCE_WORDS, label="chance", **NAIVE)
        legend(figure, *axes)
    return {"search": figure}


EXPERIMENT = Experiment(
    name="search",
    question="Which settings are the best of each method, found with equal effort?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"tasks": ("generation",), "draws": 1, "epochs": 1, "methods": ("simple_rnn", "clockwork_rnn")},
)
