"""Copying, adding and recalling after long lags: does a clock solve what gates solve, and how far back do gradients reach?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from experiments import reach
from experiments.experiment import Answer, Experiment
from experiments.grid import Arrays, Cell, Options, compute
from experiments.markdown import markdown, middle, p_value
from experiments.pictures import COLOURS, NAMES, legend, panels
from experiments.statistics import holm, rank_p, verdict
from experiments.store import Store

PROBLEMS = {"adding": "adding", "copying": "copying", "recall": "delayed recall", "late recall": "recall from step 1"}
ORDINARY = {"clockwork_rnn": "simple_rnn", "clockwork_lstm": "lstm", "clockwork_gru": "gru"}
RATES = (1e-3, 3e-3, 1e-2, 3e-2)
SOLVED = 0.01  # the largest error, squared or as a share of symbols, that solves a problem
SHORTENED = 1000  # steps; trainings at longer lags have half of the updates, because each takes so long
# Problem → controls: (method, series of periods), with the learning rate of the method at that problem or at recall.
CONTROLS = {"recall": [("clockwork_rnn", "fixed")], "late recall": [("clockwork_rnn", "lag")]}
SERIES = {"lag": "", "fixed": ", 1 to 256"}
KEYS = ["problem", "lag", "method", "series"]
COLUMNS = (*KEYS, "periods", "sizes", "parameters", "learning_rate", "seed", "error", "seconds")
SEARCH_COLUMNS = ("problem", "lag", "method", "learning_rate", "seed", "error", "loss")
WHEN = {"before": "at initialisation", "after": "after training"}
GRADIENTS = (*KEYS, "periods", "sizes", "when", "distance", "mean_distance", "low", "median", "high", "peak")
SHOWN = "recall"  # whose gradients are measured
DRAWN = (1e-15, 1e2)  # gradients, that at distance 0 being 1


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    problems: tuple[Literal["adding", "copying", "recall"], ...] = ("adding", "copying", "recall")
    """Problems to learn; with recall come its controls."""
    methods: tuple[Literal[tuple(NAMES)], ...] = tuple(NAMES)
    """Networks to train."""
    lags: tuple[int, ...] = (100, 300, 1000, 3000)
    """Lags, in steps; learning rates are searched at the shortest."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on."""
    updates: int = 500
    """Updates of each network, half of them at lags above 1000."""
    batch: int = 4
    """Sequences of one update."""

    def check(self) -> None:
        super().check()
        if min(self.lags) < 8:
            raise ValueError(f"`lags` must be at least 8. Received: {self.lags}")


