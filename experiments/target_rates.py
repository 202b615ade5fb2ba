"""A learning rate for each target of generation: what it gains over one for all, and whether it changes which method is best."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment, Method
from experiments.extensions import against
from experiments.grid import Arrays, Cell, Options, compute
from experiments.markdown import markdown, middle, times
from experiments.pictures import COLOURS, NAMES, PUBLISHED, band, legend, panels
from experiments.published import GENERATION_TARGETS
from experiments.statistics import holm, quartiles, rank_p, ratio, verdict
from experiments.store import Store

METHODS = ("clockwork_rnn", "lstm", "simple_rnn")
FACTORS = tuple(2.0**power for power in range(-3, 4))  # what the recipe's rate is multiplied by
FIRST_SEARCH_SEED = 1000
ALL = "all five"
RATES = {"common": "one rate for all", "own": "each its own"}
MARKS = {"common": "o", "own": "D"}
COLUMNS = ("method", "units", "parameters", "role", "target", "factor", "learning_rate", "seed", "mse", "seconds")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    methods: tuple[Method, ...] = METHODS
    """Networks to train."""
    seeds: int = 10
    """Networks of each kind that are compared, with the seeds from 0 on."""
    search_seeds: int = 5
    """Networks of each kind that rates are chosen by, with the seeds from 1000 on."""
    epochs: int | None = None
    """Updates of each network; without it, as in `main.py`."""


def run(options: Flags, store: Store) -> None:
    from experiments.training import generation
    from main import recipe

    targets = generation.load_targets([GENERATION_TARGETS])
    values = tuple(tuple(target.values.tolist()) for target in targets.values())
    roles = {"search": FIRST_SEARCH_SEED + np.arange(options.search_seeds), "fresh": np.arange(options.seeds)}
    made = []
    for method in options.methods:
        settings = recipe("generation", model=method)
        settings = recipe("generation", model=method, epochs=options.epochs or settings.epochs)
        for role, seeds in roles.items():
            arguments = {"settings": settings, "targets": values, "seeds": tuple(seeds.tolist()) * len(FACTORS)}
            arguments["rate_factors"] = tuple(np.repeat(FACTORS, len(seeds)).tolist())
            cell = Cell(f"{method}-{role}", arguments, len(values) * len(arguments["seeds"]))
            made.append(({"method": method, "role": role, "units": settings.units}, cell))
    results = compute(generation.train_networks, [cell for _, cell in made], store, options)
    rows = (row for (key, cell), own in zip(made, results, strict=True) for row in make_rows(key, cell, own, targets))
    store.write("target_rates", rows, COLUMNS)


def make_rows(key: dict, cell: Cell, result: Arrays, targets: dict) -> Iterator[dict]:
    """Yield a row for each network of a cell; the error of one that diverged is infinite."""
    settings, seeds, factors = (cell.arguments[name] for name in ("settings", "seeds", "rate_factors"))
    common = {"parameters": int(result["parameters_with_periods"]), "seconds": float(result["seconds"])}
    errors = np.where(result["diverged"], np.inf, result["mse"])
    for target, own in zip(targets, errors, strict=True):
        for mse, seed, factor in zip(own, seeds, factors, strict=True):
            rate = {"factor": factor, "learning_rate": factor * settings.learning_rate}
            yield key | common | rate | {"target": target, "seed": seed, "mse": mse}


def chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by method and target, the factor `common` to all targets and the target's `own`, by the search seeds alone.

    The target's own has the smallest median; the common one the smallest geometric mean of the medians of all targets.
    """
    medians = rows[rows.role == "search"].groupby(["method", "target", "factor"], sort=False).mse.apply(_median)
    grid = medians.unstack("factor")  # [method, target] × factor
    common = np.log(grid).groupby("method", sort=False).mean().idxmin(axis=1)
    found = pd.DataFrame({"own": grid.idxmin(axis=1)})
    return found.assign(common=found.index.get_level_values("method").map(common))


