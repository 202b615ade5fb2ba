"""Labels without times: which letters are keyed in Morse code, by a hand that is never twice as quick?

Run from the repository root: `python examples/morse.py`. The network hears only whether the key is down, forwards and backwards, and
in training is told only the text, not when which letter was. It prints what it reads in five texts that it never saw.
"""

import sys

# Where the package is installed instead: from clockwork_rnn import ClockworkLSTM, best_path, ctc_loss
sys.path.insert(0, f"{sys.path[0]}/..")
import keras
import numpy as np
import tensorflow as tf

from models import ClockworkLSTM, best_path, ctc_loss

CODES = {"E": ".", "T": "-", "A": ".-", "I": "..", "N": "-.", "M": "--", "S": "..."}
LETTERS, LONGEST, STEPS = "".join(CODES), 4, 72  # letters of a text at most; steps of a sequence


class Reader(keras.Model):
    """A model whose targets are labels, how many count, and how many steps of the sequence count."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        labels, counts, steps = y
        return tf.reduce_mean(ctc_loss(y_pred, labels, counts, steps))


def keyed(text: str, rng: np.random.Generator) -> list[int]:
    """Return the key at each step, 1 down and −1 up: dots of 1 or 2 steps, dashes of 4 or 5, letters at least 4 apart."""
    key: list[int] = []
    for letter in text:
        for sign in CODES[letter]:
            key += [1] * int(rng.integers(1, 3) + 3 * (sign == "-")) + [-1] * int(rng.integers(1, 3))
        key += [-1] * int(rng.integers(3, 5))
    return key


def messages(count: int, seed: int = 0) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return sequences [count, STEPS, 1], zeros behind their end, and labels [count, LONGEST], their number and that of the steps."""
    rng = np.random.default_rng(seed)
    x, labels = np.zeros((count, STEPS, 1), np.float32), np.zeros((count, LONGEST), np.int32)
    counts, steps = rng.integers(1, LONGEST + 1, count, np.int32), np.zeros(count, np.int32)
    for place, letters in enumerate(counts):
        labels[place, :letters] = rng.integers(0, len(LETTERS), letters)
        key = keyed("".join(LETTERS[label] for label in labels[place, :letters]), rng)
        x[place, : len(key), 0], steps[place] = key, len(key)
    return x, (labels, counts, steps)


def main(epochs: int = 10, examples: int = 1500) -> float:
    """Train a network and return the share of new texts that it reads without an error."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((STEPS, 1))
    hidden = keras.layers.Bidirectional(ClockworkLSTM(24, periods=(1, 2), return_sequences=True))
    model = Reader(inputs, keras.layers.Dense(len(LETTERS) + 1)(hidden(keras.layers.Masking()(inputs))))
    model.compile(keras.optimizers.Adam(2e-2))
    model.fit(*messages(examples), batch_size=25, epochs=epochs, verbose=0)
    x, (labels, counts, steps) = messages(500, seed=1)
    read = ["".join(LETTERS[label] for label in path if label >= 0) for path in best_path(model(x), steps).numpy()]
    written = ["".join(LETTERS[label] for label in own[:count]) for own, count in zip(labels, counts, strict=True)]
    for pair in list(zip(written, read, strict=True))[:5]:
        print("written {}, read {}".format(*pair))
    right = float(np.mean(np.array(read) == np.array(written)))
    print(f"{right:.0%} of {len(read)} new texts are read without an error")
    return right


if __name__ == "__main__":
    sys.exit(__doc__) if sys.argv[1:] else main()
