"""Forecasts: where updates look, the loss number by number, the same from Keras, bands, and what a run leaves for later."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from networks import save_run

from main import recipe
from running.trained import train_silently
from tasks import forecasting, series, simple_answers
from tasks.forecasting import QUANTILES, Forecasting

RNG = np.random.default_rng(0)
BANDS = ("low_95", "low_80", "median", "high_80", "high_95")
SMALL = {"units": 6, "periods": (1, 2, 4), "horizon": 3, "test_share": 0.2, "chunk": 16, "batch_size": 4, "epochs": 1}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two hundred steps with a season of 8, a second column that leads by three, and a gap."""
    steps = np.arange(200)
    lead = RNG.normal(size=203)
    values = 5 * np.sin(2 * np.pi * steps / 8) + 2 * lead[:200] + 0.1 * RNG.normal(size=200)
    path = tmp_path_factory.mktemp("series") / "own.csv"
    own = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=200), "y": values, "lead": lead[3:]})
    own.loc[50, "y"] = np.nan
    own.to_csv(path, index=False)
    return path


def task(table, **changes):
    return series.SeriesTask(
        recipe(
            "series", data=str(table), **SMALL | {"model": "clockwork_rnn", "target": ("y",), "time": "day"} | changes
        )
    )


def test_training_sees_nothing_of_the_test(table):
    own = task(table)
    assert (own.learned[0], own.tested[0], own.window) == (120, 160, 16)
    places = own.places()(0, 30)
    assert places.shape == (30, 1, 4, 16) and places.max() <= 119 and places.min() >= 0
    np.testing.assert_array_equal(np.diff(places), 1)
    targets = own.data[1]  # [N, H]
    for ahead in range(1, 4):
        assert np.isfinite(targets[100 : 120 - ahead, ahead - 1]).all()
        assert np.isnan(targets[120 - ahead :, ahead - 1]).all()
        assert np.isnan(targets[50 - ahead, ahead - 1])  # nobody knows what was missing


def test_the_loss_is_the_mean_pinball_loss_of_the_second_half(table):
    own = task(table)
    targets, outputs = RNG.normal(size=(2, 4, 16, 3)), RNG.normal(size=(2, 4, 16, 15))
    targets[0, 1, 9, 2] = np.nan
    losses = []
    for replica in range(2):
        each = []
        for b, t, h in np.ndindex(4, 8, 3):
            truth = targets[replica, b, 8 + t, h]
            for q, quantile in enumerate(QUANTILES):
                above = truth - outputs[replica, b, 8 + t, 5 * h + q] - own.offsets[h, q]
                each.append(quantile * above if above > 0 else (quantile - 1) * above)
        losses.append(np.nanmean(each))
    found = own.loss(tf.constant(targets, tf.float32), tf.constant(outputs, tf.float32))
    np.testing.assert_allclose(found, losses, rtol=1e-5)


def test_forecasts_are_those_of_the_keras_model_that_is_kept(table):
    own = task(table)
    weights = np.stack([own.network.start(seed).weights for seed in (0, 1)])
    one, origins = own.series[0], np.array([100, 170])
    found = own.forecasts(weights, one, origins)
    model = own.network.keras_model(weights[1])
    for place, origin in enumerate(origins):
        left = model(one.inputs[None, origin - 15 : origin + 1].astype(np.float32))[0, -1].numpy().reshape(3, 5)
        expects = one.expects[origin, 0][:, None] + one.expectations[0].scale * np.sort(left + own.offsets)
        np.testing.assert_allclose(found[1, place, 0], expects, rtol=1e-4)


def test_a_replica_is_the_network_of_its_seed_alone(table):
    together = train_silently(own := task(table, replicas=2, input_noise=0.1, dropout=0.1), own.settings).weights
    alone = train_silently(own := task(table, seed=1, input_noise=0.1, dropout=0.1), own.settings).weights
    np.testing.assert_allclose(together[1], alone[0], atol=2e-5)


