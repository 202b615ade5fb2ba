"""The README's tables of the generation experiment, from the rows of `results/figure3.csv`."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from experiments.boxes import quartiles
from experiments.markdown import markdown
from experiments.published import GENERATION_NMSE, GENERATION_TABLE_3

Row = Mapping[str, object]

TITLES = {
    "paper": "The paper's setting, with gradients clipped (NMSE as in the paper, half of MSE over variance)",
    "paper_unclipped": "The same without clipping (∞: diverged)",
    "modern": "The best setting known of each method (MSE)",
}


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table for each setting among the rows."""
    settings = [setting for setting in TITLES if any(row["setting"] == setting for row in rows)]
    return "\n\n".join(f"**{TITLES[setting]}**\n\n{_table(setting, rows)}" for setting in settings)


def times(rows: Sequence[Row]) -> str:
    """Return a Markdown table of how long the networks took."""
    head = ("setting", "networks", "updates", "minutes", "processes of one core", "processor")
    return markdown(head, [list(row.values()) for row in rows])


def cells(rows: Sequence[Row], setting: str) -> Iterator[tuple[int, str, list[Row]]]:
    """Yield (parameters, method, rows) of one setting, in order of parameters."""
    chosen = [row for row in rows if row["setting"] == setting]
    for parameters in sorted({int(row["parameters"]) for row in chosen}):
        for method in GENERATION_NMSE:
            cell = [row for row in chosen if (int(row["parameters"]), row["method"]) == (parameters, method)]
            if cell:
                yield parameters, method, cell


def _table(setting: str, rows: Sequence[Row]) -> str:
    quantity = "mse" if setting == "modern" else "nmse_paper"
    head = ["parameters", "network", "units", "median (quartiles)", "mean ± std", "diverged"]
    if setting != "modern":
        head += ["published median (quartiles)", "ours : published"]
    lines = []
    for parameters, method, cell in cells(rows, setting):
        values = np.array([float(row[quantity]) for row in cell])  # a network that diverged counts as infinitely bad
        low, median, high = quartiles(values)
        diverged = sum(int(row["diverged"]) for row in cell)
        mean = "–" if diverged or len(cell) == 1 else f"{values.mean():.2g} ± {values.std(ddof=1):.1g}"
        words = [parameters, method, cell[0]["units"], f"{median:.2g} ({low:.2g}–{high:.2g})", mean]
        words += [f"{diverged} of {len(cell)}"]
        if setting != "modern":
            first, middle, third = GENERATION_NMSE[method][parameters]
            words += [f"{middle:.2g} ({first:.2g}–{third:.2g})", f"{median / middle:.2f}"]
        lines.append([str(word).replace("inf", "∞") for word in words])
    text = markdown(head, lines)
    if setting == "paper" and any(int(row["parameters"]) == 1000 for row in rows):
        said = ", ".join(f"{method} {mean} ± {std}" for method, (mean, std) in GENERATION_TABLE_3.items())
        text += f"\n\nPublished mean ± std with 1000 parameters (Table 3): {said}."
    return text
