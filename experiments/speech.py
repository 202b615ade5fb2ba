"""Speech, sample by sample: who predicts well, and who can go on hearing nothing but itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import Cell, Options, compute
from experiments.markdown import markdown, spread, times
from experiments.pictures import COLOURS, NAIVE, NAMES, legend, panels, points
from experiments.statistics import ratio
from experiments.store import Store
from tasks.figures import speech_figure

EPOCHS = 120  # of the modern networks, so that all of them can be trained in an hour
# The diary's window for the modern networks; the units give as many parameters as the diary's.
WIDE = {"window": 200, "input_noise": 0.0, "learning_rate": 3e-3, "epochs": EPOCHS}
OWN = {"own_output": 1.0, "input_noise": 0.0, "epochs": EPOCHS}
REGULARISED = {"clip_norm": 1.0, "input_noise": 0.1, "weight_penalty": 1e-6}
DIARY_UNITS = 200
EXAMPLE, EXAMPLE_LABEL = "Clockwork RNN, noise, as `main.py speech`", "Clockwork RNN, noise, 400 epochs"
NETWORKS = {  # name → how its recipe is changed
    "diary": {"recipe": "diary"},
    "diary, clipped and regularised": {"recipe": "diary", **REGULARISED},
    "simple RNN": {"model": "simple_rnn", "units": 200, **WIDE},
    "LSTM": {"model": "lstm", "units": 70, **WIDE},
    "Clockwork RNN": {"units": 237, **WIDE},
    "Clockwork RNN, own output more and more": {"units": 237, **WIDE, **OWN},
    "simple RNN, noise": {"model": "simple_rnn", "epochs": EPOCHS},
    "LSTM, noise": {"model": "lstm", "epochs": EPOCHS},
    "Clockwork RNN, noise": {"epochs": EPOCHS},
    "Clockwork RNN, own output from the start": {"own_output_until": 0.0, **OWN},
    EXAMPLE: {},
}
SIZES = ("diary", "diary, clipped and regularised")  # networks that are trained in several sizes
UNITS = (25, 50, 100, 200, 400)
SIZE_SEEDS = 3  # at most, for the sizes that are not in the first table
KINDS = {"teacher_forced": "teacher-forced", "free_running": "free-running"}
QUANTITIES = ("mse", "nmse", "first_nmse", "seconds", "log_spectral_distance")
MEASURED = tuple(f"{kind}_{quantity}" for kind in KINDS for quantity in QUANTITIES)
COLUMNS = ("network", "model", "window", "units", "parameters", "epochs", "seed", *MEASURED, "training_seconds")
NAIVE_COLUMNS = ("predictor", "window", *MEASURED)
SIZE_COLOURS = ("black", COLOURS["simple_rnn"])
STYLES = {"the mean": "-", "the last sample": "--", "the linear predictor": ":"}
LINES = {name: NAIVE | {"linestyle": style} for name, style in STYLES.items()}  # of the naive predictors


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
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


def make_cells(options: Flags) -> Iterator[tuple[dict, Cell]]:
    """Yield (what the row of the network says, the cell that trains it); networks of both tables are trained once."""
    from main import recipe

    known = {name: recipe("speech", **NETWORKS[name]) for name in options.networks}
    wanted = {(name, settings.units): settings for name, settings in known.items()}
    wanted |= {(name, n): replace(known[name], units=n) for name in SIZES if name in known for n in options.units}
    for (name, units), settings in wanted.items():
        seeds = options.seeds if units == known[name].units else min(options.seeds, SIZE_SEEDS)
        for seed in range(seeds):
            network = replace(settings, seed=seed, seconds=options.seconds, epochs=options.epochs or settings.epochs)
            key = {"network": name, "model": settings.model, "window": settings.window, "units": units}
            file = f"{name}-{units}-{seed}".replace(" ", "_").replace(",", "")
            yield key | {"epochs": network.epochs, "seed": seed}, Cell(file, {"settings": network}, 1)


def run(options: Flags, store: Store) -> None:
    from data.sounds import write_sound
    from data.speech import RATE
    from experiments.training import speech
    from main import recipe

    keys, cells = zip(*make_cells(options), strict=True)
    windows = dict.fromkeys(key["window"] for key in keys)
    naive = [recipe("speech", window=window, seconds=options.seconds) for window in windows]
    store.write("speech_naive", [row for own in naive for row in speech.naive_predictors(own)], NAIVE_COLUMNS)
    results = compute(speech.train_network, cells, store, options)
    rows = []
    for key, result in zip(keys, results, strict=True):
        rows.append(key | {name: float(result[name]) for name in COLUMNS if name in result})
        if (key["network"], key["seed"]) == (EXAMPLE, 0):
            for kind in KINDS.keys() & result.keys():  # none of a network that diverged
                write_sound(store.folder / f"speech_{kind}.wav", result[kind].clip(-1, 1), RATE)
    store.write("speech", rows, COLUMNS)


def tables(store: Store) -> dict[str, str]:
    """Return the networks beside naive predictors, the diary's network in several sizes, and how fast networks speak."""
    found = {}
    if "speech" in store:
        rows = store["speech"]
        found["speech"] = networks_table(rows, store["speech_naive"])
        found["speech-sizes"] = sizes_table(rows[rows.network.isin(SIZES)])
    if "speech_speed" in store:
        found["speech-speed"] = speed_table(store["speech_speed"])
    return found