def test_bands_are_widened_to_what_they_should_have_held():
    found = np.array([[-2.0, -1.0, 0.0, 3.0, 4.0]])
    factors = np.array([[2.0, 1.5], [1.0, 1.0]])  # of two targets
    wide = forecasting.widened(np.stack([found, found]), factors)
    np.testing.assert_allclose(wide, [[[-3, -2, 0, 6, 6]], [[-2, -1, 0, 3, 4]]])
    truth = np.array([-1.5, 6.0])
    np.testing.assert_allclose(forecasting._far(truth, np.repeat(found, 2, axis=0), 80), [1.5, 2.0])
    np.testing.assert_allclose(forecasting._far(truth, np.repeat(found, 2, axis=0), 95), [0.75, 1.5])


def test_widened_bands_hold_their_share_before_the_test(table):
    own = task(table)
    weights = own.network.start(0).weights[None]
    one, origins = own.series[0], own._origins(120, 160)
    assert origins[0] == 119 and origins[-1] == 156
    wide = forecasting.widened(own.forecasts(weights, one, origins)[0], own.widening(weights)[0])
    truth = one.future(origins)
    for level, (low, high) in {80: (1, 3), 95: (0, 4)}.items():
        held = 100 * np.mean((wide[..., low] <= truth) & (truth <= wide[..., high]))
        assert held == pytest.approx(level, abs=1.5)


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A trained run's folder, and what it reached."""
    own = task(table, units=24, epochs=60, learning_rate=1e-2, input_noise=0.0, dropout=0.0)
    return kept(own, train_silently(own, own.settings).weights, tmp_path_factory.mktemp("run"))


def kept(own, weights, folder):
    return folder, own, save_run(own, weights, folder), weights


def test_learns_what_leads_and_beats_all_simple_answers(run):
    _, own, found, _ = run
    best = min(values["mase"] for values in own.simple.values())
    assert own.scales.seasons == [8] and found["mase"][0] < 0.75 * best
    assert found["coverage_95"][0] > 70 and found["test_forecasts"] == 38
    assert own.remark({"mase": best / 2}) == ""
    assert own.remark({"mase": 2 * best}).startswith("A simple answer is better: ")
    assert set(own.simple) == {"naive", "seasonal naive", "drift", "exponential smoothing"}
    report = own.report(run[3])
    report.figures["forecast"].canvas.draw()
    tested = simple_answers.forecasts(own.series[0].known[:, 0], own._origins(160, 200) + 1, 3, 8)
    for name, values in tested.items():  # the last of those that were tested, not one fitted anew
        np.testing.assert_array_equal(report.tables["forecast"][name], values[-1])


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


@pytest.fixture(scope="module")
def two(table, tmp_path_factory):
    """The run's folder of a network that forecasts two columns, the task, what it reached and its weights."""
    own = task(table, target=("lead", "y"), units=12, epochs=2, input_noise=0.0, dropout=0.0)
    return kept(own, train_silently(own, own.settings).weights, tmp_path_factory.mktemp("two"))


def test_of_several_targets_each_is_measured_in_its_own_scale(two):
    _, own, found, weights = two
    one, origins = own.series[0], own._origins(160, 200)
    quantiles, truth = own.forecasts(weights, one, origins)[0], one.future(origins)
    assert quantiles.shape == (38, 2, 3, 5) and own.network.outputs == 2 * 3 * 5 and own.data[1].shape == (200, 6)
    factors, means = own.widening(weights)[0], []
    values = np.stack([own.sequences.values[0][:, own.sequences.columns.index(name)] for name in ("lead", "y")])
    for place, name in enumerate(("lead", "y")):
        np.testing.assert_array_equal(truth[:, place], [values[place, origin + 1 : origin + 4] for origin in origins])
        errors = np.abs(truth[:, place] - quantiles[:, place, :, 2])
        season = {"lead": 1, "y": 8}[name]
        assert found[f"season_{name}"] == season
        moves = np.abs(values[place, season:160] - values[place, : 160 - season])
        means.append(errors.mean() / np.nanmean(moves))
        assert found[f"mase_{name}"][0] == pytest.approx(means[-1])
        wide = forecasting.widened(quantiles, factors)[:, place]
        inside = (wide[..., 0] <= truth[:, place]) & (truth[:, place] <= wide[..., 4])
        assert found[f"coverage_95_{name}"][0] == pytest.approx(100 * inside.mean())
        alone = simple_answers.forecasts(one.known[:, place], origins + 1, 3, 8)["drift"]
        wanted = np.sqrt(np.mean((truth[:, place] - alone) ** 2))
        assert found["baselines"]["drift"][f"rmse_{name}"] == pytest.approx(wanted)
    assert found["mase"][0] == pytest.approx(np.mean(means))
    assert list(own.quantities())[:3] == ["mase", "mase_lead", "mase_y"]


