"""What the measurements come to: the tables of the documents, with ratios of medians that were measured in turn."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks import sizes
from benchmarks.contest import RIVALS
from benchmarks.rows import Row
from experiments.markdown import markdown

CASES = {"small": 1, "medium": 1, "large": 1, "text": 100}  # experiments with rivals, and their input features
QUANTITIES = ("update", "update in a loop", "forward")


class Pair(NamedTuple):
    """One of ours and a rival in the same experiment, and how many times as long the rival takes."""

    ours: Row
    rival: Row
    equal: str
    ratio: float


def tables(rows: Sequence[Row]) -> dict[str, str]:
    """Return name → table in Markdown, for as much as was measured."""
    cases = [case for case in CASES if any(pairs(rows, case, "update"))]
    found = {f"benchmark-{case}": versus(rows, case) for case in cases}
    found |= {"benchmark-fastest": fastest(rows, cases), "benchmark-slower": slower(rows, cases)}
    return found | {"benchmark-rest": measures(rows)}


def find(rows: Sequence[Row], **wanted: str | int) -> list[Row]:
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def pairs(rows: Sequence[Row], case: str, quantity: str) -> Iterator[Pair]:
    """Yield each of ours with each network that it is compared with."""
    for ours in find(rows, experiment=case, quantity=quantity):
        if ours.network in sizes.OURS:
            own, others = sizes.opponents(ours.network, ours.units, ours.modules, CASES[case])
            masked = [(f"masked_{ours.network}", ours.units)]
            for equal, cells in {"units": [own, *masked], "parameters": others}.items():
                for cell, units in cells:
                    for framework in RIVALS:
                        name = {"network": f"{framework} {cell}", "units": units}
                        for rival in find(rows, experiment=case, quantity=quantity, **name):
                            yield Pair(ours, rival, equal, rival.median / ours.median)


def versus(rows: Sequence[Row], case: str) -> str:
    """Return the updates of a case: a line for each of ours and what it is compared with, a column for each rival."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for pair in pairs(rows, case, "update"):
        framework, cell = pair.rival.network.split()
        line = lines.setdefault((_named(pair.ours), f"{cell} {pair.rival.units}"), {})
        line[framework] = f"{_short(pair.rival.median)} ms, {_ratio(pair.ratio)}"
    first = find(rows, experiment=case)[0]
    head = (f"{case}: T={first.steps}, batch {first.batch}", "against", *RIVALS)
    return markdown(head, ((*key, *(line.get(name, "") for name in RIVALS)) for key, line in lines.items()))


def fastest(rows: Sequence[Row], cases: Sequence[str]) -> str:
    """Return for each of ours the fastest rival of equal parameters; one that loops counts among those that are called."""
    head = ("equal parameters", "an update, a call each", "an update, many in one program", "a forward pass")
    lines = []
    for case in cases:
        for ours in find(rows, experiment=case, quantity="update"):
            if ours.network in sizes.OURS:
                cells = [_fastest(rows, case, ours.network, quantity) for quantity in QUANTITIES]
                lines.append((f"{case}: {ours.network} {ours.units}", *cells))
    return markdown(head, lines)


def _fastest(rows: Sequence[Row], case: str, network: str, quantity: str) -> str:
    own = find(rows, experiment=case, network=network, quantity=quantity)
    counted = ("update", "update in a loop") if quantity == "update in a loop" else (quantity,)
    rivals = [
        pair.rival
        for name in counted
        for pair in pairs(rows, case, name)
        if pair.equal == "parameters" and pair.ours.network == network
    ]
    if not own or not rivals:
        return ""
    best = min(rivals, key=lambda row: row.median)
    looped = ", in a loop" * (best.quantity == "update in a loop")
    ratio = best.median / own[0].median
    return (
        f"{_short(own[0].median)} ms, {_ratio(ratio)} ({best.network} {best.units}{looped}: {_short(best.median)} ms)"
    )


def slower(rows: Sequence[Row], cases: Sequence[str]) -> str:
    """Return a table of all rivals that are faster than ours."""
    lost: dict[tuple[str, str], list[str]] = {}
    for case in cases:
        for quantity in QUANTITIES:
            for ours, rival, _, ratio in pairs(rows, case, quantity):
                if ratio < 1:
                    line = lost.setdefault((f"{case}, {quantity}", _named(ours)), [])
                    line.append(f"{rival.network} {rival.units} ({_ratio(ratio)})")
    for experiment in ("first_fit", "first_fit_both_directions"):
        found = find(rows, experiment=experiment)
        if found and found[1].median < found[0].median:
            ours, keras = found
            lost[experiment, f"{ours.network} {ours.units}: {_short(ours.median)} s"] = [
                f"{keras.network} {keras.units} ({_ratio(keras.median / ours.median)})"
            ]
    return markdown(
        ("where ours is slower", "ours", "against"), ((*key, ", ".join(line)) for key, line in lost.items())
    )


