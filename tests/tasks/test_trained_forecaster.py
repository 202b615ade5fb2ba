"""What a trained run says of the steps after a table's end, and what it refuses to go on from."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from forecasts import BANDS, task
from networks import save_run

from tasks import forecasting, series


def test_a_run_goes_on_from_a_table_as_it_would_itself(run, table, tmp_path):
    """From the first 171 rows: what the task forecasts at step 170, whose future it does not see either."""
    folder, own, _, weights = run
    path = tmp_path / "new.csv"
    pd.read_csv(table)[:171].to_csv(path, index=False)
    found = series.predict(folder, path)
    bands = forecasting.widened(own.forecasts(weights, own.series[0], np.array([170]))[0], own.widening(weights)[0])[0]
    np.testing.assert_allclose(found[list(BANDS)], bands[0], rtol=1e-4)
    assert list(found.time.astype(str)) == ["2020-06-20", "2020-06-21", "2020-06-22"]
    assert set(found.series) == {"new.csv"}


def test_columns_are_found_by_their_names_and_others_do_not_count(run, table, tmp_path):
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    own.assign(more=1.0)[["lead", "more", "y", "day"]].to_csv(path, index=False)
    pd.testing.assert_frame_equal(series.predict(run[0], path), series.predict(run[0], table))
    own.drop(columns="lead").to_csv(path, index=False)
    with pytest.raises(
        ValueError, match="own.csv must have the columns that the run was trained on, y, lead. Received: day, y"
    ):
        series.predict(run[0], path)


def test_a_table_of_other_steps_is_refused(run, table, tmp_path):
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    own.assign(day=pd.date_range("2020-01-01", periods=200, freq="h")).to_csv(path, index=False)
    with pytest.raises(ValueError, match="own.csv must have steps of 86400, as the run was trained on. Received: 3600"):
        series.predict(run[0], path)


@pytest.mark.parametrize(
    "times, next_times",
    [
        (pd.date_range("2000-02-15", periods=200, freq=pd.DateOffset(months=3)), ["2050-02-15", "2050-05-15"]),
        (pd.date_range("2003-07-30", periods=200, freq=pd.DateOffset(months=1, day=30)), ["2020-03-30", "2020-04-30"]),
        (pd.date_range("2003-06-30", periods=200, freq=pd.DateOffset(months=1, day=30)), ["2020-02-29", "2020-03-30"]),
        (pd.date_range("2020-01-01", periods=200, freq="MS"), ["2036-09-01", "2036-10-01"]),
        ([*pd.date_range("2020-01-01", periods=199), pd.Timestamp("2020-07-18 01:00")], ["2020-07-19 01:00:00", "2020-07-20 01:00:00"]),
        (pd.date_range("2024-03-25", periods=200, tz="Europe/Berlin"), ["2024-10-10 22:00:00+00:00", "2024-10-11 22:00:00+00:00"]),
        (pd.date_range("2024-01-01", periods=200).strftime("%Y%m%d"), ["2024-07-19", "2024-07-20"]),
        ([*range(1000, 1400, 2)], ["1400.0", "1402.0"]),
    ],
)  # fmt: skip
def test_times_go_on_as_they_did(table, tmp_path, times, next_times):
    """Quarters on the fifteenth, months on the thirtieth, or the last of February, and on the first, a late measurement, days of 23 hours, dates without signs, numbers."""
    path, own = tmp_path / "own.csv", pd.read_csv(table)
    own.assign(day=[str(time) for time in times]).to_csv(path, index=False)
    found = task(path)
    save_run(found, found.network.start(0).weights[None], tmp_path)
    said = series.predict(tmp_path, path)
    said.to_csv(tmp_path / "said.csv")
    assert list(pd.read_csv(tmp_path / "said.csv", dtype=str).time[:2]) == next_times


@pytest.fixture(scope="module")
def ahead(table, tmp_path_factory):
    """A folder with a run that knows in advance a column which leads; the table is all but its last six rows."""
    folder = tmp_path_factory.mktemp("ahead")
    pd.read_csv(table)[:-6].to_csv(folder / "own.csv", index=False)
    own = task(folder / "own.csv", known=("lead",))
    weights = own.network.start(0).weights[None]
    save_run(own, weights, folder)
    return folder


def test_rows_without_a_target_are_of_the_future(ahead, table, tmp_path):
    """They say what is known in advance, and nothing else: not even where the targets' own columns are concerned."""
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    own.loc[194:, "y"] = np.nan
    own.to_csv(path, index=False)
    said = series.predict(ahead, path)
    assert list(said.time.astype(str)) == ["2020-07-13", "2020-07-14", "2020-07-15"]  # days 194 to 196 from 0
    own[:197].to_csv(path, index=False)
    pd.testing.assert_frame_equal(series.predict(ahead, path), said)
    own.loc[195, "lead"] += 5
    own.to_csv(path, index=False)
    assert (series.predict(ahead, path)["median"] != said["median"]).all()
    own[:197].assign(lead=own.lead.where(own.index != 196)).to_csv(path, index=False)
    message = (
        "own.csv must have values of lead, which is known in advance. Received: none in row 3 behind the end of own.csv"
    )
    with pytest.raises(ValueError, match=message):
        series.predict(ahead, path)
    own[:196].to_csv(path, index=False)
    with pytest.raises(
        ValueError, match="own.csv must have 3 rows behind the last value of y, .* Received: 2 in own.csv"
    ):
        series.predict(ahead, path)


