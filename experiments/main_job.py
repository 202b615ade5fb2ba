"""The main job with five seeds: every model on the sine mixture and on the shipped music, as `main.py` trains it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import ROOT, Arrays, Options, compute
from experiments.markdown import markdown, mean, times
from experiments.pictures import NAMES, band, legend, panels
from experiments.statistics import ratio
from experiments.store import Store
from tasks.figures import signal_figure, states_figure

TARGETS = {"sine mixture": "sines", "music": str(ROOT / "data" / "music.flac")}
METHODS = ("clockwork_rnn", "lstm", "simple_rnn")
COLUMNS = ("target", "model", "parameters_with_periods", "seed", "mse", "nmse", "seconds", "compile_seconds")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    seeds: int = 5
    """Networks of each model for each target, with the seeds from 0 on."""
    epochs: int = 1000
    """Updates of each network."""
    workers: int = 1
    """Processes on this machine, of one core each; 0 is one for each core. With one, nothing else disturbs the times."""


def networks(options: Flags) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield (model, settings) of each network."""
    from main import recipe

    for method in METHODS:
        yield {"model": method}, recipe("generation", model=method, epochs=options.epochs)


def run(options: Flags, store: Store) -> None:
    from experiments.training import generation

    targets = [{name: next(iter(generation.load_targets([file]).values()))} for name, file in TARGETS.items()]
    made = [
        (target, key, cell)
        for target in targets
        for key, cell in generation.make_cells(networks(options), target, options.seeds, most=1)
    ]
    results = compute(generation.train_networks, [cell for *_, cell in made], store, options)
    rows, curves, network = [], [], None
    for (target, key, cell), result in zip(made, results, strict=True):
        rows += generation.make_rows(key, result, target)
        (name, wanted), (seed,) = *target.items(), key["seeds"]
        updates = generation.UPDATES_PER_POINT * np.arange(len(result["curve"]))
        said = {"target": name, "model": key["model"], "seed": seed}
        curves.append(pd.DataFrame(said | {"update": updates, "mse": result["curve"][:, 0, 0]}))
        if (name, key["model"], seed) == ("music", "clockwork_rnn", 0):
            network = first_network(result, wanted, cell.arguments["settings"])
    store.write("main_job", rows, COLUMNS)
    store.write("main_job_training", pd.concat(curves), curves[0].columns)
    store.write("main_job_network", network, network.columns)


def first_network(result: Arrays, target: Any, settings: Any) -> pd.DataFrame:
    """Return target, output and the state of every hidden unit of one network, step by step; units are named by period."""
    from models.clocks import make_modules

    modules = make_modules(settings.units, settings.periods)
    units = [
        f"period {period}, unit {place}"
        for period, own in zip(modules.periods, modules.slices, strict=True)
        for place in range(own.stop - own.start)
    ]
    times = 1000 * np.arange(len(target.values)) / target.rate
    network = pd.DataFrame({"ms": times, "target": target.values, "output": result["best"][0]})
    return network.join(pd.DataFrame(result["states"][0].round(4), columns=units))


def tables(store: Store) -> dict[str, str]:
    """Return mean and standard deviation of the MSE over seeds, and the median time."""
    lines = []
    for (target, model, parameters), cell in store["main_job"].groupby(list(COLUMNS[:3]), sort=False):
        lines.append((target, NAMES[model], parameters, mean(cell.mse, ".1e", ".0e"), f"{cell.seconds.median():.2f} s"))
    return {"main-job": markdown(("target", "network", "parameters", "MSE, mean ± std", "training"), lines)}


def answers(store: Store) -> list[Answer]:
    """Return how many times the error of the Clockwork RNN the next best has, for each target."""
    frame, found = store["main_job"], []
    for target, cell in frame.groupby("target", sort=False):
        mse = cell.groupby("model").mse.agg(np.array)
        best, second = sorted(mse.index, key=lambda model: np.median(mse[model]))[:2]
        effect = f"{NAMES[second]} : {NAMES[best]} {times(ratio(mse[second], mse[best]))}"
        said = f"MSE {np.median(mse[best]):.1e} with the {NAMES[best]}, the least of three"
        found.append(Answer(f"What does `python main.py` reach on the {target}?", said, effect, len(cell)))
    return found


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the first Clockwork RNN on music, its output and hidden states, and how all networks learn."""
    network = store["main_job_network"]
    rate = round(1000 * (len(network) - 1) / network.ms.iloc[-1])
    units = network.filter(like="unit")
    labels = [name.split(",")[0] for name in units]
    modules = [
        (label, slice(labels.index(label), labels.index(label) + labels.count(label)))
        for label in dict.fromkeys(labels)
    ]
    return {
        "main_job_signal": signal_figure(
            network.target.to_numpy(), network.output.to_numpy()[None], rate, "7 ms of music"
        ),
        "main_job_states": states_figure(units.to_numpy(), modules, rate),
        "main_job_training": training_figure(store["main_job_training"]),
    }


def training_figure(frame: pd.DataFrame) -> Figure:
    """Draw the MSE over the updates, median and range over seeds, one panel a target."""
    with panels(1, frame.target.nunique(), 7, 3, sharey=True) as (figure, (axes,)):
        for axis, (target, own) in zip(axes, frame.groupby("target", sort=False), strict=True):
            for method, cell in own.groupby("model", sort=False):
                curve = cell.groupby("update").mse.agg(low="min", median="median", high="max")
                band(axis, curve.index, curve, method)
            axis.set(title=target, xlabel="updates", xlim=(0, max(frame["update"].max(), 1)), yscale="log")
        axes[0].set_ylabel("MSE")
        legend(figure, axes[0])
    return figure


EXPERIMENT = Experiment(
    name="main-job",
    question="What does `python main.py` reach with each model, on the sine mixture and on music?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"seeds": 2, "epochs": 20},
)
