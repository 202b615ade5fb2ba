"""The argument for full duplex: whether slow modules know that a mark is open which fast ones saw, by wiring and distance."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment
from experiments.grid import Arrays, Options, compute
from experiments.markdown import markdown, middle, p_value
from experiments.open_marks import BINS, BINS_OF, MARKS, best_of_ticks
from experiments.pictures import NAIVE, legend, panels
from experiments.statistics import SIGNIFICANT, holm, quartiles, rank_p, sign_flip_p
from experiments.store import Store

PAPER = "slow to fast"
WIRINGS = (PAPER, "full", "symmetric clock", "input to the fastest only", "full, input to the fastest only")
TICKED = (PAPER, "symmetric clock")  # whose modules know of the text what they see at their own ticks
PROBED = ("trained", "initial", "shuffled")
ALL = "all"
CHANCE = 0.5
NAMES = [f"{low}–{high}" for low, high in BINS]
FAR = NAMES[-2:]
SHOWN = NAMES[1], *NAMES[3:]  # in the table
KEYS = ["marks", "wiring", "probed", "period"]
COLUMNS = (*KEYS, "seed", *NAMES)
OF_NETWORKS = ("wiring", "units", "parameters", "seed", "bits_per_character", "seconds")
OF_TEXT = ("marks", "quantity", "seed", *NAMES)
COLOURS = {"1": "#0173b2", "4": "#029e73", "16": "#de8f05", "64": "#d55e00", ALL: "0.2"}


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    wirings: tuple[Literal[WIRINGS], ...] = WIRINGS
    """Wirings to probe; the paper's is always one of them."""
    seeds: int = 10
    """Networks of each wiring, with the seeds from 0 on."""
    epochs: int = 6
    """Epochs of each network."""
    characters: int | None = None
    """Characters of the text, from its beginning; without it, all."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import open_brackets

    seeds = range(options.seeds)
    names = dict.fromkeys((PAPER, *options.wirings))
    cells = list(open_brackets.make_cells(names, seeds, options.epochs, options.characters))
    results = dict(zip(names, compute(open_brackets.train_and_probe, cells, store, options), strict=True))
    of_texts = compute(open_brackets.probe_text, open_brackets.text_cells(seeds, options.characters), store, options)
    store.write("open_brackets", [row for own in results.items() for row in probe_rows(*own, seeds)], COLUMNS)
    store.write(
        "open_brackets_networks", [row for own in results.items() for row in network_rows(*own, seeds)], OF_NETWORKS
    )
    store.write("open_brackets_text", text_rows(of_texts, seeds), OF_TEXT)


def probe_rows(wiring: str, result: Arrays, seeds: Sequence[int]) -> Iterator[dict]:
    """Yield a row for each mark, kind of probe, period and seed: the AUC in all bins."""
    for probed in PROBED:
        for seed, of_marks in zip(seeds, result[probed], strict=True):
            for marks, of_periods in zip(MARKS, of_marks, strict=True):
                for period, aucs in zip(result["periods"], of_periods, strict=True):
                    key = {"marks": marks, "wiring": wiring, "probed": probed, "period": period, "seed": seed}
                    yield key | dict(zip(NAMES, aucs, strict=True))


def network_rows(wiring: str, result: Arrays, seeds: Sequence[int]) -> Iterator[dict]:
    """Yield a row for each network, with its share of the seconds."""
    of_all = {name: result[name].item() for name in ("units", "parameters", "seconds")}
    for seed, bits in zip(seeds, result["bits_per_character"], strict=True):
        yield {"wiring": wiring, **of_all, "seed": seed, "bits_per_character": bits}


def text_rows(results: Sequence[Arrays], seeds: Sequence[int]) -> Iterator[dict]:
    """Yield a row for each quantity, mark and seed, of all bins."""
    for seed, result in zip(seeds, results, strict=True):
        for quantity in ("last", "open", "closed"):
            for marks, values in zip(MARKS, result[quantity], strict=True):
                yield {"marks": marks, "quantity": quantity, "seed": seed, **dict(zip(NAMES, values, strict=True))}


def far(rows: pd.DataFrame, wiring: str, period: str) -> np.ndarray:
    """Return the AUC of each trained network for inserted marks that opened 51 to 200 characters ago."""
    rows = rows[(rows.marks == "inserted") & (rows.probed == "trained")]
    own = rows[(rows.wiring == wiring) & (rows.period == period)]
    return own.sort_values("seed")[FAR].mean(axis=1).to_numpy()


def slowest(rows: pd.DataFrame, wiring: str) -> str:
    """Return the longest period of a wiring's modules."""
    return max(set(rows.period[rows.wiring == wiring]) - {ALL}, key=int)


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each wiring the far AUC of its slowest module and of all its states: `own`, that of the paper's counterpart
    `base`, and p of the exact tests, `p_chance` against 0.5 and `p_paper` against the paper's; adjusted for all of them."""
    asked = [(wiring, what) for what in ("slowest", ALL) for wiring in rows.wiring.unique()]
    found = pd.DataFrame(asked, columns=["wiring", "states"])
    found["period"] = [ALL if what == ALL else slowest(rows, wiring) for wiring, what in asked]
    found["own"] = [far(rows, row.wiring, row.period) for row in found.itertuples()]
    bases = {row.states: row.own for row in found.itertuples() if row.wiring == PAPER}
    found["base"] = found.states.map(bases)
    compared = (found.wiring != PAPER).to_numpy()
    chance = [sign_flip_p(own - CHANCE) for own in found.own]
    paper = [rank_p(row.own, row.base) for row in found[compared].itertuples()]
    adjusted = holm([*chance, *paper])
    found["p_chance"], found["p_paper"] = adjusted[: len(found)], np.nan
    found.loc[compared, "p_paper"] = adjusted[len(found) :]
    return found


