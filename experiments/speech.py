"""Speech, sample by sample: who predicts well, and who can go on hearing nothing but itself.

`python -m experiments.speech` trains, on the utterance that ships as `wheel` and with five seeds each: the simple RNN of a
2014 research diary as it was, and clipped and regularised; simple RNN, LSTM and Clockwork RNN of as many parameters with
the same window of 200 samples; the same three with a window of one sample and noise; the Clockwork RNN with its own output
mixed into either window; and the diary's network in several sizes. It writes `speech.csv` (one row a network), `speech.md` and
`speech.png`. Stopped and started again, it goes on.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.cells import ROOT, Arrays, Cell, Workers, compute
from experiments.markdown import markdown, spread
from experiments.results import write_results
from main import recipe
from running import command_line
from running.trained import train_silently
from tasks.figures import STYLE
from tasks.speech_prediction import Settings, SpeechPrediction

MODERN = {
    "simple RNN": recipe("speech", model="simple_rnn"),
    "LSTM": recipe("speech", model="lstm"),
    "Clockwork RNN": recipe("speech"),
}
EPOCHS = 120  # of the modern networks, so that all of them can be trained in an hour
# The diary's window for the modern networks, with as many parameters as the diary's.
WIDE_WINDOW = {"window": 200, "input_noise": 0.0, "learning_rate": 3e-3}
WIDE_UNITS = {"simple_rnn": 200, "lstm": 70, "clockwork_rnn": 237}
WIDE = {name: replace(start, units=WIDE_UNITS[start.model], **WIDE_WINDOW) for name, start in MODERN.items()}
OWN = {"own_output": 1.0, "input_noise": 0.0}
NETWORKS = {
    "diary": recipe("speech", recipe="diary"),
    "diary, clipped and regularised": recipe(
        "speech", recipe="diary", clip_norm=1.0, input_noise=0.1, weight_penalty=1e-6
    ),
    **{name: replace(settings, epochs=EPOCHS) for name, settings in WIDE.items()},
    "Clockwork RNN, own output more and more": replace(WIDE["Clockwork RNN"], epochs=EPOCHS, **OWN),
    **{f"{name}, noise": replace(settings, epochs=EPOCHS) for name, settings in MODERN.items()},
    "Clockwork RNN, own output from the start": recipe("speech", epochs=EPOCHS, own_output_until=0.0, **OWN),
    "Clockwork RNN, noise, as `main.py speech`": recipe("speech"),
}
SIZES = {name: NETWORKS[name] for name in ("diary", "diary, clipped and regularised")}
UNITS = (25, 50, 100, 200, 400)
SIZE_SEEDS = 3  # at most, for the sizes that are not in the first table
KINDS = ("teacher_forced", "free_running")
QUANTITIES = ("mse", "nmse", "first_nmse", "seconds", "log_spectral_distance")
MEASURED = tuple(f"{kind}_{quantity}" for kind in KINDS for quantity in QUANTITIES)
ROW = ("network", "model", "window", "units", "parameters", "epochs", "seed", *MEASURED, "training_seconds")

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    networks: tuple[Literal[tuple(NETWORKS)], ...] = tuple(NETWORKS)
    """Networks to train."""
    seeds: int = 5
    """Networks of each kind, with the seeds from 0 on."""
    epochs: int | None = None
    """Passes over the utterance; without it, each network's own."""
    seconds: float = 0.0
    """How much of the utterance to use, from its start; 0 is all of it."""
    units: tuple[int, ...] = UNITS
    """Sizes of the diary's network."""
    output_dir: Path = ROOT / "results"
    """Where tables and pictures go, and a folder "speech" with what is done."""
    workers: int = 0
    ray: str | None = None


def train_network(settings: Settings) -> Arrays:
    """Train one network; returns what `main.py` measures of it, infinite errors if it diverged."""
    task = SpeechPrediction(settings)
    trained = train_silently(task, settings)
    if trained.lost.any():
        found = {
            name: np.array(0.0 if name.endswith("seconds") else np.inf) for name in (*MEASURED, "training_seconds")
        }
    else:
        found = {name: np.squeeze(value) for name, value in trained.values().items() if name in MEASURED}
        found["training_seconds"] = trained.loop.progress.seconds[-1]
    return found | {"parameters": np.array(task.network.size)}


