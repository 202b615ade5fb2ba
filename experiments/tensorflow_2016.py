"""The table of an earlier TensorFlow project, which had one run for each entry, over 100 runs, with curves, times and signals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.arithmetic import products
from experiments.experiment import Answer, Experiment
from experiments.grid import ROOT, Arrays, Cell, Options, compute
from experiments.markdown import ahead, markdown, mean, times
from experiments.pictures import COLOURS, NAMES, PUBLISHED, band, generated, legend, panels
from experiments.published import TENSORFLOW_2016_EPOCHS, TENSORFLOW_2016_MSE
from experiments.statistics import rank_p, ratio
from experiments.store import Store

SETTINGS = {"tensorflow-2016": "the setting of 2016", "modern": "the best setting known"}
SIZES = list(
    zip(*TENSORFLOW_2016_MSE.values(), strict=True)
)  # units of the Clockwork RNN and of the LSTM of as many parameters
TOGETHER = 100  # networks of one program, at most
ALONE = 5  # networks of each kind that are trained by themselves, for their times and signals
KIND = ("setting", "method", "units")
COLUMNS = ("setting", "target", "method", "parameters", "units", "seed", "mse", "diverged", "seconds")
ALONE_COLUMNS = (*COLUMNS, "equations", "computed")
CURVE = (*KIND, "update", "seconds", "low", "median", "high")
SIGNAL = (*KIND, "step", "wanted", "output")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    targets: tuple[str, ...] = (str(ROOT / "data" / "music.flac"),)
    """Sound files, of which the first 320 samples are generated; times and signals are of the first."""
    seeds: int = 100
    """Networks of each kind for each target, with the seeds from 0 on."""
    epochs: int = TENSORFLOW_2016_EPOCHS
    """Updates of each network."""
    workers: int = 1
    """Processes on this machine, of one core each; 0 is one for each core. With one, nothing else disturbs the times."""


def networks(options: Flags) -> Iterator[tuple[dict, Any]]:
    """Yield (setting and method, settings) of each network."""
    from main import recipe

    for setting in SETTINGS:
        for method, sizes in TENSORFLOW_2016_MSE.items():
            for units in sizes:
                settings = recipe("generation", recipe=setting, model=method, units=units, epochs=options.epochs)
                yield {"setting": setting, "method": method}, settings


def run(options: Flags, store: Store) -> None:
    from experiments.training import generation

    targets = generation.load_targets(options.targets)
    first = dict([next(iter(targets.items()))])
    together = list(generation.make_cells(networks(options), targets, options.seeds, most=TOGETHER))
    alone = list(generation.make_cells(networks(options), first, min(options.seeds, ALONE), most=1))
    _, cells = zip(*together, *alone, strict=True)
    results = compute(generation.train_networks, cells, store, options)
    done = [(key, result) for (key, _), result in zip(together, results, strict=False)]
    store.write("tensorflow_2016", (row for one in done for row in _rows(*one, targets)), COLUMNS)
    single = list(zip(alone, results[len(together) :], strict=True))
    rows = [row | _products(cell) for (key, cell), result in single for row in _rows(key, result, first)]
    store.write("tensorflow_2016_alone", rows, ALONE_COLUMNS)
    store.write("tensorflow_2016_curves", _curves(done, costs(store).alone, options.epochs), CURVE)
    drawn = [(key, result) for (key, _), result in single if key["seeds"] == (0,)]
    store.write("tensorflow_2016_signals", pd.concat(_signals(drawn, first)), SIGNAL)


def _rows(key: dict, result: Arrays, targets: dict) -> Iterator[dict]:
    from experiments.training import generation

    for row in generation.make_rows(key, result, targets):
        yield row | {"parameters": row["parameters_with_periods"]}


def _products(cell: Cell) -> dict[str, float]:
    """Return the products a step of a cell's networks, by their equations and as computed."""
    from models.plan import make_plan
    from tasks.sequence_generation import SequenceGeneration

    settings = cell.arguments["settings"]
    hidden = SequenceGeneration(settings).network.hidden
    plan = make_plan(hidden.modules, settings.length)
    return dict(zip(ALONE_COLUMNS[-2:], products(plan, hidden.cell.gates, int(settings.constant_input)), strict=True))


