"""Koutník et al. 2014, section 3: how many times fewer products a Clockwork RNN takes than a simple RNN of its size, and time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import Cell, Options, compute
from experiments.markdown import markdown
from experiments.pictures import COLOURS, NAIVE, PUBLISHED, legend, panels
from experiments.statistics import quartiles
from experiments.store import Store

if TYPE_CHECKING:
    from models.plan import Plan

PASSES = {"update": "forward pass and update", "forward": "forward pass alone"}
BOUNDS = {  # factor → in words, and by what the groups are divided in the paper's bound
    "recurrent": ("recurrent products of the equations", 2),
    "equations": ("all products of the equations", 4),
    "computed": ("all products as computed", 4),
    **{name: (f"seconds of a {words}", 4) for name, words in PASSES.items()},
}
COLUMNS = ("units", "groups", "recurrent", "equations", "computed")
SECONDS = ("units", "groups", "pass", "round", "seconds")
MOST_GROUPS = 31  # whose longest period, 2³⁰, is still counted in 32 bits


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    units: tuple[int, ...] = (36, 144, 576, 2304)
    """Hidden units of the networks."""
    groups: tuple[int, ...] = tuple(range(2, 13))
    """Groups into which they are split, of equal size, or of nearly equal size where units do not divide."""
    steps: int = 512
    """Time steps."""
    batch: int = 16
    """Sequences in a batch."""
    timings: int = 5
    """Of each network; all networks of a size take turns."""
    workers: int = 1
    """Processes on this machine, of one core each; 0 is one for each core. With one, nothing else disturbs the times."""

    def check(self) -> None:
        super().check()
        fewest = min(self.units)
        for count in self.groups:
            if not 2 <= count <= min(fewest, MOST_GROUPS):
                raise ValueError(
                    f"`groups` must be from 2 to {MOST_GROUPS}, and at most the fewest units, here {fewest}. Received: {count}"
                )


def products(plan: "Plan", gates: int = 1, features: int = 1, outputs: int = 1) -> tuple[float, float]:
    """Return the multiply-adds a step of a whole network, hidden layer and output: by its equations, and as computed.

    The equations are the paper's: what a module hears is multiplied at its own ticks, whoever says it. The output is
    computed at every step.

    Args:
        plan: of the hidden layer, whose modules all see the input.
        gates: of its cells; 1 is a simple one.
        features, outputs: of the network.
    """
    modules, out = plan.modules, outputs * plan.modules.units
    seen = sum(size / period for size, period in zip(modules.sizes, modules.periods, strict=True))
    multiplied = sum(group.width / group.ticks.period for group in plan.groups)
    return gates * (modules.work + features * seen) + out, gates * (plan.work + features * multiplied) + out


def run(options: Flags, store: Store) -> None:
    from experiments.training import arithmetic

    groups = (1, *options.groups)  # one group of period 1 is a simple RNN
    store.write("arithmetic", _counts(options, groups), COLUMNS)
    shared = {"groups": groups, "steps": options.steps, "batch": options.batch, "timings": options.timings}
    cells = [Cell(f"{units}_units", {"units": units} | shared, len(groups)) for units in options.units]
    results = compute(arithmetic.time_networks, cells, store, options)
    rows = [
        dict(zip(SECONDS, (units, group, name, turn, seconds), strict=True))
        for units, result in zip(options.units, results, strict=True)
        for name in PASSES
        for group, times in zip(groups, result[name], strict=True)
        for turn, seconds in enumerate(times)
    ]
    store.write("arithmetic_seconds", rows, SECONDS)


def _counts(options: Flags, groups: tuple[int, ...]) -> Iterator[dict]:
    from models.clocks import make_modules
    from models.plan import make_plan

    for units in options.units:
        for count in groups:
            plan = make_plan(make_modules(units, [2**place for place in range(count)]), options.steps)
            yield dict(zip(COLUMNS, (units, count, plan.modules.work, *products(plan)), strict=True))


def factors(store: Store) -> dict[str, pd.DataFrame]:
    """Return how many times as much a simple RNN of the same size takes [groups, units].

    `recurrent` products of the equations, all products by the `equations` and as `computed`, and the seconds of an `update` and of a
    `forward` pass: (quartile, median, quartile) over the rounds, in each of which a network is compared with the simple RNN.
    """
    counts = store["arithmetic"].set_index(["units", "groups"])
    seconds = store["arithmetic_seconds"].pivot_table("seconds", ["units", "groups", "round"], "pass")
    found, ratios = (frame.xs(1, level="groups") / frame for frame in (counts, seconds))
    for name in PASSES:
        found[name] = ratios[name].groupby(["units", "groups"]).agg(lambda values: tuple(quartiles(values)))
    return {name: found[name].unstack("units").drop(1) for name in found}


def tables(store: Store) -> dict[str, str]:
    """Return each factor by groups and units, beside the paper's bound, and for how many numbers of groups that holds."""
    found, tables, held = factors(store), {}, []
    sizes = [f"{n} units" for n in found["equations"]]
    for name, (words, share) in BOUNDS.items():
        of = found[name]
        lines = [(g, f"{g / share:g}", *map(_words, row)) for g, row in zip(of.index, of.to_numpy(), strict=True)]
        if name in PASSES:
            lines.append(("simple RNN", "", *_simple(store, name)))
        tables[f"arithmetic-{name}"] = markdown(("groups", f"bound g/{share}", *sizes), lines)
        held.append((words, f"g/{share}", *_held(of, share)))
    tables["arithmetic-bound"] = markdown(("factor", "bound", *sizes), held)
    return tables