def errors(rows: pd.DataFrame, role: str) -> pd.DataFrame:
    """Return, by method and target, the factors and the errors of the seeds of a role with either, in order of the seeds.

    All five targets count by the geometric mean of each seed's errors.
    """
    known = rows[rows.role == role].sort_values("seed", kind="stable")
    known = known.groupby(["method", "target", "factor"], sort=False).mse.agg(np.array)
    found = chosen(rows)
    for name in RATES:
        found[f"with_{name}"] = [known[(*place, factor)] for place, factor in found[name].items()]
    wholes = []
    for method, own in found.groupby("method", sort=False):
        whole = {f"with_{name}": np.exp(np.log(np.stack(own[f"with_{name}"])).mean(axis=0)) for name in RATES}
        wholes.append({"method": method, "target": ALL, "common": own.common.iloc[0]} | whole)
    found = pd.concat([found, pd.DataFrame(wholes).set_index(["method", "target"])])
    return found.loc[list(dict.fromkeys(found.index.get_level_values("method")))]  # those of a method together


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by method and target, the `errors` of fresh seeds and what a rate of its own changes.

    `ratio` of the medians, own to common; `p` of the rank-sum test, adjusted for all tests; the `verdict`; and the ratio on
    the seeds of the search, `searched`. Where the target's own rate is the common one there is nothing to test.
    """
    found, before = errors(rows, "fresh"), errors(rows, "search")
    for frame in (found, before):
        frame["ratio"] = frame.with_own.map(_median) / frame.with_common.map(_median)
    found["searched"] = before.ratio
    found["same"] = [np.array_equal(row.with_own, row.with_common) for row in found.itertuples()]
    tested = found[~found.same]
    found["p"] = 1.0
    found.loc[~found.same, "p"] = holm([rank_p(r.with_own, r.with_common) for r in tested.itertuples()])
    return found.assign(verdict=list(map(verdict, found.with_own, found.with_common, found.p)))


def orders(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, by target, two methods and `RATES`, the `ratio` of their medians, `p` adjusted for all tests, and the `verdict`."""
    known, made = errors(rows, "fresh"), []
    methods = known.index.unique("method")
    for target in known.index.unique("target"):
        for first, second in combinations(methods, 2):
            for name in RATES:
                own, other = (known.loc[(method, target), f"with_{name}"] for method in (first, second))
                made.append((target, first, second, name, own, other, _median(own) / _median(other)))
    found = pd.DataFrame(made, columns=["target", "first", "second", "rates", "own", "other", "ratio"])
    found["p"] = holm(list(map(rank_p, found.own, found.other)))
    return found.assign(verdict=list(map(verdict, found.own, found.other, found.p)))


def _median(values: np.ndarray) -> float:
    return float(quartiles(values)[1])


def tables(store: Store) -> dict[str, str]:
    """Return what a rate of its own gains for each target, and how the methods compare with either."""
    rows = store["target_rates"]
    found, rates = gains(rows), rows.groupby("method").learning_rate.first() / rows.groupby("method").factor.first()
    lines = []
    for (method, target), row in zip(found.index, found.itertuples(), strict=True):
        said = (f"{row.common * rates[method]:.3g}", "" if target == ALL else f"{row.own * rates[method]:.3g}")
        spreads = (middle(own, ".2e") for own in (row.with_common, row.with_own))
        gained = ("", "the same rate") if row.same else (f"×{row.searched:.3g}", against(row))
        lines.append((NAMES[method], target.replace("_", " "), *said, *spreads, *gained))
    head = ("method", "target", "common rate", "its own", "MSE with the common rate", "MSE with its own")
    head = (*head, "gain on the seeds of the search", "on fresh seeds")
    return {"target-rates": markdown(head, lines), "target-rates-order": _order(rows), "target-rates-cost": _cost(rows)}


