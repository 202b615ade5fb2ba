"""The search for the best modern setting of each method, with equal effort, on targets that no result is reported on.

`python -m experiments.search` tries the same number of settings for each method at 1000 parameters, one that was known
beforehand and others drawn at random, each with the same learning rates, targets and seeds. It writes `search.csv`, one
row a setting and learning rate, and prints the best by the geometric mean of the MSE. `main.py` has the best of the simple
RNN and of the LSTM, and the second of the Clockwork RNN, whose first has a much larger worst MSE.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import command_line
import quiet  # noqa: F401 (before whatever imports TensorFlow)
from data.sequences import load_target
from experiments.cells import ROOT, Cell, Workers, compute
from experiments.generation_block import train_block
from experiments.published import GENERATION_UNITS
from main import MODERN, MODERN_LSTM, MODERN_SIMPLE_RNN, PAPER, Generation
from runs import write_csv

PARAMETERS = 1000
SEEDS = (1000, 1001)
LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2, 1e-1)
CHOICES = {
    "clip_norm": (0.03, 0.1, 0.3, 1.0),
    "second_moment": (0.99, 0.999),
    "recurrent": (("normal", 0.1), ("fan_in", 0.5), ("fan_in", 1.0), ("fan_in", 2.0), ("orthogonal", 1.0), ("orthogonal", 1.1)),
    "weight_std": (0.1, 0.3, 1.0),
    "learned_initial_state": (False, True),  # simple RNN and LSTM only
    "forget_bias": (0.0, 1.0, 3.0, 5.0),  # LSTM only
    "peepholes": (False, True),  # LSTM only
}  # fmt: skip
KNOWN = {  # draw 0
    "simple_rnn": {"recurrent_scale": 1.1, "weight_std": 0.1},
    "lstm": {
        "recurrent_init": "fan_in",
        "recurrent_scale": 2.0,
        "weight_std": 0.1,
        "peepholes": False,
        "clip_norm": 0.1,
    },
    "clockwork_rnn": {"recurrent_init": "normal", "recurrent_scale": 0.1, "weight_std": 0.1, "clip_norm": 0.1},
}
MUSIC = str(ROOT / "data" / "music.flac")
STARTS = (66150, 110250, 198450)  # of excerpts of the shipped music that are used nowhere else
CHANGED = (
    *("recurrent_init", "recurrent_scale", "weight_std", "learned_initial_state", "forget_bias", "peepholes"),
    *("clip_norm", "second_moment"),
)
COLUMNS = ("method", "draw", *CHANGED, "learning_rate", "mse", "worst_mse")


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    draws: int = 12
    """Settings tried for each method, besides the learning rates."""
    epochs: int = PAPER.epochs
    """Updates of each network."""
    output_dir: Path = ROOT / "results"
    """Where `search.csv` goes, and `search/` with what is done."""
    workers: int = 0
    ray: str | None = None

    def check(self) -> None:
        super().check()
        for name in ("draws", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {getattr(self, name)}")


def draw(settings: Generation, rng: np.random.Generator) -> Generation:
    """Draw a setting of the same method."""
    chosen = {name: values[rng.integers(len(values))] for name, values in CHOICES.items()}
    chosen["recurrent_init"], chosen["recurrent_scale"] = chosen.pop("recurrent")
    if settings.model == "clockwork_rnn":
        chosen["learned_initial_state"] = False
    if settings.model != "lstm":
        chosen |= {"forget_bias": 0.0, "peepholes": False}
    return replace(settings, **chosen)


def drawn(options: Options) -> Iterator[tuple[int, Generation]]:
    """Yield (number of the draw, setting) for each method."""
    for start in (MODERN_SIMPLE_RNN, MODERN_LSTM, MODERN):
        rng = np.random.default_rng(0)
        units = GENERATION_UNITS[start.model][PARAMETERS]
        start = replace(start, units=units, epochs=options.epochs, learning_rate=1.0)
        for number in range(options.draws):
            yield number, draw(start, rng) if number else replace(start, **KNOWN[start.model])


def run(options: Options) -> None:
    """Train what is missing, write the table and print the best setting of each method."""
    options.check()
    targets = [load_target(None, 500, MODERN.length, None)]
    targets += [load_target(MUSIC, start, MODERN.length, None) for start in STARTS]
    values = tuple(tuple(target.values.tolist()) for target in targets)
    seeds = SEEDS * len(LEARNING_RATES)
    rates = tuple(rate for rate in LEARNING_RATES for _ in SEEDS)
    settings = list(drawn(options))
    cells = [
        Cell(
            f"{setting.model}-{number}",
            {"settings": setting, "targets": values, "seeds": seeds, "rate_factors": rates},
            networks=len(values) * len(seeds),
        )
        for number, setting in settings
    ]
    rows = []
    for (number, setting), result in zip(
        settings, compute(train_block, cells, options.output_dir / "search", options), strict=True
    ):
        mse = np.where(result["diverged"], np.inf, result["mse"]).reshape(len(values), len(LEARNING_RATES), len(SEEDS))
        mse = np.moveaxis(mse, 1, 0).reshape(len(LEARNING_RATES), -1)  # [rates, targets · seeds]
        for rate, errors in zip(LEARNING_RATES, mse, strict=True):
            row = {"method": setting.model, "draw": number, "learning_rate": rate}
            row |= {name: getattr(setting, name) for name in CHANGED}
            rows.append(row | {"mse": f"{np.exp(np.log(errors).mean()):.4g}", "worst_mse": f"{errors.max():.4g}"})
    write_csv(options.output_dir / "search.csv", COLUMNS, rows)
    for model in GENERATION_UNITS:
        ranked = sorted((row for row in rows if row["method"] == model), key=lambda row: float(row["mse"]))
        print(f"\n{model}, by the geometric mean of the MSE:")
        for row in ranked[:5]:
            print("  " + ", ".join(f"{name} {row[name]}" for name in COLUMNS[1:]))


def main(arguments: list[str]) -> int:
    """Run the search; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.search")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