def answers(store: Store) -> list[Answer]:
    """Return at which sizes the paper's bound holds, in products and in seconds."""
    found, timed = factors(store), store["arithmetic_seconds"]
    words = {}
    for name in ("computed", "update"):
        holds = _holds(found[name], BOUNDS[name][1]).all()
        words[name] = ", ".join(map(str, holds.index[holds])) or "no"
    low, median, high = found["update"].iloc[-1, -1]
    said = f"Products: yes, with {words['computed']} units; seconds of an update: with {words['update']} units"
    units, groups = found["update"].columns[-1], found["update"].index[-1]
    effect = f"×{median:.3g} (quartiles {low:.3g}–{high:.3g}) the seconds with {units} units, {groups} groups"
    networks = len(timed[["units", "groups"]].drop_duplicates())
    return [Answer("Does it compute, and take, g/4 times less?", said, effect, networks)]


def _held(of: pd.DataFrame, share: int) -> list[str]:
    """Return for how many numbers of groups the bound `_holds`, for each number of units."""
    return [f"{count} of {len(of)}" for count in _holds(of, share).sum()]


def _holds(of: pd.DataFrame, share: int) -> pd.DataFrame:
    """Return whether a factor, or its median, is at least the bound [groups, units]."""
    medians = of.map(lambda factor: factor[1] if isinstance(factor, tuple) else factor)
    return medians.ge(of.index / share, axis=0)


def _words(factor: float | tuple[float, float, float]) -> str:
    return "{1:.2f} ({0:.2f}–{2:.2f})".format(*factor) if isinstance(factor, tuple) else f"{factor:.2f}"


def _simple(store: Store, name: str) -> list[str]:
    frame = store["arithmetic_seconds"]
    times = frame[(frame["pass"] == name) & (frame.groups == 1)].groupby("units").seconds.median()
    return [f"{1000 * seconds:.3g} ms" for seconds in times]


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the factors of products and of seconds over the number of groups, a column for each size."""
    found = factors(store)
    sizes = list(found["equations"])
    with panels(2, len(sizes), 9, 5.6, sharex=True, sharey=True) as (figure, axes):
        for row, (name, title) in zip(axes, PASSES.items(), strict=True):
            for axis, units in zip(row, sizes, strict=True):
                _draw(axis, {of: found[of][units] for of in found}, name)
                axis.set_title(f"{units} units", fontsize="medium")
            row[0].set_ylabel(f"simple RNN : Clockwork RNN,\n{title}")
        for axis in axes[-1]:
            axis.set_xlabel("groups")
        legend(figure, axes[0][0])
    return {"arithmetic": figure}


def _draw(axis: Axes, factor: dict[str, pd.Series], name: str) -> None:
    groups = factor[name].index.to_numpy()
    axis.plot(factor["computed"], color="0.6", linestyle=":", linewidth=2, label="products as computed")
    axis.plot(factor["equations"], color=PUBLISHED, linewidth=1.1, label="products of the equations")
    axis.plot(groups, groups / 4, label="the paper's bound, g/4", **NAIVE)
    low, median, high = np.array(factor[name].tolist()).T
    style = {"color": COLOURS["clockwork_rnn"], "fmt": "o-", "markersize": 3.5, "linewidth": 1.1, "capsize": 2}
    axis.errorbar(groups, median, [median - low, high - median], label="seconds, median and quartiles", **style)
    axis.axhline(1, color="0.8", linewidth=0.8)
    axis.set_xticks(groups[::2])
    axis.set_yscale("log", base=2)
    axis.yaxis.set_major_formatter("{x:g}")


EXPERIMENT = Experiment(
    name="arithmetic",
    question="Does a Clockwork RNN of g groups compute, and take, as much less than a simple RNN of its size as the paper says?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"units": (36,), "groups": (2, 4), "steps": 64, "timings": 2},
)
