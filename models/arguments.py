"""What is given to the layers, checked where it comes in: an error names the argument, what was expected and what came."""

from collections.abc import Callable, Hashable
from numbers import Real
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .clocks import whole_numbers


def elementwise(name: str, activation: str | Callable | None) -> Callable:
    """Return an activation, refusing one that mixes units, such as softmax: modules are computed apart from each other."""
    activation = _of_keras(name, "an activation", keras.activations.get, activation)
    if not isinstance(activation, Hashable):
        raise ValueError(f"`{name}` must be hashable, as functions and layers are. Received: {activation}")
    dtypes = {"float32", keras.config.dtype_policy().compute_dtype}  # a layer's own, as an activation, has the policy's
    if not any(_keeps_apart(activation, dtype) for dtype in dtypes) or getattr(activation, "variables", ()):
        raise ValueError(f"`{name}` must be elementwise and without weights. Received: {activation}")
    return activation


def _keeps_apart(activation: Callable, dtype: str) -> bool:
    """Return whether each of some values of a type becomes by itself what it becomes among the others."""
    with tf.init_scope():
        values = tf.constant([[-1.0, 0.5, 2.0]], dtype)
        try:
            found = [activation(part) for part in (values, *tf.split(values, 3, axis=-1))]
            apart = all(np.allclose(found[0][:, i], part[:, 0], atol=1e-6) for i, part in enumerate(found[1:]))
            alike = all(tf.is_tensor(part) and part.dtype == values.dtype and part.shape[0] == 1 for part in found)
            return apart and alike and found[0].shape == values.shape
        except Exception:  # of any kind: it is somebody's function
            return False


def floating_point(name: str, dtype: str) -> None:
    """Raise a ValueError where a type is not of floating-point numbers."""
    if not tf.as_dtype(dtype).is_floating:
        raise ValueError(f"`{name}` must be of floating-point numbers. Received: {dtype}")


def share(name: str, value: float) -> float:
    """Return a share to drop out."""
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {value}")
    return float(value)


def seed(name: str, value: int | None) -> int | None:
    """Return a seed as Keras takes it, in 32 bits without a sign; None is one that is drawn."""
    return None if value is None else whole_numbers(name, [value], lowest=0, most=2**32 - 1)[0]


def switch(name: str, value: bool) -> bool:
    """Return whether something is done; a text, as "False", would count as True."""
    if not isinstance(value, int | np.bool_) or value not in (0, 1):
        raise ValueError(f"`{name}` must be True or False. Received: {value!r}")
    return bool(value)


def initializer(name: str, given: str | Callable) -> Callable:
    """Return what weights start from."""
    if given is None:
        raise ValueError(f"`{name}` must be an initializer. Received: None")
    return _of_keras(name, "an initializer", keras.initializers.get, given)


def regularizer(name: str, given: str | Callable | None) -> Callable | None:
    """Return what large weights cost."""
    return _of_keras(name, "a regularizer", keras.regularizers.get, given)


def constraint(name: str, given: str | Callable | None) -> Callable | None:
    """Return what weights are held to."""
    return _of_keras(name, "a constraint", keras.constraints.get, given)


def _of_keras(name: str, wanted: str, find: Callable, given: Any) -> Any:
    """Return what Keras finds under a name or makes of a configuration."""
    try:
        return find(given)
    except (ValueError, TypeError):  # which do not name the argument
        raise ValueError(f"`{name}` must be {wanted} that Keras knows. Received: {given!r}") from None


def sequences(given: tf.Tensor, dtype: str) -> tf.Tensor:
    """Return sequences [B, T, features] in the type of the computation; of whole numbers and truth values, too."""
    given = tf.convert_to_tensor(given)
    if not (given.dtype.is_floating or given.dtype.is_integer or given.dtype.is_bool):
        raise ValueError(f"`sequences` must be numbers. Received: {given.dtype.name}")
    return tf.cast(given, dtype)


def mask(given: tf.Tensor, read: tf.Tensor) -> tf.Tensor:
    """Return a mask, boolean [B, T], of sequences [B, T, features]; numbers are true where they are not 0."""
    given = tf.convert_to_tensor(given)
    if given.dtype == tf.string or not given.shape.is_compatible_with(read.shape[:2]):
        came = f"{given.dtype.name} of shape {tuple(given.shape)}"
        raise ValueError(f"`mask` must be boolean of shape {tuple(read.shape[:2])}. Received: {came}")
    return tf.cast(given, bool)


def state(argument: str, name: str, given: tf.Tensor, batch: int | None, zero: tf.Tensor) -> tf.Tensor:
    """Return a part of a state, in the type of its zero [B, ...]."""
    given, wanted = tf.convert_to_tensor(given), tf.TensorShape([batch, *zero.shape[1:]])
    if given.dtype == tf.string or not given.shape.is_compatible_with(wanted):
        came = f"{given.dtype.name} of shape {tuple(given.shape)}"
        raise ValueError(f"`{argument}` must have {name} of shape {tuple(wanted)}. Received: {came}")
    given = tf.cast(given, zero.dtype)
    given.set_shape([None, *zero.shape[1:]])
    return given
