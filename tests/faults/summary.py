"""What the campaign found, as tables of `docs/results/reliability.md`."""

import pandas as pd

from experiments.markdown import markdown
from experiments.store import Store
from tests.faults.fault import VERDICTS

RELIABILITY = "reliability"  # the CSV file
COLUMNS = ("kind", "fault", "task", "verdict", "status", "seconds")
MEASURES = "reliability_measures"  # the CSV file
MEASURED = ("what", "where", "value")
HEAD = ("what is done", "faults", *VERDICTS, "not injected")


def tables(store: Store) -> dict[str, str]:
    """Return how many faults of each kind were injected, and what came of them."""
    found = store[RELIABILITY]
    counts = pd.crosstab(found.kind, found.verdict).reindex(columns=[*VERDICTS, "not injected"], fill_value=0)
    counts = counts.loc[found.kind.unique()]
    lines = [(kind, row.sum(), *row) for kind, row in counts.iterrows()]
    return {"reliability": markdown(HEAD, [*lines, ("**all**", counts.to_numpy().sum(), *counts.sum())])}


def measured(store: Store) -> dict[str, str]:
    """Return what `measures` found."""
    lines = [(row.what, row.where, f"{row.value:.2g}") for row in store[MEASURES].itertuples()]
    return {"reliability-measures": markdown(("measured", "in", "value"), lines)}