def answers(store: Store) -> list[Answer]:
    """Return which networks go on alone better than the mean of the signal does, and by how much than an LSTM treated alike."""
    rows = in_one_size(store["speech"])
    errors = rows.groupby("network").free_running_nmse.agg(np.array)
    alone = [name for name, values in errors.items() if np.max(values) < 1]
    kinds = {rows[rows.network == name].model.iloc[0] for name in alone}
    said = f"Only {' and '.join(NAMES[kind] for kind in sorted(kinds))}, with a window of one sample"
    effect = (
        f"free-running NMSE, LSTM : Clockwork RNN {times(ratio(errors['LSTM, noise'], errors['Clockwork RNN, noise']))}"
    )
    return [Answer("Which network can go on speaking alone?", said, effect, len(store["speech"]))]


def networks_table(rows: pd.DataFrame, naive: pd.DataFrame) -> str:
    """Return a line for each naive predictor and network, by window: what is measured of it, median and range."""
    measured = {
        "teacher_forced_nmse": "teacher-forced: NMSE",
        "teacher_forced_log_spectral_distance": "log-spectral distance (dB)",
        "free_running_nmse": "free-running: NMSE",
        "free_running_first_nmse": "NMSE of the first 0.25 s",
        "free_running_seconds": "within NMSE 0.1 (s)",
        "free_running_log_spectral_distance": "log-spectral distance (dB)",
    }
    lines = []
    for window in rows.window.unique():
        for _, row in naive[naive.window == window].iterrows():
            lines.append([f"*{row.predictor}*", window, "", "", "", *(f"{row[name]:.2g}" for name in measured)])
        for name, own in in_one_size(rows[rows.window == window]).groupby("network", sort=False):
            first = own.iloc[0]
            said = (spread(own[quantity]) for quantity in measured)
            lines.append([name, window, first.units, first.parameters, first.epochs, *said])
    return markdown(["network", "window", "units", "parameters", "epochs", *measured.values()], lines)


def in_one_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first table: all networks, the diary's in its own size alone."""
    return rows[
        [name not in SIZES or units == DIARY_UNITS for name, units in zip(rows.network, rows.units, strict=True)]
    ]


def sizes_table(rows: pd.DataFrame) -> str:
    lines = [
        [name, units, own.parameters.iloc[0], *(spread(own[f"{kind}_nmse"]) for kind in KINDS)]
        for (name, units), own in rows.sort_values("units", kind="stable").groupby(["network", "units"])
    ]
    return markdown(["network", "units", "parameters", *(f"{said}: NMSE" for said in KINDS.values())], lines)


def speed_table(rows: pd.DataFrame) -> str:
    """Return how many times faster than real time networks speak."""
    lines = [
        (
            NAMES[r.network],
            r.units,
            r.window,
            f"{r.times_real_time:g} ({r.times_real_time_low:g}–{r.times_real_time_high:g})",
        )
        for r in rows.itertuples()
    ]
    return markdown(("network", "units", "window", "times real time on one core"), lines)