def answers(store: Store) -> list[Answer]:
    """Return in how many wirings the slowest module is shown to know of a mark far away, and how the full wiring does."""
    rows, found = store["open_brackets"], judged(store["open_brackets"])
    own = found[found.states != ALL].set_index("wiring")
    said = f"Not shown to, in {(own.p_chance > SIGNIFICANT).sum()} of {len(own)} wirings"
    low, median, high = quartiles(own.own["full"])
    effect = f"AUC with full wiring {median:.3f} (quartiles {low:.3f}–{high:.3f}), chance 0.5"
    asked = "Does the slowest module know, 51 to 200 characters later, that a mark is open?"
    return [Answer(asked, said, effect, len(rows[["wiring", "seed"]].drop_duplicates()))]


def tables(store: Store) -> dict[str, str]:
    """Return the verdicts, the AUC by module and distance, and what the networks are."""
    rows, networks = store["open_brackets"], store["open_brackets_networks"]
    return {
        "open-brackets": _verdicts(judged(rows)),
        "open-brackets-modules": _modules(rows, store["open_brackets_text"]),
        "open-brackets-networks": _networks(networks),
    }


def _verdicts(found: pd.DataFrame) -> str:
    head = (
        "wiring",
        "states of",
        "AUC, 51–200 characters",
        "best by its ticks",
        "against chance",
        "against the paper's",
    )
    lines = []
    for row in found.itertuples():
        what = "all modules" if row.states == ALL else f"period {row.period}"
        best = f"{best_of_ticks(int(row.period)):.3f}" if row.wiring in TICKED and row.states != ALL else ""
        line = [row.wiring, what, middle(row.own, ".3f"), best, _said(row.own, CHANCE, row.p_chance)]
        lines.append([*line, "" if row.wiring == PAPER else _said(row.own, np.median(row.base), row.p_paper)])
    return markdown(head, lines)


def _said(own: Sequence[float], other: float, p: float) -> str:
    verdict = "no difference shown" if p > SIGNIFICANT else "above" if np.median(own) > other else "below"
    return f"{verdict} (p = {p_value(p)})"


def _modules(rows: pd.DataFrame, text: pd.DataFrame) -> str:
    """Return the AUC of all modules at most distances, and what the last characters alone tell."""
    natural = NAMES[len(BINS_OF["natural"]) - 1]
    head = ["wiring", "period", *SHOWN, f"untrained, {FAR[0]}", f"brackets of the text, {natural}"]
    known = rows.set_index(KEYS).sort_index()
    lines = []
    for wiring, period in rows[["wiring", "period"]].drop_duplicates().itertuples(index=False):
        own = known.loc["inserted", wiring, "trained", period]
        line = [wiring, period, *(middle(own[name], ".3f") for name in SHOWN)]
        untrained = known.loc["inserted", wiring, "initial", period][FAR[0]]
        lines.append(
            [*line, middle(untrained, ".3f"), middle(known.loc["natural", wiring, "trained", period][natural], ".3f")]
        )
    last = text[text.quantity == "last"].set_index("marks")
    line = ["the last 8 characters themselves", "", *(middle(last.loc[["inserted"], name], ".3f") for name in SHOWN)]
    lines.append([*line, "", middle(last.loc[["natural"], natural], ".3f")])
    return markdown(head, lines)


