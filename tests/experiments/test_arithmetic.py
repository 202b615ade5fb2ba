"""The paper's arithmetic: products counted step by step, the paper's bound, and tables that say what the rows say."""

import numpy as np
import pytest
from committed import RESULTS

from experiments import __main__ as command
from experiments import arithmetic
from experiments.store import Store
from models.clocks import make_modules
from models.plan import make_plan


def exponential(units, groups):
    return make_modules(units, [2**place for place in range(groups)])


def counted(modules, steps, features, outputs):
    """Count multiply-adds a step as section 3 of the paper has them: what fires multiplies all that it hears."""
    total = outputs * modules.units * steps
    for step in range(steps):
        for size, period, hears in zip(modules.sizes, modules.periods, modules.hears):
            heard = sum(other for other, heard in zip(modules.sizes, hears) if heard)
            total += size * (heard + features) * (step % period == 0)
    return total / steps


@pytest.mark.parametrize(("units", "groups"), [(36, 1), (36, 9), (19, 5), (144, 7)])
def test_products_of_the_equations_are_those_counted_step_by_step(units, groups):
    modules = exponential(units, groups)
    plan = make_plan(modules, 256)
    equations, _ = arithmetic.products(plan, features=3, outputs=2)
    assert equations == pytest.approx(counted(modules, 256, 3, 2))
    gated, _ = arithmetic.products(plan, gates=4, features=3, outputs=0)
    assert gated == pytest.approx(4 * counted(modules, 256, 3, 0))


@pytest.mark.parametrize("groups", range(1, 13))
def test_the_papers_bounds_hold_at_every_number_of_equal_groups(groups):
    for k in (1, 3, 192):
        modules = exponential(k * groups, groups)
        recurrent = modules.units**2 / modules.work
        assert recurrent == pytest.approx(groups**2 / (2 * groups - 2 + 2.0 ** (1 - groups)))  # the sum in closed form
        assert recurrent >= groups / 2
        whole, _ = arithmetic.products(make_plan(modules, None))
        simple, _ = arithmetic.products(make_plan(exponential(k * groups, 1), None))
        assert simple / whole >= groups / 4


def test_many_outputs_break_the_bound_of_the_whole_network():
    """About 2 n / (g − 4) outputs do: what all steps compute outweighs what is skipped."""

    def factor(outputs):
        (simple, _), (own, _) = (
            arithmetic.products(make_plan(exponential(144, g), None), outputs=outputs) for g in (1, 12)
        )
        return simple / own

    assert factor(2 * 144 // 8) > 12 / 4 > factor(2 * 144 // 8 + 10)


def test_a_plan_multiplies_what_is_said_once_a_tick_of_the_speaker():
    """Large groups share no scan: a module's own k², and k² for each faster one, at its own ticks."""
    k, groups = 512, 4
    plan = make_plan(exponential(k * groups, groups), 64)
    assert len(plan.groups) == groups
    assert plan.work == k * k * (1 + 2 / 2 + 3 / 4 + 4 / 8)
    full = make_plan(make_modules(8, (1, 2), connections="full"), 64)
    assert full.work == 64  # one group, at every step
    back = make_plan(make_modules([300, 200], (1, 2), connections="fast_to_slow"), 64)
    assert back.work == 300**2 + (200**2 + 300 * 200) / 2  # the slower one samples the faster one


@pytest.fixture(scope="module")
def store():
    return Store(RESULTS)


def test_committed_rows_are_the_whole_experiment(store):
    options = arithmetic.Flags()
    networks = {(n, g) for n in options.units for g in (1, *options.groups)}
    assert set(zip(store["arithmetic"].units, store["arithmetic"].groups)) == networks
    seconds = store["arithmetic_seconds"]
    assert len(seconds) == len(networks) * len(arithmetic.PASSES) * options.timings and options.timings >= 5
    for row in store["arithmetic"].itertuples():
        assert row.equations == pytest.approx(counted(exponential(row.units, row.groups), 2048, 1, 1), rel=1e-5)


def test_the_tables_have_the_ratios_of_the_rows(store):
    seconds = store["arithmetic_seconds"]
    update = seconds[(seconds["pass"] == "update") & (seconds.units == 576)]
    simple, own = (update[update.groups == g].sort_values("round").seconds.to_numpy() for g in (1, 9))
    low, median, high = np.percentile(simple / own, (25, 50, 75))
    (line,) = [line for line in arithmetic.tables(store)["arithmetic-update"].splitlines() if line.startswith("| 9 |")]
    assert f"| {median:.2f} ({low:.2f}–{high:.2f}) |" in line


def test_the_bound_is_counted_by_medians(store):
    seconds = store["arithmetic_seconds"]
    own = seconds[(seconds["pass"] == "forward") & (seconds.units == 144)]
    wide = own.pivot_table("seconds", "round", "groups")
    held = sum(np.median(wide[1] / wide[groups]) >= groups / 4 for groups in range(2, 13))
    lines = arithmetic.tables(store)["arithmetic-bound"].splitlines()
    assert lines[-1].split(" | ")[3] == f"{held} of 11"
    # With 36 units 11 groups have 4, 4, 4 and eight times 3 units, the larger ones at the fastest clocks.
    assert lines[2] == "| recurrent products of the equations | g/2 | 10 of 11 | 11 of 11 | 11 of 11 | 11 of 11 |"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--groups", "1"], "--groups must be from 2 to 31, and at most the fewest units, here 36. Received: 1"),
        (["--units", "8"], "--groups must be from 2 to 31, and at most the fewest units, here 8. Received: 9"),
        (
            ["--units", "64", "--groups", "32"],
            "--groups must be from 2 to 31, and at most the fewest units, here 64. Received: 32",
        ),
        (["--timings", "0"], "--timings must be at least 1. Received: 0"),
        (["--steps", "0"], "--steps must be at least 1. Received: 0"),
    ],
)
def test_refuses(flags, message, tmp_path, capsys):
    assert command.main(["arithmetic", *flags, "--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_runs_small(tmp_path, in_this_process):
    in_this_process(arithmetic)
    options = arithmetic.Flags(units=(6,), groups=(2,), steps=8, batch=1, timings=2)
    arithmetic.run(options, store := Store(tmp_path))
    assert store["arithmetic_seconds"].seconds.min() > 0
    assert set(store["arithmetic_seconds"].groups) == {1, 2}
    assert set(arithmetic.tables(store)) == {
        f"arithmetic-{name}" for name in ("recurrent", "equations", "computed", "update", "forward", "bound")
    }
    assert set(arithmetic.pictures(store)) == {"arithmetic"}
