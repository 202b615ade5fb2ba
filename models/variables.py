"""The arrays in which a layer keeps its weights: one for each block row, so that only connections that exist have weights."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from .blocks import Weights

if TYPE_CHECKING:
    from .layer import ClockworkLayer


def create(layer: "ClockworkLayer", features: int) -> None:
    """Give a layer its variables: kernel, recurrent_kernels, bias and peephole_kernel, None where there are none."""
    modules, cell, n = layer.modules, layer.cell, layer.units
    seeing = np.flatnonzero(np.repeat(modules.sees_input, modules.sizes))
    layer.kernel = _cut(layer, "kernel", features)("kernel", range(features), seeing)
    recurrent = _cut(layer, "recurrent", n)
    layer.recurrent_kernels = [
        recurrent(f"recurrent_kernel_{i}", np.flatnonzero(np.repeat(hears, modules.sizes)), np.arange(n)[columns])
        for i, (hears, columns) in enumerate(zip(modules.hears, modules.slices, strict=True))
    ]
    layer.bias = layer.peephole_kernel = None
    if layer.use_bias:
        columns = cell.gates * n
        layer.bias = layer.add_weight(
            shape=(columns,) if cell.biases == 1 else (cell.biases, columns),
            name="bias",
            initializer=layer.initial_bias,
            regularizer=layer.bias_regularizer,
            constraint=layer.bias_constraint,
        )
    if cell.peepholes:
        initializer = layer.recurrent_initializer.clone()  # which draws anew, unless its seed is fixed
        layer.peephole_kernel = layer.add_weight((cell.peepholes, n), initializer, name="peephole_kernel")


def _cut(layer: "ClockworkLayer", kind: str, inputs: int) -> Callable[..., keras.Variable | None]:
    """Return what creates the weights from some of the inputs to some of the units; where there are none, no array.

    (A matrix product over zero features would abort the process on a CPU: oneDNN, TensorFlow 2.21.)

    All are cut from one dense matrix [inputs, gates · n], so that an initializer sees the shape it would see in Keras's
    layers, and one with a fixed seed does not give the same numbers to every module.
    """
    gates = layer.cell.gates

    @functools.cache
    def dense(dtype: str) -> np.ndarray:
        with tf.init_scope():
            values = getattr(layer, f"{kind}_initializer")((inputs, gates * layer.units), dtype)
            return keras.ops.convert_to_numpy(values).reshape(inputs, gates, layer.units)

    def cut(name: str, rows: Sequence[int], columns: Sequence[int]) -> keras.Variable | None:
        if not len(rows) or not len(columns):
            return None
        return layer.add_weight(
            shape=(len(rows), gates * len(columns)),
            name=name,
            initializer=lambda shape, dtype: dense(dtype)[np.ix_(rows, range(gates), columns)].reshape(shape),
            regularizer=getattr(layer, f"{kind}_regularizer"),
            constraint=getattr(layer, f"{kind}_constraint"),
        )

    return cut


def arrays(layer: "ClockworkLayer") -> list[keras.Variable | None]:
    """Return the weights in the order of `trainable_variables`, None where there are none."""
    peepholes = [layer.peephole_kernel] if layer.cell.peepholes else []
    return [layer.kernel, *layer.recurrent_kernels, layer.bias, *peepholes]


def tensors(layer: "ClockworkLayer") -> list[tf.Tensor]:
    """Return the values of the weights that there are."""
    return [tf.convert_to_tensor(array) for array in arrays(layer) if array is not None]


def as_weights(layer: "ClockworkLayer", values: Sequence[tf.Tensor]) -> Weights:
    """Return values in the order of `trainable_variables` by what they are for."""
    given = iter(values)
    kernel, *recurrent = (None if array is None else next(given) for array in [layer.kernel, *layer.recurrent_kernels])
    bias, peepholes = (None if array is None else next(given) for array in (layer.bias, layer.peephole_kernel))
    return Weights(kernel, tuple(recurrent), bias, peepholes)


def dense(layer: "ClockworkLayer") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel [inputs, gates · n], recurrent kernel [n, gates · n] and bias, with zeros where nothing connects."""
    modules, gates, n = layer.modules, layer.cell.gates, layer.units
    kernel = np.zeros((layer.input_spec.axes[-1], gates, n), layer.variable_dtype)
    recurrent = np.zeros((n, gates, n), layer.variable_dtype)
    if layer.kernel is not None:
        kernel[..., np.repeat(modules.sees_input, modules.sizes)] = layer.kernel.numpy().reshape(len(kernel), gates, -1)
    for i, (array, columns) in enumerate(zip(layer.recurrent_kernels, modules.slices, strict=True)):
        if array is not None:
            rows = np.repeat(modules.hears[i], modules.sizes)
            recurrent[rows, :, columns] = array.numpy().reshape(-1, gates, modules.sizes[i])
    columns = gates * n
    bias = np.zeros((columns,) if layer.cell.biases == 1 else (layer.cell.biases, columns), layer.variable_dtype)
    if layer.bias is not None:
        bias[:] = layer.bias.numpy()
    return kernel.reshape(-1, columns), recurrent.reshape(n, columns), bias
