"""Text, character by character: simple RNN, LSTM and Clockwork RNNs of every wiring, trained for equally long.

`python -m experiments.text` trains networks of about 500,000 parameters, each for so many epochs as take the given minutes on one
core, on the text that every Python brings. It writes `text.csv` (one row a network) and `text.md`. With `--search` it tries
learning rates instead, as many for each method, on the training part of that text, and writes `search_text.csv`: the best are
those of the recipes in `main.py`. Stopped and started again, it goes on.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from data.files import write_csv, write_whole
from data.text import load_text
from experiments.cells import ROOT, Arrays, Cell, Workers, compute
from experiments.equal_parameters import parameters, with_parameters
from experiments.markdown import markdown, spread
from experiments.results import write_results
from main import recipe
from models.clocks import WIRINGS
from running import command_line
from running.trained import train_silently
from tasks.character_model import CharacterModel, Settings

METHODS = {
    "simple RNN": recipe("text", model="simple_rnn"),
    "LSTM": recipe("text", model="lstm"),
    "Clockwork RNN": recipe("text"),
    "GRU": recipe("text", model="gru"),
    "Clockwork LSTM": recipe("text", model="clockwork_lstm"),
    "Clockwork GRU": recipe("text", model="clockwork_gru"),
}
WIRED = tuple(f"Clockwork RNN, {wiring}" for wiring in WIRINGS)
SEARCH_RATES = (5e-4, 2e-3, 8e-3, 3.2e-2, 1.28e-1)
# Which take about a minute each, when they were first tried.
SEARCH_EPOCHS = {"simple RNN": 3, "LSTM": 2, "Clockwork RNN": 7, "GRU": 3, "Clockwork LSTM": 8, "Clockwork GRU": 8}
MEASURED = ("parameters", "epochs", "bits_per_character", "seconds")
ROW = ("network", "units", "seed", *MEASURED)
SEARCH_ROW = ("method", "learning_rate", *MEASURED)

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    networks: tuple[Literal[("simple RNN", "LSTM", *WIRED)], ...] = ("simple RNN", "LSTM", *WIRED)
    """Networks to train."""
    seeds: int = 1
    """Networks of each kind, with the seeds from 0 on."""
    minutes: float = 4.0
    """Training of each network, as its first epoch foretells it."""
    search: bool = False
    """Instead try learning rates within the training part, for fixed numbers of epochs."""
    text: str | None = None
    """Text file in UTF-8; without it, the language topics of Python's help()."""
    output_dir: Path = ROOT / "results"
    """Where the tables go, and a folder "text" with what is done."""
    workers: int = 0
    ray: str | None = None

    def check(self) -> None:
        super().check()
        if not 0 < self.minutes < np.inf:
            raise ValueError(f"`minutes` must be above 0. Received: {self.minutes}")


def train_for(settings: Settings, minutes: float) -> Arrays:
    """Train one network for so many epochs as should take the given minutes, at least one; see `MEASURED`."""
    seconds = train_networks(replace(settings, epochs=1), [settings.seed])["seconds"]
    return train_network(replace(settings, epochs=max(round(60 * minutes / float(seconds)), 1)))


def train_network(settings: Settings) -> Arrays:
    """Train one network; returns what `MEASURED` names, infinite bits if it diverged."""
    result = train_networks(settings, [settings.seed])
    return result | {name: result[name][0] for name in ("epochs", "bits_per_character")}


def train_networks(settings: Settings, seeds: Sequence[int]) -> Arrays:
    """Train one network for each seed, all at once; each is the one that `main.py` trains with that seed.

    Returns:
        bits_per_character [seeds]: on the test text; infinite if training diverged.
        epochs [seeds]: after how many training stopped.
        seconds: of all training, without compilation.
        parameters: of each network, without periods.
    """
    task = CharacterModel(settings, seeds)
    task.epoch_quantity = ""  # there is nothing to look at on the way
    trained = train_silently(task, settings)
    bits = trained.values()["bits_per_character"]
    return {
        "bits_per_character": np.where(np.isfinite(bits), bits, np.inf),
        "epochs": trained.stopped,
        "seconds": trained.loop.progress.seconds[-1],
        "parameters": np.array(task.network.size),
    }


