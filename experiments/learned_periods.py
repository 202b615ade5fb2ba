"""Periods by gradient: Gaussians over log periods from a bad and a good start, or emitted by the network itself at each step.

Compared with periods found by random search at equal cost, with evolved ones, and with exponential ones given by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.evolution import EXPERIMENT as OF_EVOLUTION
from experiments.evolution import periods_panel
from experiments.experiment import RESULTS, Answer, Experiment
from experiments.grid import Arrays, Cell, Options, compute
from experiments.markdown import markdown, middle, times
from experiments.pictures import COLOURS, panels, points
from experiments.statistics import SIGNIFICANT, holm, ratio, sign_p
from experiments.store import Store

STARTS = ("bad", "good")
# By whether a term of the loss keeps modules apart.
FILES = {True: "learned_periods", False: "learned_periods_apart_0"}
LOSSES = {True: "kept apart", False: "error alone"}
PIECE = 20  # updates from one width to the next
ROW = ("seed", "start", "cycles", "periods", "soft", "snapped", "fine_tuned", "all_7", "exponential", "ratio")
SET = ("seed", "set", "periods", "mse", "chosen")
BASE, LEARNED, SEARCHED, EVOLVED = "exponential", "learned, bad start", "random search", "evolution"
FIRING = ("soft", "hard")  # by chance, or where the rounded period divides the step
# Method → its colour, in the order of the tables; those that emit their periods say how modules fire.
METHODS = {
    BASE: "0.35",
    LEARNED: COLOURS["clockwork_rnn"],
    "learned, good start": COLOURS["clockwork_rnn"],
    SEARCHED: COLOURS["gru"],
    EVOLVED: COLOURS["lstm"],
}
METHODS |= {f"emitted, {start} start, {firing}": COLOURS["clockwork_lstm"] for start in STARTS for firing in FIRING}
ASKED = {SEARCHED: "of a random search as costly as their training", EVOLVED: "by evolution"}
ASKED["emitted, bad start, soft"] = "that the network emits itself at each step"
EXTREMES = ("smallest", "median", "largest")
METHOD = ("method", "seed", "parameters", "updates", "seconds", "mse", "exponential", "ratio")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How periods are learned; the rest is as in the modern recipe."""

    annealing: int = 300
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
    emitted_width: float = 0.0005
    """Width from the end of the annealing on where the network emits its periods, before it changes that itself."""
    emitted_rate: float = 0.0001
    """What the learning rate of the weights is multiplied by for those that emit periods."""
    sets: int = 10
    """Random sets of periods that are tried for each target."""
    share: int = 150
    """Updates by which each of them is judged; the best has those that are left."""

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
        if not 0 < self.emitted_width <= self.wide:
            raise ValueError(
                f"`emitted_width` must be above 0 and at most `wide`, {self.wide}. Received: {self.emitted_width}"
            )
        if not self.emitted_rate > 0:
            raise ValueError(f"`emitted_rate` must be above 0. Received: {self.emitted_rate}")
        total = self.updates + self.fine_tuning
        if self.sets * self.share >= total:
            raise ValueError(
                f"`share` must leave some of {total} updates after {self.sets} sets. Received: {self.share}"
            )


def run(options: Flags, store: Store) -> None:
    from experiments.training import learned_periods as training
    from main import recipe

    schedule = Schedule(**{field.name: getattr(options, field.name) for field in fields(Schedule)})
    settings = recipe("generation")
    cells = _cells(options, schedule, settings)
    results = dict(zip(cells, compute(training.part, list(cells.values()), store, options), strict=True))
    means = []
    for apart in (options.apart, 0.0):
        learned = results[f"learned-{apart:g}"]
        rows = [
            _row(seed, place, learned, results["fixed"], settings.length)
            for seed in range(options.seeds)
            for place in range(len(STARTS))
        ]
        store.write(FILES[apart > 0], rows, ROW)
        means += _means(learned, options.seeds, apart)
    store.write("learned_periods_means", pd.DataFrame(means), means[0].keys())
    emitted = _emitted_periods(results["emitted"], options.seeds)
    store.write("learned_periods_emitted", emitted, emitted.columns)
    store.write("learned_periods_search", _sets(results["search"]), SET)
    store.write("learned_periods_methods", _methods(results, f"learned-{options.apart:g}", options), METHOD)


