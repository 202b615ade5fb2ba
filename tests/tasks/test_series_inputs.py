"""What a network sees of measurements: nothing from the future but what is known in advance, scaled by training alone."""

import json

import numpy as np
import pytest

from data.series import Sequences
from tasks.series_inputs import Scales, learn, make_series

RNG = np.random.default_rng(0)


def sequences(steps=80, count=1):
    values = tuple(RNG.normal(size=(steps, 3)) for _ in range(count))
    for own in values:
        own[[5, 20], 1] = np.nan
    return Sequences(("y", "x", "z"), values, tuple(f"s{place}" for place in range(count)), None, None, None)


def changed_after(own, step):
    values = tuple(np.where(np.arange(len(part))[:, None] <= step, part, part + 5.0) for part in own.values)
    return own._replace(values=values)


def test_what_is_learned_is_of_training_alone():
    own = sequences(count=2)
    before, after = (learn(these, [50, 50], 4, 3) for these in (own, changed_after(own, 49)))
    assert before.as_json() == after.as_json()
    assert before.seasons == [4] and list(before.gaps) == [False, True, False]


def test_inputs_are_of_the_past_but_for_what_is_known():
    own = sequences()._replace(known=("z",))
    scales = learn(own, [60], 4, 3)
    before, after = (make_series(these, scales)[0] for these in (own, changed_after(own, 40)))
    np.testing.assert_array_equal(before.expects[:41], after.expects[:41])
    np.testing.assert_array_equal(before.inputs[:38], after.inputs[:38])
    assert before.inputs.shape == (80, 1 + 2 + 1 + 3)  # deviation; y and x; x's gaps; z over three steps
    differs = (before.inputs[40] != after.inputs[40]).tolist()
    assert differs == [False] * 4 + [True] * 3
    whole = own.values[0][:, 2]
    levels = np.array([whole[t - 7 : t + 1].mean() for t in range(40, 44)])
    ahead = [(whole[t + 1 : t + 4] - level) / scales.deviations[2] for t, level in zip(range(40, 44), levels)]
    np.testing.assert_allclose(before.inputs[40:44, 4:], ahead)
    np.testing.assert_array_equal(np.flatnonzero(before.inputs[:, 3]), [5, 20])


def test_what_is_left_comes_back_in_units_and_order():
    one = make_series(sequences(), learn(sequences(), [60], 4, 3))[0]
    origins = np.array([30, 50])
    quantiles = np.sort(RNG.normal(size=(2, 1, 3, 5)), axis=-1)
    found = one.in_units(quantiles[None, ..., ::-1], origins)[0]
    np.testing.assert_allclose((found - one.expects[origins][..., None]) / one.expectations[0].scale, quantiles)
    np.testing.assert_allclose(
        one.in_units(one.left()[None, origins, ..., None], origins)[0, ..., 0], one.future(origins)
    )


def test_what_is_expected_is_fitted_from_the_first_known_value_on():
    whole = sequences(steps=200)
    late = whole._replace(values=(whole.values[0].copy(),))
    late.values[0][:90, 0] = np.nan
    behind = whole._replace(values=(whole.values[0][90:],))
    found = learn(late, [180], 4, 3).expectations["s0"]
    assert found == learn(behind, [90], 4, 3).expectations["s0"] != learn(whole, [180], 4, 3).expectations["s0"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_series_the_one_that_is_known_for_longest_decides_on_the_season(order):
    weeks = np.sin(np.arange(300) * 2 * np.pi / 7)[:, None] + 0.1 * RNG.normal(size=(2, 300, 1))
    weeks[0, :290] = np.nan  # one that begins late, too late for a week of its own
    own = Sequences(("y",), tuple(weeks[place] for place in order), ("a", "b"), None, None, None)
    scales = learn(own, [298, 298], 0, 3)
    assert [one.season for (one,) in scales.expectations.values()] == [7, 7]
    alone = learn(own._replace(values=(weeks[1],), names=("b",)), [298], 0, 3).expectations["b"]
    assert scales.expectations["ab"[order.index(1)]] == alone


def test_no_season_is_found_that_is_too_long_for_a_series():
    days = np.sin(np.arange(400) * 2 * np.pi / 40)[:, None] + 0.1 * RNG.normal(size=(400, 1))
    assert learn(Sequences(("y",), (days,), ("a",), None, None, None), [400], 0, 3).seasons == [40]
    both = Sequences(("y",), (days[:60], days), ("short", "long"), None, None, None)
    assert learn(both, [60, 400], 0, 3).seasons == [1]


def test_each_of_several_targets_is_as_it_would_be_alone():
    own = sequences(count=2)
    turned = own._replace(
        columns=("x", "y", "z"), values=tuple(part[:, [1, 0, 2]] for part in own.values)
    )  # the second target first
    scales = learn(own, [50, 60], 4, 3, targets=2)
    for place, these in enumerate((own, turned)):
        alone = learn(these, [50, 60], 4, 3)
        assert [scales.of(name)[place] for name in own.names] == [alone.of(name)[0] for name in own.names]
        for one, other in zip(make_series(own, scales), make_series(these, alone)):
            np.testing.assert_array_equal(one.expects[:, place], other.expects[:, 0])
            np.testing.assert_array_equal(one.left()[:, place], other.left()[:, 0])
            np.testing.assert_array_equal(one.inputs[:, place], other.inputs[:, 0])
            assert one.inputs.shape == (80, 2 + 3 + 1) and one.truth.shape == (80, 2)
            np.testing.assert_array_equal(one.known[:, place], other.known[:, 0])
            origins = np.array([30, 50])
            wanted = [these.values[0][origin + 1 : origin + 4, 0] for origin in origins]
            if one.name == "s0":
                np.testing.assert_array_equal(one.future(origins)[:, place], wanted)


def test_scales_go_through_json_and_know_their_series():
    scales = learn(sequences(count=2), [50, 60], 4, 3)
    again = Scales.of_json(json.loads(json.dumps(scales.as_json())))
    assert again.as_json() == scales.as_json() and again.of("s1") == scales.of("s1")
    with pytest.raises(ValueError, match="`group` must name series that the run was trained on. Received: s2"):
        again.of("s2")
    assert learn(sequences(), [50], 4, 3).of("any")[0].season == 4


def test_a_target_that_never_changes_is_named():
    own = sequences(count=2)
    own.values[1][:, 0] = 3.0
    message = "`target` must leave something to learn. Received: y of s1, of whose size a season of 4 leaves 0e"
    with pytest.raises(ValueError, match=message):
        learn(own, [50, 50], 4, 3)
