"""Both directions: what is asked at a step depends on inputs before and after it.

Run from the repository root: `python examples/both_directions.py`. The answer at step t is x(t − 4) · x(t + 4). A layer that
reads forwards knows only the first of the two; `keras.layers.Bidirectional` adds one whose clock starts at the other end.
"""

import sys

# Where the package is installed instead: from clockwork_rnn import ClockworkRNN
sys.path.insert(0, f"{sys.path[0]}/..")
import keras
import numpy as np

from models import ClockworkRNN

REACH = 4


def products(count: int, steps: int = 64, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return random signs [count, steps, 1], and the product of those before and after each step (0 beyond the ends)."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (count, steps, 1)).astype("float32")
    padded = np.pad(signs, ((0, 0), (REACH, REACH), (0, 0)))
    return signs, padded[:, : -2 * REACH] * padded[:, 2 * REACH :]


def main(epochs: int = 12, examples: int = 1000) -> dict[str, float]:
    """Train a model of either kind and return the mean squared error of each on new sequences."""
    errors = {}
    for name, wrap in {"forwards only": lambda layer: layer, "both directions": keras.layers.Bidirectional}.items():
        keras.utils.set_random_seed(0)
        hidden = wrap(ClockworkRNN(64, periods=(1, 2, 4), return_sequences=True))
        layers = [hidden, keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((None, 1)), *layers])
        model.compile(keras.optimizers.Adam(3e-3), "mse")
        model.fit(*products(examples), batch_size=50, epochs=epochs, verbose=0)
        errors[name] = model.evaluate(*products(500, seed=1), verbose=0)
        print(f"{name}: {model.count_params()} weights, MSE {errors[name]:.2g}")
    print(f"always 0: MSE {np.mean(products(500, seed=1)[1] ** 2):.2g}")
    return errors


if __name__ == "__main__":
    sys.exit(__doc__) if sys.argv[1:] else main()