def pictures(store: Store) -> dict[str, Figure]:
    found = {}
    if "speech" in store:
        rows, naive = store["speech"], store["speech_naive"]
        found["speech"] = networks_figure(in_one_size(rows), naive)
        if rows.network.isin(SIZES).any():
            found["speech_sizes"] = sizes_figure(rows[rows.network.isin(SIZES)], naive)
        example = rows[(rows.network == EXAMPLE) & (rows.seed == 0)]  # otherwise its sound is of an earlier run
        sounds = [store.folder / f"speech_{kind}.wav" for kind in KINDS]
        if np.isfinite(example.free_running_nmse).any() and all(map(Path.exists, sounds)):
            found["speech_utterance"] = utterance_figure(store.folder)
    return found


def networks_figure(rows: pd.DataFrame, naive: pd.DataFrame) -> Figure:
    """Draw the NMSE of each network, teacher-forced on the left and free-running on the right, by window."""
    windows = {window: list(own.network.unique()) for window, own in rows.groupby("window", sort=False)}
    heights = [len(names) + 0.4 for names in windows.values()]
    shared = {"sharex": True, "sharey": "row", "height_ratios": heights}
    with panels(len(windows), 2, 9, 1.5 + 0.32 * sum(heights), **shared) as (figure, grid):
        for axes, (window, names) in zip(grid, windows.items(), strict=True):
            for axis, kind in zip(axes, KINDS, strict=True):
                for place, name in enumerate(names):
                    own = rows[rows.network == name]
                    model = own.model.iloc[0]
                    points(axis, own[f"{kind}_nmse"], place, COLOURS[model], NAMES[model])
                for row in naive[naive.window == window].itertuples():
                    axis.axvline(getattr(row, f"{kind}_nmse"), label=row.predictor, **LINES[row.predictor])
                axis.set(xscale="log", ylim=(len(names) - 0.4, -0.6))
                axis.grid(axis="x", visible=False)
            axes[0].set_yticks(range(len(names)), [name.replace(EXAMPLE, EXAMPLE_LABEL) for name in names])
            axes[0].set_ylabel("window of 1\nsample" if window == 1 else f"window of {window}\nsamples")
            axes[0].tick_params(axis="y", length=0)
        for upper, lower, said in zip(grid[0], grid[-1], KINDS.values(), strict=True):
            upper.set_title(said)
            lower.set_xlabel("NMSE")
        legend(figure, *grid[:, 0])
    return figure


def sizes_figure(rows: pd.DataFrame, naive: pd.DataFrame) -> Figure:
    """Draw the NMSE of the diary's network over its units: medians, and dots for single seeds."""
    with panels(1, 2, 8, 3.6) as (figure, grid):
        for axis, (kind, said) in zip(grid[0], KINDS.items(), strict=True):
            for (name, own), colour, shift in zip(rows.groupby("network"), SIZE_COLOURS, (0.97, 1.03), strict=False):
                axis.plot(own.units * shift, own[f"{kind}_nmse"], "o", markersize=4, alpha=0.5, color=colour)
                medians = own.groupby("units")[f"{kind}_nmse"].median()
                axis.plot(medians.index * shift, medians, color=colour, label=name)
            for row in naive[naive.window == rows.window.iloc[0]].itertuples():
                axis.axhline(getattr(row, f"{kind}_nmse"), label=row.predictor, **LINES[row.predictor])
            axis.set(xscale="log", xlabel="units", ylabel="NMSE", title=said, ylim=(0, None))
            axis.set_xticks(sorted(rows.units.unique()), sorted(rows.units.unique()))
            axis.xaxis.minorticks_off()
        grid[0][0].set(yscale="log", ylim=(1.5e-3, 1.5))
        legend(figure, grid[0][0])
    return figure


def utterance_figure(folder: Path) -> Figure:
    """Draw the utterance that ships, and what the network of `main.py speech` makes of it."""
    import soundfile

    import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
    from data.speech import RATE, SHIPPED, load_utterance

    utterance = load_utterance(SHIPPED / "wheel.WAV")
    said = {name: soundfile.read(folder / f"speech_{kind}.wav")[0] for kind, name in KINDS.items()}
    return speech_figure({"original": utterance.samples[1:], **said}, utterance.times, RATE, begin=1)


EXPERIMENT = Experiment(
    name="speech",
    question="Which network predicts speech sample by sample, and which can go on hearing nothing but itself?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"networks": ("diary", "simple RNN, noise"), "units": (3,), "seeds": 1, "epochs": 1, "seconds": 0.03},
)