def measures(rows: Sequence[Row]) -> str:
    """Return what is measured besides updates and forward passes."""
    lines = []
    for name, value in MEASURES.items():
        try:
            lines.append((name, value(rows)))
        except LookupError:  # a part that was not measured
            continue
    return markdown(("measure", "result"), lines)


def handwriting(rows: Sequence[Row]) -> str:
    """Return the times of handwriting, each beside the first of its kind."""
    lines = []
    for row in rows:
        first = find(rows, experiment=row.experiment)[0]
        if row.unit == "%":
            lines.append((row.experiment, f"{row.network}: {row.quantity}", f"{row.median:.1f}%", ""))
        else:
            low, median, high = map(_short, (row.low, row.median, row.high))
            ratio = f"{row.median / first.median:.2f}"
            lines.append((row.experiment, row.network, f"{median} ms ({low}–{high})", ratio))
    return markdown(("of what", "how", "median (quartiles)", "times as long as the first"), lines)


def _compile(network: str) -> Callable[[Sequence[Row]], str]:
    def value(rows):
        wanted = {"network": network, "quantity": "compile update"}
        return " / ".join(f"{find(rows, experiment=case, **wanted)[0].median:.1f}" for case in list(CASES)[:3]) + " s"

    return value


def _first_fit(experiment: str) -> Callable[[Sequence[Row]], str]:
    def value(rows):
        ours, keras = (find(rows, experiment=experiment, network=name)[0] for name in ("clockwork_rnn", KERAS))
        return f"{ours.median:.3g} s, Keras's {keras.median:.3g} s: {ours.median / keras.median:.1f} times as long"

    return value


def _replicas(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the milliseconds of an update of one network alone, and of a hundred in a population."""
    wanted = {"experiment": "population", "network": "clockwork_rnn"}
    return tuple(find(rows, replicas=count, **wanted)[0].median for count in (0, 100))


def _alone(rows: Sequence[Row]) -> str:
    alone, together = _replicas(rows)
    return f"1/{alone / together * 100:.1f} of the time"


def _fit(rows: Sequence[Row]) -> str:
    default, compiled = (
        find(rows, experiment="fit", network=name) for name in ("default compile", "compile(jit_compile=True)")
    )
    if not default:
        raise LookupError("`fit` was not measured")
    ratios = [f"{one.median / other.median:.2f}" for one, other in zip(default, compiled, strict=True)]
    return " / ".join(ratios) + " times as long"


def _memory(rows: Sequence[Row]) -> str:
    most = find(rows, experiment="memory")[-1]
    values = most.units * most.steps * most.batch
    return f"{most.median:.0f} MiB, {most.median * 2**20 / values:.0f} bytes a hidden value"


def _floor(rows: Sequence[Row]) -> str:
    ours, floor = (
        find(rows, experiment="large", network=name, quantity="update")[0] for name in ("clockwork_rnn", "floor")
    )
    return f"{ours.median / floor.median:.1f} times as long"


KERAS = "keras-tensorflow lstm"
MEASURES: dict[str, Callable[[Sequence[Row]], str]] = {
    **{f"the first update of a {name}, 36 / 72 / 1152 units": _compile(name) for name in sizes.OURS},
    "the first `fit`, one layer of 36 units, 100 steps, batch 32": _first_fit("first_fit"),
    "the same, two layers in both directions": _first_fit("first_fit_both_directions"),
    "importing the layers, where TensorFlow and Keras are imported already": (
        lambda rows: f"{find(rows, experiment='import')[0].median:.2g} s"
    ),
    "`fit` after a default `compile()` against `compile(jit_compile=True)`, 36 / 72 / 1152 units": _fit,
    "update of 36 units, T=320: a network among 100, against one alone": _alone,
    "networks updated a second in a population of 100": lambda rows: f"{1e5 / _replicas(rows)[1]:,.0f}",
    "peak memory of an update, 256 units, T=8192, batch 16": _memory,
    "update, 1152 units, against the floor of the multiply-adds alone": _floor,
}


def _named(row: Row) -> str:
    return f"{row.network} {row.units}: {_short(row.median)} ms"


def _short(value: float) -> str:
    """Return three digits, without an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def _ratio(value: float) -> str:
    digits = 2 if value < 1 else 1 if value < 9.95 else 0
    return f"{value:.{digits}f}×"
