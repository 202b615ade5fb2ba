"""The plan of a Clockwork RNN: in which order its modules are carried through time, and who says what to whom at which ticks.

A plan is made from periods, phases, wiring, sizes and length, before any tensor. Whatever needs to know when something
happens asks the plan, and the plan asks `clocks.fires`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from .clocks import Modules

# Recurrent multiply-adds a step up to which modules share a scan. Measured on two cores, nine modules, one update by
# XLA: with 36 units and batch 1 0.46 ms apart, 0.36 ms in scans of modules 3–8, 1–2 and 0; with 144 units and batch 16
# 4.2 and 3.3 ms (5–8, 3–4, the rest apart). Fewer loops also compile in half the time.
JOINT_WORK = 128
# The same as a share of all recurrent multiply-adds, for large networks: with 1152 units and batch 16 scans of modules 5–8,
# 3–4, 2, 1 and 0 take 54 ms an update and 3.2 s to compile, those of 6–8 and each of the others 50 ms and 4.7 s.
JOINT_SHARE = 0.04
SHOWN_STEPS = 64  # of the schedule in a plan's repr


class Ticks(NamedTuple):
    """The steps phase, phase + period, phase + 2·period, …"""

    period: int
    phase: int = 0

    def count(self, steps):
        """Return how many of the first `steps` steps are ticks, a number or a tensor."""
        return 1 + (steps - 1 - self.phase) // self.period  # no number on the way is larger than 2³¹

    def common(self, *others: "Ticks") -> "Ticks":
        """Return the rarest ticks among which are all of these and of the others."""
        apart = (n for other in others for n in (other.period, other.phase - self.phase))
        period = math.gcd(self.period, *apart)
        return Ticks(period, self.phase % period)


@dataclass(frozen=True)
class Group:
    """Modules that are carried through time together, and what passes between them and other groups.

    A module that hears nobody who hears it, directly or through others, is a group by itself. Others cannot be
    separated. A group hears only itself and earlier groups. What it says to later groups that tick as often as it or more
    often is computed once at each of its own ticks, and summed with what earlier groups say to them: the stream.

    Args:
        members: indices of the modules, in increasing order.
        ticks: when the group is updated: whenever one of its modules fires.
        gated: whether some tick leaves a module asleep, so that the scan has to choose unit by unit.
        first, width: where its units lie in the order of the plan.
        hears_itself: whether any of its modules hears one of them.
        stream_before, stream_after: when the stream changes, without and with what this group says; None: nothing flows.
        told: which of the units of later groups hear this one through the stream; empty if none does.
        samples: places of the earlier groups that tick more often and are heard: by their states at this group's ticks.
    """

    members: tuple[int, ...]
    ticks: Ticks
    gated: bool
    first: int = 0
    width: int = 0
    hears_itself: bool = False
    stream_before: Ticks | None = None
    stream_after: Ticks | None = None
    told: tuple[bool, ...] = ()
    samples: tuple[int, ...] = ()

    @property
    def columns(self) -> slice:
        return slice(self.first, self.first + self.width)


@dataclass(frozen=True, repr=False)
class Plan:
    """The groups of a network's modules in the order in which they are carried through so many steps; see `make_plan`."""

    modules: Modules
    groups: tuple[Group, ...]
    steps: int | None

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The modules in the order in which the plan keeps units: the last group first.

        So all that a group says to later ones is one run of columns, and with the paper's wiring the order is that of the
        hidden state.
        """
        return tuple(m for group in reversed(self.groups) for m in group.members)

    @property
    def work(self) -> float:
        """Multiply-adds a step of the recurrent products as this plan takes them; `Modules.work` has those of the equations.

        What a group says to those that tick as often or more often is multiplied once at each of its own ticks, not at each of theirs.
        """
        products = (
            own.width
            * (own.width * own.hears_itself + len(own.told) + sum(self.groups[k].width for k in own.samples))
            / own.ticks.period
            for own in self.groups
        )
        return float(sum(products))

    def __repr__(self) -> str:
        """The schedule, as in Figure 2 of Koutník et al. 2014: a row a module, a column a step, # where it fires."""
        modules, shown = self.modules, min(SHOWN_STEPS, SHOWN_STEPS if self.steps is None else self.steps)
        fires = modules.fires(np.arange(shown))
        lines = [f"Plan of {'any number of' if self.steps is None else self.steps} steps; # fires, - holds its state"]
        for m in reversed(range(len(modules.sizes))):
            label = f"module {m}, period {modules.periods[m]}, phase {modules.phases[m]}, {modules.sizes[m]} units"
            lines.append(f"{label:45} " + "".join("#" if fired else "-" for fired in fires[:, m]))
        for place, group in enumerate(self.groups):
            line = f"group {place}: modules {', '.join(map(str, group.members))} at steps {group.ticks.phase} + {group.ticks.period} k"
            line += ", gated" * group.gated
            later = self.groups[place + 1 :]
            heard = [str(place + 1 + k) for k, other in enumerate(later) if _connected(modules, other, group)]
            lines.append(line + (f"; heard by {', '.join(heard)}" if heard else ""))
        return "\n".join(lines)


