"""How fast Clockwork LSTMs and GRUs are beside Keras's layers of equal units and of equal parameters, and how soon they begin.

`python -m benchmarks.gated` takes about ten minutes; it writes `results/benchmark_gated.csv` and prints its table. Rules as in
`benchmarks/README.md`. Networks have nine modules of periods 1, 2, 4, …, 256. "fit" is the time from calling `fit` to its end
on one batch of 32 sequences of 100 steps, where compiling is nearly all, each in a process of its own.
"""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import quiet  # noqa: F401 (before whatever imports TensorFlow)
from benchmarks import contestants, timing
from benchmarks.layers import COLUMNS, Row, faster, measured
from models.clockwork_rnn import ClockworkGRU, ClockworkLSTM
from runs import write_csv

RESULTS = Path(__file__).parents[1] / "results" / "benchmark_gated.csv"
PERIODS = contestants.exponential(9)
CASES = {"large": (1152, 512, 16), "medium": (72, 320, 64)}  # units, steps, batch
PAIRS = {  # ours, and Keras's
    "lstm": (lambda n: ClockworkLSTM(n, PERIODS, return_sequences=True), contestants.lstm),
    "gru": (lambda n: ClockworkGRU(n, PERIODS, return_sequences=True), contestants.gru),
}
ROUNDS = 7
FIT = """
import time, numpy as np, keras, quiet
from benchmarks.contestants import ClockworkRNN
ours, deep = {ours}, {deep}
def layer(last):
    make = (lambda **k: ClockworkRNN(36, {periods}, **k)) if ours else (lambda **k: keras.layers.LSTM(36, **k))
    return keras.layers.Bidirectional(make(return_sequences=not last)) if deep else make(return_sequences=not last)
model = keras.Sequential([keras.Input((100, 1)), *([layer(False)] if deep else []), layer(True), keras.layers.Dense(1)])
model.compile("adam", "mse")
x, y = np.zeros((32, 100, 1), "float32"), np.zeros((32, 1), "float32")
began = time.perf_counter()
model.fit(x, y, verbose=0)
print(time.perf_counter() - began)
"""


def updates(case: str, kind: str) -> list[Row]:
    """Time updates of a Clockwork network and of Keras's layers beside it."""
    (units, steps, batch), (make, keras_layer) = CASES[case], PAIRS[kind]
    ours = contestants.with_keras(make(units), steps, batch, xla=True)
    field = {(f"clockwork_{kind}", units): ours}
    for size in (units, contestants.units_for(keras_layer, ours.parameters)):
        field[f"keras {kind}", size] = faster(lambda size=size: keras_layer(size), steps, batch)
    for contestant in field.values():
        contestant.update()
    times = timing.in_turn({key: contestant.update for key, contestant in field.items()}, seconds=1.0, least=ROUNDS)
    return [
        measured(
            Row(case, name, size, 9 if "clockwork" in name else 1, steps, batch, 1, c.parameters),
            "update",
            times[name, size],
        )
        for (name, size), c in field.items()
    ]


def fits(deep: bool) -> list[Row]:
    """Time the first `fit`, from call to end, of one layer, or of two in both directions."""
    seconds = {"clockwork_rnn": [], "keras lstm": []}
    for _ in range(ROUNDS):
        for name, values in seconds.items():
            code = FIT.format(ours=name == "clockwork_rnn", deep=deep, periods=PERIODS)
            output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
            values.append(float(output.split()[-1]))
    rows = []
    for name, values in seconds.items():
        row = Row(
            "fit deep" if deep else "fit",
            name,
            36,
            9 if "clockwork" in name else 1,
            100,
            32,
            unit="s",
            quantity="first fit",
        )
        low, median, high = timing.quartiles(values)
        rows.append(replace(row, low=low, median=median, high=high, rounds=len(values)))
    return rows


def imports() -> Row:
    """Time importing the layers where TensorFlow and Keras are imported already, each time in a process of its own."""
    code = "import quiet, tensorflow, keras, time; began = time.perf_counter(); import models; print(time.perf_counter() - began)"
    runs = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(ROUNDS)
    ]
    low, median, high = timing.quartiles([float(run.stdout.split()[-1]) for run in runs])
    row = Row("import", "clockwork_rnn", 0, 0, 0, 0, unit="s", quantity="import")
    return replace(row, low=low, median=median, high=high, rounds=ROUNDS)


def summary(rows: list[Row]) -> str:
    """Return each comparison in Markdown, as the ratio of medians within one run."""
    lines = ["| what | ours | Keras | ratio |", "|---|---|---|---|"]
    for case in dict.fromkeys((row.experiment, row.steps) for row in rows):
        own = [row for row in rows if (row.experiment, row.steps) == case]
        for ours in (row for row in own if row.network.startswith("clockwork")):
            kind = "keras lstm" if ours.unit == "s" else "keras " + ours.network.removeprefix("clockwork_")
            for other in (row for row in own if row.network == kind):
                ratio = other.median / ours.median if ours.unit == "ms" else ours.median / other.median
                said = "times faster" if ours.unit == "ms" else "times as long"
                what = f"{ours.network} of {ours.units} units, {ours.steps} steps, batch {ours.batch}, {ours.quantity} against {other.network} of {other.units}"
                what += ", two layers in both directions" * (case[0] == "fit deep")
                lines.append(
                    f"| {what} | {ours.median:.3g} {ours.unit} | {other.median:.3g} {ours.unit} | {ratio:.1f} {said} |"
                )
    alone = next(row for row in rows if row.quantity == "import")
    lines.append(
        f"| importing the layers, where TensorFlow and Keras are imported already | {alone.median:.2g} s | | |"
    )
    return "\n".join(lines)


def main() -> None:
    rows = [row for case in CASES for kind in PAIRS for row in updates(case, kind)]
    rows += [*fits(deep=False), *fits(deep=True), imports()]
    write_csv(RESULTS, COLUMNS, map(asdict, rows))
    print(summary(rows))


if __name__ == "__main__":
    main()
