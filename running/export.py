"""A trained run's model as a file for another runtime, checked against the model before it is kept."""

import fnmatch
import importlib.util
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from data.files import in_a_line, naming
from running import folders, signals
from running.failures import in_words
from running.lock import Lock
from running.use import staying
from tasks.trained_model import load_model

FILES = {"saved_model": "saved_model", "onnx": "model.onnx", "litert": "model.tflite"}
PACKAGES = {"saved_model": (), "onnx": ("tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}
# What is in a SavedModel.
PARTS = (
    "assets",
    "variables",
    "fingerprint.pb",
    "saved_model.pb",
    "variables/variables.data-?????-of-?????",
    "variables/variables.index",
)
STEPS = 100  # of sequences whose length the model leaves open
TOLERANCE = 1e-4  # of the largest output


def export_run(folder: Path, kind: str) -> str:
    """Write the model of a trained run beside it and return what there is to say of the file.

    What is exported reads whole sequences from step 0, also where the run carries its state from chunk to chunk.

    Args:
        folder: of the run.
        kind: one of `FILES`.

    Raises:
        ValueError: a package is missing, the folder cannot be written, another process makes the same file, or the file
            does not give what the model gives; then nothing is left.
    """
    if missing := [name for name in PACKAGES[kind] if importlib.util.find_spec(name) is None]:
        raise ValueError(
            f"`export` to {kind} needs the packages {', '.join(PACKAGES[kind])}. Received: no {missing[0]}"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"`export` needs a run whose folder can be written. Received: {folder}")
    with staying(folder) as check:
        return _export(folder, kind, check)


def _export(folder: Path, kind: str, check: Callable[[], None]) -> str:
    model = _without_state(load_model(folder))
    shapes = [
        (value.shape[0] or 1, *(STEPS if size is None else size for size in value.shape[1:])) for value in model.inputs
    ]
    inputs = [_example(shape, value.dtype) for shape, value in zip(shapes, model.inputs, strict=True)]
    wanted = np.asarray(model(inputs if len(inputs) > 1 else inputs[0], training=False))
    target = folder / FILES[kind]
    part = target.with_name(f".part.{target.name}")
    _check_replaced(target)
    lock = Lock(target.with_name(f".lock.{target.name}"), f"the export of {folder.name} to {kind}")
    try:
        folders.remove(part)  # of an export that was killed
        with signals.held(), naming(target):
            found = _written(kind, model, part, inputs)
        largest = float(np.abs(found - wanted).max())
        if not largest <= TOLERANCE * max(1.0, float(np.abs(wanted).max())):
            raise ValueError(f"`export` to {kind} must give what the model gives. Received: off by {largest:.2g}")
        size = sum(file.stat().st_size for file in ([part] if part.is_file() else part.rglob("*")) if file.is_file())
        check()
        with signals.held():
            _check_replaced(target)  # somebody may have put something there meanwhile
            _exchange(part, target)
    except tf.errors.OpError as error:  # TensorFlow's own word for a full disk
        raise OSError(f"{target}: {in_words(error)}") from None
    finally:
        folders.remove(part)
        lock.release()
    return f"{target}: {size / 1024:.0f} KiB, off by at most {largest:.1g} for inputs of shape {', '.join(map(str, shapes))}"


def _exchange(part: Path, target: Path) -> None:
    """Put what is whole in the place of an earlier export, which is there until then."""
    old = target.with_name(f".part.old.{target.name}")
    folders.remove(old)
    if folders.is_there(target) and (target.is_dir() or part.is_dir()):
        target.rename(old)
    os.replace(part, target)
    folders.remove(old)


def _check_replaced(target: Path) -> None:
    """Raise a ValueError where a file would be replaced by a folder, or a folder in which there is more than an export leaves."""
    if target.name == FILES["saved_model"] and target.is_file():
        raise ValueError(f"`export` must not replace what is not its own. Received: a file, {target}")
    parts = PARTS if target.name == FILES["saved_model"] else ()
    inside = target.rglob("*") if not target.is_symlink() else ()
    names = (path.relative_to(target).as_posix() for path in inside)
    if others := sorted(name for name in names if not any(fnmatch.fnmatch(name, part) for part in parts)):
        raise ValueError(f"`export` must not replace what is not its own. Received: {others[0]} in {target}")


def _written(kind: str, model: keras.Model, path: Path, inputs: list[np.ndarray]) -> np.ndarray:
    """Write a file and return what it gives; raises a ValueError where a library cannot make or read it."""
    try:
        return np.asarray(WRITERS[kind](model, path, inputs))
    except (OSError, MemoryError, tf.errors.OpError):
        raise
    except Exception as error:  # of any kind: converters and runtimes have their own
        raise ValueError(f"`export` to {kind} must be possible for this model. Received: {in_a_line(error)}") from error


def _without_state(model: keras.Model) -> keras.Model:
    """Return a model that carries nothing from call to call."""

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.Normalization):  # whose numbers tf2onnx would take for inputs
            mean, std = np.asarray(layer.mean), np.maximum(np.sqrt(layer.variance), keras.config.epsilon())
            return keras.layers.Rescaling(1 / std, -mean / std, name=layer.name)
        config = layer.get_config()
        return type(layer).from_config(config | {"stateful": False} if "stateful" in config else config)

    plain = keras.models.clone_model(model, clone_function=clone)
    for variable, value in zip(plain.trainable_variables, model.trainable_variables, strict=True):
        variable.assign(value)
    return plain


def _example(shape: Sequence[int], dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype(dtype) if "float" in dtype else rng.integers(0, 4, shape).astype(dtype)


def _saved_model(model: keras.Model, path: Path, inputs: list[np.ndarray]) -> np.ndarray:
    model.export(path, verbose=False)
    loaded = tf.saved_model.load(path)
    return loaded.serve([tf.constant(value) for value in inputs] if len(inputs) > 1 else tf.constant(inputs[0]))


def _onnx(model: keras.Model, path: Path, inputs: list[np.ndarray]) -> np.ndarray:
    import onnxruntime

    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of a name of NumPy's in the converter
        model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    return session.run(None, dict(zip([value.name for value in session.get_inputs()], inputs, strict=False)))[0]


def _litert(model: keras.Model, path: Path, inputs: list[np.ndarray]) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    specs = [keras.InputSpec(shape=value.shape, dtype=str(value.dtype)) for value in inputs]
    model.export(path, format="litert", verbose=False, input_signature=[specs] if len(specs) > 1 else specs)
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    for detail, value in zip(sorted(interpreter.get_input_details(), key=lambda d: d["name"]), inputs, strict=False):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


WRITERS = {"saved_model": _saved_model, "onnx": _onnx, "litert": _litert}
