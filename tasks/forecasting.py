"""Forecast the next steps of series: the median and two bands, at every step, from all before it.

Axes, besides those of `tasks/network.py`: targets m, steps ahead H, quantiles Q.
"""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.series import load
from tasks import measures
from tasks.network import Network
from tasks.report import Quantity, Report
from tasks.series import SHIPPED, SeriesTask, Settings, roles_of
from tasks.series_inputs import Series, end_of, first_known, learn, make_series
from tasks.task import compiled, first, in_blocks

QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
LEVELS = {80: 1, 95: 0}  # percent of a band → which quantile is its lower end
ORIGINS = 200  # of a sequence, at most, at which forecasts are tested
BLOCK = 64  # of them at once
SHOWN = 4  # targets, the first ones, in the picture and among the results that are printed
SHARE = 0.1  # of a series, its end, for testing, where nothing else is said
MONTHS = 36  # of the series that ships, for testing


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Sequences taken as they are, with noise in training."""

    features: int
    noise: float

    def seen(self, inputs, add_noise):
        return add_noise(inputs, 3), None

    def in_keras(self, replica):
        inputs = keras.Input((None, self.features))
        return inputs, keras.layers.GaussianNoise(self.noise)(inputs) if self.noise else inputs


class Forecasting(SeriesTask):
    """Forecast at every step; one epoch is 50 updates on places drawn from all series.

    Raises:
        ValueError: the series cannot be had, or the network cannot be built; names the argument or file, what was expected
            and what came.
    """

    epoch_quantity = "pinball loss"
    watched = "validation_loss"
    best_at = {f"coverage_{level}": float(level) for level in LEVELS}

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None):
        super().__init__(settings, seeds)
        if settings.test_data is not None:
            came = f"{settings.test_data}, with a forecast, which is tested on the end of `data`"
            raise ValueError(f"`test_data` is for sequences that have an answer each. Received: {came}")
        if settings.test_groups is not None:
            came = f"{settings.test_groups}, with a forecast, which is tested on the end of each series"
            raise ValueError(f"`test_groups` is for sequences that have an answer each. Received: {came}")
        if not settings.horizon:
            raise ValueError("`horizon` must be at least 1 without `data`. Received: 0")
        roles = roles_of(settings)
        self.metrics = {"pinball": self.loss}
        self.patience = settings.patience
        self.sequences = load(Path(settings.data or SHIPPED), roles)
        self.targets = self.sequences.columns[: len(roles.target)]
        lengths = np.array([len(values) for values in self.sequences.values])
        ends = np.array([end_of(values[:, : len(self.targets)]) for values in self.sequences.values])
        if not ends.all():
            came = f"none of {' and '.join(self.targets)} in {self.sequences.names[ends.argmin()]}"
            raise ValueError(f"`target` must have values in each series. Received: {came}")
        tested = np.maximum(self._tested(ends), settings.horizon)
        self.learned, self.tested = ends - 2 * tested, ends - tested  # first steps not trained on, and tested on
        if self.learned.min() < 1:
            least = self.sequences.names[self.learned.argmin()]
            rows = f"{ends[self.learned.argmin()]} of {least}{self._resampled}"
            raise ValueError(f"`horizon` must be below half of the rows, {rows}. Received: {settings.horizon}")
        self.scales = learn(self.sequences, self.learned, settings.season, settings.horizon, len(self.targets))
        self.series = make_series(self.sequences, self.scales)
        self._check_parts()
        if later := lengths.sum() - ends.sum():
            targets = " and ".join(self.targets)
            print(
                f"{later} rows behind the last value of {targets} are of the future: training and test end before them"
            )
        self.window = min(settings.chunk, self.learned.min() // 2)
        left = [one.left() for one in self.series]
        for own, learned in zip(left, self.learned, strict=True):
            for ahead in range(1, settings.horizon + 1):
                own[learned - ahead :, :, ahead - 1] = np.nan  # of what is not trained on
        flat = np.concatenate(left).reshape(lengths.sum(), -1)  # [N, m H]
        self.offsets = np.nanquantile(flat, QUANTILES, axis=0).T.astype(np.float32)  # [m H, Q]
        inputs = np.concatenate([one.inputs for one in self.series]).astype(np.float32)  # [N, F]
        self.data = inputs, flat.astype(np.float32)
        begins = np.cumsum(lengths) - lengths
        self.starts = np.concatenate(
            [begin + np.arange(learned - self.window + 1) for begin, learned in zip(begins, self.learned, strict=True)]
        )
        self.sequences_of_update, self.steps_of_update = settings.batch_size, settings.batch_size * self.window
        front = Scaled(inputs.shape[1], settings.input_noise)
        self.network = Network(settings, front, self.offsets.size)

    def _check_parts(self) -> None:
        """Raise a ValueError where nothing tells when to stop, or nothing is tested."""
        for one, learned, tested in zip(self.series, self.learned, self.tested, strict=True):
            for begin, end in ((learned, tested), (tested, one.end)):
                known = np.isfinite(one.future(self._origins(begin, end))).any(axis=(0, 2))  # [m]
                if not known.all():
                    came = f"none of {self.targets[known.argmin()]} in rows {begin + 1} to {end} of {one.name}"
                    raise ValueError(f"`target` must have values before the test and in it. Received: {came}")
        for one, _, scales in self._tests():
            for target, cycle, scale in zip(self.targets, self.scales.cycles, scales, strict=True):
                if np.isnan(scale):
                    came = f"{cycle}, with no two of {target} in {one.name}{self._resampled}"
                    raise ValueError(f"`season` must be a distance of known values before the test. Received: {came}")

    @property
    def _resampled(self) -> str:
        return f" when resampled by {self.settings.every}" if self.settings.every else ""

    @property
    def kept(self) -> tuple:
        inputs, targets = self.data
        return inputs, np.nan_to_num(targets), self.sequences.in_short  # without what is not equal to itself

    def _tested(self, lengths: np.ndarray) -> np.ndarray:
        """Return how many steps at the end are for testing."""
        if self.settings.test_share is None and self.settings.data is None and self.settings.every is None:
            return np.full_like(lengths, MONTHS)
        return ((self.settings.test_share or SHARE) * lengths).astype(int)

    def places(self) -> Callable[[int, int], np.ndarray]:
        """Return (first update, count) → the steps that those updates see [count, R, B, T]."""
        shape = self.settings.batch_size, 1

        def drawn(seed: int, update: int) -> np.ndarray:
            return self.starts[np.random.default_rng([seed, update]).integers(len(self.starts), size=shape)]

        def find(first: int, count: int) -> np.ndarray:
            begins = [[drawn(seed, update) for seed in self.seeds] for update in range(first, first + count)]
            return (np.array(begins) + np.arange(self.window)).astype(np.int32)

        return find

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean pinball loss [R] of the second half of the steps, in the scale of what is left [..., T, m H]."""
        half, count = self.window // 2, tf.maximum(self.weight(targets), 1.0)
        targets, outputs = targets[..., half:, :, None], self._quantiles(outputs[..., half:, :])
        known = tf.math.is_finite(targets)
        above = tf.where(known, targets, 0.0) - outputs  # [R, B, T, m H, Q]
        quantiles = tf.constant(QUANTILES)
        losses = tf.where(known, tf.maximum(quantiles * above, (quantiles - 1) * above), 0.0)
        return tf.reduce_sum(losses, axis=[-4, -3, -2, -1]) / count / len(QUANTILES)

    def weight(self, targets: tf.Tensor) -> tf.Tensor:
        """Return how many values are known [R], of which the loss is the mean."""
        known = tf.math.is_finite(targets[..., self.window // 2 :, :])
        return tf.reduce_sum(tf.cast(known, tf.float32), axis=[-3, -2, -1])

    def _quantiles(self, outputs: tf.Tensor) -> tf.Tensor:
        """Return the network's outputs [..., m H Q] as quantiles of what is left [..., m H, Q]."""
        return tf.reshape(outputs, [*outputs.shape[:-1], *self.offsets.shape]) + self.offsets

    def forecasts(self, weights: np.ndarray, one: Series, origins: np.ndarray) -> np.ndarray:
        """Return the quantiles [R, origins, m, H, Q] that networks of weights [R, P] forecast after some steps of a series."""
        found = []
        for block in in_blocks(origins, BLOCK):
            seen = one.inputs[block[:, None] - self.window + 1 + np.arange(self.window)].astype(np.float32)  # [B, T, F]
            found.append(self._forecast(weights, seen).numpy())
        left = np.concatenate(found, axis=1)[:, : len(origins)]  # [R, origins, m H, Q]
        return one.in_units(left.reshape(*left.shape[:2], len(self.targets), -1, len(QUANTILES)), origins)

    @functools.cached_property
    def _forecast(self):
        def forecast(weights, seen):
            return self._quantiles(self.network.apply(self.network.split(weights), seen)[:, :, -1])

        return compiled(forecast)

    def widening(self, weights: np.ndarray) -> np.ndarray:
        """Return what each band is multiplied by [R, m, levels] to hold its share of what came just before the test.

        The bands are those of networks of weights [R, P], as learned; conformal prediction from quantiles (Romano, Patterson
        and Candès 2019), with the half widths as unit.
        """
        before, factors = list(self._before_tests(weights)), []
        for level in LEVELS:
            far = [
                _far(truth, found, level) for _, truth, found in before
            ]  # [R, origins, m, H], NaN where nobody knows
            with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of networks that diverged
                factors.append(np.nanquantile(np.concatenate(far, axis=1), level / 100, axis=(1, 3)))
        return np.stack(factors, axis=-1)

    def after_epoch(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        losses = []
        for one, truth, found in self._before_tests(weights):
            truth, found = truth / one.scales[:, None], found / one.scales[:, None, None]
            losses.append([measures.pinball(truth, own, QUANTILES) for own in found])
        return {"validation_loss": np.mean(losses, axis=0)}

    def _before_tests(self, weights: np.ndarray) -> Iterator[tuple[Series, np.ndarray, np.ndarray]]:
        """Yield each series, the truth just before its test [origins, m, H], and what is forecast [R, origins, m, H, Q]."""
        for one, learned, tested in zip(self.series, self.learned, self.tested, strict=True):
            origins = self._origins(learned, tested)
            yield one, one.future(origins), self.forecasts(weights, one, origins)

    def _origins(self, begin: int, end: int) -> np.ndarray:
        """Return last known steps, evenly spread, such that all that is forecast lies between two steps."""
        last = end - self.settings.horizon - 1
        return np.unique(np.linspace(begin - 1, last, min(ORIGINS, last - begin + 2)).astype(int))

    def _tests(self) -> Iterator[tuple[Series, np.ndarray, np.ndarray]]:
        """Yield each series, the steps after which it is tested, and what its targets' absolute errors are scaled by [m]."""
        for one, tested in zip(self.series, self.tested, strict=True):
            known = zip(one.truth[:tested].T, self.scales.cycles, strict=True)
            scales = np.array([measures.mase_scale(*own) for own in known])
            yield one, self._origins(tested, one.end), scales

    def evaluate(self, weights: np.ndarray) -> dict[str, Any]:
        found, counts, widening = [], 0, self.widening(weights)
        for one, origins, scales in self._tests():
            truth, counts = one.future(origins), counts + len(origins)
            forecasts = zip(self.forecasts(weights, one, origins), widening, strict=True)
            found.append([self._measures(truth, widened(*own), scales) for own in forecasts])
        means = {name: np.mean([[one[name] for one in own] for own in found], axis=0) for name in found[0][0]}  # [R]
        seasons = [
            {"season": season, "scale_season": cycle}
            for season, cycle in zip(self.scales.seasons, self.scales.cycles, strict=True)
        ]
        about = seasons[0] | self._own(seasons)
        about |= {"series": len(self.series), "test_forecasts": counts}
        saved = {"scales": self.scales.as_json(), "offsets": self.offsets.tolist(), "widening": widening[0].tolist()}
        saved |= {"window": int(self.window), "step": self.sequences.step}
        saved |= {"columns": list(self.sequences.columns), "targets": list(self.targets)}
        return means | about | {"baselines": self.simple, "learned": saved}

    @functools.cached_property
    def simple(self) -> dict[str, dict[str, float]]:
        """What simple methods reach at the same places: method → measure → value, the mean of all series."""
        found: dict[str, list] = {}
        for (one, origins, scales), forecasts in zip(self._tests(), self._simple, strict=True):
            for name, own in forecasts.items():
                found.setdefault(name, []).append(self._measures(one.future(origins), own[..., None], scales))
        return {
            name: {measure: float(np.mean([one[measure] for one in own])) for measure in own[0]}
            for name, own in found.items()
            if len(own) == len(self.series)
        }

    @functools.cached_property
    def _simple(self) -> list[dict[str, np.ndarray]]:
        """What simple methods forecast of each series where it is tested: method → [origins, m, H]."""
        from tasks import simple_answers  # whose libraries take seconds

        found = []
        for one, origins, _ in self._tests():
            each = []
            for values, truth, season in zip(one.known.T, one.truth.T, self.scales.seasons, strict=True):
                first = first_known(truth)
                own = simple_answers.forecasts(values[first:], origins + 1 - first, self.settings.horizon, season)
                each.append(own)
                if season == 1 < max(self.scales.seasons):  # of one step, beside targets that have longer ones
                    own["seasonal naive"] = own["naive"]
            all_have = [name for name in each[0] if all(name in own for own in each)]
            found.append({name: np.stack([own[name] for own in each], axis=1) for name in all_have})
        return found

    def _measures(self, truth: np.ndarray, found: np.ndarray, scales: np.ndarray) -> dict[str, float]:
        """Return the measures of forecasts [origins, m, H, Q], the means of the targets, and of several each one's own."""
        each = [_measured(*own) for own in zip(truth.swapaxes(0, 1), found.swapaxes(0, 1), scales, strict=True)]
        means = {measure: float(np.mean([own[measure] for own in each])) for measure in each[0]}
        return means | self._own(each)

    def _own(self, each: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return what is measured of each target, under its name; of a single one it needs none."""
        if len(each) == 1:
            return {}
        return {
            f"{measure}_{target}": value
            for target, own in zip(self.targets, each, strict=True)
            for measure, value in own.items()
        }

    def quantities(self) -> dict[str, Quantity]:
        found = {"mase": self.beside_simple("mean absolute scaled error", "mase")}
        if len(self.targets) > 1:
            for target in self.targets[:SHOWN]:
                label = f"mean absolute scaled error of {target}"
                found[f"mase_{target}"] = self.beside_simple(label, f"mase_{target}")
        return found | {
            "smape": self.beside_simple("symmetric mean absolute percentage error", "smape", "%"),
            "rmse": self.beside_simple("root mean squared error", "rmse"),
            "coverage_95": Quantity("truth within the 95 % band", "%"),
            "coverage_80": Quantity("truth within the 80 % band", "%"),
            "validation_loss": Quantity("pinball loss before the test"),
            "pinball": Quantity("pinball loss in training"),
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks.forecast_figures import forecast_figure

        (one, origins, _), times = next(self._tests()), self.sequences.times
        weights, known = first(weights), int(origins[-1]) + 1
        found = self.forecasts(weights, one, origins[-1:])[0]  # [1, m, H, Q]
        bands = widened(found, self.widening(weights)[0])[0]
        simple = {name: own[-1] for name, own in self._simple[0].items()}  # as they were tested, not fitted again
        steps = np.arange(len(one.truth)) if times is None else times[0]
        drawn = forecast_figure(one.truth, known, bands, simple, steps, self.targets[:SHOWN])
        ahead = slice(known, known + self.settings.horizon)
        when = {"step": steps[ahead]} if times is None else {"time": self.sequences.written(steps[ahead])}
        table = table_of(self.targets, when, {"truth": one.truth[ahead].T} | by_level(bands) | simple)
        return Report({"forecast": drawn}, tables={"forecast": table})


def _measured(truth: np.ndarray, found: np.ndarray, scale: float) -> dict[str, float]:
    """Return the measures of one target's forecasts [origins, H, Q], or of a median alone."""
    middle = found[..., found.shape[-1] // 2]
    own = {"mase": measures.mase(truth, middle, scale), "smape": measures.smape(truth, middle)}
    own |= {"rmse": measures.rmse(truth, middle)}
    if found.shape[-1] == len(QUANTILES):
        own |= {"pinball_loss": measures.pinball(truth, found, QUANTILES)}
        own |= {f"coverage_{level}": measures.coverage(truth, *_band(found, level)) for level in LEVELS}
    return own


def _band(found: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    return found[..., LEVELS[level]], found[..., -1 - LEVELS[level]]


def _far(truth: np.ndarray, found: np.ndarray, level: int) -> np.ndarray:
    """Return how far from the median the truth is, in half widths of a band on its side."""
    (low, high), middle = _band(found, level), found[..., 2]
    return np.maximum((middle - truth) / (middle - low), (truth - middle) / (high - middle))


def widened(found: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return quantiles [..., m, H, Q] whose bands are so many times as wide, factors [m, levels]."""
    middle, wide = found[..., 2:3], found.copy()
    for level, factor in zip(LEVELS, factors.T, strict=True):
        place = [LEVELS[level], -1 - LEVELS[level]]
        wide[..., place] = middle + factor[:, None, None] * (found[..., place] - middle)
    return np.sort(wide, axis=-1)


def by_level(bands: np.ndarray) -> dict[str, np.ndarray]:
    """Return the median and the bands [m, H] of quantiles [m, H, Q]."""
    found = {"median": bands[..., 2]}
    for level in LEVELS:
        found[f"low_{level}"], found[f"high_{level}"] = _band(bands, level)
    return found


def table_of(
    targets: Sequence[str], when: Mapping[str, np.ndarray], said: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return a row for each target and step, of times [H] and of what is said of them [m, H]; of several it says which."""
    count, horizon = next(iter(said.values())).shape
    which = {"target": np.repeat(targets, horizon)} if count > 1 else {}
    times = {name: np.tile(own, count) for name, own in when.items()}
    return which | times | {name: own.ravel() for name, own in said.items()}