def test_what_is_known_may_be_named_by_its_number(table, tmp_path):
    own = task(table, known=("3",))
    np.testing.assert_array_equal(own.data[0], task(table, known=("lead",)).data[0])
    save_run(own, own.network.start(0).weights[None], tmp_path)
    with pytest.raises(ValueError, match="must have 3 rows behind the last value of y"):
        series.predict(tmp_path, table)


@pytest.mark.parametrize(
    "rows, times, message",
    [
        (2, None, "must hold 16 rows or more of a series, for its season. Received: 2 in own.csv"),
        (15, None, "must hold 16 rows or more of a series, for its season. Received: 15 in own.csv"),
        (40, "2262-03-02", "must end early enough before 2262-04-11.* Received: 2262-04-10"),
    ],
)
def test_a_file_that_says_too_little_is_named(run, table, tmp_path, rows, times, message):
    path, own = tmp_path / "own.csv", pd.read_csv(table)[:rows]
    if times:
        own["day"] = pd.date_range(times, periods=len(own)).astype(str)
    own.to_csv(path, index=False)
    with pytest.raises(ValueError, match=f"own.csv {message}"):
        series.predict(run[0], path)


def test_two_seasons_suffice(run, table, tmp_path):
    """They are of 8 steps, as the table is made."""
    path, own = tmp_path / "own.csv", pd.read_csv(table)
    own[-16:].to_csv(path, index=False)
    short, whole = series.predict(run[0], path), series.predict(run[0], table)
    assert (short["median"] > whole["low_95"]).all() and (short["median"] < whole["high_95"]).all()


def test_values_in_other_units_are_refused(run, table, tmp_path):
    """A thousand times as large; ten times as large they could be a series that has become wilder."""
    path, own = tmp_path / "own.csv", pd.read_csv(table)
    own.assign(y=own.y * 10).to_csv(path, index=False)
    series.predict(run[0], path)
    own.assign(y=own.y * 1000).to_csv(path, index=False)
    message = "own.csv must hold values in the units of training. Received: y of own.csv, .* times as far from what is expected"
    with pytest.raises(ValueError, match=message):
        series.predict(run[0], path)
    own.assign(lead=own.lead * 10).to_csv(path, index=False)
    series.predict(run[0], path)
    own.assign(lead=own.lead * 1000).to_csv(path, index=False)
    with pytest.raises(
        ValueError, match="units of training. Received: lead of own.csv, .* as far from its level as in"
    ):
        series.predict(run[0], path)


@pytest.mark.parametrize("column", ["y", "z", "lead"])
def test_a_column_of_which_a_series_has_no_value_is_named(table, tmp_path, column):
    """It would count as 0 at all times; of the other series of the same table there are values."""
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    own["z"] = own.y**2
    pd.concat([own.assign(kind=kind) for kind in "ab"]).to_csv(path, index=False)
    trained = task(path, target=("y", "z"), group="kind")
    save_run(trained, trained.network.start(0).weights[None], tmp_path)
    assert len(series.predict(tmp_path, path)) == 2 * 2 * 3  # series, targets, steps
    whole = pd.read_csv(path)
    whole.loc[whole.kind == "b", column] = None
    whole.to_csv(path, index=False)
    with pytest.raises(ValueError, match=f"own.csv must have values of {column}. Received: none in b"):
        series.predict(tmp_path, path)


def test_forecasts_that_are_no_numbers_are_refused(run, table, tmp_path):
    _, own, _, weights = run
    save_run(own, weights, tmp_path)
    own.network.keras_model(np.full_like(weights[0], np.nan)).save(tmp_path / "model.keras")
    with pytest.raises(
        ValueError, match="`run` must have a model of finite weights, .*model.keras. Received: others in hidden"
    ):
        series.predict(tmp_path, table)
    own.network.keras_model(np.full_like(weights[0], 3e38)).save(tmp_path / "model.keras")
    with pytest.raises(
        ValueError, match="own.csv must hold values like those of training. Received: forecasts without end"
    ):
        series.predict(tmp_path, table)


@pytest.mark.parametrize(
    "name, value",
    [
        *[("window", value) for value in ("x", 3.5, 0, -5, None, True)],
        *[("columns", value) for value in (None, [1], "y")],
        *[("targets", value) for value in (5, [1])],
        *[("offsets", value) for value in (None, [], [[1]], [["x"] * 5] * 3, [[float("nan")] * 5] * 3)],
        *[("widening", value) for value in (None, 1, [[-1, 1]])],
        *[("scales", value) for value in ({}, [], {"expectations": {}, "deviations": [1, 1], "gaps": [0, 0]})],
        *[("scales", ("own.csv", place, value)) for place in range(4) for value in (None, "x", [], -1)],
    ],
)
def test_what_was_learned_is_not_believed_where_it_is_damaged(run, table, tmp_path, name, value):
    shutil.copytree(run[0], tmp_path, dirs_exist_ok=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    if isinstance(value, tuple):
        series_name, place, value = value
        metrics["learned"]["scales"]["expectations"][series_name][0][place] = value
    else:
        metrics["learned"][name] = value
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(
        ValueError, match=f"metrics.json must have {name} in what was learned, as it was saved. Received"
    ):
        series.predict(tmp_path, table)
