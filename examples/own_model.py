"""The layer in a Keras model of your own: which of two slow rhythms is in a noisy signal?

Run from the repository root: `python examples/own_model.py`. It prints the modules of the layer, trains for some seconds, and
says how many of the signals that it never saw it gets right.
"""

import sys

# Where the package is installed instead: from clockwork_rnn import ClockworkRNN
sys.path.insert(0, f"{sys.path[0]}/..")
import keras
import numpy as np

from models import ClockworkRNN


def rhythms(count: int, steps: int = 128, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return sines of 32 or 40 steps a cycle in noise as strong [count, steps, 1], and which of the two they are [count]."""
    rng = np.random.default_rng(seed)
    slower = rng.integers(0, 2, count)
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    sines = np.sin(2 * np.pi * np.arange(steps) / np.where(slower, 40, 32)[:, None] + phase)
    return (sines + rng.normal(0, 0.7, sines.shape))[..., None].astype("float32"), slower


def main(epochs: int = 20, examples: int = 2000) -> float:
    """Train, and return the share of new signals that the model gets right."""
    keras.utils.set_random_seed(0)
    hidden = ClockworkRNN(48, periods=(1, 2, 4, 8, 16, 32))
    model = keras.Sequential([keras.Input((None, 1)), hidden, keras.layers.Dense(1, activation="sigmoid")])
    print(hidden.describe(steps=128))
    model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), "binary_crossentropy", metrics=["accuracy"])
    model.fit(*rhythms(examples), batch_size=50, epochs=epochs, verbose=0)
    right = model.evaluate(*rhythms(1000, seed=1), verbose=0)[1]
    print(f"{model.count_params()} weights, {right:.1%} of 1000 new signals right; guessing gives 50%")
    return right


if __name__ == "__main__":
    sys.exit(__doc__) if sys.argv[1:] else main()
