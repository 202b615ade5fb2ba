"""How fast networks with clocks are, beside Keras's layers on TensorFlow and JAX and PyTorch's, each in a process of its own.

`python -m benchmarks.layers` takes about 20 minutes; it writes `results/benchmark.csv` and `results/benchmark.png`, and prints
the tables of `docs/speed.md`, which
`python -m experiments --render` puts there. `--only small text` measures parts and replaces their rows. JAX and PyTorch are timed where they are
installed: `pip install -r requirements-benchmark.txt`. Rules are in `benchmarks/README.md`.
"""

import sys

from running import signals, surroundings

if __name__ == "__main__":
    signals.end_quietly()
    surroundings.prepare()

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from benchmarks import contest, population, rows, sizes, starts, summary, timing
from benchmarks.contest import LOOPED, OURS, Spec
from benchmarks.contestants import exponential
from benchmarks.field import Field
from benchmarks.figure import scaling_figure
from benchmarks.rows import Row, measured
from running import command_line
from tasks.figures import png

SECONDS, ROUNDS = 8.0, 7  # of timing, for each comparison: about so long, and so many rounds at the least
CASES = {  # units, steps, batch, and how many updates one program makes where it makes many
    "small": (36, 320, 1, 50),
    "medium": (72, 320, 64, 20),
    "large": (1152, 512, 16, 3),
}
TEXT = (512, (1, 4, 16, 64), 100, 128, 32)  # units, periods, characters, steps, batch
SCALING = {  # one axis varied, the others kept at a middle value: units, modules, steps, batch
    "steps": [(72, 9, steps, 16) for steps in (256, 512, 1024, 2048, 4096, 8192)],
    "batch": [(72, 9, 320, batch) for batch in (1, 4, 16, 64, 256)],
    "units": [(units, 9, 320, 16) for units in (36, 72, 144, 288, 576, 1152, 2304)],
    "modules": [(64 * modules, modules, 4096, 1) for modules in (1, 2, 3, 4, 6, 8, 10, 12)],
}
MOST_COPIES = 4 * 2**30
SCALED = (("keras-jax", "simple_rnn"), ("torch", "lstm"))  # the rivals of equal parameters that win one of the cases


def compare(case: str, field: Field) -> Iterator[Row]:
    """Time updates and forward passes of each of our cells beside its rivals, at equal units and at equal parameters."""
    units, steps, batch, updates = CASES[case]
    looped = LOOPED if case == "small" else (OURS,)
    for ours in sizes.OURS:
        first = Spec(OURS, ours, units, steps, batch, periods=exponential(9))
        specs = [first, *against(first)]
        specs += [replace(spec, updates=updates) for spec in specs if spec.framework in looped]
        if ours == "clockwork_rnn":
            ways = ("keras-tensorflow", "keras-tensorflow-xla")
            specs += [replace(first, framework=way, cell="masked_clockwork_rnn") for way in ways]
        yield from contested(case, field, specs, ("update", "forward"))
    # A gradient takes two products for each of the forward pass.
    for quantity, products in {"forward": 1, "update": 3}.items():
        floor = products * sizes.multiply_adds(units, 9, steps, batch) / timing.product_rate()
        yield measured(Row(case, "floor", units, 9, steps, batch), quantity, [floor])


def against(ours: Spec) -> list[Spec]:
    """Return the rivals of one of our networks, of every framework that is installed."""
    equal_units, equal_parameters = sizes.opponents(ours.cell, ours.units, len(ours.periods), ours.features)
    rivals = [
        replace(ours, framework=framework, cell=cell, units=units, periods=(1,))
        for framework in contest.rivals()
        for cell, units in dict.fromkeys([equal_units, *equal_parameters])
    ]
    return [rival for rival in rivals if rival.framework != "keras-tensorflow-xla" or copies(rival) < MOST_COPIES]


def copies(rival: Spec) -> int:
    """Return the bytes of the weights if each step has its own, as they seem to have in Keras's gradient under XLA."""
    return 4 * rival.steps * sizes.parameters(rival.cell, rival.units, rival.features)


