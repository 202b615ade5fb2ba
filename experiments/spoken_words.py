"""Koutník et al. 2014, Figure 4 and Table 3: spoken words, by networks of five sizes.

`python -m experiments.spoken_words` trains the simple RNN, the LSTM and the Clockwork RNN in five sizes with 20 seeds on the
words that ship, in the `paper` setting and in the `modern` one, the best known of each method. It writes `figure4.csv` (one
row a network), `figure4.md` and `figure4.png`. `--corpus FOLDER --name NAME` does the same for other recordings. Stopped at
any moment and started again, it goes on.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.boxes import Panel, box_figure, quartiles
from experiments.cells import ROOT, Arrays, Cell, Workers, compute
from experiments.markdown import markdown
from experiments.published import WORDS_ERROR, WORDS_TABLE_3, WORDS_UNITS
from experiments.results import write_results
from experiments.sequence_generation import Method, blocks
from main import recipe
from running import command_line
from running.trained import train_silently
from tasks.spoken_words import Settings, SpokenWords

NETWORKS_PER_CELL = 20
SETTINGS = {
    "paper": [recipe("words", recipe="paper", model=model) for model in WORDS_UNITS],
    "modern": [recipe("words", model=model) for model in WORDS_UNITS],
}
TITLES = {"paper": "the paper's setting", "modern": "the best setting known of each method"}
ROW = ("setting", "method", "parameters", "units", "seed", "test_error", "train_error", "epochs", "seconds")

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    settings: tuple[Literal["paper", "modern"], ...] = tuple(SETTINGS)
    """Settings to train in."""
    methods: tuple[Method, ...] = tuple(WORDS_UNITS)
    """Networks to train."""
    parameters: tuple[Literal[500, 1000, 2500, 5000, 10000], ...] = (500, 1000, 2500, 5000, 10000)
    """Sizes to train; the hidden units are the paper's, whatever the number of words."""
    corpus: str | None = None
    """Folder with a folder of sound files for each word; without it, the words that ship."""
    test_speakers: tuple[str, ...] = ()
    """Speakers to test on, where files are named SPEAKER_….wav; without it, a list or a draw."""
    seeds: int = 20
    """Networks of each kind, with the seeds from 0 on."""
    epochs: int | None = None
    """Most epochs of each network; without it, as in `main.py`."""
    name: str = "figure4"
    """What the files are called."""
    output_dir: Path = ROOT / "results"
    """Where tables and pictures go, and a folder of that name with what is done."""
    workers: int = 0
    ray: str | None = None


def make_cells(options: Options) -> Iterator[tuple[dict, Cell]]:
    """Yield (setting, method, parameters, units and seeds, the cell that trains these networks)."""
    for setting in options.settings:
        for settings in SETTINGS[setting]:
            if settings.model not in options.methods:
                continue
            for parameters in options.parameters:
                network = replace(
                    settings,
                    units=WORDS_UNITS[settings.model][parameters],
                    epochs=options.epochs or settings.epochs,
                    corpus=options.corpus,
                    test_speakers=options.test_speakers,
                )
                for seeds in blocks(options.seeds, NETWORKS_PER_CELL):
                    key = {"setting": setting, "method": settings.model, "parameters": parameters}
                    name = "-".join(str(value) for value in (*key.values(), seeds[0]))
                    cell = Cell(name, {"settings": network, "seeds": seeds}, len(seeds))
                    yield key | {"units": network.units, "seeds": seeds}, cell


