"""Periods by gradient: Gaussians over log periods from a bad and a good start, against exponential periods given by hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from experiments.evolution import periods_panel
from experiments.experiment import Answer, Experiment
from experiments.grid import Arrays, Cell, Options, compute
from experiments.markdown import markdown, times
from experiments.pictures import COLOURS, panels
from experiments.statistics import ratio
from experiments.store import Store

STARTS = ("bad", "good")
# By whether a term of the loss keeps modules apart.
FILES = {True: "learned_periods", False: "learned_periods_apart_0"}
LOSSES = {True: "kept apart", False: "error alone"}
ANNEALED = 300  # updates in which the width falls
PIECE = 20  # updates from one width to the next
ROW = ("seed", "start", "cycles", "periods", "soft", "snapped", "fine_tuned", "all_7", "exponential", "ratio")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How periods are learned; the rest is as in the modern recipe."""

    annealing: int = ANNEALED
    """Updates in which the width falls, evenly on a log scale, and the learning rate of the weights rises evenly from 0."""
    updates: int = 2700
    """Updates before snapping, with those of the annealing."""
    fine_tuning: int = 300
    """Updates after snapping."""
    wide: float = 1.5
    """Width at the start, in units of log periods."""
    narrow: float = 0.0005
    """Width from the end of the annealing on."""
    periods_rate: float = 0.02
    """Learning rate of the log periods."""
    fine_rate: float = 0.001
    """What the learning rate of the recipe is multiplied by after snapping."""
    apart: float = 1.0
    """Weight of what keeps modules apart in the loss."""
    undecided: float = 1.0
    """Weight of each module's own entropy in what keeps them apart, once the width is narrow."""


@dataclass(frozen=True, kw_only=True)
class Flags(Schedule, Options):
    seeds: int = 10
    """Targets, with the seeds from 0 on."""

    def check(self) -> None:
        super().check()
        if self.updates % PIECE:
            raise ValueError(f"`updates` must be a multiple of {PIECE}. Received: {self.updates}")
        if self.updates <= self.annealing:
            raise ValueError(f"`updates` must be above `annealing`, {self.annealing}. Received: {self.updates}")
        if not self.apart > 0:
            raise ValueError(f"`apart` must be above 0; 0 is tried besides. Received: {self.apart}")
        if not 0 < self.narrow <= self.wide:
            raise ValueError(f"`narrow` must be above 0 and at most `wide`, {self.wide}. Received: {self.narrow}")


def run(options: Flags, store: Store) -> None:
    from experiments.training import learned_periods as training
    from main import recipe

    schedule = Schedule(**{field.name: getattr(options, field.name) for field in fields(Schedule)})
    schedules = {options.apart: schedule, 0.0: replace(schedule, apart=0.0)}
    settings = recipe("generation")
    arguments = {"settings": settings, "schedule": schedule, "seeds": options.seeds}
    cells = [Cell("fixed", {"name": "fixed"} | arguments, 2 * options.seeds)]
    for apart, own in schedules.items():
        cells.append(Cell(f"learned-{apart:g}", {"name": "learned"} | arguments | {"schedule": own}, 2 * options.seeds))
    compared, *learned = compute(training.part, cells, store, options)
    means = []
    for apart, result in zip(schedules, learned, strict=True):
        rows = [
            _row(seed, place, result, compared, settings.length)
            for seed in range(options.seeds)
            for place in range(len(STARTS))
        ]
        store.write(FILES[apart > 0], rows, ROW)
        means += _means(result, options.seeds, apart)
    store.write("learned_periods_means", pd.DataFrame(means), means[0].keys())


def _row(seed: int, place: int, learned: Arrays, compared: Arrays, length: int) -> dict[str, object]:
    from experiments.training.evolution import target

    replica = place * len(compared["exponential"]) + seed
    row = {"seed": seed, "start": STARTS[place]}
    row |= {"cycles": " ".join(f"{cycle:.1f}" for cycle in target(seed, length)[1])}
    row |= {"periods": " ".join(map(str, learned["periods"][replica]))}
    row |= {name: float(learned[name][replica]) for name in ("soft", "snapped", "fine_tuned")}
    row |= {name: float(compared[name][seed]) for name in ("all_7", "exponential")}
    return row | {"ratio": row["fine_tuned"] / row["exponential"]}


def _means(learned: Arrays, seeds: int, apart: float) -> Iterator[dict[str, object]]:
    """Yield the mean periods of the first seed's networks over the updates."""
    for place, start in enumerate(STARTS):
        for update, periods in zip(learned["updates"], learned["means"][:, place * seeds], strict=True):
            said = {"apart": apart, "seed": 0, "start": start, "update": int(update)}
            yield said | {f"mean_{number}": period for number, period in enumerate(periods, start=1)}