def _networks(networks: pd.DataFrame) -> str:
    head = ("wiring", "units", "parameters", "bits per character", "diverged", "seconds")
    lines = []
    for wiring, own in networks.groupby("wiring", sort=False):
        line = [wiring, own.units.iloc[0], f"{own.parameters.iloc[0]:,}", middle(own.bits_per_character, ".3g")]
        diverged = np.isinf(own.bits_per_character).sum()
        lines.append([*line, f"{diverged} of {len(own)}", f"{own.seconds.mean():.2g}"])
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the AUC over the distance, a row of panels for each kind of marks and a column for each wiring."""
    rows, text = store["open_brackets"], store["open_brackets_text"]
    wirings = list(rows.wiring.unique())
    with panels(len(MARKS), len(wirings), 2.6 * max(2, len(wirings)), 5.6, sharex=True, sharey=True) as (figure, axes):
        for line, marks in zip(axes, MARKS, strict=True):
            last = text[(text.quantity == "last") & (text.marks == marks)]
            for axis, wiring in zip(line, wirings, strict=True):
                draw_wiring(axis, marks, rows[(rows.wiring == wiring) & (rows.marks == marks)], last)
        for axis, wiring in zip(axes[0], wirings, strict=True):
            axis.set_title(wiring.replace(", ", ",\n"))
            if wiring in TICKED:
                draw_best(axis, rows.period[rows.wiring == wiring].unique())
        for line, marks in zip(axes, MARKS, strict=True):
            line[0].set_ylabel(f"{marks} marks {' '.join(MARKS[marks])}\nAUC")
        legend(figure, *(axis for line in axes for axis in line))
        figure.supxlabel("characters since the opening mark", fontsize=9)
    return {"open_brackets": figure}


def draw_wiring(axis: Axes, marks: str, rows: pd.DataFrame, last: pd.DataFrame) -> None:
    """Draw the AUC of each module of a wiring, with quartiles, and what it is to be compared with."""
    names = NAMES[: len(BINS_OF[marks])]
    places = [np.sqrt(low * high) for low, high in BINS_OF[marks]]
    known = {probed: own for probed, own in rows.groupby("probed")}
    low, high = np.percentile(known["shuffled"][names], (2.5, 97.5), axis=0)
    axis.fill_between(places, low, high, color="0.85", linewidth=0, label="labels shuffled, 95%")
    axis.axhline(CHANCE, label="chance", **NAIVE)
    axis.plot(places, last[names].median(), ":", color="0.5", linewidth=1.5, label="the last 8 characters")
    for period, own in known["trained"].groupby("period", sort=False):
        low, median, high = quartiles(own[names], axis=0)
        name = "all modules" if period == ALL else f"period {period}"
        axis.plot(places, median, color=COLOURS[period], linewidth=1.4, label=name)
        axis.fill_between(places, low, high, color=COLOURS[period], alpha=0.25, linewidth=0)
    for period, own in known["initial"].groupby("period", sort=False):
        label = "untrained" if period == ALL else None
        axis.plot(places, own[names].median(), "--", color=COLOURS[period], linewidth=0.8, label=label)
    axis.set_xscale("log")
    axis.set_xticks([np.sqrt(low * high) for low, high in BINS], NAMES, rotation=60, fontsize=7)
    axis.set_xticks([], minor=True)


def draw_best(axis: Axes, periods: Sequence[str]) -> None:
    """Mark at the right edge the best AUC that there is for who sees the text at the ticks of a period alone."""
    for period in periods:
        if period not in ("1", ALL):
            style = {"color": COLOURS[period], "marker": "<", "markersize": 5, "linestyle": "", "clip_on": False}
            axis.plot([1], [best_of_ticks(int(period))], transform=axis.get_yaxis_transform(), **style)
    axis.plot([], [], "<", color="0.5", markersize=5, label="best by its ticks")


EXPERIMENT = Experiment(
    name="open-brackets",
    question="Do slow modules know, long after, that a bracket or quotation mark is open, and must they hear the fast ones for it?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"wirings": (PAPER,), "seeds": 2, "epochs": 1, "characters": 30_000},
)
