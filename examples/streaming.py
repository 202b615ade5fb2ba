"""Streaming: one step at a time, as inputs arrive; only the modules that fire are computed.

Run from the repository root: `python examples/streaming.py`. It feeds a sequence to a model step by step and whole, and says how
far the two are apart, and how long a step takes.
"""

import sys

# Where the package is installed instead: from clockwork_rnn import ClockworkLSTM
sys.path.insert(0, f"{sys.path[0]}/..")
import time

import keras
import numpy as np
import tensorflow as tf

from models import ClockworkLSTM


def main(steps: int = 2000, features: int = 13) -> float:
    """Return the largest difference between the outputs step by step and those of the whole sequence."""
    keras.utils.set_random_seed(0)
    hidden = ClockworkLSTM(64, periods=(1, 2, 4, 8, 16), return_sequences=True)
    output = keras.layers.Dense(5)
    model = keras.Sequential([keras.Input((None, features)), hidden, output])
    x = np.random.default_rng(0).normal(size=(1, steps, features)).astype("float32")

    step = hidden.stepper()  # (inputs [B, features], state) → the state after the step

    @tf.function(jit_compile=True)
    def answer(inputs, state):
        state = step(inputs, state)  # h, c and the clock: the number of the next step
        return output(state[0]), state

    state, answers = hidden.get_initial_state(1), []
    answer(x[:, 0], state)  # compiles
    began = time.perf_counter()
    for t in range(steps):
        heard, state = answer(x[:, t], state)
        answers.append(heard.numpy())
    seconds = time.perf_counter() - began

    apart = float(np.abs(np.stack(answers, 1) - model(x).numpy()).max())
    print(
        f"{steps} steps one at a time: {1e6 * seconds / steps:.0f} µs a step, the clock is now at {int(state[-1][0])}"
    )
    print(f"the whole sequence at once gives the same to {apart:.1g}")
    return apart


if __name__ == "__main__":
    sys.exit(__doc__) if sys.argv[1:] else main()
