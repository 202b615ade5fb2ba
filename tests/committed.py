"""The committed results, for tests."""

import csv
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"


def read(name):
    with open(RESULTS / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
