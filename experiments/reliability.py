"""What the campaign of faults found (`python -m tests.faults`), as tables of `docs/results/reliability.md`."""

import pandas as pd

from experiments.markdown import markdown
from experiments.store import Store

FAULTS, FAULTS_COLUMNS = "reliability", ("kind", "fault", "task", "verdict", "status", "seconds")
MEASURES, MEASURES_COLUMNS = "reliability_measures", ("what", "where", "value")
VERDICTS = ("held", "traceback", "lost", "wrong", "slow", "not injected")


def tables(store: Store) -> dict[str, str]:
    """Return all tables of the page."""
    return {"reliability": faults(store), "reliability-measures": measures(store)}


def faults(store: Store) -> str:
    """Return how many faults of each kind were injected, and what came of them."""
    found = store[FAULTS]
    counts = pd.crosstab(found.kind, found.verdict).reindex(found.kind.unique()).reindex(columns=VERDICTS, fill_value=0)
    counts.loc["**all**"] = counts.sum()
    refused = found.seconds.where(found.status == 2)
    slowest = [*refused.groupby(found.kind, sort=False).max(), refused.max()]
    lines = [
        (kind, row.sum(), *row, "" if pd.isna(seconds) else f"{seconds:.1f}")
        for (kind, row), seconds in zip(counts.iterrows(), slowest, strict=True)
    ]
    return markdown(("what is done", "times", *VERDICTS, "slowest refusal (s)"), lines)


def measures(store: Store) -> str:
    """Return what was measured of long runs."""
    found = store[MEASURES]
    return markdown(
        ("measured", "in", "value"), [(row.what, row.where, f"{row.value:.2g}") for row in found.itertuples()]
    )