def run(options: Flags, store: Store) -> None:
    from experiments.training import long_lags as training

    def settings(problem: str, lag: int, method: str, series: str) -> Any:
        updates = options.updates if lag <= SHORTENED else -(-options.updates // 2)
        return training.make_settings(problem, lag, method, series, updates, options.batch)

    made = {key: settings(*key) for key in _networks(options)}  # refuses lags before anything is computed
    shown = [key for key in made if key[0] == SHOWN]
    cells = [training.start_cell(made[key], options.seeds) for key in shown]
    curves = list(map(_curve, shown, cells, compute(training.reach_at_start, cells, store, options)))
    first = min(options.lags)
    tries = [made[problem, first, method, "lag"] for problem in options.problems for method in options.methods]
    cells = list(training.search_cells(tries, RATES))
    searched = _searched(cells, compute(training.train_networks, cells, store, options))
    store.write("long_lags_search", searched, SEARCH_COLUMNS)
    rates = best_rates(searched)
    cells = [training.tested_cell(own, _rate(rates, key), options.seeds) for key, own in made.items()]
    found = list(zip(made, cells, compute(training.train_networks, cells, store, options), strict=True))
    store.write("long_lags", [row for own in found for row in _rows(*own)], COLUMNS)
    curves += [_curve(*own, when="after") for own in found if own[0][0] == SHOWN]
    if curves:
        store.write("long_lags_gradients", pd.concat(curves), GRADIENTS)


def _networks(options: Flags) -> Iterator[tuple[str, int, str, str]]:
    """Yield problem, lag, method and series of all networks, those of the shortest lag first."""
    problems = [*options.problems, *(("late recall",) if "recall" in options.problems else ())]
    for lag in sorted(options.lags):
        for problem in problems:
            own = [(method, "lag") for method in options.methods] if problem in options.problems else []
            for method, series in own + [own for own in CONTROLS.get(problem, []) if own[0] in options.methods]:
                yield problem, lag, method, series


def _searched(cells: Sequence[Cell], results: Sequence[Arrays]) -> pd.DataFrame:
    """Return a row for each network of the search."""
    rows = []
    for cell, result in zip(cells, results, strict=True):
        settings, seeds, factors = (cell.arguments[name] for name in ("settings", "seeds", "factors"))
        about = {"problem": settings.problem, "lag": settings.lag, "method": settings.model}
        for rate, seed, error, loss in zip(factors, seeds, result["error"], result["loss"], strict=True):
            rows.append(about | {"learning_rate": rate, "seed": seed, "error": error, "loss": loss})
    return pd.DataFrame(rows)


def best_rates(searched: pd.DataFrame) -> pd.Series:
    """Return (problem, method) → the learning rate whose networks have the smallest mean loss."""
    losses = searched.groupby(["problem", "method", "learning_rate"]).loss.mean().unstack()
    return losses.idxmin(axis=1)


def _rate(rates: pd.Series, key: tuple[str, int, str, str]) -> float:
    problem, _, method, _ = key
    return float(rates["recall" if problem == "late recall" else problem, method])


def _about(key: Sequence[Any], cell: Cell) -> dict[str, Any]:
    settings = cell.arguments["settings"]
    row = dict(zip(KEYS, key, strict=True)) | {"periods": " ".join(map(str, settings.periods or (1,)))}
    return row | {"sizes": " ".join(map(str, settings.sizes))}


def _rows(key: Sequence[Any], cell: Cell, result: Arrays) -> Iterator[dict[str, Any]]:
    """Yield a row for each network of a cell, with its share of the seconds."""
    row = _about(key, cell) | {"learning_rate": cell.arguments["settings"].learning_rate}
    row |= {name: result[name].item() for name in ("parameters", "seconds")}
    for seed, error in enumerate(result["error"].tolist()):
        yield row | {"seed": seed, "error": error}


def _curve(key: Sequence[Any], cell: Cell, result: Arrays, when: str = "before") -> pd.DataFrame:
    """Return how far the gradients of a cell's networks reach."""
    return reach.by_distance(result["reach"]).assign(**_about(key, cell), when=when)


def solved(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each kind of network: how many `networks`, how many of them `solved` the problem, the share's exact 95%
    interval from `low` to `high`, what is the same for all of them, and against the ordinary cell `p` of the rank-sum test of the
    errors, adjusted for all rows that have one."""
    groups = rows.groupby(KEYS, sort=False)
    found = groups.agg(
        networks=("error", "size"),
        solved=("error", lambda own: (own <= SOLVED).sum()),
        diverged=("error", lambda own: np.isinf(own).sum()),
        errors=("error", np.array),
        **{name: (name, "first") for name in ("periods", "sizes", "parameters", "learning_rate", "seconds")},
    )
    tests = [stats.binomtest(int(row.solved), int(row.networks)) for row in found.itertuples()]
    intervals = [test.proportion_ci(method="exact") for test in tests]
    found = found.assign(low=[own.low for own in intervals], high=[own.high for own in intervals])
    pairs = {key: (*key[:2], ORDINARY[key[2]], "lag") for key in found.index if key[2] in ORDINARY and key[3] == "lag"}
    pairs = {own: other for own, other in pairs.items() if other in found.index}
    p = holm([rank_p(found.errors[own], found.errors[other]) for own, other in pairs.items()])
    return found.join(pd.Series(p, pd.MultiIndex.from_tuples(pairs, names=KEYS), name="p")).reset_index()


def tables(store: Store) -> dict[str, str]:
    """Return how far gradients reach, and of what was trained how many networks solved each problem, all about them, and the
    learning rates that were chosen."""
    found = solved(store["long_lags"])
    whole = {f"long-lags-{name.replace(' ', '-')}": _whole(own) for name, own in found.groupby("problem", sort=False)}
    return {
        "long-lags": _summary(found),
        **whole,
        "long-lags-search": _search(store["long_lags_search"]),
        "long-lags-gradients": _gradients(measured(store)),
    }


def measured(store: Store) -> pd.DataFrame:
    """Return how far gradients reach, without a row where none were asked for."""
    asked = (store["long_lags"].problem == SHOWN).any()
    return store["long_lags_gradients"] if asked else pd.DataFrame(columns=GRADIENTS)


def answers(store: Store) -> list[Answer]:
    """Return for each problem at how many lags a clock is shown to help each cell, and who solves the longest."""
    made = []
    for problem, own in solved(store["long_lags"]).groupby("problem", sort=False):
        last = own[own.lag == own.lag.max()]
        effects = [f"{label(row.method, row.series)} {row.solved} of {row.networks}" for row in last.itertuples()]
        said = []
        for clocked, ordinary in ORDINARY.items():
            verdicts = [_against(row, own) for row in own[own.method == clocked].dropna(subset="p").itertuples()]
            helped = sum(verdict.startswith("better") for verdict in verdicts)
            said += [f"{NAMES[ordinary]}: at {helped} of {len(verdicts)} lags"] if verdicts else []
        asked = f"Which cells does a clock help with {PROBLEMS[problem]}?"
        effect = f"solved at a lag of {last.lag.iloc[0]:,}: {', '.join(effects)}"
        if said:  # no control
            made.append(Answer(asked, "; ".join(said), effect, int(own.networks.sum())))
    return made


def label(method: str, series: str) -> str:
    """Return what a kind of network is called."""
    return NAMES[method] + SERIES[series]


def _summary(found: pd.DataFrame) -> str:
    kinds = list(found[["method", "series"]].drop_duplicates().itertuples(index=False, name=None))
    lines = []
    for (problem, lag), own in found.groupby(["problem", "lag"], sort=False):
        own = own.set_index(["method", "series"])
        counts = [f"{own.solved[kind]} of {own.networks[kind]}" if kind in own.index else "" for kind in kinds]
        lines.append((PROBLEMS[problem], f"{lag:,}", *counts))
    return markdown(("problem", "lag", *(label(*kind) for kind in kinds)), lines)


def _whole(found: pd.DataFrame) -> str:
    head = ("lag", "network", "periods", "units", "parameters", "learning rate", "solved", "95% interval")
    head += ("error, median (quartiles)", "against the ordinary cell", "diverged", "seconds")
    lines = []
    for row in found.itertuples():
        line = [f"{row.lag:,}", label(row.method, row.series), row.periods, row.sizes, row.parameters]
        line += [f"{row.learning_rate:g}", f"{row.solved} of {row.networks}", f"{row.low:.0%}–{row.high:.0%}"]
        line += [middle(row.errors), _against(row, found), f"{row.diverged} of {row.networks}"]
        lines.append([*line, f"{row.seconds:.2g}"])
    return markdown(head, lines)


def _against(row: Any, found: pd.DataFrame) -> str:
    if np.isnan(row.p):
        return ""
    other = found[(found.lag == row.lag) & (found.method == ORDINARY[row.method])].errors.item()
    return f"{verdict(row.errors, other, row.p)} (p = {p_value(row.p)})"


def _search(searched: pd.DataFrame) -> str:
    best = best_rates(searched)
    losses = searched.groupby(["problem", "method", "learning_rate"]).loss.mean().unstack()
    lines = []
    for problem, method in searched[["problem", "method"]].drop_duplicates().itertuples(index=False):
        own = losses.loc[problem, method]
        shown = (f"**{loss:.2g}**" if rate == best[problem, method] else f"{loss:.2g}" for rate, loss in own.items())
        lines.append((PROBLEMS[problem], NAMES[method], *shown))
    return markdown(("problem", "network", *(f"{rate:g}" for rate in losses)), lines)


def expected_curve(curve: pd.DataFrame, factor: float) -> np.ndarray:
    """Return what is predicted for each bin of a measured curve, on its scale at distance 0."""
    periods, sizes = ([int(number) for number in curve[name].iloc[0].split()] for name in ("periods", "sizes"))
    found = reach.by_distance(reach.predicted(factor, periods, sizes, curve.lag.iloc[0])[None])["median"].to_numpy()
    return curve["median"].iloc[0] * found / found[0]


def compared_curves(curves: pd.DataFrame, lag: int) -> Iterator[tuple[str, str, str, pd.DataFrame, float]]:
    """Yield ordinary method, when, method, its curve with the column `predicted`, and the factor that it is predicted from: that
    of the ordinary cell, to which nothing of the cell with a clock is fitted."""
    curves = curves[(curves.lag == lag) & (curves.series == "lag")]
    for clocked, ordinary in ORDINARY.items():
        for when in WHEN:
            own = {method: curves[(curves.method == method) & (curves.when == when)] for method in (ordinary, clocked)}
            if any(curve.empty for curve in own.values()):
                continue
            factor = reach.fitted_factor(own[ordinary], lag)
            for method, curve in own.items():
                yield ordinary, when, method, curve.assign(predicted=expected_curve(curve, factor)), factor


def _gradients(curves: pd.DataFrame) -> str:
    head = ("lag", "network", "when", "factor of an update", "from the nearest to the farthest inputs: predicted")
    lines = []
    for lag in curves.lag.unique():
        for _, when, method, curve, factor in compared_curves(curves, lag):
            first, last = curve.iloc[0], curve.iloc[-1]
            line = (f"{lag:,}", NAMES[method], WHEN[when], f"{factor:.4f}", f"{last.predicted / first.predicted:.1g}")
            lines.append((*line, f"{last['median'] / first['median']:.1g}", f"{last.peak / first.peak:.1g}"))
    return markdown((*head, "measured", "at the step where it is largest"), lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw gradients over distances, beside what is predicted, and the share of networks that solve each problem over the lag."""
    found, curves = {"long_lags": solved_figure(solved(store["long_lags"]))}, measured(store)
    compared = list(compared_curves(curves, curves.lag.max()))
    return found | ({"long_lags_gradients": gradients_figure(compared)} if compared else {})


def solved_figure(found: pd.DataFrame) -> Figure:
    """Draw a panel for each problem."""
    problems = [name for name in ("adding", "copying", "recall") if (found.problem == name).any()]
    with panels(1, len(problems), 10, 3.6, sharey=True) as (figure, (axes,)):
        for axis, problem in zip(axes, problems, strict=True):
            draw_solved(axis, found[found.problem.isin([problem, f"late {problem}"])])
            axis.set(title=PROBLEMS[problem], xlabel="lag (steps)")
        axes[0].set(ylabel="share of networks that solve it", ylim=(-0.03, 1.03))
        legend(figure, *axes)
    return figure


def draw_solved(axis: Axes, found: pd.DataFrame) -> None:
    """Draw the share of each kind of network over the lag with its interval, kinds beside each other."""
    kinds = list(found.groupby(["problem", "method", "series"], sort=False))
    for place, ((problem, method, series), own) in enumerate(kinds):
        control = problem == "late recall" or series == "fixed"
        x = own.lag * 1.045 ** (place - (len(kinds) - 1) / 2)
        share = own.solved / own.networks
        name = f"Clockwork RNN, {PROBLEMS[problem]}" if problem == "late recall" else label(method, series)
        style = {"color": COLOURS[method], "fmt": "s:" if control else "o-", "markersize": 4, "linewidth": 1.2}
        style |= {"markerfacecolor": "white" if problem == "late recall" else COLOURS[method], "elinewidth": 0.7}
        axis.errorbar(x, share, [share - own.low, own.high - share], label=name, **style)
    lags = sorted(found.lag.unique())
    axis.set_xscale("log")
    axis.set_xticks(lags, [f"{lag:,}" for lag in lags])
    axis.set_xticks([], minor=True)


def gradients_figure(found: Sequence[tuple[str, str, str, pd.DataFrame, float]]) -> Figure:
    """Draw how far `compared_curves` of recall reach: a column for each kind of cell, below after training."""
    kinds, rows = (list(dict.fromkeys(own[place] for own in found)) for place in (0, 1))
    with panels(len(rows), len(kinds), 10, 0.9 + 2.4 * len(rows), sharex=True, sharey=True) as (figure, axes):
        for ordinary, when, method, curve, _ in found:
            axis = axes[rows.index(when)][kinds.index(ordinary)]
            scale = curve["median"].iloc[0]
            x, colour = curve.mean_distance + 1, COLOURS[method]
            axis.plot(x, curve["median"] / scale, color=colour, label=NAMES[method])
            axis.fill_between(x, curve.low / scale, curve.high / scale, color=colour, alpha=0.25, linewidth=0)
            axis.plot(x, curve.predicted / scale, ":", color="black", linewidth=1.1, label="predicted from the periods")
            axis.set(xscale="log", yscale="log", ylim=DRAWN, title=f"{NAMES[ordinary]}, {WHEN[when]}")
        for axis in axes[-1]:
            axis.set_xlabel("distance from the end + 1 (steps)")
        figure.supylabel("gradient by the input, at distance 0: 1", fontsize=9)
        legend(figure, *(axis for line in axes for axis in line))
    return figure


EXPERIMENT = Experiment(
    name="long-lags",
    question="Do clocks carry across long lags what simple cells and gates do not, and how far back do gradients reach?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={
        "problems": ("recall",),
        "methods": ("simple_rnn", "clockwork_rnn"),
        "lags": (20,),
        "seeds": 2,
        "updates": 5,
    },
)