@lru_cache(maxsize=256)
def make_plan(modules: Modules, steps: int | None, start: int = 0) -> Plan:
    """Return the plan for sequences of so many steps.

    Args:
        modules: of the network.
        steps: the length; None if it is known only when the network runs.
        start: the first step is a multiple of this number; 0 is step 0 itself. A module whose period does not divide it may
            fire at other ticks in one stretch of time than in the next: it gets the rarest ticks that have all of them,
            and the scan chooses.
    """
    if steps is None and any(
        modules.phases
    ):  # a loop that may have no step at all, for a late first tick, does not compile
        return make_joint_plan(modules, steps)
    common = [math.gcd(period, start) for period in modules.periods]
    phases = [phase % period for phase, period in zip(modules.phases, common, strict=True)]
    seen = replace(modules, periods=tuple(common), phases=tuple(phases))
    changing = {m for m, period in enumerate(modules.periods) if period != common[m]}
    groups = [replace(g, gated=g.gated or not changing.isdisjoint(g.members)) for g in _joined(seen)]
    # A loop of no step does not compile: whoever ticks first behind the end is asked once, and sleeps.
    late = [steps is not None and group.ticks.phase >= steps for group in groups]
    groups = [
        replace(g, ticks=Ticks(g.ticks.period), gated=True) if slept else g
        for g, slept in zip(groups, late, strict=True)
    ]
    return Plan(modules, _connect(modules, groups), steps)


@lru_cache(maxsize=256)
def make_joint_plan(modules: Modules, steps: int | None) -> Plan:
    """Return the plan that serves a clock which starts anywhere: one group that looks at every step who fires."""
    every = Group(tuple(range(len(modules.sizes))), Ticks(1), gated=True)
    return Plan(modules, _connect(modules, [every]), steps)


def components(modules: Modules) -> list[Group]:
    """Return the strongly connected modules, in an order in which each group hears only itself and earlier ones."""
    reaches = np.array(modules.hears) | np.eye(len(modules.sizes), dtype=bool)
    for _ in range(
        len(modules.sizes).bit_length()
    ):  # paths of twice as many connections: what j says arrives at i in the end
        reaches = reaches.astype(np.float32) @ reaches.astype(np.float32) > 0
    mutual = reaches & reaches.T
    found = {tuple(np.flatnonzero(row).tolist()) for row in mutual}
    # Whoever hears a group also hears all that the group hears: counting sources sorts them topologically.
    order = sorted(found, key=lambda members: (reaches[members[0]].sum(), [-m for m in members]))
    return [_group(modules, members) for members in order]


def _group(modules: Modules, members: Sequence[int]) -> Group:
    ticks = [Ticks(modules.periods[m], modules.phases[m]) for m in members]
    common = ticks[0].common(*ticks)
    return Group(tuple(members), common, gated=any(own != common for own in ticks))


def _joined(modules: Modules) -> list[Group]:
    """Return the components, neighbours joined where one loop over more units is cheaper than two loops.

    A step of a loop costs about a microsecond however few its units, so small modules share a scan as long as that
    adds no ticks and few multiply-adds (see `JOINT_WORK` and `JOINT_SHARE`).
    """
    limit = max(JOINT_WORK, JOINT_SHARE * modules.work)
    groups: list[Group] = []
    for component in components(modules):
        if groups:
            joint = _group(modules, sorted(groups[-1].members + component.members))
            work = sum(modules.sizes[m] for m in joint.members) ** 2 / joint.ticks.period
            apart = 1 / groups[-1].ticks.period + 1 / component.ticks.period
            if work <= limit and 1 / joint.ticks.period <= apart:
                groups[-1] = joint
                continue
        groups.append(component)
    return groups


def _connect(modules: Modules, groups: Sequence[Group]) -> tuple[Group, ...]:
    """Fill in where the groups' units lie and what passes between them."""
    end, stream, connected = modules.units, None, []
    for place, group in enumerate(groups):
        width = sum(modules.sizes[m] for m in group.members)
        told = []
        for other in reversed(groups[place + 1 :]):
            often = other.ticks.period <= group.ticks.period
            told += [often and _connected(modules, other, group)] * sum(modules.sizes[m] for m in other.members)
        after = stream
        if any(told):
            after = group.ticks if stream is None else stream.common(group.ticks)
        samples = (
            k
            for k, source in enumerate(groups[:place])
            if source.ticks.period < group.ticks.period and _connected(modules, group, source)
        )
        connected.append(
            replace(
                group,
                first=end - width,
                width=width,
                hears_itself=_connected(modules, group, group),
                stream_before=stream,
                stream_after=after,
                told=tuple(told) if any(told) else (),
                samples=tuple(samples),
            )
        )
        end, stream = end - width, after
    return tuple(connected)


def _connected(modules: Modules, listener: Group, source: Group) -> bool:
    return any(modules.hears[i][j] for i in listener.members for j in source.members)