def _cells(options: Flags, schedule: Schedule, settings: Any) -> dict[str, Cell]:
    """Return name → cell, the longest first."""
    from experiments.training.learned_periods import emitting

    both, shared = 2 * options.seeds, {"settings": settings, "schedule": schedule}
    every = shared | {"seeds": options.seeds}
    searched = every | {"sets": options.sets, "share": options.share}
    evolved = evolved_periods(options.seeds)
    given = shared | {"seeds": tuple(evolved), "periods": tuple(evolved.values())}
    emitted = every | {"settings": emitting(settings), "schedule": replace(schedule, narrow=options.emitted_width)}
    emitted |= {"share": options.emitted_rate}
    cells = [Cell("emitted", {"name": "emitted"} | emitted, both)]
    for own in (schedule, replace(schedule, apart=0.0)):
        cells.append(Cell(f"learned-{own.apart:g}", {"name": "learned"} | every | {"schedule": own}, both))
    cells.append(Cell("fixed", {"name": "fixed"} | every, both))
    cells.append(Cell("search", {"name": "search"} | searched, (1 + options.sets) * options.seeds))
    cells.append(Cell("evolved", {"name": "given"} | given, len(evolved)))
    return {cell.name: cell for cell in cells}


def evolved_periods(seeds: int) -> dict[int, tuple[int, ...]]:
    """Return seed → the periods that evolution found for its target, from the committed results."""
    frame = Store(RESULTS)["evolution"].set_index("seed").periods
    return {seed: tuple(map(int, frame[seed].split())) for seed in frame.index if seed < seeds}


def _row(seed: int, place: int, learned: Arrays, compared: Arrays, length: int) -> dict[str, object]:
    from experiments.training.evolution import target

    replica = place * len(compared["exponential"]) + seed
    row = {"seed": seed, "start": STARTS[place]}
    row |= {"cycles": " ".join(f"{cycle:.1f}" for cycle in target(seed, length)[1])}
    row |= {"periods": " ".join(map(str, learned["periods"][replica]))}
    errors = {name: learned[name][replica] for name in ("soft", "snapped", "fine_tuned")}
    row |= {name: float(np.nan_to_num(error, nan=np.inf, posinf=np.inf)) for name, error in errors.items()}
    row |= {name: float(compared[name][seed]) for name in ("all_7", "exponential")}
    return row | {"ratio": row["fine_tuned"] / row["exponential"]}


def _means(learned: Arrays, seeds: int, apart: float) -> Iterator[dict[str, object]]:
    """Yield the mean periods of the first seed's networks over the updates."""
    for place, start in enumerate(STARTS):
        for update, periods in zip(learned["updates"], learned["means"][:, place * seeds], strict=True):
            said = {"apart": apart, "seed": 0, "start": start, "update": int(update)}
            yield said | {f"mean_{number}": period for number, period in enumerate(periods, start=1)}


def _methods(results: Mapping[str, Arrays], learned: str, options: Flags) -> pd.DataFrame:
    """Return a row for each method and seed, with the parameters, the cost of a target, and the MSE."""
    total = options.updates + options.fine_tuning
    search = OF_EVOLUTION.options.generations * OF_EVOLUTION.options.candidates * OF_EVOLUTION.options.updates
    parts = {BASE: ("fixed", "exponential"), SEARCHED: ("search", "mse"), EVOLVED: ("evolved", "mse")}
    found = {method: (results[cell], results[cell][error]) for method, (cell, error) in parts.items()}
    for place, start in enumerate(STARTS):
        own = slice(place * options.seeds, (place + 1) * options.seeds)
        found[f"learned, {start} start"] = results[learned], results[learned]["fine_tuned"][own]
        for firing in FIRING:
            found[f"emitted, {start} start, {firing}"] = results["emitted"], results["emitted"][firing][own]
    rows = [
        {"method": method, "seed": seed, "parameters": int(found[method][0]["parameters"])}
        | {"updates": total + search * (method == EVOLVED), "seconds": float(found[method][0]["seconds"])}
        | {
            "mse": float(np.nan_to_num(error, nan=np.inf, posinf=np.inf)),
            "exponential": float(results["fixed"]["exponential"][seed]),
        }
        for method in METHODS
        for seed, error in enumerate(found[method][1])
    ]
    return pd.DataFrame(rows).eval("ratio = mse / exponential")


def _sets(searched: Arrays) -> Iterator[dict[str, object]]:
    """Yield the random sets of periods of every seed, and by what they were judged."""
    for seed, sets in enumerate(searched["periods"]):
        for place, periods in enumerate(sets):
            said = {"seed": seed, "set": place, "periods": " ".join(map(str, periods))}
            yield said | {"mse": float(searched["judged"][seed, place]), "chosen": place == searched["best"][seed]}


