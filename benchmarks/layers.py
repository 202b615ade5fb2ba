"""How fast the Clockwork RNN is, beside Keras's and PyTorch's recurrent layers and a masked Clockwork RNN.

`python -m benchmarks.layers` takes about a quarter of an hour; it writes `results/benchmark.csv` and `results/benchmark.png`, and
prints the README's tables. PyTorch is timed too where it is installed. All that is compared is timed in one run, in turn;
a Keras layer counts with the faster of XLA on and off.
"""

import csv
import logging
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import quiet  # noqa: F401 (before whatever imports TensorFlow)
from benchmarks import contestants, population, timing
from benchmarks.contestants import Contestant
from benchmarks.figure import scaling_figure
from figures import png
from models.clockwork_rnn import ClockworkRNN
from runs import write_csv

RESULTS = Path(__file__).parents[1] / "results"
CSV = RESULTS / "benchmark.csv"
COLUMNS = (
    *("experiment", "network", "units", "modules", "steps", "batch", "replicas", "parameters"),
    *("quantity", "unit", "low", "median", "high", "rounds"),
)
SECONDS = 10.0  # of timing, for each comparison
CASES = {  # units, steps, batch
    "small": (36, 320, 1),
    "medium": (72, 320, 64),
    "large": (1152, 512, 16),
}
TEXT = (512, (1, 4, 16, 64), 100, 128, 32)  # units, periods, characters, steps, batch
SCALING = {  # one axis varied, the others kept at a middle value
    "steps": [(72, 9, steps, 16) for steps in (256, 512, 1024, 2048, 4096, 8192)],
    "batch": [(72, 9, 320, batch) for batch in (1, 4, 16, 64, 256)],
    "units": [(units, 9, 320, 16) for units in (36, 72, 144, 288, 576, 1152, 2304)],
    "modules": [(64 * modules, modules, 4096, 1) for modules in range(1, 13)],
}
MEMORY = [(256, 8, steps, 16) for steps in (1024, 2048, 4096, 8192)]


@dataclass(frozen=True)
class Row:
    """What was measured of one network; times in milliseconds, from the first to the third quartile."""

    experiment: str
    network: str
    units: int
    modules: int
    steps: int
    batch: int
    replicas: int = 1
    parameters: int = 0
    quantity: str = ""
    unit: str = "ms"
    low: float = 0.0
    median: float = 0.0
    high: float = 0.0
    rounds: int = 1


def measured(row: Row, quantity: str, times) -> Row:
    low, median, high = (1e3 * value for value in timing.quartiles(times))
    return replace(row, quantity=quantity, low=low, median=median, high=high, rounds=len(times))


def faster(make, steps: int, batch: int, features: int = 1) -> Contestant:
    """Return a Keras layer with XLA or without, whichever is faster, at updates and at forward passes apart."""
    both = [contestants.with_keras(make(), steps, batch, xla, features) for xla in (False, True)]

    def best(quantity: str):
        functions = [getattr(contestant, quantity) for contestant in both]
        for function in functions:
            function()
        return min(functions, key=lambda function: min(timing.block(function) for _ in range(2)))

    return replace(both[0], update=best("update"), forward=best("forward"))


def compare(case: str) -> list[Row]:
    """Time updates and forward passes of all networks of one case."""
    units, steps, batch = CASES[case]
    ours = contestants.with_keras(contestants.clockwork(units), steps, batch, xla=True)
    compiling = {"update": timing.once(ours.update), "forward": timing.once(ours.forward)}
    parameters = ours.parameters
    field = {("clockwork_rnn", units): ours}
    for name, make in (("keras simple_rnn", contestants.simple_rnn), ("keras lstm", contestants.lstm)):
        for size in (units, contestants.units_for(make, parameters)):
            field[name, size] = faster(lambda make=make, size=size: make(size), steps, batch)
    field["masked clockwork_rnn", units] = faster(lambda: contestants.masked_clockwork(units), steps, batch)
    if contestants.has_torch():
        for kind in ("RNN", "LSTM"):
            field[f"torch {kind.lower()}", units] = contestants.with_torch(kind, units, steps, batch)
    rows = []
    for quantity in ("update", "forward"):
        functions = {key: getattr(contestant, quantity) for key, contestant in field.items()}
        for function in functions.values():
            function()
        times = timing.in_turn(functions, SECONDS)
        for (name, size), contestant in field.items():
            modules = 9 if "clockwork" in name else 1
            row = Row(case, name, size, modules, steps, batch, parameters=contestant.parameters)
            rows.append(measured(row, quantity, times[name, size]))
        floor = 1e3 * contestants.multiply_adds(units, 9, steps, batch) / timing.product_rate()
        floor *= 3 if quantity == "update" else 1  # a gradient takes two products for each of the forward pass
        row = Row(case, "floor", units, 9, steps, batch, quantity=quantity)
        rows.append(replace(row, low=floor, median=floor, high=floor))
        compile_row = Row(case, "clockwork_rnn", units, 9, steps, batch, quantity=f"compile {quantity}", unit="s")
        seconds = compiling[quantity]
        rows.append(replace(compile_row, low=seconds, median=seconds, high=seconds))
    return rows


