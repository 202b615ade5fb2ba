"""The clocks: module sizes, who fires and who hears whom."""

from fractions import Fraction

import numpy as np
import pytest

from models.clocks import LARGEST, SERIES, make_modules, make_periods, sizes_from_spectrum, take_turns

NINE = tuple(2**i for i in range(9))


@pytest.mark.parametrize(
    "units, sizes",  # the split that gives the paper's parameter counts, remainder to the fastest
    [(11, (2, 2, 1, 1, 1, 1, 1, 1, 1)), (36, (4,) * 9), (40, (5, 5, 5, 5, 4, 4, 4, 4, 4))],
)
def test_units_are_split_with_the_remainder_to_the_fastest(units, sizes):
    assert make_modules(units, NINE).sizes == sizes


def test_modules_are_sorted_with_all_that_belongs_to_them():
    hears = [[True, False, False], [True, True, False], [False, True, True]]
    modules = make_modules([3, 1, 2], [7, 2, 3], phases=[5, 1, 0], connections=hears, input_modules=[0])
    assert (modules.periods, modules.sizes, modules.phases) == ((2, 3, 7), (1, 2, 3), (1, 0, 5))
    assert modules.sees_input == (False, False, True)
    # Given: 2 hears 7 and itself, 3 hears 2 and itself, 7 hears itself.
    assert modules.hears == ((True, False, True), (True, True, False), (False, False, True))


@pytest.mark.parametrize(
    ("name", "hears"),  # by hand, for the periods 1, 2, 2, 4: rows hear columns
    [
        ("slow_to_fast", ["1111", "0111", "0111", "0001"]),
        ("fast_to_slow", ["1000", "1110", "1110", "1111"]),
        ("full", ["1111"] * 4),
        ("hierarchical", ["1111", "1110", "1110", "1111"]),
        ("none", ["1000", "0110", "0110", "0001"]),
    ],
)
def test_wirings_by_name(name, hears):
    modules = make_modules(4, (4, 2, 1, 2), connections=name)
    assert ["".join(str(int(heard)) for heard in row) for row in modules.hears] == hears


def test_slow_to_fast_hears_all_that_are_not_faster():
    hears = np.array(make_modules(4, [1, 2, 2, 8]).hears)
    assert hears.tolist() == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]


def test_every_module_fires_at_step_0_and_then_at_its_multiples():
    fires = make_modules(3, [1, 3, 5]).fires(np.arange(16))
    assert [np.flatnonzero(column).tolist() for column in fires.T] == [
        list(range(16)),
        [0, 3, 6, 9, 12, 15],
        [0, 5, 10, 15],
    ]


def test_phases_shift_the_ticks():
    fires = make_modules(2, [4, 4], phases=[1, 3]).fires(np.arange(9))
    assert [np.flatnonzero(column).tolist() for column in fires.T] == [[1, 5], [3, 7]]


