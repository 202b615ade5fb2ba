"""The plan: the order of the groups, when they tick, who tells whom what, and the schedule one can read."""

import numpy as np
import pytest
import tensorflow as tf

from models import plan
from models.clocks import make_modules
from models.plan import Ticks, components, make_joint_plan, make_plan

NINE = tuple(2**i for i in range(9))


@pytest.mark.parametrize(
    ("name", "groups"),  # those of equal period hear each other; what has no cycle is carried through time apart
    [
        ("slow_to_fast", [(3,), (1, 2), (0,)]),
        ("fast_to_slow", [(0,), (1, 2), (3,)]),
        ("full", [(0, 1, 2, 3)]),
        ("hierarchical", [(0, 1, 2, 3)]),
        ("none", [(3,), (0,), (1, 2)]),  # in any order: none hears another
    ],
)
def test_wirings_have_the_groups_of_their_cycles(name, groups):
    found = components(make_modules(4, (1, 2, 2, 4), connections=name))
    assert [group.members for group in found] == groups


def test_components_come_after_all_that_they_hear():
    rng = np.random.default_rng(0)
    for _ in range(100):
        g = int(rng.integers(1, 7))
        matrix = rng.random((g, g)) < 0.3
        modules = make_modules(g, rng.integers(1, 9, g).tolist(), connections=matrix)
        for groups in (components(modules), make_plan(modules, 20).groups):
            assert sorted(m for group in groups for m in group.members) == list(range(g))
            known = set()
            for group in groups:
                known |= set(group.members)
                heard = {j for i in group.members for j in range(g) if modules.hears[i][j]}
                assert heard <= known


def test_modules_that_hear_each_other_share_a_component():
    ring = make_modules(3, [1, 2, 4], connections=[[1, 0, 1], [1, 1, 0], [0, 1, 1]])
    assert [group.members for group in components(ring)] == [(0, 1, 2)]
    assert [group.members for group in components(make_modules(3, [4, 4, 1]))] == [(1, 2), (0,)]


def test_a_group_ticks_whenever_a_member_may_fire():
    together = components(make_modules(4, [4, 4], phases=[0, 2]))[0]
    assert (together.ticks, together.gated) == ((2, 0), True)
    same = components(make_modules(4, [4, 4], phases=[3, 3]))[0]
    assert (same.ticks, same.gated) == ((4, 3), False)


def test_neighbours_share_a_scan_where_that_costs_little():
    assert [group.members for group in make_plan(make_modules(36, NINE), 320).groups] == [
        (3, 4, 5, 6, 7, 8),
        (1, 2),
        (0,),
    ]
    large = [group.members for group in make_plan(make_modules(1152, NINE), 320).groups]
    assert large == [(5, 6, 7, 8), (3, 4), (2,), (1,), (0,)]


def test_a_clock_that_starts_at_a_multiple_gates_only_what_may_fire_otherwise(monkeypatch):
    monkeypatch.setattr(plan, "JOINT_WORK", 0)
    make_plan.cache_clear()
    modules = make_modules(10, (1, 4, 6, 16), phases=[0, 3, 5, 6])
    found = {group.members: (group.ticks, group.gated) for group in make_plan(modules, 8, start=8).groups}
    assert found == {  # of period 6 only that it fires at odd steps is sure, of period 16 that it does at 6 mod 8
        (3,): (Ticks(8, 6), True),
        (2,): (Ticks(2, 1), True),
        (1,): (Ticks(4, 3), False),
        (0,): (Ticks(1, 0), False),
    }
    assert make_plan(modules, 8, modules.hyperperiod).groups == make_plan(modules, 8).groups
    make_plan.cache_clear()


def test_what_is_said_flows_at_the_ticks_of_the_slower():
    """Figure 2 of Koutník et al. 2014: slow modules speak to faster ones; each is computed at its own ticks."""
    groups = make_plan(make_modules(1152, NINE), 512).groups
    assert [group.ticks for group in groups] == [(32, 0), (8, 0), (4, 0), (2, 0), (1, 0)]
    assert [group.stream_after for group in groups] == [(32, 0), (8, 0), (4, 0), (2, 0), (2, 0)]
    assert [len(group.told) for group in groups] == [640, 384, 256, 128, 0]
    back = make_plan(make_modules(1152, NINE, connections="fast_to_slow"), 512).groups
    assert back[0].members == (0,) and not any(group.told for group in back)
    assert [group.samples for group in back] == [tuple(range(place)) for place in range(len(back))]


def test_ticks_are_counted_and_shared():
    for ticks in (Ticks(3, 2), Ticks(4), Ticks(7, 6)):
        for steps in range(20):
            assert ticks.count(steps) == sum(t % ticks.period == ticks.phase for t in range(steps))
            assert ticks.count(tf.constant(steps)) == ticks.count(steps)
    assert Ticks(2**31 - 1, 2**31 - 2).count(tf.constant(2**31 - 1)) == 1  # no number on the way wraps
    assert Ticks(4, 1).common(Ticks(6, 3)) == (2, 1)
    assert Ticks(4, 1).common(Ticks(6, 2)) == (1, 0)


def test_a_plan_reads_as_the_schedule_of_figure_2():
    text = repr(make_plan(make_modules(6, (1, 2, 4), phases=[0, 1, 0]), 8))
    rows = [line.split()[-1] for line in text.splitlines()[1:4]]
    assert rows == ["#---#---", "-#-#-#-#", "########"]
    assert "group 0" in text and "period 4" in text


def test_a_clock_that_starts_anywhere_is_looked_at_at_every_step():
    (group,) = make_joint_plan(make_modules(6, (2, 4)), 8).groups
    assert (group.ticks, group.gated, group.members) == ((1, 0), True, (0, 1))
    assert make_plan(make_modules(4, (2, 4), phases=[1, 0]), None) == make_joint_plan(
        make_modules(4, (2, 4), phases=[1, 0]), None
    )