def tables(store: Store) -> dict[str, str]:
    head = ("seed", "start", "steps a cycle of the sines", "periods found", "MSE, before snapping", "right after")
    head += ("fine-tuned", "MSE, all 7", "MSE, 1, 2, 4, … 256", "learned : exponential")
    frame = store["learned_periods"][list(ROW)]
    lines = [(*row[:4], *(f"{value:.2g}" for value in row[4:])) for row in frame.itertuples(index=False)]
    short = ("loss", "start", "learned : exponential, median (range)", "within a factor of 2", "p of the sign test")
    short += ("at most twice the error before snapping",)
    return {"learned-periods": markdown(head, lines), "learned-periods-ratios": markdown(short, _ratios(store))}


def answers(store: Store) -> list[Answer]:
    """Return in how many seeds learned periods come within a factor of 2 of exponential ones, for each start."""
    found = []
    for start, own in store["learned_periods"].groupby("start", sort=False):
        said = f"Within a factor of 2 of exponential ones in {(own.ratio <= 2).sum()} of {len(own)} seeds"
        effect = f"learned : exponential {times(ratio(own.fine_tuned, own.exponential))}"
        found.append(Answer(f"Can periods be learned by gradient, from a {start} start?", said, effect, len(own)))
    return found


def _ratios(store: Store) -> Iterator[Sequence[str]]:
    for apart, file in FILES.items():
        for start, own in store[file].groupby("start", sort=False):
            low, median, high = own.ratio.min(), own.ratio.median(), own.ratio.max()
            p = stats.binomtest(int((own.ratio < 1).sum()), len(own)).pvalue
            within, kept = (own.ratio <= 2).sum(), (own.fine_tuned <= 2 * own.soft).sum()
            yield (
                *(LOSSES[apart], start, f"{median:.2g} ({low:.2g}–{high:.2g})"),
                *(f"{within} of {len(own)}", f"{p:.2g}", f"{kept} of {len(own)}"),
            )


def pictures(store: Store) -> dict[str, Figure]:
    """Draw how periods move in one network, which are found from the bad start, and what all are worth."""
    means, frame = store["learned_periods_means"], store["learned_periods"]
    with panels(2, 2, 8, 6.6) as (figure, ((bad, good), (found, worth))):
        for axis, start in ((bad, "bad"), (good, "good")):
            own = means[(means.apart > 0) & (means.start == start)]
            cycles = frame[(frame.seed == own.seed.iloc[0]) & (frame.start == start)].cycles.iloc[0]
            moving_panel(axis, own, np.array(cycles.split(), float))
            axis.set_title(f"seed 0 from the {start} start")
        periods_panel(found, frame[frame.start == "bad"].reset_index())
        found.set_title("periods found from the bad start")
        ratios_panel(worth, store)
    return {"learned_periods": figure}


def moving_panel(axis: Axes, means: pd.DataFrame, cycles: np.ndarray) -> None:
    """Draw the mean period of each module over the updates, on a log scale because hardly anything moves later."""
    for place, wave in enumerate(cycles):
        label = None if place else "sines: steps a cycle"
        axis.axhline(wave, color="black", linewidth=0.9, linestyle=":", label=label)
    periods = means.filter(like="mean_")
    colours = seaborn.color_palette("viridis", periods.shape[1])
    for colour, name in zip(colours, periods, strict=True):
        axis.plot(means["update"] + PIECE, means[name], color=colour, linewidth=1.2)
    axis.axvline(ANNEALED + PIECE, color="0.6", linewidth=0.8, linestyle="--", label="Gaussians narrow from here")
    axis.set(xscale="log", yscale="log", xlabel=f"update + {PIECE}", ylabel="mean period of a module (steps)")
    axis.set_ylim(0.2, 5000)
    axis.set_yticks([1, 4, 16, 64, 256], [1, 4, 16, 64, 256])
    axis.set_yticks([], minor=True)
    axis.legend(loc="upper left", fontsize="small")


def ratios_panel(axis: Axes, store: Store) -> None:
    """Draw the error of each network with learned periods over that of exponential ones."""
    labels = []
    for apart, file in FILES.items():
        for start, own in store[file].groupby("start", sort=False):
            place = len(labels)
            axis.plot([place] * len(own), own.ratio, "o", color=COLOURS["clockwork_rnn"], alpha=0.5, markersize=4)
            axis.plot(place, own.ratio.median(), "_", color="black", markersize=26, markeredgewidth=2.2)
            labels.append(f"{start} start,\n{LOSSES[apart]}")
    axis.axhline(1, color="0.3", linewidth=0.9, linestyle="--")
    axis.set(yscale="log", xlim=(-0.6, len(labels) - 0.4), ylabel="MSE, learned : exponential periods")
    axis.set_title("what they are worth (black: median)")
    axis.set_xticks(range(len(labels)), labels, fontsize="small")


EXPERIMENT = Experiment(
    name="learned-periods",
    question="Can periods be learned by gradient, from a bad and from a good start?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"seeds": 1, "annealing": 20, "updates": 40, "fine_tuning": 2},
)
