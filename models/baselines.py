"""What the Clockwork RNN is compared with: a simple RNN and an LSTM, sized to a budget of parameters."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from models import masking, recurrence
from models.clockwork_rnn import ClockworkRNN


def simple_rnn(units: int, **kwargs) -> ClockworkRNN:
    """Return a simple RNN: the Clockwork RNN of one module that fires at every step, with the same arguments."""
    return ClockworkRNN(units, periods=(1,), **kwargs)


@keras.saving.register_keras_serializable(package="clockwork_rnn")
class LSTM(keras.layers.Layer):
    """A long short-term memory layer, with or without peepholes, that also runs without any input.

    The equations are those of `models.recurrence.lstm_scan`. Without peepholes it is `keras.layers.LSTM` without
    dropout, number for number.

    Args:
        units: number of cells n.
        peepholes: whether the gates see the cell, one weight each: the paper's LSTM.
        forget_bias: initial bias of the forget gate (5 in the paper), on top of which no initializer works.
        kernel_initializer, recurrent_initializer, bias_initializer: for the input weights [features, 4n], the recurrent
            weights [n, 4n] and the peepholes [3, n], and the biases of the other gates.
        return_sequences: return the output after every step, instead of after the last.
        stateful: carry the state from batch to batch.

    Call arguments:
        sequences: [B, T, features], with any number of features, also none.
        initial_state: [h, c], each [B, n]; None is 0, or what was carried.
        mask: boolean [B, T]; a step where it is false changes nothing.

    Returns:
        [B, T, n] with `return_sequences`, otherwise [B, n].
    """

    def __init__(
        self,
        units: int,
        *,
        peepholes: bool = False,
        forget_bias: float = 1.0,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        return_sequences: bool = False,
        stateful: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1. Received: {units}")
        self.units = units
        self.peepholes = peepholes
        self.forget_bias = forget_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.return_sequences = return_sequences
        self.stateful = stateful
        self.states = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self._run = recurrence.compiled(self._recur)

    def build(self, sequences_shape, initial_state_shape=None):
        features, n = sequences_shape[-1], self.units
        self.kernel = None
        if features:
            self.kernel = self.add_weight((features, 4 * n), self.kernel_initializer, name="kernel")
        self.recurrent_kernel = self.add_weight((n, 4 * n), self.recurrent_initializer, name="recurrent_kernel")
        self.bias = self.add_weight((4 * n,), self._initial_bias, name="bias")
        self.peephole_kernel = None
        if self.peepholes:
            initializer = self.recurrent_initializer.clone()  # which draws anew, unless its seed is fixed
            self.peephole_kernel = self.add_weight((3, n), initializer, name="peephole_kernel")
        if self.stateful:
            shape = (sequences_shape[0], n)
            self.states = [self.add_weight(shape, "zeros", trainable=False, name=name) for name in ("h", "c")]

    def _initial_bias(self, shape, dtype):
        i, _, g, o = tf.split(tf.convert_to_tensor(self.bias_initializer(shape, dtype)), 4)
        return tf.concat([i, tf.fill(i.shape, tf.cast(self.forget_bias, dtype)), g, o], 0)

    def call(self, sequences, initial_state=None, mask=None):
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(tf.shape(sequences)[0])
        initial_state = [tf.convert_to_tensor(state) for state in initial_state]
        for state in initial_state:
            state.set_shape([None, self.units])
        outputs, *after = self._run([sequences, *initial_state, *self._weights()], [mask])
        if self.stateful:
            for variable, value in zip(self.states, after, strict=True):
                variable.assign(value)
        return outputs

    def _weights(self) -> list[tf.Tensor]:
        arrays = [self.kernel, self.recurrent_kernel, self.bias, self.peephole_kernel]
        return [tf.convert_to_tensor(array) for array in arrays if array is not None]

    def get_initial_state(self, batch_size: int | tf.Tensor) -> list[tf.Tensor]:
        """Return the state before the first step, h and c [B, n], all 0."""
        return [tf.zeros([batch_size, self.units], self.compute_dtype)] * 2

    def reset_state(self) -> None:
        """With `stateful=True`, go back to a state of 0."""
        for variable in self.states or ():
            variable.assign(tf.zeros_like(variable.value))

    def stepper(self) -> Callable[[tf.Tensor, Sequence[tf.Tensor]], list[tf.Tensor]]:
        """Return a function that makes a single step: (inputs [B, features], [h, c]) → [h, c] after it."""
        kernel, recurrent_kernel, bias, peepholes = self._by_use(self._weights())
        of_gates = [peepholes[k : k + 1] for k in range(3)]

        def step(inputs: tf.Tensor, state: Sequence[tf.Tensor]) -> list[tf.Tensor]:
            h, c = state
            drive = h @ recurrent_kernel + bias
            if kernel is not None:
                drive += inputs @ kernel
            return list(recurrence.lstm_step(drive, c, of_gates)[1:])

        return step

    def _recur(self, tensors, others, known):
        """Run the layer as a pure function; see `recurrence.compiled`."""
        (sequences, h, c, *weights), (mask,) = tensors, others
        if mask is not None:
            sequences = masking.unmasked_first(sequences, mask)
        sequences = tf.transpose(sequences, [1, 0, 2])  # [T, B, features]
        outputs, known = self._scan(sequences, weights, (h, c), known)
        cells = known[1]
        if mask is None:
            outputs, cells = (tf.transpose(values, [1, 0, 2]) for values in (outputs, cells))  # [B, T, n]
        else:
            outputs, cells = masking.held(outputs, h, mask), masking.held(cells, c, mask)
        last = outputs[:, -1]
        # The last cells are for the next batch, which passes no gradient back.
        return [outputs if self.return_sequences else last, last, tf.stop_gradient(cells[:, -1])], known

    def through_time(
        self, sequences: tf.Tensor, weights: Sequence[tf.Tensor], initial_state: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        """Run as a pure function of time-major tensors; see `ClockworkRNN.through_time`. The state is [h, c]."""
        return self._scan(sequences, weights, initial_state)[0]

    def _scan(self, sequences, weights, initial_state, known=None):
        kernel, recurrent_kernel, bias, peepholes = self._by_use(weights)
        drive = bias[..., None, :]  # [..., 1, 4n]
        if kernel is None:
            state = initial_state[0]
            batch = [recurrence.size(state, axis) for axis in range(state.shape.rank - 1)]
            drive = tf.broadcast_to(drive, [recurrence.size(sequences, 0), *batch, 4 * self.units])
        else:
            drive += recurrence.product(sequences, kernel)  # [T, ..., B, 4n]
        return recurrence.lstm_scan(drive, recurrent_kernel, peepholes, initial_state, known)

    def _by_use(self, weights):
        """Return the kernel, None where there is no input, the recurrent kernel, the bias and the peepholes, perhaps 0."""
        given = iter(weights)
        kernel = None if self.kernel is None else next(given)
        recurrent_kernel, bias = next(given), next(given)
        peepholes = next(given, None)
        if peepholes is None:
            peepholes = tf.zeros([3, self.units], recurrent_kernel.dtype)
        return kernel, recurrent_kernel, bias, peepholes

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        return (batch, steps, self.units) if self.return_sequences else (batch, self.units)

    def compute_mask(self, sequences, mask=None):
        return mask if self.return_sequences else None

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "peepholes": self.peepholes,
            "forget_bias": self.forget_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "return_sequences": self.return_sequences,
            "stateful": self.stateful,
        }


@keras.saving.register_keras_serializable(package="clockwork_rnn")
class InitialState(keras.layers.Layer):
    """A state that is learned: one vector of n weights, the same for every sequence of the batch.

    Args:
        units: n.
        initializer: where the weights start from.

    Call arguments:
        sequences: any tensor [B, ...], for its batch size.

    Returns:
        [B, n].
    """

    def __init__(self, units: int, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.initializer = keras.initializers.get(initializer)

    def build(self, sequences_shape):
        self.state = self.add_weight((self.units,), self.initializer, name="state")

    def call(self, sequences):
        return tf.broadcast_to(tf.convert_to_tensor(self.state), [recurrence.size(sequences, 0), self.units])

    def compute_output_shape(self, sequences_shape):
        return (sequences_shape[0], self.units)

    def get_config(self):
        initializer = keras.initializers.serialize(self.initializer)
        return super().get_config() | {"units": self.units, "initializer": initializer}


def nearest_units(budget: int, count: Callable[[int], int], lowest: int = 1) -> int:
    """Return the number of hidden units whose parameters come nearest to a budget; the smaller one of two as near.

    Args:
        budget: the number of parameters wanted.
        count: the parameters of a network of so many units, growing with them.
        lowest: the smallest number of units that the network allows.

    Example:
        >>> nearest_units(250, lambda n: n * n + 2 * n + 1)  # a simple RNN without input, with one output
        15
    """
    low, high = lowest, lowest
    while count(high) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < budget else (low, middle)
    return min((low, high), key=lambda units: abs(count(units) - budget))
