"""Exported files against the layer: whole sequences and a single step, in the runtimes they are for."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layers import CELLS, inputs

from models.clockwork_rnn import ClockworkRNN

KINDS = {kind.__name__: kind for kind in CELLS}


def whole(kind):
    """Return a model of whole sequences and its inputs."""
    sequence = keras.Input((12, 3), name="x")
    hidden = kind(9, (1, 2, 4), return_sequences=True)(sequence)
    return keras.Model(sequence, keras.layers.Dense(2)(hidden)), [inputs((2, 12, 3), "float32")]


def streaming(kind):
    """Return a model of one step, whose state goes in and comes out, and its inputs in the middle of a sequence."""
    layer = kind(9, (1, 2, 4), return_state=True)
    sequence, parts = keras.Input((1, 3), name="x"), len(CELLS and [0] * (2 if kind.__name__ == "ClockworkLSTM" else 1))
    state = [keras.Input((9,), name=f"state_{part}") for part in range(parts)]
    clock = keras.Input((), dtype="int32", name="clock")
    output, *after = layer(sequence, initial_state=[*state, clock])
    model = keras.Model([sequence, *state, clock], [output, *after])
    given = [inputs((2, 1, 3), "float32"), *(inputs((2, 9), "float32", part) for part in range(parts))]
    return model, [*given, np.array([6, 6], "int32")]


def in_saved_model(model, given, folder):
    model.export(folder / "saved", verbose=False)
    loaded = tf.saved_model.load(folder / "saved")
    return loaded.serve([tf.constant(value) for value in given] if len(given) > 1 else tf.constant(given[0]))


def in_onnxruntime(model, given, folder):
    onnxruntime = pytest.importorskip("onnxruntime")
    model.export(folder / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, given, strict=True)))


def in_litert(model, given, folder):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    specs = [keras.InputSpec(shape=value.shape, dtype=str(value.dtype), name=None) for value in given]
    signature = [specs] if len(specs) > 1 else specs
    model.export(folder / "model.tflite", format="litert", verbose=False, input_signature=signature)
    run = interpreter.Interpreter(str(folder / "model.tflite"))
    run.allocate_tensors()
    for detail, value in zip(sorted(run.get_input_details(), key=lambda d: d["name"]), given, strict=True):
        run.set_tensor(detail["index"], value)
    run.invoke()
    details = sorted(run.get_output_details(), key=lambda d: d["name"])
    return [run.get_tensor(detail["index"]) for detail in details]


# Half of all: each two of layer, model and format together.
EXPORTS = [
    (kind, (whole, streaming)[(place + number) % 2], run)
    for place, kind in enumerate(KINDS)
    for number, run in enumerate((in_saved_model, in_onnxruntime, in_litert))
]


@pytest.mark.parametrize("kind, make, run", EXPORTS)
def test_exported_files_give_what_the_layer_gives(tmp_path, kind, make, run):
    model, given = make(KINDS[kind])
    wanted = tf.nest.flatten(model(given if len(given) > 1 else given[0]))
    found = tf.nest.flatten(run(model, given, tmp_path))
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_litert_without_known_lengths_is_refused(tmp_path):
    sequence = keras.Input((None, 3))
    model = keras.Model(sequence, ClockworkRNN(4, (1, 2))(sequence))
    with pytest.raises(ValueError, match="needs a batch size and a length that are known"):
        model.export(tmp_path / "model.tflite", format="litert", verbose=False)


def test_jit_compile_can_be_set_after_loading(tmp_path):
    model, given = whole(ClockworkRNN)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.layers[1].jit_compile = False
    np.testing.assert_allclose(loaded(given[0]), model(given[0]), atol=1e-6)