def text() -> list[Row]:
    """Time updates of the character model's hidden layer, and of Keras's simple RNN of as many units."""
    units, periods, features, steps, batch = TEXT
    layer = ClockworkRNN(units, periods, return_sequences=True)
    field = {
        "clockwork_rnn": contestants.with_keras(layer, steps, batch, xla=True, features=features),
        "keras simple_rnn": faster(lambda: contestants.simple_rnn(units), steps, batch, features),
    }
    return _updates(field, Row("text", "", units, len(periods), steps, batch), SECONDS)


def scale(axis: str) -> list[Row]:
    """Time updates of the Clockwork RNN, and of Keras's simple RNN, along one axis."""
    rows = []
    for units, modules, steps, batch in SCALING[axis]:
        field = {
            "clockwork_rnn": contestants.with_keras(contestants.clockwork(units, modules), steps, batch, xla=True),
            "keras simple_rnn": contestants.with_keras(contestants.simple_rnn(units), steps, batch, xla=False),
        }
        rows += _updates(field, Row(axis, "", units, modules, steps, batch), seconds=1.0, least=3)
    return rows


def _updates(field: dict[str, Contestant], row: Row, seconds: float, least: int = 5) -> list[Row]:
    """Time updates of the contestants in turn; returns a row of each, with one module where it has no clock."""
    for contestant in field.values():
        contestant.update()
    times = timing.in_turn({name: contestant.update for name, contestant in field.items()}, seconds, least)
    own = {name: row.modules if name == "clockwork_rnn" else 1 for name in field}
    return [
        measured(replace(row, network=name, modules=own[name], parameters=c.parameters), "update", times[name])
        for name, c in field.items()
    ]


def memory() -> list[Row]:
    """Measure the peak memory of training updates, each in a process of its own, over that of importing TensorFlow."""
    rows = []
    for units, modules, steps, batch in MEMORY:
        command = [sys.executable, "-m", "benchmarks.memory", *map(str, (units, modules, steps, batch))]
        mib = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        row = Row("memory", "clockwork_rnn", units, modules, steps, batch, quantity="peak memory", unit="MiB")
        rows.append(replace(row, low=mib, median=mib, high=mib))
    return rows


def populations() -> list[Row]:
    """Time an update of whole populations, and of networks alone, called one update at a time."""
    rows = []
    for name, units, replicas, parameters, times in population.measure(SECONDS / 5):
        modules = 9 if name == "clockwork_rnn" else 1
        row = Row("population", name, units, modules, 320, 1, replicas, parameters)
        rows.append(measured(row, "update", times))
    return rows


def fits() -> list[Row]:
    """Time an update of `model.fit` after a default `compile()` and after `compile(jit_compile=True)`."""
    rows = []
    for units, steps, batch in CASES.values():
        for name, times in population.fit_times(units, steps, batch, rounds=21).items():
            rows.append(measured(Row("fit", name, units, 9, steps, batch), "update", times))
    return rows


