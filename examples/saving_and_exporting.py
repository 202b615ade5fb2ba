"""Saving and exporting: a model as a file for Keras, for TensorFlow without this code, and for ONNX Runtime.

Run from the repository root: `python examples/saving_and_exporting.py`. It writes the files into a folder of their own, reads them
back, and says how large they are and how far their outputs are from the model's.
"""

import sys

# Where the package is installed instead: from clockwork_rnn import ClockworkRNN
sys.path.insert(0, f"{sys.path[0]}/..")
import importlib.util
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from models import ClockworkRNN


def main() -> dict[str, float]:
    """Return for each kind of file the largest difference between its outputs and the model's."""
    keras.utils.set_random_seed(0)
    hidden = ClockworkRNN(64, periods=(1, 2, 4, 8), return_sequences=True)
    model = keras.Sequential([keras.Input((None, 13), name="x"), hidden, keras.layers.Dense(5)])
    x = np.random.default_rng(0).normal(size=(2, 100, 13)).astype("float32")
    folder = Path(tempfile.mkdtemp())

    model.save(folder / "model.keras")
    found = {
        "model.keras": keras.models.load_model(folder / "model.keras")(x)
    }  # needs the layer's class to be imported

    model.export(folder / "saved_model", verbose=False)
    loaded = tf.saved_model.load(folder / "saved_model")  # needs TensorFlow alone
    found["saved_model"] = loaded.serve(x)

    if importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        model.export(folder / "model.onnx", format="onnx", verbose=False)
        (found["model.onnx"],) = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"x": x})

    apart = {name: float(np.abs(np.asarray(output) - model(x)).max()) for name, output in found.items()}
    for name, difference in apart.items():
        files = [file for file in [folder / name, *(folder / name).rglob("*")] if file.is_file()]
        print(f"{folder / name}: {sum(file.stat().st_size for file in files) / 1024:.0f} KiB, off by {difference:.1g}")
    return apart


if __name__ == "__main__":
    sys.exit(__doc__) if sys.argv[1:] else main()