def _emitted_periods(emitted: Arrays, seeds: int) -> pd.DataFrame:
    """Return the smallest, median and largest period that the first seed's networks emit, over the updates."""
    of = {"start": STARTS, "update": emitted["updates"].tolist(), "of_steps": EXTREMES}
    index = pd.MultiIndex.from_product(of.values(), names=of)
    periods = emitted["periods"][:, :, ::seeds].transpose(2, 0, 1, 3)  # [start, K, 3, g]
    columns = [f"period_{number}" for number in range(1, periods.shape[-1] + 1)]
    return pd.DataFrame(periods.reshape(-1, len(columns)), index, columns).reset_index()


def tables(store: Store) -> dict[str, str]:
    head = ("seed", "start", "steps a cycle of the sines", "periods found", "MSE, before snapping", "right after")
    head += ("fine-tuned", "MSE, all 7", "MSE, 1, 2, 4, … 256", "learned : exponential")
    frame = store["learned_periods"][list(ROW)]
    lines = [(*row[:4], *(f"{value:.2g}" for value in row[4:])) for row in frame.itertuples(index=False)]
    short = ("loss", "start", "learned : exponential, median (range)", "at most twice as high", "p of the sign test")
    short += ("at most twice the error before snapping",)
    methods = ("method", "parameters", "updates a target", "seconds", "MSE", "over exponential periods", "p")
    methods += ("over learned ones, bad start", "p", "diverged")
    return {
        "learned-periods": markdown(head, lines),
        "learned-periods-ratios": markdown(short, _ratios(store)),
        "learned-periods-methods": markdown(methods, _method_lines(store)),
    }


def comparisons(store: Store) -> pd.DataFrame:
    """Return a row for each method and each `other` that it is compared with: the ratios of the errors by seed, and p of
    the two-sided sign test over the seeds, adjusted for all rows."""
    errors = store["learned_periods_methods"].pivot(index="seed", columns="method", values="mse")
    pairs = [(method, BASE) for method in METHODS if method != BASE]
    pairs += [(method, LEARNED) for method in METHODS if method not in (BASE, LEARNED)]
    ratios = [(errors[method] / errors[other]).dropna() for method, other in pairs]
    p = holm([sign_p((own < 1).sum(), (own >= 1).sum()) for own in ratios])
    return pd.DataFrame(pairs, columns=["method", "other"]).assign(ratios=ratios, p=p)


def _method_lines(store: Store) -> Iterator[Sequence[str]]:
    found = comparisons(store).set_index(["method", "other"])
    for method, own in store["learned_periods_methods"].groupby("method", sort=False):
        first = own.iloc[0]
        line = [method, first.parameters, f"{first.updates:,}", f"{first.seconds:.2g}", middle(own.mse)]
        for other in (BASE, LEARNED):
            row = found.loc[(method, other)] if (method, other) in found.index else None
            line += ["", ""] if row is None or row.ratios.empty else [f"×{middle(row.ratios)}", f"{row.p:.2g}"]
        yield [*line, f"{np.isinf(own.mse).sum()} of {len(own)}"]


def answers(store: Store) -> list[Answer]:
    """Return in how many seeds learned periods have at most twice the error of exponential ones, for each start."""
    found = []
    for start, own in store["learned_periods"].groupby("start", sort=False):
        said = f"At most twice the error of exponential ones in {(own.ratio <= 2).sum()} of {len(own)} seeds"
        effect = f"learned : exponential {times(ratio(own.fine_tuned, own.exponential))}"
        found.append(Answer(f"Can periods be learned by gradient, from a {start} start?", said, effect, len(own)))
    rows, compared = store["learned_periods_methods"], comparisons(store).set_index(["method", "other"])
    for method, what in ASKED.items():
        own, against = rows[rows.method == method], compared.loc[(method, BASE)]
        order = "better" if against.ratios.median() < 1 else "worse"
        said = order.capitalize() if against.p <= SIGNIFICANT else "Not shown"
        effect = f"over exponential ones {times(ratio(own.mse, own.exponential))}"
        found.append(Answer(f"Are periods {what} better than exponential ones?", said, effect, len(own)))
    return found