def median(rows: list[dict], experiment: str, network: str, quantity: str, **where: int) -> float:
    """Return the median of the one row that is asked for."""
    wanted = {"experiment": experiment, "network": network, "quantity": quantity} | {
        k: str(v) for k, v in where.items()
    }
    (row,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return float(row["median"])


def summary(rows: list[dict]) -> str:
    """Return in Markdown what the measurements come to."""

    def faster_than(case: str, quantity: str, network: str, units: int) -> str:
        ours = median(rows, case, "clockwork_rnn", quantity)
        return f"{median(rows, case, network, quantity, units=units) / ours:.1f} times faster"

    def fit(case: str) -> str:
        units = CASES[case][0]
        default, compiled = (
            median(rows, "fit", name, "update", units=units)
            for name in ("default compile", "compile(jit_compile=True)")
        )
        return f"{default / compiled:.2f}"

    text = median(rows, "text", "keras simple_rnn", "update") / median(rows, "text", "clockwork_rnn", "update")
    alone, together = (median(rows, "population", "clockwork_rnn", "update", replicas=count) for count in (0, 100))
    large = median(rows, "large", "clockwork_rnn", "update") / median(rows, "large", "floor", "update")
    memory = [median(rows, "memory", "clockwork_rnn", "peak memory", steps=steps) for *_, steps, _ in MEMORY]
    a_value = memory[-1] * 2**20 / (256 * 8192 * 16)
    lines = [
        (
            "update, 1152 units, T=512, batch 16, against Keras SimpleRNN",
            faster_than("large", "update", "keras simple_rnn", 1152),
        ),
        ("the same against Keras LSTM", faster_than("large", "update", "keras lstm", 1152)),
        (
            "forward only, the same network, against SimpleRNN",
            faster_than("large", "forward", "keras simple_rnn", 1152),
        ),
        (
            "update, 72 units, T=320, batch 64, against SimpleRNN",
            faster_than("medium", "update", "keras simple_rnn", 72),
        ),
        (
            "update, 36 units, T=320, batch 1, against Keras LSTM of 13",
            faster_than("small", "update", "keras lstm", 13),
        ),
        (
            "update, 512 units, periods 1, 4, 16, 64, 100 inputs, T=128, batch 32, against SimpleRNN",
            f"{text:.1f} times faster",
        ),
        (
            "update of 36 units, T=320: a network among 100, against one alone",
            f"1/{alone / together * 100:.1f} of the time",
        ),
        ("networks updated a second in a population of 100", f"{1e5 / together:,.0f}"),
        (
            "tracing and compiling an update, 36 / 72 / 1152 units",
            " / ".join(f"{median(rows, case, 'clockwork_rnn', 'compile update'):.1f}" for case in CASES) + " s",
        ),
        (
            "`fit` after a default `compile()` against `compile(jit_compile=True)`, 36 / 72 / 1152 units",
            " / ".join(fit(case) for case in CASES) + " times as long",
        ),
        (
            "peak memory of an update, 256 units, T=8192, batch 16",
            f"{memory[-1]:.0f} MiB, {a_value:.0f} bytes a hidden value",
        ),
        ("update, 1152 units, against the floor of the multiply-adds alone", f"{large:.1f} times as long"),
    ]
    if any(row["network"].startswith("torch") for row in rows):
        for name in ("torch rnn", "torch lstm"):
            values = [faster_than(case, "update", name, CASES[case][0]).split()[0] for case in CASES]
            lines.append(
                (f"update, 36 / 72 / 1152 units, against {name} of as many units", " / ".join(values) + " times faster")
            )
    return "\n".join(["| measure | result |", "|---|---|", *(f"| {name} | {value} |" for name, value in lines)])


def table(rows: list[dict]) -> str:
    """Return the comparisons as a Markdown table."""
    lines = [
        "| case | network | units | parameters | update | forward | update: ours is |",
        "|---|---|---|---|---|---|---|",
    ]
    by_key = {(r["experiment"], r["network"], str(r["units"]), r["quantity"]): r for r in rows}
    for case, (_, steps, batch) in CASES.items():
        for (experiment, network, units, quantity), row in by_key.items():
            if experiment != case or quantity != "update" or network == "floor":
                continue
            forward = by_key[case, network, units, "forward"]
            times = [
                f"{float(r['median']):.3g} ms ({float(r['low']):.3g}–{float(r['high']):.3g})" for r in (row, forward)
            ]
            ratio = float(row["median"]) / median(rows, case, "clockwork_rnn", "update")
            ours = "" if network == "clockwork_rnn" else f"{ratio:.1f}× faster"
            lines.append(
                f"| T={steps}, batch {batch} | {network} | {units} | {row['parameters']} | {times[0]} | {times[1]} | {ours} |"
            )
    return "\n".join(lines)


def main() -> None:
    logging.getLogger("tensorflow").setLevel(
        logging.ERROR
    )  # each network is traced once, which TensorFlow takes for tracing again
    contestants.with_keras(contestants.simple_rnn(2), 2, 1, xla=True).update()  # starts XLA, which takes seconds
    jobs = [lambda case=case: compare(case) for case in CASES]
    jobs += [text, populations, fits, memory, *(lambda axis=axis: scale(axis) for axis in SCALING)]
    rows: list[Row] = []
    for job in jobs:
        for row in job():
            rows.append(row)
            where = f"{row.experiment}: {row.network}, {row.units} units, T={row.steps}, batch {row.batch}"
            print(f"{where}, {row.replicas} replicas, {row.quantity}: {row.median:.4g} {row.unit}", flush=True)
    shortened = [
        asdict(row) | {name: f"{getattr(row, name):.4g}" for name in ("low", "median", "high")} for row in rows
    ]
    write_csv(CSV, COLUMNS, shortened)
    with open(CSV, newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    (RESULTS / "benchmark.png").write_bytes(png(scaling_figure(written, list(SCALING))))
    print(table(written))
    print(summary(written))


if __name__ == "__main__":
    main()
