"""What is paid once, or beside the updates: importing, the first `fit`, `fit` itself, and memory; most in fresh processes."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import population
from benchmarks.contestants import exponential
from benchmarks.field import ROOT
from benchmarks.rows import Row, measured

ROUNDS = 7
FIT_ROUNDS = 21
MEMORY = [(256, 8, steps, 16) for steps in (1024, 2048, 4096, 8192)]  # units, modules, steps, batch
IMPORT = """
import running.quiet, tensorflow, keras, time
began = time.perf_counter()
import models
print(time.perf_counter() - began)
"""
FIT = """
import time, numpy as np, keras, running.quiet
from models.clockwork_rnn import ClockworkRNN
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


def first_fit(experiment: str, deep: bool) -> Iterator[Row]:
    """Time the first `fit` on one batch, from call to end, of one layer, or of two in both directions."""
    seconds = {"clockwork_rnn": [], "keras-tensorflow lstm": []}
    for _ in range(ROUNDS):
        for name, values in seconds.items():
            code = FIT.format(ours=name == "clockwork_rnn", deep=deep, periods=exponential(9))
            values.append(_printed("-c", code))
    for name, values in seconds.items():
        yield measured(
            Row(experiment, name, 36, 9 if name == "clockwork_rnn" else 1, 100, 32), "first fit", values, "s"
        )


def imports() -> Iterator[Row]:
    """Time importing the layers where TensorFlow and Keras are imported already."""
    yield measured(Row("import", "clockwork_rnn"), "import", [_printed("-c", IMPORT) for _ in range(ROUNDS)], "s")


def fits(sizes) -> Iterator[Row]:
    """Time updates of `model.fit` after a default `compile()` and after `compile(jit_compile=True)`, at these sizes."""
    for units, steps, batch in sizes:
        for name, times in population.fit_times(units, steps, batch, FIT_ROUNDS).items():
            yield measured(Row("fit", name, units, 9, steps, batch), "update", times)


def memory() -> Iterator[Row]:
    """Measure the peak memory of training updates, over what is held after a first small one."""
    for units, modules, steps, batch in MEMORY:
        mib = _printed("-m", "benchmarks.memory", *map(str, (units, modules, steps, batch)))
        row = Row("memory", "clockwork_rnn", units, modules, steps, batch, quantity="peak memory", unit="MiB")
        yield replace(row, low=mib, median=mib, high=mib)


def _printed(*arguments: str) -> float:
    """Return the number that a process of its own prints last; a ChildProcessError says how it ended otherwise."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ChildProcessError(f"a process ended with {done.returncode} {''.join(done.stderr.splitlines()[-1:])}")
    return float(done.stdout.split()[-1])