def test_of_several_targets_each_has_its_bands_and_its_part_of_what_is_watched(two):
    _, own, _, weights = two
    one, origins = own.series[0], own._origins(120, 160)
    found, truth = own.forecasts(weights, one, origins)[0], one.future(origins)
    wide, losses = forecasting.widened(found, own.widening(weights)[0]), []
    for place in range(2):
        held = 100 * np.mean((wide[:, place, :, 1] <= truth[:, place]) & (truth[:, place] <= wide[:, place, :, 3]))
        assert held == pytest.approx(80, abs=1.5)
        above = truth[:, place, :, None] - found[:, place]
        each = np.where(above > 0, np.array(QUANTILES) * above, (np.array(QUANTILES) - 1) * above)
        losses.append(each.mean() / one.expectations[place].scale)
    assert own.after_epoch(weights)["validation_loss"][0] == pytest.approx(np.mean(losses))


def test_of_several_targets_a_table_says_which(two, table):
    folder, own, _, weights = two
    report = own.report(weights)
    assert [axis.get_ylabel() for axis in report.figures["forecast"].axes] == ["lead", "y"]
    left = report.tables["forecast"]
    assert list(left["target"]) == ["lead"] * 3 + ["y"] * 3
    np.testing.assert_array_equal(left["truth"].reshape(2, 3).T, pd.read_csv(table)[["lead", "y"]][-3:])
    report.write(folder)
    written = pd.read_csv(folder / "forecast.csv")
    assert list(written.time) == 2 * ["2020-07-16", "2020-07-17", "2020-07-18"]
    np.testing.assert_allclose(written.truth, left["truth"])
    said = series.predict(folder, table)
    bands = forecasting.widened(own.forecasts(weights, own.series[0], np.array([199]))[0], own.widening(weights)[0])[0]
    assert list(said.target) == ["lead"] * 3 + ["y"] * 3 and set(said.series) == {"own.csv"}
    np.testing.assert_allclose(said[list(BANDS)], bands.reshape(6, 5), rtol=1e-4)
    assert list(said.time.astype(str)) == 2 * ["2020-07-19", "2020-07-20", "2020-07-21"]


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


def test_hours_of_a_working_day_are_uneven(table, tmp_path):
    """Pandas takes eight a day for those from 9 to 17 whichever they are."""
    days = pd.date_range("2024-01-01", periods=25, freq="B")
    own = pd.read_csv(table).assign(day=[day + pd.Timedelta(hours=10 + hour) for day in days for hour in range(8)])
    own.to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(ValueError, match="own.csv must hold even steps of time, or `every` say which to make"):
        task(tmp_path / "own.csv")


def test_a_target_may_be_named_as_what_is_said_of_it(table, tmp_path):
    pd.read_csv(table).rename(columns={"y": "season"}).to_csv(tmp_path / "own.csv", index=False)
    own = task(tmp_path / "own.csv", target=("season", "lead"))
    found = own.evaluate(own.network.start(0).weights[None])
    assert found["season_season"] == 8 and found["mase_season"].dtype.kind == "f"
    assert found["mase"] == pytest.approx((found["mase_season"] + found["mase_lead"]) / 2)


def test_several_series_of_one_table_are_tested_each(table, tmp_path):
    own = pd.read_csv(table)
    path = tmp_path / "two.csv"
    pd.concat([own.assign(where="north"), own.assign(where="south", y=own.y * 100)]).to_csv(path, index=False)
    found = task(path, group="where")
    assert [one.name for one in found.series] == ["north", "south"]
    north, south = (one.expectations[0].scale for one in found.series)
    assert south == pytest.approx(100 * north)
    values = found.evaluate(found.network.start(0).weights[None])
    assert values["series"] == 2 and values["test_forecasts"] == 2 * 38
    assert set(found.starts.tolist()) == {*range(105), *range(200, 305)}


