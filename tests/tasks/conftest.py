"""A small table and runs trained on it, for tests of forecasts."""

import numpy as np
import pandas as pd
import pytest
from forecasts import task
from networks import save_run

from running.trained import train_silently


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """Two hundred steps with a season of 8, a second column that leads by three, and a gap."""
    steps, rng = np.arange(200), np.random.default_rng(0)
    lead = rng.normal(size=203)
    values = 5 * np.sin(2 * np.pi * steps / 8) + 2 * lead[:200] + 0.1 * rng.normal(size=200)
    path = tmp_path_factory.mktemp("series") / "own.csv"
    own = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=200), "y": values, "lead": lead[3:]})
    own.loc[50, "y"] = np.nan
    own.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def run(table, tmp_path_factory):
    """A trained run's folder, and what it reached."""
    own = task(table, units=24, epochs=60, learning_rate=1e-2, input_noise=0.0, dropout=0.0)
    return kept(own, train_silently(own, own.settings).weights, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def two(table, tmp_path_factory):
    """The run's folder of a network that forecasts two columns, the task, what it reached and its weights."""
    own = task(table, target=("lead", "y"), units=12, epochs=2, input_noise=0.0, dropout=0.0)
    return kept(own, train_silently(own, own.settings).weights, tmp_path_factory.mktemp("two"))


def kept(own, weights, folder):
    return folder, own, save_run(own, weights, folder), weights