def _curves(done: Sequence[tuple[dict, Arrays]], alone: pd.Series, epochs: int) -> Iterator[dict]:
    """Yield quartiles of the loss, and the seconds until then of a median network trained alone."""
    from experiments.training import generation

    for point in generation.curves(done, KIND, epochs):
        seconds = alone[tuple(point[name] for name in KIND)]
        yield point | {"seconds": seconds * point["update"] / epochs}


def _signals(drawn: Sequence[tuple[dict, Arrays]], target: dict) -> Iterator[pd.DataFrame]:
    """Yield what each network generates, step by step."""
    (wanted,) = (one.values for one in target.values())
    for key, result in drawn:
        kind = {name: key[name] for name in KIND}
        yield pd.DataFrame(kind | {"step": range(len(wanted)), "wanted": wanted, "output": result["best"][0]})


def answers(store: Store) -> list[Answer]:
    """Return how much less the error of the largest Clockwork RNN is than the largest LSTM's in both settings, and its time."""
    frame, alone, found = store["tensorflow_2016"], store["tensorflow_2016_alone"], []
    for setting, said in SETTINGS.items():
        own, lstm = (rows.mse for rows in _largest(frame, setting))
        asked = f"Is the Clockwork RNN of 36 units ahead of the LSTM of 13, in {said}?"
        effect = f"MSE, LSTM : Clockwork RNN {times(ratio(lstm, own))}"
        found.append(Answer(asked, ahead(own, lstm, rank_p(own, lstm)), effect, int((frame.setting == setting).sum())))
    own, lstm = (rows.seconds for rows in _largest(alone, "tensorflow-2016"))
    asked = "Does it train faster, alone, in the setting of 2016?"
    effect = f"seconds, LSTM : Clockwork RNN {times(ratio(lstm, own))}"
    return [*found, Answer(asked, ahead(own, lstm, rank_p(own, lstm)), effect, len(own) + len(lstm))]


def _largest(frame: pd.DataFrame, setting: str) -> list[pd.DataFrame]:
    """Return the rows of the largest Clockwork RNN and of the largest LSTM in a setting."""
    largest = zip(TENSORFLOW_2016_MSE, SIZES[-1], strict=True)
    return [
        frame[(frame.setting == setting) & (frame.method == method) & (frame.units == units)]
        for method, units in largest
    ]


def tables(store: Store) -> dict[str, str]:
    """Return the MSE over all networks that did not diverge, beside the single run; and products and times."""
    return {"tensorflow-2016": _errors(store["tensorflow_2016"]), "tensorflow-2016-times": _times(store)}


def _errors(frame: pd.DataFrame) -> str:
    lines = []
    for (setting, target, method, units), cell in frame.groupby(["setting", "target", "method", "units"], sort=False):
        done = cell[cell.diverged == 0]
        lost = f"{len(cell) - len(done)} of {len(cell)}"
        single = f"{TENSORFLOW_2016_MSE[method][units]:.2g}" if setting == "tensorflow-2016" else ""
        own = (SETTINGS[setting], target, NAMES[method], units, cell.parameters.iloc[0])
        lines.append((*own, mean(done.mse), lost, single))
    head = ("setting", "target", "network", "units", "parameters")
    return markdown((*head, "MSE, mean ± std", "diverged", "single run of 2016, other music"), lines)


def costs(store: Store) -> pd.DataFrame:
    """Return products a step, by their equations and as computed, and seconds of training, of each kind of network.

    `alone` is the median of networks trained by themselves, `together` the share of one among all seeds in one program.
    """
    alone = store["tensorflow_2016_alone"].groupby(list(KIND), sort=False)
    shares = store["tensorflow_2016"].groupby(list(KIND), sort=False).seconds.median()
    return alone[["equations", "computed"]].first().assign(alone=alone.seconds.median(), together=shares)


def ratios(store: Store) -> pd.DataFrame:
    """Return how many times as much an LSTM takes as the Clockwork RNN of about as many parameters, by setting and their units."""
    found = costs(store)
    pairs = [(setting, *units) for setting in SETTINGS for units in SIZES]
    of_pairs = {
        pair: found.loc[pair[0], "lstm", pair[2]] / found.loc[pair[0], "clockwork_rnn", pair[1]] for pair in pairs
    }
    return pd.DataFrame(of_pairs).T


