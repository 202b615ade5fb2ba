"""Forecasts of a small table, for tests."""

from main import recipe
from tasks import series

BANDS = ("low_95", "low_80", "median", "high_80", "high_95")
SMALL = {"units": 6, "periods": (1, 2, 4), "horizon": 3, "test_share": 0.2, "chunk": 16, "batch_size": 4, "epochs": 1}


def task(table, **changes):
    return series.SeriesTask(
        recipe(
            "series", data=str(table), **SMALL | {"model": "clockwork_rnn", "target": ("y",), "time": "day"} | changes
        )
    )