def _ratios(store: Store) -> Iterator[Sequence[str]]:
    for apart, file in FILES.items():
        for start, own in store[file].groupby("start", sort=False):
            low, median, high = own.ratio.min(), own.ratio.median(), own.ratio.max()
            p = sign_p((own.ratio < 1).sum(), (own.ratio >= 1).sum())
            within, kept = (own.ratio <= 2).sum(), (own.fine_tuned <= 2 * own.soft).sum()
            yield (
                *(LOSSES[apart], start, f"{median:.2g} ({low:.2g}–{high:.2g})"),
                *(f"{within} of {len(own)}", f"{p:.2g}", f"{kept} of {len(own)}"),
            )


def pictures(store: Store) -> dict[str, Figure]:
    """Draw how periods move in one network, learned or emitted, which are found from the bad start, and what all are worth."""
    means, frame, emitted = (store[f"learned_periods{name}"] for name in ("_means", "", "_emitted"))
    cycles = np.array(frame[frame.seed == means.seed.iloc[0]].cycles.iloc[0].split(), float)
    with panels(3, 2, 8.5, 10) as (figure, (learned, says, (found, worth))):
        for axis, start in zip(learned, STARTS, strict=True):
            moving_panel(axis, means[(means.apart > 0) & (means.start == start)], cycles)
            axis.set_title(f"seed 0, learned from the {start} start")
        for axis, start in zip(says, STARTS, strict=True):
            emitted_panel(axis, emitted[emitted.start == start], cycles)
            axis.set_title(f"seed 0, emitted from the {start} start")
        periods_panel(found, frame[frame.start == "bad"].reset_index())
        found.set_title("periods learned from the bad start")
        ratios_panel(worth, store)
    return {"learned_periods": figure}


def moving_panel(axis: Axes, means: pd.DataFrame, cycles: np.ndarray) -> None:
    """Draw the mean period of each module over the updates, on a log scale because hardly anything moves later."""
    periods = means.filter(like="mean_")
    for colour, name in zip(_colours(periods), periods, strict=True):
        axis.plot(means["update"] + PIECE, means[name], color=colour, linewidth=1.2)
    _annotate(axis, cycles)


def emitted_panel(axis: Axes, emitted: pd.DataFrame, cycles: np.ndarray) -> None:
    """Draw the mean periods that each module emits over the updates: their median over the steps, and their range."""
    low, median, high = (emitted[emitted.of_steps == name].set_index("update") for name in EXTREMES)
    periods = median.filter(like="period_")
    for colour, name in zip(_colours(periods), periods, strict=True):
        axis.plot(median.index + PIECE, median[name], color=colour, linewidth=1.2)
        axis.fill_between(median.index + PIECE, low[name], high[name], color=colour, alpha=0.15, linewidth=0)
    _annotate(axis, cycles)


def _colours(periods: pd.DataFrame) -> Sequence[tuple]:
    return seaborn.color_palette("viridis", periods.shape[1])


def _annotate(axis: Axes, cycles: np.ndarray) -> None:
    """Draw the sines, and set the scales."""
    for place, wave in enumerate(cycles):
        label = None if place else "sines: steps a cycle"
        axis.axhline(wave, color="black", linewidth=0.9, linestyle=":", label=label)
    axis.set(xscale="log", yscale="log", xlabel=f"update + {PIECE}", ylabel="mean period of a module (steps)")
    axis.set_ylim(0.2, 5000)
    axis.set_yticks([1, 4, 16, 64, 256], [1, 4, 16, 64, 256])
    axis.set_yticks([], minor=True)
    axis.legend(loc="upper left", fontsize="small")


def ratios_panel(axis: Axes, store: Store) -> None:
    """Draw the error of each network over that of exponential periods, a row a method."""
    frame, alone = store["learned_periods_methods"], store[FILES[False]]
    rows = [(method, METHODS[method], own.ratio) for method, own in frame.groupby("method", sort=False)][1:]
    colour = METHODS[LEARNED]
    rows[2:2] = [(f"{start} start, {LOSSES[False]}", colour, alone.ratio[alone.start == start]) for start in STARTS]
    for place, (name, colour, ratios) in enumerate(rows):
        points(axis, ratios, place, colour, name)
    axis.axvline(1, color="0.3", linewidth=0.9, linestyle="--")
    axis.set(xscale="log", ylim=(len(rows) - 0.5, -0.5), xlabel="MSE over that of exponential periods")
    axis.set_title("what they are worth (bars: median)")
    axis.set_yticks(range(len(rows)), [name for name, *_ in rows], fontsize="small")


EXPERIMENT = Experiment(
    name="learned-periods",
    question="Can periods be learned by gradient, from a bad and from a good start?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"seeds": 1, "annealing": 20, "updates": 40, "fine_tuning": 2, "sets": 2, "share": 10},
)
