"""Forecasts: where updates look, the loss number by number, the same from Keras, bands, and what is measured."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from forecasts import BANDS, task

from main import recipe
from running.trained import data_in_short, same_data, train_silently
from tasks import forecasting, series, simple_answers
from tasks.forecasting import QUANTILES, Forecasting

RNG = np.random.default_rng(0)


def test_other_times_or_names_are_other_data(table, tmp_path):
    """By an hour, or one series of another name: a training that goes on must not go on with them."""
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    own.assign(who="a").to_csv(path, index=False)
    first = data_in_short(task(path, group="who").kept)
    assert same_data(first, data_in_short(task(path, group="who").kept))
    own.assign(who="b").to_csv(path, index=False)
    assert not same_data(first, data_in_short(task(path, group="who").kept))
    own.assign(who="a", day=pd.to_datetime(own.day) + pd.Timedelta("1h")).to_csv(path, index=False)
    assert not same_data(first, data_in_short(task(path, group="who").kept))


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


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_network_that_diverged_has_bands_of_nobody_knows_what_without_a_word(table):
    own = task(table, replicas=2)
    weights = np.stack([own.network.start(seed).weights for seed in own.seeds])
    weights[0] = np.nan
    factors = own.widening(weights)
    assert np.isnan(factors[0]).all() and np.isfinite(factors[1]).all()


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
        before = values[place, [[o + step - season * -(-step // season) for step in (1, 2, 3)] for o in origins]]
        wanted = np.sqrt(np.nanmean((truth[:, place] - before) ** 2))  # of one step's season, the naive forecast
        assert found["baselines"]["seasonal naive"][f"rmse_{name}"] == pytest.approx(wanted)
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


@pytest.mark.parametrize("known", [(), ("lead",)])
def test_rows_of_the_future_change_nothing(table, tmp_path, known, capsys):
    """They hold what is known in advance, as holidays are: neither a part of the test nor of what is before it."""
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    days = pd.date_range(own.day.iloc[-1], periods=31)[1:]
    later = pd.DataFrame({"day": days.astype(str), "lead": 50 * RNG.normal(size=30)})
    pd.concat([own, later]).to_csv(path, index=False)
    alone, found = task(table, known=known), task(path, known=known)
    assert "30 rows behind the last value of y are of the future" in capsys.readouterr().out
    assert (found.learned, found.tested) == (alone.learned, alone.tested) == ([120], [160])
    weights = alone.network.start(0).weights[None]
    values, expected = found.evaluate(weights), alone.evaluate(weights)
    assert values["baselines"] == expected["baselines"] and values["test_forecasts"] == expected["test_forecasts"]
    assert values["mase"] == pytest.approx(expected["mase"], rel=1e-6)
    assert found.after_epoch(weights)["validation_loss"] == pytest.approx(alone.after_epoch(weights)["validation_loss"])
    assert found.report(weights).tables["forecast"]["truth"].tolist() == own.y.tolist()[-3:]


@pytest.mark.parametrize("rows, named", [((120, 160), "121 to 160"), ((160, 200), "161 to 200")])
def test_a_target_without_values_to_stop_or_to_test_by_is_refused(table, tmp_path, rows, named):
    own, path = pd.read_csv(table), tmp_path / "dead.csv"
    own.loc[rows[0] : rows[1] - 1, "y"] = np.nan
    own.to_csv(path, index=False)
    message = f"`target` must have values before the test and in it. Received: none of y in rows {named} of dead.csv"
    with pytest.raises(ValueError, match=message):
        task(path, target=("lead", "y"))
    assert len(task(path, target=("lead",)).series) == 1


def test_a_series_without_any_value_of_a_target_is_named(table, tmp_path):
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    pd.concat([own.assign(who="a"), own.assign(who="b", y=np.nan)]).to_csv(path, index=False)
    with pytest.raises(ValueError, match="`target` must have values in each series. Received: none of y in b"):
        task(path, group="who")


def test_a_season_after_which_nothing_is_known_is_refused(table, tmp_path):
    """Measured every other day, no two values are seven days apart, and no error can be scaled."""
    own, path = pd.read_csv(table), tmp_path / "own.csv"
    own.loc[1::2, "y"] = np.nan
    own.to_csv(path, index=False)
    message = "`season` must be a distance of known values before the test. Received: 7, with no two of y in own.csv"
    with pytest.raises(ValueError, match=message):
        task(path, season=7)
    assert np.isfinite(task(path, season=8).simple["naive"]["mase"])


def test_a_step_that_leaves_most_values_unknown_is_named(tmp_path):
    hours = pd.date_range("2024-01-01", periods=300, freq="h")
    pd.DataFrame({"when": hours, "y": np.random.default_rng(0).normal(size=300)}).to_csv(
        tmp_path / "own.csv", index=False
    )
    with pytest.raises(ValueError, match="with no two of y in own.csv when resampled by 20min"):
        task(tmp_path / "own.csv", time="when", every="20min", season=1)


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
            "`horizon`, `season` and `test_share` must leave 203 steps or more to learn from. Received: 120, with a season of 99",
        ),
        ({"horizon": 90}, "`horizon` and `test_share` must leave .* to learn from. Received: 20"),
        ({"horizon": 110}, "`horizon` must be below half of the rows, 200 of own.csv. Received: 110"),
        ({"predict": "x.csv"}, "`predict` needs `run`, the name of a trained run. Received: none"),
        ({"chunk": 1}, "`chunk` must be at least 2. Received: 1"),
        ({"input_noise": -1.0}, "`input_noise` must be from 0 to 1. Received: -1.0"),
        ({"input_noise": 2.0}, "`input_noise` must be from 0 to 1. Received: 2.0"),
    ],
)
def test_refuses(table, changes, message):
    with pytest.raises(ValueError, match=message):
        task(table, **changes)


def test_simple_methods_know_a_target_from_its_first_value_on(tmp_path):
    """What is not measured before is no flat beginning: a table that begins later is answered alike."""
    y = 10 * np.sin(np.arange(300) * 2 * np.pi / 12) + 0.1 * np.arange(300) + 0.5 * RNG.normal(size=300)
    found = []
    for name, frame in {
        "late": pd.DataFrame({"y": np.where(np.arange(300) < 150, np.nan, y)}),
        "short": pd.DataFrame({"y": y[150:]}),
    }.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        share = 30 / len(frame)
        found.append(task(tmp_path / f"{name}.csv", time=None, horizon=10, season=12, test_share=share).simple)
    late, short = found
    assert set(late) == set(short) and all(late[name] == pytest.approx(short[name], rel=1e-6) for name in late)


def test_of_what_ships_steps_of_another_length_are_tested_as_those_of_a_table():
    own = series.SeriesTask(recipe("series", every="YE", horizon=2))
    assert len(own.series[0].truth) - own.tested[0] == 4  # a tenth of 44 years, not 36 of them
    with pytest.raises(ValueError, match="`horizon` must be at least 1 without `data`. Received: 0"):
        series.SeriesTask(recipe("series", horizon=0))
    with pytest.raises(ValueError, match="`label` must not be given without `data`. Received: who"):
        series.SeriesTask(recipe("series", label="who"))


def test_without_a_table_it_is_the_carbon_dioxide_that_ships():
    own = series.SeriesTask(recipe("series"))
    assert type(own) is Forecasting
    assert own.sequences.columns == ("co2",) and own.scales.seasons == [12]
    assert len(own.series[0].truth) == 526 and own.tested[0] == 526 - 36  # the last three years


def test_where_a_season_ago_is_always_right_another_measure_says_what_is_better(tmp_path):
    pd.DataFrame({"y": np.arange(280) % 7}).to_csv(tmp_path / "own.csv", index=False)
    own = task(tmp_path / "own.csv", time=None)
    found = own.evaluate(own.network.start(0).weights[None])
    assert np.isnan(found["mase"]).all() and own.quantities()["mase"].naive is None
    metrics = {name: float(np.mean(found[name])) for name in own.quantities() if name in found}
    assert own.remark(metrics).startswith("A simple answer is better: ")  # several are right
    assert own.remark(metrics).endswith(", with a symmetric mean absolute percentage error of 0 %.")


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
