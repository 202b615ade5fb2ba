"""How far gradients reach: the closed form against a loop over time, and what is read from measured curves."""

import numpy as np
import pytest

from experiments import reach


@pytest.mark.parametrize("periods, sizes", [((1,), (3,)), ((1, 4, 16), (3, 2, 1)), ((2, 3, 7), (1, 1, 4))])
def test_the_prediction_is_the_gradient_of_a_linear_network(periods, sizes):
    steps, factor, rng = 40, 0.8, np.random.default_rng(0)
    blocks = [factor * np.linalg.qr(rng.normal(size=(size, size)))[0] for size in sizes]
    ends = np.cumsum([0, *sizes])
    found = []
    for at in range(steps):  # an impulse to each unit at one step; the state after the last one is linear in it
        state = np.zeros((ends[-1], ends[-1]))
        for step in range(steps):
            for period, block, begin, end in zip(periods, blocks, ends[:-1], ends[1:]):
                if step % period == 0:
                    state[begin:end] = block @ state[begin:end] + (step == at) * np.eye(ends[-1])[begin:end]
        found.append(np.linalg.norm(state) / np.sqrt(ends[-1]))
    np.testing.assert_allclose(reach.predicted(factor, periods, sizes, steps), found, atol=1e-12)


def test_without_a_clock_it_falls_with_every_step_and_with_one_at_ticks():
    np.testing.assert_allclose(reach.predicted(0.9, [1], [5], 50), 0.9 ** np.arange(50)[::-1])
    slow = reach.predicted(0.9, [16], [5], 50)  # updated at 0, 16, 32 and 48
    np.testing.assert_allclose(slow[::16], 0.9 ** np.arange(4)[::-1])
    assert np.count_nonzero(slow) == 4


def test_bins_hold_every_distance_once():
    values = np.random.default_rng(0).random((5, 300))
    curve = reach.by_distance(values)
    widths = np.diff([*curve.distance, 300])
    assert curve.distance.iloc[0] == 0 and (widths > 0).all()
    nearest, last = curve.iloc[0], curve.iloc[-1]
    assert nearest["median"] == pytest.approx(np.median(values[:, -1]))  # distance 0 is the last step
    farthest = values[:, : widths[-1]]
    assert last["median"] == pytest.approx(np.median(np.sqrt((farthest**2).mean(1))))
    assert last.peak == pytest.approx(np.median(farthest.max(1)))
    lost = reach.by_distance(np.concatenate([values, np.full((5, 300), np.nan)]))  # half of the networks diverged
    assert np.isinf(lost.high).all() and np.isinf(lost.peak).all() and np.isfinite(lost.low).all()
    assert (curve.low <= curve["median"]).all() and (curve["median"] <= curve.high).all()


@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01])
def test_the_factor_is_read_from_a_curve_as_far_as_it_has_not_vanished(factor):
    curve = reach.by_distance(np.maximum(3 * factor ** np.arange(300.0)[::-1], 1e-30)[None])
    assert reach.fitted_factor(curve, 300) == pytest.approx(factor, rel=1e-4)