def contested(
    experiment: str,
    field: Field,
    specs: Sequence[Spec],
    quantities: Sequence[str] = ("update",),
    seconds: float = SECONDS,
    least: int = ROUNDS,
) -> Iterator[Row]:
    """Time networks in turn; yields a row for each and each quantity, and for ours what its first call took."""
    made, times = field.compare(specs, quantities, seconds, least)
    for quantity in quantities:
        for spec, facts in zip(specs, made, strict=True):
            if spec not in times[quantity]:
                continue
            said = quantity + " in a loop" * (spec.updates > 1)
            row = Row(experiment, spec.network, spec.units, len(spec.periods), spec.steps, spec.batch)
            row = replace(row, parameters=facts["parameters"])
            yield measured(row, said, times[quantity][spec])
            if spec.framework == OURS:
                yield measured(row, f"compile {said}", [facts["first"][quantity]], "s")


def text(field: Field) -> Iterator[Row]:
    """Time updates of the character model's hidden layer beside its rivals."""
    units, periods, features, steps, batch = TEXT
    ours = Spec(OURS, "clockwork_rnn", units, steps, batch, features, periods)
    yield from contested("text", field, [ours, *against(ours)])


def scale(axis: str, field: Field) -> Iterator[Row]:
    """Time updates along one axis, of ours and of the fastest rivals of equal parameters."""
    for units, modules, steps, batch in SCALING[axis]:
        ours = Spec(OURS, "clockwork_rnn", units, steps, batch, periods=exponential(modules))
        equal = sizes.opponents(ours.cell, units, modules)[1]
        rivals = [rival for rival in against(ours) if (rival.cell, rival.units) in equal]
        fastest = [rival for rival in rivals if (rival.framework, rival.cell) in SCALED]
        yield from (row for row in contested(axis, field, [ours, *fastest], seconds=1.0) if row.quantity == "update")


def populations() -> Iterator[Row]:
    """Time updates of many networks at once."""
    for name, units, replicas, parameters, times in population.measure(SECONDS / 4):
        modules = 9 if name == "clockwork_rnn" else 1
        yield measured(Row("population", name, units, modules, 320, 1, replicas, parameters), "update", times)


JOBS: dict[str, Callable[[Field], Iterator[Row]]] = {
    **{case: partial(compare, case) for case in CASES},
    "text": text,
    **{axis: partial(scale, axis) for axis in SCALING},
    "population": lambda field: populations(),
    "fit": lambda field: starts.fits([size[:3] for size in CASES.values()]),
    "first_fit": lambda field: starts.first_fit("first_fit", deep=False),
    "first_fit_both_directions": lambda field: starts.first_fit("first_fit_both_directions", deep=True),
    "import": lambda field: starts.imports(),
    "memory": lambda field: starts.memory(),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    only: tuple[Literal[tuple(JOBS)], ...] = tuple(JOBS)
    """Parts to measure, instead of all."""


def measure(options: Options) -> None:
    """Time what is asked for, put its rows in the place of earlier ones, draw the picture and print the tables."""
    if not options.only:
        raise ValueError(f"`only` must be some of {', '.join(JOBS)}. Received: nothing")
    written = rows.read() if rows.CSV.exists() else []  # before anything is measured
    with Field() as field:
        for name in options.only:
            new = []
            for row in JOBS[name](field):
                new.append(row)
                print(row, flush=True)
            written = rows.merge(written, new, list(JOBS))
            rows.write(written)
    (rows.RESULTS / "benchmark.png").write_bytes(png(scaling_figure(written)))
    if contest.missing():
        print("Left out, for it is not installed:", ", ".join(contest.missing()))
    print("", *summary.tables(written).values(), sep="\n\n")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status."""
    left = "rows of parts that were done are written; --only PART … measures the others"
    return command_line.run(measure, arguments, Options(), "python -m benchmarks.layers", left)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
