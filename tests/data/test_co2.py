"""The carbon dioxide that ships: monthly means of the weekly values in statsmodels."""

from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels import datasets

FILE = Path(__file__).parents[2] / "data" / "co2.csv"


def test_months_are_means_of_statsmodels_weeks():
    weeks = datasets.co2.load_pandas().data["co2"]
    table = pd.read_csv(FILE)
    months = sorted({f"{day:%Y-%m}" for day in weeks.index})
    assert table["month"].tolist() == months and len(months) == 526
    means = [np.mean([value for value in weeks[month] if value == value] or [np.nan]) for month in months]
    np.testing.assert_allclose(table["co2"], means, atol=0.005 + 1e-9)
    assert table["co2"].isna().sum() == 5 and np.isnan(means).sum() == 5
    assert datasets.co2.COPYRIGHT == "This is public domain."


def test_what_the_page_says_of_it():
    page = (FILE.parent / "README.md").read_text(encoding="utf-8")
    assert "| 526 rows, 5 of them empty; 2 columns |" in page