def _times(store: Store) -> str:
    """Return products and times as a table, and what they come to for the largest networks."""
    together = min(TOGETHER, store["tensorflow_2016"].value_counts(list(KIND)).max())
    lines = [
        (SETTINGS[setting], NAMES[method], units, f"{own.equations:.0f}", f"{own.computed:.0f}", *_seconds(own))
        for (setting, method, units), own in costs(store).iterrows()
    ]
    head = ("setting", "network", "units", "products a step", "as computed", "training alone")
    factor, (units, rival) = ratios(store).loc["tensorflow-2016", *SIZES[-1]], SIZES[-1]
    said = (
        f"In the setting of 2016 the LSTM of {rival} units takes {factor.equations:.1f} times the products of the Clockwork RNN of "
        f"{units} by their equations, {factor.computed:.1f} times as computed, and {factor.alone:.1f} times its time trained alone, "
        f"{factor.together:.1f} times as one of {together}."
    )
    return f"{markdown((*head, f'one of {together} in one program'), lines)}\n\n{said}"


def _seconds(own: pd.Series) -> tuple[str, str]:
    return f"{own.alone:.2g} s", f"{own.together:.2g} s"


def pictures(store: Store) -> dict[str, Figure]:
    curves, signals = store["tensorflow_2016_curves"], store["tensorflow_2016_signals"]
    return {"tensorflow_2016_curves": curves_figure(curves), "tensorflow_2016_signals": signals_figure(signals)}


def curves_figure(frame: pd.DataFrame) -> Figure:
    """Draw the loss by update and by time, median and quartiles, a column for networks of about as many parameters."""
    rows = [(setting, x) for setting in SETTINGS for x in ("update", "seconds")]
    with panels(len(rows), len(SIZES), 9, 8.5, sharey=True) as (figure, axes):
        for row, (setting, x) in zip(axes, rows, strict=True):
            for axis, sizes in zip(row, SIZES, strict=True):
                for method, units in zip(TENSORFLOW_2016_MSE, sizes, strict=True):
                    kind = (frame.setting == setting) & (frame.method == method) & (frame.units == units)
                    band(axis, frame[kind][x], frame[kind], method)
                    if (setting, x) == ("tensorflow-2016", "update"):
                        _published(axis, method, units)
                axis.set(xlim=(0, None), xlabel="epochs" if x == "update" else "training, alone on one core (s)")
            row[0].set(ylabel=f"{SETTINGS[setting]}\nloss (MSE)", yscale="log")
        for axis, (units, rival) in zip(axes[0], SIZES, strict=True):
            axis.set_title(f"Clockwork RNN of {units}, LSTM of {rival}", fontsize="medium")
        legend(figure, axes[0][0])
    return figure


def _published(axis: Axes, method: str, units: int) -> None:
    style = {"color": COLOURS[method], "markeredgecolor": PUBLISHED, "markersize": 5, "clip_on": False, "zorder": 3}
    label = "single run of 2016, other music" if method == "lstm" else None
    axis.plot([TENSORFLOW_2016_EPOCHS], [TENSORFLOW_2016_MSE[method][units]], "D", label=label, **style)


def signals_figure(frame: pd.DataFrame) -> Figure:
    """Draw what the network of seed 0 generates over its target, a row for each network, a column for each setting."""
    kinds = [(method, units) for method, sizes in TENSORFLOW_2016_MSE.items() for units in sizes]
    with panels(len(kinds), len(SETTINGS), 7, 8.5, sharex=True, sharey=True) as (figure, axes):
        for row, (method, units) in zip(axes, kinds, strict=True):
            for axis, setting in zip(row, SETTINGS, strict=True):
                own = frame[(frame.setting == setting) & (frame.method == method) & (frame.units == units)]
                generated(axis, own.wanted, own.output, method)
                axis.set_title(f"MSE {((own.output - own.wanted) ** 2).mean():.2g}", fontsize=8, loc="right", pad=2)
            row[0].set_ylabel(f"{NAMES[method]},\n{units} units")
        for axis, setting in zip(axes[0], SETTINGS, strict=True):
            axis.set_title(SETTINGS[setting], fontsize=9, loc="left", pad=2)
        for axis in axes[-1]:
            axis.set_xlabel("time step")
        legend(figure, axes[0][0], axes[-1][0])
    return figure


EXPERIMENT = Experiment(
    name="tensorflow-2016",
    question="Does the table of an earlier TensorFlow project hold over 100 seeds?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"seeds": 1, "epochs": 20},
)