def answers(store: Store) -> list[Answer]:
    """Return for how many targets a rate of its own is shown to help, and what it gains on all of them together."""
    rows, found = store["target_rates"], []
    gained = gains(rows)
    for method in gained.index.unique("method"):
        own, whole = gained.loc[method].drop(ALL), gained.loc[(method, ALL)]
        said = f"Shown for {(own.verdict == 'better').sum()} of {len(own)} targets"
        gain = "the same networks" if whole.same else times(ratio(whole.with_own, whole.with_common))
        effect = f"all targets, own rate : one for all {gain}"
        asked = f"Does a learning rate for each target help the {NAMES[method]}?"
        found.append(Answer(asked, said, effect, int((rows.method == method).sum())))
    return found


def _order(rows: pd.DataFrame) -> str:
    lines = []
    for (target, first, second), own in orders(rows).groupby(["target", "first", "second"], sort=False):
        said = own.set_index("rates").loc[list(RATES)]
        pair = f"{NAMES[first]} : {NAMES[second]}"
        lines.append((target.replace("_", " "), pair, *(against(row) for row in said.itertuples())))
    return markdown(("target", "MSE of", *RATES.values()), lines)


def _cost(rows: pd.DataFrame) -> str:
    """Return how many networks of each method were trained, how many diverged, and how long one took."""
    head = ("method", "units", "parameters with periods", "rates", "networks", "diverged", "seconds a network")
    lines = []
    for method, own in rows.groupby("method", sort=False):
        first, low, high = own.iloc[0], own.learning_rate.min(), own.learning_rate.max()
        counts = (len(own), int(np.isinf(own.mse).sum()), f"{own.seconds.mean():.2g}")
        lines.append((NAMES[method], first.units, first.parameters, f"{low:.3g} to {high:.3g}", *counts))
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw the MSE of fresh seeds over the learning rate, one panel a target, with the rates that the search chose."""
    rows = store["target_rates"]
    names, found = list(rows.target.unique()), chosen(rows)
    with panels(1, len(names), 11, 3.4, sharey=True) as (figure, (axes,)):
        for axis, target in zip(axes, names, strict=True):
            for method, own in rows[rows.target == target].groupby("method", sort=False):
                draw_method(axis, method, own, found.loc[(method, target)])
            axis.set(xscale="log", yscale="log", xlabel="learning rate", title=target.replace("_", " "))
        axes[0].set_ylabel("MSE, median and quartiles")
        legend(figure, *axes)
    return {"target_rates": figure}


def draw_method(axis: Axes, method: str, rows: pd.DataFrame, factors: pd.Series) -> None:
    """Draw the quartiles of one method's fresh seeds over its rates, and mark the two that were chosen."""
    fresh = rows[rows.role == "fresh"].groupby(["factor", "learning_rate"]).mse.agg(list)
    low, median, high = np.array([quartiles(own) for own in fresh]).T
    curve = pd.DataFrame({"low": low, "median": median, "high": high}, index=fresh.index.get_level_values("factor"))
    curve = curve.where(np.isfinite(curve))
    band(axis, fresh.index.get_level_values("learning_rate"), curve, method)
    rate = dict(fresh.index)
    for name, mark in MARKS.items():
        style = {"color": COLOURS[method], "markersize": 9 if name == "common" else 5, "linestyle": ""}
        style |= {"markerfacecolor": "none"} if name == "common" else {}
        axis.plot(rate[factors[name]], curve["median"][factors[name]], mark, **style)
        empty = style | {"color": PUBLISHED}
        axis.plot([], [], mark, label=f"chosen: {RATES[name]}", **empty)


EXPERIMENT = Experiment(
    name="target-rates",
    question="What does a learning rate of its own for each target of generation gain, and does it change which method is best?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"methods": ("clockwork_rnn", "simple_rnn"), "seeds": 2, "search_seeds": 1, "epochs": 20},
)