def train_networks(
    settings: Settings, seeds: Sequence[int], folds: int = 0, rate_factors: Sequence[float] | None = None
) -> Arrays:
    """Train one network for each seed, or for each seed and fold of the training clips.

    Args:
        settings: all but the seed.
        seeds: of the initial weights, the order of the clips and the noise.
        folds: as of `SpokenWords`.
        rate_factors: for each seed, what its networks' learning rate is multiplied by; None is 1.

    Returns:
        train_error, test_error: in percent, of clips without noise [seeds], or [seeds, folds].
        epochs: after how many training stopped, of the same shape.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    shape = (len(seeds), folds) if folds else (len(seeds),)
    task = SpokenWords(settings, seeds, folds)
    if not settings.patience:
        task.epoch_quantity = ""  # there is nothing to look at on the way
    factors = None if rate_factors is None else tuple(np.repeat(rate_factors, max(folds, 1)).tolist())
    trained = train_silently(task, settings, factors)
    errors = task.after_epoch(trained.weights)
    return {
        **{name: values.reshape(shape) for name, values in errors.items()},
        "epochs": trained.stopped.reshape(shape),
        "seconds": np.array(trained.loop.progress.seconds[-1] / task.replicas),
        "parameters": np.array(task.network.size),
    }


def rows(key: dict, result: Arrays) -> Iterator[dict]:
    """Yield the rows of the table that one cell gives."""
    for place, seed in enumerate(key["seeds"]):
        row = {name: key[name] for name in ROW[:4]} | {"seed": seed, "epochs": int(result["epochs"][place])}
        errors = {name: f"{result[name][place]:.4g}" for name in ("test_error", "train_error")}
        yield row | errors | {"seconds": f"{result['seconds']:.4g}"}


def grouped(rows: Sequence[Row], setting: str) -> dict[tuple[int, str], list[float]]:
    """Return (parameters, method) → the test errors of one setting."""
    groups: dict[tuple[int, str], list[float]] = {}
    for row in rows:
        if row["setting"] == setting:
            key = (int(row["parameters"]), str(row["method"]))
            groups.setdefault(key, []).append(float(row["test_error"]))
    return dict(sorted(groups.items(), key=lambda item: item[0][0]))


def table(rows: Sequence[Row], published: bool = True) -> str:
    """Return the rows as Markdown tables, with the published medians beside the paper's words."""
    tables = []
    for setting in dict.fromkeys(str(row["setting"]) for row in rows):
        head = ["parameters", "network", "test error, median (quartiles)", "mean ± std", "networks"]
        head += ["published median, on TIMIT"] * published
        lines = []
        for (parameters, method), errors in grouped(rows, setting).items():
            low, median, high = quartiles(errors)
            spread = f"{np.mean(errors):.1f} ± {np.std(errors, ddof=1):.1f}" if len(errors) > 1 else "–"
            words = [parameters, method, f"{median:.3g}% ({low:.3g}–{high:.3g})", spread, len(errors)]
            words += [f"{WORDS_ERROR[method][parameters]}%"] * published
            lines.append(words)
        tables.append(f"**{TITLES[setting].capitalize()}**\n\n{markdown(head, lines)}")
    if published:
        said = ", ".join(f"{method} {mean} ± {std}" for method, (mean, std) in WORDS_TABLE_3.items())
        tables.append(f"Published mean ± std with 10,000 parameters (Table 3): {said}.")
    return "\n\n".join(tables)


def picture(rows: Sequence[Row], published: bool):
    """Draw the test errors like Figure 4."""
    panels = []
    for setting in dict.fromkeys(str(row["setting"]) for row in rows):
        values = grouped(rows, setting)
        medians = {(size, method): (WORDS_ERROR[method][size],) * 3 for size, method in values} if published else {}
        panels.append(Panel(TITLES[setting], values, medians))
    return box_figure(panels, "test error (%)", log=False)


def run(options: Options) -> None:
    """Train what is missing and write the tables and the picture."""
    options.check()
    keys, cells = zip(*make_cells(options), strict=True)
    SpokenWords(cells[0].arguments["settings"])  # computes the features once, and refuses what cannot be trained
    results = compute(train_networks, cells, options.output_dir / options.name, options)
    found = [row for key, result in zip(keys, results, strict=True) for row in rows(key, result)]
    published = options.corpus is None
    name = options.name
    write_results(options.output_dir, name, ROW, found, table(found, published), {name: picture(found, published)})


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.spoken_words")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