def networks(text: str | None) -> dict[str, Settings]:
    """Return the settings of all networks; those of all wirings have as many parameters as that of the recipe."""
    characters = load_text(text).characters
    features = len(characters)
    wanted = parameters(recipe("text"), features, features)
    wired = {
        name: with_parameters(recipe("text", connections=wiring), wanted, features, features)
        for name, wiring in zip(WIRED, WIRINGS, strict=True)
    }
    baselines = {name: METHODS[name] for name in ("simple RNN", "LSTM")}
    return {name: replace(settings, text=text, prime=characters[0]) for name, settings in (baselines | wired).items()}


def make_cells(options: Options) -> Iterator[tuple[dict, Cell]]:
    """Yield (network, units and seed, the cell that trains it)."""
    known = networks(options.text)
    for seed in range(options.seeds):
        for name in options.networks:
            settings = replace(known[name], seed=seed)
            file = f"{name}-{seed}".replace(", ", "-").replace(" ", "_")
            key = {"network": name, "units": settings.units, "seed": seed}
            yield key, Cell(file, {"settings": settings, "minutes": options.minutes}, 1)


def search_cells(training: Path) -> Iterator[tuple[dict, Cell]]:
    """Yield (method and learning rate, the cell that trains this network on the given text)."""
    for rate in SEARCH_RATES:
        for method, start in METHODS.items():
            settings = replace(start, text=str(training), learning_rate=rate, epochs=SEARCH_EPOCHS[method])
            name = f"search-{method}-{rate}".replace(" ", "_")
            yield {"method": method, "learning_rate": rate}, Cell(name, {"settings": settings}, 1)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = []
    for name in dict.fromkeys(str(row["network"]) for row in rows):
        found = [row for row in rows if row["network"] == name]
        bits, epochs, seconds = (
            spread([float(row[quantity]) for row in found], digits)
            for quantity, digits in (("bits_per_character", ".3f"), ("epochs", ".0f"), ("seconds", ".0f"))
        )
        lines.append([name, found[0]["units"], found[0]["parameters"], bits, epochs, seconds])
    head = ["network", "units", "parameters", "bits per character", "epochs", "training (s)"]
    return markdown(head, lines)


def search_table(rows: Sequence[Row]) -> str:
    """Return the tries as a Markdown table, the best of each method first."""
    order = sorted(rows, key=lambda row: (list(METHODS).index(str(row["method"])), float(row["bits_per_character"])))
    return markdown(SEARCH_ROW, [[row[name] for name in SEARCH_ROW] for row in order])


def run(options: Options) -> None:
    """Train what is missing and write the tables."""
    options.check()
    folder = options.output_dir / "text"
    CharacterModel(networks(options.text)[options.networks[0]])  # refuses what cannot be trained on
    made = search_cells(_training_part(options.text, folder)) if options.search else make_cells(options)
    keys, cells = zip(*made, strict=True)
    results = compute(train_network if options.search else train_for, cells, folder, options)
    rows = [
        key | {name: f"{float(result[name]):.6g}" for name in MEASURED}
        for key, result in zip(keys, results, strict=True)
    ]
    if options.search:
        write_csv(options.output_dir / "search_text.csv", SEARCH_ROW, rows)
        print(search_table(rows))
    else:
        write_results(options.output_dir, "text", ROW, rows, table(rows), {})


def _training_part(text: str | None, folder: Path) -> Path:
    """Write the part of the text that networks are trained on as a text of its own; returns its file."""
    whole = load_text(text)
    kept = len(whole.indices) - round(recipe("text").test_share * len(whole.indices))
    folder.mkdir(parents=True, exist_ok=True)
    with write_whole(folder / f"training_part_{whole.sha256[:12]}.txt") as path:
        path.write_text("".join(whole.characters[index] for index in whole.indices[:kept]), encoding="utf-8")
    return folder / f"training_part_{whole.sha256[:12]}.txt"


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.text")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
