"""The arrays in which a layer keeps its weights: one for each block row, so that only connections that exist have weights."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from .blocks import Weights

if TYPE_CHECKING:
    from .layer import ClockworkLayer

Initializer = Callable[..., tf.Tensor]  # (shape, dtype) → values


def create(layer: "ClockworkLayer", features: int) -> None:
    """Give a layer its variables: kernel, recurrent_kernels, bias and peephole_kernel, None where there are none."""
    cell, n = layer.cell, layer.units
    dense = functools.cache(functools.partial(_dense, layer, features=features))
    layer.kernel, *recurrent = (_matrix(layer, piece, dense) for piece in _pieces(layer, features))
    layer.recurrent_kernels = tuple(recurrent)  # in a list TensorFlow's checkpoints would not see them
    layer.bias = layer.peephole_kernel = None
    if layer.use_bias:
        layer.bias = layer.add_weight(
            shape=_bias_shape(layer),
            name="bias",
            initializer=layer.initial_bias,
            regularizer=layer.bias_regularizer,
            constraint=layer.bias_constraint,
        )
    if cell.peepholes:
        initializer = layer.recurrent_initializer
        if isinstance(initializer, keras.Initializer):
            initializer = initializer.clone()  # which draws anew, unless its seed is fixed
        layer.peephole_kernel = layer.add_weight((cell.peepholes, n), initializer, name="peephole_kernel")


def drawn(layer: "ClockworkLayer", initializers: Mapping[str, Initializer]) -> list[np.ndarray]:
    """Return what the weights of a built layer would start from, in the order of `trainable_variables`.

    Args:
        layer: of which only the configuration matters.
        initializers: of "kernel", "recurrent", "bias" and "peepholes", instead of the layer's own.
    """
    features = layer.input_spec.axes[-1]
    pieces = [piece for piece in _pieces(layer, features) if piece.exists]
    kinds = {piece.kind for piece in pieces}
    dense = {kind: _dense(layer, kind, "float32", initializers[kind], features=features) for kind in kinds}
    values = [piece.cut(dense[piece.kind]) for piece in pieces]
    if layer.use_bias:
        values.append(_numbers(initializers["bias"](_bias_shape(layer), "float32")))
    if layer.cell.peepholes:
        values.append(_numbers(initializers["peepholes"]((layer.cell.peepholes, layer.units), "float32")))
    return values


class _Piece(NamedTuple):
    """The weights from some of the inputs (rows) to some of the units (columns), cut from one dense matrix of a kind.

    So an initializer sees the shape it would see in Keras's layers, and one with a fixed seed does not give the same numbers
    to every module.
    """

    name: str
    kind: str
    rows: Sequence[int]
    columns: Sequence[int]

    @property
    def exists(self) -> bool:
        """Whether there are any. (A product over zero features would abort the process on a CPU: oneDNN, TensorFlow 2.21.)"""
        return len(self.rows) > 0 and len(self.columns) > 0

    def cut(self, dense: np.ndarray) -> np.ndarray:
        """Return the piece [rows, gates · columns] of a matrix [inputs, gates, n]."""
        gates = range(dense.shape[1])
        return dense[np.ix_(self.rows, gates, self.columns)].reshape(len(self.rows), -1)


def _pieces(layer: "ClockworkLayer", features: int) -> list[_Piece]:
    """Return the kernel, and the recurrent kernel of each module."""
    modules, n = layer.modules, layer.units
    seeing = np.flatnonzero(np.repeat(modules.sees_input, modules.sizes))
    heard = [np.flatnonzero(np.repeat(hears, modules.sizes)) for hears in modules.hears]
    return [_Piece("kernel", "kernel", range(features), seeing)] + [
        _Piece(f"recurrent_kernel_{i}", "recurrent", rows, np.arange(n)[columns])
        for i, (rows, columns) in enumerate(zip(heard, modules.slices, strict=True))
    ]


def _dense(layer, kind: str, dtype: str, initializer: Initializer | None = None, *, features: int) -> np.ndarray:
    """Return the dense matrix [inputs, gates, n] of a kind."""
    inputs = features if kind == "kernel" else layer.units
    initializer = initializer or getattr(layer, f"{kind}_initializer")
    with tf.init_scope():
        return _numbers(initializer((inputs, layer.cell.gates * layer.units), dtype)).reshape(
            inputs, layer.cell.gates, layer.units
        )


def _matrix(layer: "ClockworkLayer", piece: _Piece, dense: Callable[[str, str], np.ndarray]) -> keras.Variable | None:
    if not piece.exists:
        return None
    return layer.add_weight(
        shape=(len(piece.rows), layer.cell.gates * len(piece.columns)),
        name=piece.name,
        initializer=lambda shape, dtype: piece.cut(dense(piece.kind, dtype)),
        regularizer=getattr(layer, f"{piece.kind}_regularizer"),
        constraint=getattr(layer, f"{piece.kind}_constraint"),
    )


def _bias_shape(layer: "ClockworkLayer") -> tuple[int, ...]:
    columns = layer.cell.gates * layer.units
    return (columns,) if layer.cell.biases == 1 else (layer.cell.biases, columns)


def _numbers(values) -> np.ndarray:
    return keras.ops.convert_to_numpy(values)


def arrays(layer: "ClockworkLayer") -> list[keras.Variable | None]:
    """Return the weights in the order of `trainable_variables`, None where there are none."""
    return [layer.kernel, *layer.recurrent_kernels, layer.bias, layer.peephole_kernel]


def tensors(layer: "ClockworkLayer") -> list[tf.Tensor]:
    """Return the values of the weights that there are, in the type of the computation."""
    return [tf.cast(array, layer.compute_dtype) for array in arrays(layer) if array is not None]


def as_weights(layer: "ClockworkLayer", values: Sequence[tf.Tensor]) -> Weights:
    """Return values in the order of `trainable_variables` by what they are for; raises a ValueError if there are more or fewer."""
    if len(values) != (count := sum(array is not None for array in arrays(layer))):
        raise ValueError(f"`weights` must be {count} tensors. Received: {len(values)}")
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
    bias = np.zeros(_bias_shape(layer), layer.variable_dtype)
    if layer.bias is not None:
        bias[:] = layer.bias.numpy()
    return kernel.reshape(-1, columns), recurrent.reshape(n, columns), bias