@pytest.mark.parametrize("rows, named", [((120, 160), "121 to 160"), ((160, 200), "161 to 200")])
def test_a_target_without_values_to_stop_or_to_test_by_is_refused(table, tmp_path, rows, named):
    own, path = pd.read_csv(table), tmp_path / "dead.csv"
    own.loc[rows[0] : rows[1] - 1, "y"] = np.nan
    own.to_csv(path, index=False)
    message = f"`target` must have values before the test and in it. Received: none of y in rows {named} of dead.csv"
    with pytest.raises(ValueError, match=message):
        task(path, target=("lead", "y"))
    assert len(task(path, target=("lead",)).series) == 1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"horizon": -1}, "`horizon` must be at least 0. Received: -1"),
        ({"target": ("y", "y")}, "`target` must name a column of its own. Received: y, which it names twice"),
        ({"target": ()}, "`label` or `target` must name the column of .*own.csv that is to be told. Received: neither"),
        ({"target": ("z",)}, "`target` must be one of day, y, lead in .*own.csv"),
        ({"test_share": 0.5}, "`test_share` must be between 0 and 0.5. Received: 0.5"),
        (
            {"test_data": "x.csv"},
            "`test_data` is for sequences that have an answer each. Received: x.csv, with a forecast",
        ),
        ({"every": "1YS"}, "`horizon` must be below half of the rows, 1 of own.csv when resampled by 1YS. Received: 3"),
        (
            {"season": 99},
            "`horizon` and `season` must leave 203 steps or more to learn from. Received: 120, with a season of 99",
        ),
        ({"horizon": 90}, "`horizon` must leave .* to learn from. Received: 20"),
        ({"horizon": 110}, "`horizon` must be below half of the rows, 200 of own.csv. Received: 110"),
        ({"predict": "x.csv"}, "`predict` needs `run`, the name of a trained run. Received: none"),
        ({"chunk": 1}, "`chunk` must be at least 2. Received: 1"),
        ({"input_noise": -1.0}, "`input_noise` must be at least 0. Received: -1.0"),
    ],
)
def test_refuses(table, changes, message):
    with pytest.raises(ValueError, match=message):
        task(table, **changes)


def test_without_a_table_it_is_the_carbon_dioxide_that_ships():
    own = series.SeriesTask(recipe("series"))
    assert type(own) is Forecasting
    assert own.sequences.columns == ("co2",) and own.scales.seasons == [12]
    assert len(own.series[0].truth) == 526 and own.tested[0] == 526 - 36  # the last three years


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
        (2, None, "must hold three times or more, to say how they go on. Received: 2"),
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


def test_forecasts_that_are_no_numbers_are_refused(run, table, tmp_path):
    _, own, _, weights = run
    save_run(own, weights, tmp_path)
    own.network.keras_model(np.full_like(weights[0], np.nan)).save(tmp_path / "model.keras")
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


def test_errors_of_hours_are_in_units_of_what_a_day_ago_was_off(tmp_path):
    """Weeks are what forecasts begin with, days what the M4 competition scales the errors of hourly series by."""
    hours = np.arange(8 * 168)
    day, week = (np.sin(2 * np.pi * hours / steps) for steps in (24, 168))
    pd.DataFrame({"y": 5 * day + 2 * week + 0.1 * RNG.normal(size=len(hours))}).to_csv(
        tmp_path / "own.csv", index=False
    )
    own = task(tmp_path / "own.csv", time=None)
    weights = own.network.start(0).weights[None]
    found = own.evaluate(weights)
    assert (found["season"], found["scale_season"]) == (168, 24)
    (series_of_it,) = own.series
    values, first = own.sequences.values[0][:, 0], own.tested[0]
    origins = own._origins(first, len(values))
    bands = forecasting.widened(own.forecasts(weights, series_of_it, origins)[0], own.widening(weights)[0])
    errors = [
        abs(values[origin + 1 + ahead] - bands[place, 0, ahead, 2])
        for place, origin in enumerate(origins)
        for ahead in range(3)
    ]
    scale = np.mean([abs(values[step] - values[step - 24]) for step in range(24, first)])
    assert found["mase"][0] == pytest.approx(np.mean(errors) / scale)
    fixed = task(tmp_path / "own.csv", time=None, season=168)
    assert (fixed.scales.seasons, fixed.scales.cycles) == ([168], (168,))
