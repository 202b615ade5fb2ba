"""What is said of the metrics of several networks."""

import math

import numpy as np
import pytest

from running.metrics import rows, summary


@pytest.mark.parametrize(
    ("name", "best"),
    [("mse", 80.0), ("accuracy", 99.0), ("accuracy_of_b", 99.0), ("accuracy2", 80.0), ("coverage_95", 94.0)],
)
def test_the_best_of_several_is_where_its_metric_is_best(name, best):
    values = np.array([80.0, 99.0, 94.0, 10.0])
    lost = np.array([False, False, False, True])
    found = summary({name: values}, {"accuracy": math.inf, "coverage_95": 95.0}, lost)
    assert found["spread"][name]["best"] == best


def test_what_is_not_known_is_no_result():
    quantity = {"label": "share", "unit": "", "naive": None, "naive_is": "the mean"}
    metrics = {"quantities": {"r2": quantity, "rmse": quantity, "mase": quantity}, "r2": math.nan, "rmse": 0.0}
    assert rows(metrics) == [("share", "0", "")]
