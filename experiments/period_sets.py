"""Sets of clock periods beside each other: what may explain their scores, and which differ in one of these things only."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from experiments.extensions import KEYS, compared, seed_scores
from experiments.statistics import holm

PAPER, FIBONACCI = "the paper's", "Fibonacci"  # whose spans and coprime pairs are varied
SPAN, COPRIME = "{} to {}", "near {}, {} coprime pairs"  # names of their sets
FEW, MANY = "few", "many"
STEP = ("task", "explanation", "before", "after", "periods_before", "periods_after", "base", "own")


def neighbours_ratio(periods: Sequence[int]) -> float:
    """Return the median of the ratios of neighbouring periods."""
    return float(np.median(np.divide(periods[1:], periods[:-1])))


def coprime_pairs(periods: Sequence[int]) -> int:
    """Return how many pairs of periods have no common divisor but 1."""
    return int(np.triu(np.gcd.outer(periods, periods) == 1, 1).sum())


# Explanation → what it is called, and its value for periods in increasing order.
EXPLANATIONS: dict[str, tuple[str, Callable[[Sequence[int]], float]]] = {
    "ratio": ("ratio of neighbouring periods, median", neighbours_ratio),
    "span": ("longest period", max),
    "coprime": ("coprime pairs of periods", coprime_pairs),
    "typical": ("geometric mean of the periods", stats.gmean),
}


def explained(periods: str) -> dict[str, float]:
    """Return explanation → its value for periods written as in the CSV files.

    >>> explained("1 2 4")
    {'ratio': 2.0, 'span': 4.0, 'coprime': 2.0, 'typical': 2.0}
    """
    numbers = [int(period) for period in periods.split()]
    return {name: float(value(numbers)) for name, (_, value) in EXPLANATIONS.items()}


def seeds_and_periods(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task, question, variant and seed, with its score and periods."""
    scores = seed_scores(rows).rename("score").reset_index()
    known = rows[[*KEYS, "seed", "periods"]].fillna({"question": ""}).drop_duplicates()
    return scores.merge(known, on=[*KEYS, "seed"])


def medians(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task and set of periods: its first question and variant, the median `score` of its seeds, and
    the value of each explanation."""
    seeds = seeds_and_periods(rows).drop_duplicates(["task", "periods", "seed"])
    groups = seeds.groupby(["task", "periods"], sort=False)
    found = groups.agg(question=("question", "first"), variant=("variant", "first"), score=("score", "median"))
    found = found.reset_index()
    return found.join(pd.DataFrame(list(found.periods.map(explained))))


def correlations(sets: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task and explanation: Spearman's `rho` of it with the score over all sets, their number, and p,
    adjusted for all rows that have one; neither is a number where one value is that of all sets."""
    rows = []
    for task, own in sets.groupby("task", sort=False):
        for name in EXPLANATIONS:
            varied = own[name].nunique() > 1 and own.score.nunique() > 1
            rho, p = stats.spearmanr(own[name], own.score) if varied else (np.nan, np.nan)
            rows.append({"task": task, "explanation": name, "sets": len(own), "rho": rho, "p": p})
    found = pd.DataFrame(rows)
    return found.assign(p=pd.Series(holm(known := found.p.dropna()), known.index))


def matched(names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (explanation, one set, another that differs from it in this alone, or as nearly as whole numbers allow)."""
    spans = [[name for name in names if name.startswith(SPAN.format(shape, ""))] for shape in (PAPER, FIBONACCI)]
    for paper, fibonacci in zip(*spans, strict=True):
        yield "ratio", paper, fibonacci
    for own in spans:
        for shorter, longer in pairwise(own):
            yield "span", shorter, longer
    for name in names:
        if f", {FEW} " in name:
            yield "coprime", name, name.replace(f", {FEW} ", f", {MANY} ")


def steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task and pair that is `matched`: the sets `before` and `after`, their periods and scores, and what
    `compared` finds in these; equal sets are left out."""
    found = []
    for task, own in seeds_and_periods(rows).groupby("task", sort=False):
        sets = own.groupby("variant", sort=False).agg(scores=("score", np.array), periods=("periods", "first"))
        for explanation, before, after in matched(list(sets.index)):
            (first, first_periods), (second, second_periods) = sets.loc[before], sets.loc[after]
            if first_periods != second_periods:
                row = {"task": task, "explanation": explanation, "before": before, "after": after}
                row |= {"periods_before": first_periods, "periods_after": second_periods}
                found.append(row | {"base": first, "own": second})
    return compared(pd.DataFrame(found, columns=STEP))
