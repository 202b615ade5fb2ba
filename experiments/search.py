"""The search for the best modern setting of each method, with equal effort, on data that no result is reported on.

`python -m experiments.search` and `python -m experiments.search --task words` try the same number of settings for each
method, some known beforehand and others drawn at random, each with the same learning rates and data. They write
`search_generation.csv` and `search_words.csv`, one row a setting and learning rate, and print the best by their mean score:
what `main.py` has as modern recipes, but for generation's Clockwork RNN, where it has the second because the worst score of
the first was much larger. Generation is scored on targets of its own, words by cross-validation within the
training clips.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from data.files import write_csv
from data.sequences import load_target
from experiments import sequence_generation, spoken_words
from experiments.grid import ROOT, Arrays, Cell, Workers, compute
from experiments.published import GENERATION_UNITS, WORDS_UNITS
from main import recipe
from running import command_line
from tasks.spoken_words import SpokenWords

# Of 1000 and of 10,000 parameters, periods included.
SEARCHED_UNITS = {
    "generation": {
        **{method: units[1000] for method, units in GENERATION_UNITS.items()},
        **{"gru": 17, "clockwork_lstm": 20, "clockwork_gru": 22},
    },
    "words": {
        **{method: units[10000] for method, units in WORDS_UNITS.items()},
        **{"gru": 47, "clockwork_lstm": 51, "clockwork_gru": 59},
    },
}
INITS = (("normal", 0.1), ("fan_in", 0.5), ("fan_in", 1.0), ("fan_in", 2.0), ("orthogonal", 1.0), ("orthogonal", 1.1))


@dataclass(frozen=True)
class Search:
    """One search.

    Args:
        starts: for each method the settings in `main.py`, of which only what is searched is changed.
        known: method → what was known beforehand, draw 0; what is not named stays as in `main.py`.
        choices: setting → the values drawn from; "recurrent" is for recurrent_init and recurrent_scale.
        learning_rates: tried with every draw.
        train: trains a block of networks and returns arrays.
        arguments: what `train` takes besides the settings.
        score: the arrays → the score of each network [rates, others], small is good.
        mean: how scores are averaged.
    """

    starts: Sequence[Any]
    known: Mapping[str, Mapping[str, Any]]
    choices: Mapping[str, Sequence[Any]]
    learning_rates: Sequence[float]
    train: Callable[..., Arrays]
    arguments: Callable[[], dict[str, Any]]
    score: Callable[[Arrays], np.ndarray]
    mean: Callable[[np.ndarray], float]

    @property
    def columns(self) -> tuple[str, ...]:
        changed = [name for name in self.choices if name != "recurrent"]
        return ("method", "draw", "recurrent_init", "recurrent_scale", *changed, "learning_rate", "score", "worst")


MUSIC = str(ROOT / "data" / "music.flac")
MUSIC_STARTS = (66150, 110250, 198450)  # of excerpts that are used nowhere else
GENERATION_RATES = (3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2, 1e-1)
GENERATION_SEEDS = (1000, 1001)


def _generation_arguments() -> dict[str, Any]:
    targets = [load_target(None, 500, recipe("generation").length, None)]
    targets += [load_target(MUSIC, start, recipe("generation").length, None) for start in MUSIC_STARTS]
    return {
        "targets": tuple(tuple(target.values.tolist()) for target in targets),
        "seeds": GENERATION_SEEDS * len(GENERATION_RATES),
        "rate_factors": tuple(rate for rate in GENERATION_RATES for _ in GENERATION_SEEDS),
    }


def _generation_score(result: Arrays) -> np.ndarray:
    mse = np.where(result["diverged"], np.inf, result["mse"])  # [targets, rates · seeds]
    mse = mse.reshape(len(mse), len(GENERATION_RATES), len(GENERATION_SEEDS))
    return np.moveaxis(mse, 1, 0).reshape(len(GENERATION_RATES), -1)


WORDS_RATES = (1e-3, 3e-3, 1e-2)
FOLDS = 5


def _words_arguments() -> dict[str, Any]:
    SpokenWords(recipe("words"))  # computes the features once for all processes
    return {"seeds": (1000,) * len(WORDS_RATES), "folds": FOLDS, "rate_factors": WORDS_RATES}


SEARCHES = {
    "generation": Search(
        starts=[
            replace(
                start,
                units=SEARCHED_UNITS["generation"][start.model],
                epochs=recipe("generation", recipe="paper").epochs,
            )
            for start in (
                *(recipe("generation", model="simple_rnn"), recipe("generation", model="lstm"), recipe("generation")),
                *(
                    recipe("generation", model="gru"),
                    recipe("generation", model="clockwork_lstm"),
                    recipe("generation", model="clockwork_gru"),
                ),
            )
        ],
        known={
            "simple_rnn": {"recurrent_scale": 1.1, "weight_std": 0.1},
            "lstm": {
                **{"recurrent_init": "fan_in", "recurrent_scale": 2.0, "weight_std": 0.1},
                **{"peepholes": False, "clip_norm": 0.1},
            },
            "clockwork_rnn": {"recurrent_init": "normal", "recurrent_scale": 0.1, "weight_std": 0.1, "clip_norm": 0.1},
            "gru": {"recurrent_init": "fan_in", "recurrent_scale": 2.0, "weight_std": 0.1, "clip_norm": 0.1},
            "clockwork_lstm": {"recurrent_init": "normal", "recurrent_scale": 0.1, "weight_std": 0.1, "clip_norm": 0.1},
            "clockwork_gru": {"recurrent_init": "normal", "recurrent_scale": 0.1, "weight_std": 0.1, "clip_norm": 0.1},
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
        learning_rates=GENERATION_RATES,
        train=sequence_generation.train_networks,
        arguments=_generation_arguments,
        score=_generation_score,
        mean=lambda scores: float(np.exp(np.log(scores).mean())),
    ),
    "words": Search(
        starts=[
            replace(start, units=SEARCHED_UNITS["words"][start.model])
            for start in (
                *(recipe("words", model="simple_rnn"), recipe("words", model="lstm"), recipe("words")),
                *(
                    recipe("words", model="gru"),
                    recipe("words", model="clockwork_lstm"),
                    recipe("words", model="clockwork_gru"),
                ),
            )
        ],
        known=dict.fromkeys(
            SEARCHED_UNITS["words"],
            {
                **{"recurrent_init": "orthogonal", "recurrent_scale": 1.0, "weight_std": 0.3, "input_noise": 0.6},
                **{"dropout": 0.0, "clip_norm": 1.0, "forget_bias": 1.0, "peepholes": False},
            },
        ),
        choices={
            "input_noise": (0.3, 0.6, 1.0),
            "dropout": (0.0, 0.3, 0.6),
            "recurrent": INITS,
            "weight_std": (0.1, 0.3),
            "clip_norm": (0.1, 1.0),
            "forget_bias": (1.0, 3.0, 5.0),
            "peepholes": (False, True),
        },
        learning_rates=WORDS_RATES,
        train=spoken_words.train_networks,
        arguments=_words_arguments,
        score=lambda result: result["test_error"],  # [rates, folds]
        mean=lambda scores: float(scores.mean()),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    task: Literal["generation", "words"] = "generation"
    """What to search for."""
    methods: tuple[str, ...] = tuple(SEARCHED_UNITS["generation"])
    """Methods to search for; the table keeps its rows of others."""
    draws: int = 12
    """Settings tried for each method, besides the learning rates."""
    epochs: int | None = None
    """Epochs of each network; without it, 2000 for generation and those in `main.py` for words."""
    output_dir: Path = ROOT / "results"
    """Where the table goes, and `search/` with what is done."""
    workers: int = 0
    ray: str | None = None


def draw(settings: Any, choices: Mapping[str, Sequence[Any]], rng: np.random.Generator) -> Any:
    """Draw settings of the same method."""
    chosen = {name: values[rng.integers(len(values))] for name, values in choices.items()}
    chosen["recurrent_init"], chosen["recurrent_scale"] = chosen.pop("recurrent")
    if settings.model == "clockwork_rnn":  # whose state before the first step was not searched
        chosen.pop("learned_initial_state", None)
    if settings.model not in ("lstm", "clockwork_lstm"):
        chosen |= {"forget_bias": settings.forget_bias, "peepholes": settings.peepholes}
    return replace(settings, **chosen)


def drawn(options: Options) -> Iterator[tuple[int, Any]]:
    """Yield (number of the draw, settings) for each method."""
    search = SEARCHES[options.task]
    for start in search.starts:
        if start.model not in options.methods:
            continue
        rng = np.random.default_rng(0)
        start = replace(start, learning_rate=1.0, epochs=options.epochs or start.epochs)
        for number in range(options.draws):
            known = replace(start, **search.known[start.model])
            yield number, draw(start, search.choices, rng) if number else known


def run(options: Options) -> None:
    """Train what is missing, write the table and print the best settings of each method."""
    options.check()
    search, settings = SEARCHES[options.task], list(drawn(options))
    arguments = search.arguments()
    networks = len(arguments["seeds"]) * len(arguments.get("targets", range(arguments.get("folds", 1))))
    cells = [
        Cell(f"{options.task}-{setting.model}-{number}", {"settings": setting, **arguments}, networks)
        for number, setting in settings
    ]
    rows = []
    results = compute(search.train, cells, options.output_dir / "search", options)
    for (number, setting), result in zip(settings, results, strict=True):
        for rate, scores in zip(search.learning_rates, search.score(result), strict=True):
            found = {"method": setting.model, "draw": number, "learning_rate": rate}
            found |= {"score": f"{search.mean(scores):.4g}", "worst": f"{scores.max():.4g}"}
            rows.append({name: found.get(name, getattr(setting, name, None)) for name in search.columns})
    table = options.output_dir / f"search_{options.task}.csv"
    if table.exists():
        with open(table, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["method"] not in options.methods] + rows
    write_csv(table, search.columns, rows)
    for start in search.starts:
        ranked = sorted((row for row in rows if row["method"] == start.model), key=lambda row: float(row["score"]))
        print(f"\n{start.model}, by mean score:")
        for row in ranked[:5]:
            print("  " + ", ".join(f"{name} {row[name]}" for name in search.columns[1:]))


def main(arguments: list[str]) -> int:
    """Run the search; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.search")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