def make_cells(options: Options) -> Iterator[tuple[dict, Cell]]:
    """Yield (network, model, units and seed, the cell that trains it); networks in both tables are trained once."""
    wanted = {(name, NETWORKS[name].units): NETWORKS[name] for name in options.networks}
    wanted |= {
        (name, units): replace(settings, units=units)
        for name, settings in SIZES.items()
        if name in options.networks
        for units in options.units
    }
    for (name, units), settings in wanted.items():
        seeds = options.seeds if units == NETWORKS[name].units else min(options.seeds, SIZE_SEEDS)
        for seed in range(seeds):
            network = replace(settings, seed=seed, seconds=options.seconds, epochs=options.epochs or settings.epochs)
            file = "-".join(str(value).replace(" ", "_").replace(",", "") for value in (name, units, seed))
            key = {"network": name, "model": settings.model, "window": settings.window, "units": units}
            key |= {"epochs": network.epochs, "seed": seed}
            yield key, Cell(file, {"settings": network}, 1)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown tables: the networks beside each other, and the diary's network in several sizes."""
    columns = {
        "teacher_forced_nmse": "teacher-forced: NMSE",
        "teacher_forced_log_spectral_distance": "teacher-forced: log-spectral distance (dB)",
        "free_running_nmse": "free-running: NMSE",
        "free_running_first_nmse": "free-running: of the first 0.25 s",
        "free_running_seconds": "free-running: within NMSE 0.1 (s)",
        "free_running_log_spectral_distance": "free-running: log-spectral distance (dB)",
    }
    lines = []
    for name in dict.fromkeys(str(row["network"]) for row in rows):
        found = _of(rows, name, NETWORKS[name].units)
        values = [spread([float(row[column]) for row in found]) for column in columns]
        lines.append([name, *(found[0][column] for column in ("window", "units", "parameters", "epochs")), *values])
    head = ["network", "window", "units", "parameters", "epochs", *columns.values()]
    sizes = []
    for name in SIZES:
        for units in sorted({int(row["units"]) for row in rows if row["network"] == name}):
            found = _of(rows, name, units)
            values = [spread([float(row[f"{kind}_mse"]) for row in found]) for kind in KINDS]
            sizes.append([name, units, found[0]["parameters"], *values])
    size_head = ["network", "units", "parameters", "teacher-forced MSE", "free-running MSE"]
    return f"{markdown(head, lines)}\n\n{markdown(size_head, sizes)}"


def picture(rows: Sequence[Row]) -> Figure:
    """Draw the errors of the diary's network over its size, as it was and regularised."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, kind in zip(axes, KINDS, strict=True):
            for name, style in zip(SIZES, ("ko-", "ks--"), strict=True):
                sizes = sorted({int(row["units"]) for row in rows if row["network"] == name})
                errors = [[float(row[f"{kind}_mse"]) for row in _of(rows, name, units)] for units in sizes]
                medians = [np.median(values) for values in errors]
                axis.plot(sizes, medians, style, markersize=4, linewidth=0.9, label=name)
                for units, values in zip(sizes, errors, strict=True):
                    axis.plot([units] * len(values), values, style[1], markersize=2, color="0.5")
            axis.set(xscale="log", xlabel="hidden units", ylim=(0, None), title=kind.replace("_", "-"))
            axis.set_xticks(sizes, sizes, minor=False)
            axis.minorticks_off()
        axes[0].set_ylabel("MSE")
        figure.legend(*axes[0].get_legend_handles_labels(), ncols=2, loc="outside upper center")
    return figure


def _of(rows: Sequence[Row], name: str, units: int) -> list[Row]:
    return [row for row in rows if row["network"] == name and int(row["units"]) == units]


def run(options: Options) -> None:
    """Train what is missing and write the tables and the picture."""
    options.check()
    keys, cells = zip(*make_cells(options), strict=True)
    results = compute(train_network, cells, options.output_dir / "speech", options)
    rows = [
        key | {name: f"{float(result[name]):.6g}" for name in ROW if name in result}
        for key, result in zip(keys, results, strict=True)
    ]
    write_results(options.output_dir, "speech", ROW, rows, table(rows), {"speech": picture(rows)})


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.speech")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