def test_work_is_the_papers_count():
    """O_H = k² Σ_i (g − i) / T_i with i from 0 (Koutník et al. 2014, section 3)."""
    assert make_modules(36, NINE).work == sum(4 * 4 * (9 - i) / 2**i for i in range(9))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(units=4, periods=4), "`periods` must be a list, one period a module, such as .* Received: 4"),
        (dict(units=4, periods="124"), "`periods` must be a list, one period a module, such as .* Received: '124'"),
        (dict(units=4, periods=[1, 2**31]), "`periods` must be at most 2147483647. Received: 2147483648"),
        (dict(units=4, periods=[1, 10**20]), "`periods` must be at most 2147483647. Received: 1(0{20})"),
        (dict(units=2**31, periods=[1]), "`units` must be at most 2147483647. Received: 2147483648"),
        (dict(units=[2**31 - 1, 1], periods=[1, 2]), "`units` must be at most 2147483647. Received: 2147483648"),
        (dict(units=10**6, periods=range(1, 10**6)), "`periods` must name from 1 to 10000 modules. Received: 999999"),
        (dict(units=4, periods=[]), "`periods` must name from 1 to 10000 modules. Received: 0"),
        (dict(units=4, periods=[1, 0]), r"`periods` must be whole numbers from 1. Received: \(1, 0\)"),
        (dict(units=4, periods=[1, 2.5]), r"`periods` must be whole numbers. Received: \[1, 2.5\]"),
        (dict(units=2, periods=[1, 2, 4]), "`units` must be at least the number of modules, 3. Received: 2"),
        (dict(units=0, periods=[1]), "`units` must be whole numbers from 1"),
        (dict(units=[2, 2], periods=[1, 2, 4]), "`units` must hold one number a period, 3. Received: 2"),
        (dict(units=4, periods=[1, 2], phases=[0, 2]), "`phases` must be below the module's period 2. Received: 2"),
        (dict(units=4, periods=[1, 2], phases=[0, -1]), "`phases` must be whole numbers from 0"),
        (dict(units=4, periods=[1, 2], phases=[0]), "`phases` must hold one number a period, 2. Received: 1"),
        (dict(units=4, periods=[1, 2], connections="fast"), "`connections` must be one of slow_to_fast, .* 'fast'"),
        (dict(units=4, periods=[1, 2], connections=[[1, 1]]), r"`connections` must be of shape \(2, 2\).*\(1, 2\)"),
        (dict(units=4, periods=[1, 2], connections=[[1, 2], [0, 1]]), "`connections` must hold only true and false"),
        (dict(units=4, periods=[1, 2], input_modules="slowest"), "`input_modules` must be .* Received: 'slowest'"),
        (dict(units=4, periods=[1, 2], input_modules=[2]), r"`input_modules` must be indices below 2. Received: \[2\]"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_modules(**arguments)


@pytest.mark.parametrize(
    "series, arguments, periods",  # written out by hand
    [
        ("exponential", {}, (1, 2, 4, 8, 16)),
        ("exponential", {"series_base": 1.5}, (1, 2, 2, 3, 5)),  # 1, 1.5, 2.25, 3.375, 5.06; a half is rounded to even
        ("exponential", {"lowest_period": 3}, (3, 6, 12, 24, 48)),
        ("linear", {}, (1, 2, 3, 4, 5)),
        ("fibonacci", {}, (1, 2, 3, 5, 8)),
        ("logarithmic", {}, (1, 2, 2, 3, 3)),
        ("symmetric", {"series_base": 4.0}, (1, 1, 4, 4, 16)),  # 1, 4, 16, 4, 1 in order of speed
    ],
)
def test_series_by_name(series, arguments, periods):
    assert make_periods(series, 5, **arguments) == periods


def test_what_can_be_read_once_is_read_once():
    assert make_modules(4, [1, 2], input_modules=iter([1])).sees_input == (False, True)
    assert take_turns(iter([1, 3]), 2) == take_turns([1, 3], 2)


@pytest.mark.parametrize("base", [2, 3, 5, 7, 10, 20])
def test_logarithmic_periods_are_whole_numbers_of_divisions(base):
    def divisions(number):
        return 1 + divisions(number // base) if number >= base else 0

    periods = make_periods("logarithmic", 10_000, series_base=base)
    assert list(periods) == [1 + divisions(number) for number in range(1, 10_001)]


def test_random_periods_are_seeded_and_even_on_a_log_scale():
    many = [make_periods("random", 9, seed=seed) for seed in range(200)]
    assert many[0] == make_periods("random", 9, seed=0) and many[0] != many[1]
    logs = np.log2(np.concatenate(many))
    assert logs.min() >= 0 and logs.max() <= 8 and abs(np.median(logs) - 4) < 0.3


@pytest.mark.parametrize("series", SERIES)
def test_every_series_makes_modules(series):
    for modules in (1, 2, 7):
        assert len(make_modules(20, make_periods(series, modules)).periods) == modules


def test_numbers_of_any_kind_are_taken():
    assert take_turns(np.array([100], np.int8), np.uint8(2)) == ((200, 200), (0, 100))
    assert make_periods("logarithmic", 3, series_base=Fraction(3)) == make_periods("logarithmic", 3, series_base=3.0)


def test_modules_that_take_turns_fire_one_after_the_other():
    periods, phases = take_turns((1, 4), 2)
    assert (periods, phases) == ((2, 2, 8, 8), (0, 1, 0, 4))
    fires = make_modules(4, periods, phases).fires(np.arange(16))
    np.testing.assert_array_equal(fires[:, :2].sum(axis=1), 1)  # an odd-even pair
    np.testing.assert_array_equal(fires[:, 2:].sum(axis=1), np.arange(16) % 4 == 0)
    assert take_turns((4, 1, 16), 3, "fastest") == ((4, 3, 3, 3, 16), (0, 0, 1, 2, 0))
    assert take_turns((1, LARGEST), 2, "fastest") == ((2, 2, LARGEST), (0, 1, 0))
    assert take_turns((1, 1, 2), 1, "fastest") == ((1, 1, 2), (0, 0, 0))
    periods, phases = take_turns((1,), 5)
    modules = make_modules(5, periods, phases)
    np.testing.assert_array_equal(modules.fires(np.arange(10)).argmax(axis=1), np.tile(range(5), 2))
    assert all(all(row) for row in modules.hears)


def test_the_fastest_frequency_counts_as_others_do():
    """Half a cycle a step: a wave of ±1 has the energy of a sine of amplitude √2."""
    time = np.arange(320)
    signal = (-1.0) ** time + np.sqrt(2) * np.sin(2 * np.pi * 5 * time / 320)
    assert sizes_from_spectrum(signal, (1, 16), 102) == (51, 51)


def test_sizes_follow_the_energy_of_each_octave():
    time = np.arange(1024)
    slow, fast = np.sin(2 * np.pi * time / 64), np.sin(2 * np.pi * time / 4)  # of the bands of periods 32 and 2
    assert sizes_from_spectrum(slow, (1, 2, 32), 20) == (1, 1, 18)
    assert sizes_from_spectrum(fast + slow, (32, 1, 2), 21) == (10, 1, 10)
    assert sizes_from_spectrum(fast, (2, 2), 7) == (4, 3)
    for scale in (1e-200, 1e155, 1e307):  # whose squares are no numbers
        assert sizes_from_spectrum(scale * (fast + slow) / 2, (32, 1, 2), 21) == (10, 1, 10)
    assert sum(sizes_from_spectrum(np.random.default_rng(0).normal(size=100), (1, 2, 4, 8), 33)) == 33
    assert sizes_from_spectrum(np.zeros(8), (1, 2), 20) == (10, 10)
    assert sizes_from_spectrum(1e10 + fast, (1, 2, 32), 20) == (1, 18, 1)
    for constant in (np.full(1000, 0.1), np.full(1000, 5.1, "float32")):  # whose mean is rounded
        assert sizes_from_spectrum(constant, (1, 2, 4), 9) == (3, 3, 3)


@pytest.mark.parametrize("steps", [6, 60, 66, 72, 594])
def test_the_fastest_frequency_of_a_module_is_in_its_band(steps):
    assert sizes_from_spectrum(np.cos(2 * np.pi * np.arange(steps) / 6), (1, 3), 20) == (1, 19)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: make_periods("cubic", 3), "`clock_series` must be one of exponential, .* Received: 'cubic'"),
        (lambda: make_periods([], 3), "`clock_series` must be one of exponential, .* Received: \\[\\]"),
        (lambda: make_periods("linear", 0), "`modules` must be whole numbers from 1. Received: \\(0,\\)"),
        (
            lambda: make_periods("exponential", 3, series_base=1.0),
            "`series_base` must be above 1 and below 2³¹. Received: 1.0",
        ),
        (
            lambda: make_periods("exponential", 40),
            "`modules` must leave all periods below 2³¹. Received: 40 of exponential",
        ),
        (lambda: make_periods("fibonacci", 2000), "`modules` must leave all periods below 2³¹. Received: 2000"),
        (lambda: make_periods("linear", 10**9), "`modules` must be at most 10000. Received: 1000000000"),
        (lambda: make_periods("linear", 3, lowest_period=10**400), "`lowest_period` must be at most 2147483647"),
        (lambda: take_turns((1, 2**30), 2), "`turns` must be at most 1. Received: 2"),
        (lambda: take_turns((1, 2), 10**9), "`turns` must be at most 5000. Received: 1000000000"),
        (lambda: take_turns((1, 2), 10**5, "fastest"), "`turns` must be at most 9999. Received: 100000"),
        (
            lambda: take_turns((2, 1, 1), 2, "fastest"),
            "`turns_of` fastest needs a module faster .* periods: \\(2, 1, 1\\)",
        ),
        (lambda: take_turns((1, 2), 2, "slowest"), "`turns_of` must be one of all, fastest. Received: 'slowest'"),
        (lambda: take_turns((1, 2), 0), "`turns` must be whole numbers from 1. Received: \\(0,\\)"),
        (lambda: make_periods("random", 3, seed="1"), "`seed` must be whole numbers. Received: \\['1'\\]"),
        (lambda: make_periods("exponential", 3, series_base="2"), "`series_base` must be above 1 .* Received: '2'"),
        (lambda: make_periods("exponential", 3, series_base=10**400), "`series_base` must be .* 2³¹. Received: 10000"),
        (
            lambda: sizes_from_spectrum(np.ones(4), ("1", "2"), 8),
            "`periods` must be whole numbers. Received: \\('1', '2'\\)",
        ),
        (lambda: sizes_from_spectrum(np.ones(4), (1, 2), "8"), "`units` must be whole numbers. Received: \\['8'\\]"),
        (
            lambda: sizes_from_spectrum(["1"], (1, 2), 8),
            "`signal` must be finite numbers \\[T\\]. Received: <U1 of shape",
        ),
        (lambda: sizes_from_spectrum(np.ones((4, 2)), (1, 2), 8), "`signal` must be .* float64 of shape \\(4, 2\\)"),
        (lambda: sizes_from_spectrum([1.0, np.nan], (1, 2), 8), "`signal` must be finite numbers .* of shape \\(2,\\)"),
        (lambda: sizes_from_spectrum([], (1, 2), 8), "`signal` must be finite numbers .* of shape \\(0,\\)"),
        (lambda: sizes_from_spectrum(np.ones(4), (), 8), "`periods` must name from 1 to 10000 modules. Received: 0"),
        (lambda: sizes_from_spectrum(np.ones(4), (1, 2), 1), "`units` must be at least the number of modules, 2"),
    ],
)
def test_refuses_series(call, message):
    with pytest.raises(ValueError, match=message):
        call()
