"""The Clockwork RNN as a Keras layer (Koutník, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014)."""

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from models import cascade, input_mean, masking, recurrence
from models.clocks import Connections, make_modules

State = list[tf.Tensor]


@keras.saving.register_keras_serializable(package="clockwork_rnn")
class ClockworkRNN(keras.layers.Layer):
    """A simple RNN whose hidden units are split into modules, each updated only when its own clock fires.

    For module i with period T_i and phase φ_i, at step t of the clock (Koutník et al. 2014, section 3, eqs. 1 to 3):

        h_i(t) = f(Σ_j W_ij h_j(t−1) + W_i x(t) + b_i)   if (t − φ_i) mod T_i = 0
        h_i(t) = h_i(t−1)                                otherwise

    where j runs over the modules that i hears: in the paper its own and all slower ones. Only what fires is computed.

    Modules are kept in order of increasing period, and the hidden state has the units of the fastest module first.
    With `periods=(1,)` this is `keras.layers.SimpleRNN`, number for number.

    Args:
        units: total number of hidden units n, or one number a module. A total is split evenly, with one unit more to each
            of the fastest modules where it does not divide.
        periods: steps between two updates of a module, one whole number from 1 for each; harmonic or not.
        phases: step at which a module first fires, 0 … period − 1; one for all or one a module.
        connections: "slow_to_fast", the paper's: a module hears those whose period is at least its own. "fast_to_slow",
            "full", "hierarchical" or "none"; see `models.clocks.make_modules`. Or a boolean
            matrix of modules: row hears column.
        input_modules: modules that see the input: "all", "fastest", or indices. Others have no input weights.
            Numbers a module, rows, columns and indices follow the order in which `periods` is given.
        input_mean: a module sees the mean of the inputs over its last period instead of x(t); see `models.input_mean`.
        activation: f, elementwise.
        use_bias: whether there is a b.
        kernel_initializer, recurrent_initializer, bias_initializer: for W_i, each block row W_i·, and b.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint,
        bias_constraint: the same.
        dropout: share of the input features dropped, the same ones through the whole sequence.
        recurrent_dropout: share of the units that no listener hears, likewise. What a module holds stays untouched.
        seed: of the dropout.
        return_sequences: return the hidden state after every step, instead of after the last.
        return_state: return also the state: h, the clock and, with `input_mean`, the sums.
        go_backwards: read the sequence from its end; the clock starts there, and outputs come in the order of reading.
        stateful: carry the state from batch to batch.
        zero_output_for_mask: output 0 at masked steps, instead of what is held.
        jit_compile: compile the recurrence with XLA, also where the model around it is not.

    Call arguments:
        sequences: [B, T, features], with any number of features, also none.
        initial_state: [h, clock] with h [B, n] and the number of the first step, int32 [B]; or h alone, for step 0. With
            `input_mean` [h, clock, sums], of the inputs since the last tick of each of g modules [B, g, features].
        mask: boolean [B, T]. A masked step does not exist: neither state nor clock moves.
        training: whether dropout applies.

    Returns:
        [B, T, n] with `return_sequences`, otherwise [B, n]; with `return_state` then the state, as in `initial_state`.

    Raises:
        ValueError: names the argument, what was expected and what came.
    """

    def __init__(
        self,
        units: int | Sequence[int],
        periods: Sequence[int],
        *,
        phases: int | Sequence[int] = 0,
        connections: Connections = "slow_to_fast",
        input_modules: str | Sequence[int] = "all",
        input_mean: bool = False,
        activation: str | Callable | None = "tanh",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        jit_compile: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.modules = make_modules(units, periods, phases, connections, input_modules)
        self.units = self.modules.units
        self.periods = self.modules.periods
        self.connections = connections if isinstance(connections, str) else self.modules.hears
        self.input_mean = input_mean
        self.activation = _elementwise(keras.activations.get(activation))
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.dropout = _share("dropout", dropout)
        self.recurrent_dropout = _share("recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.zero_output_for_mask = zero_output_for_mask
        self.jit_compile = jit_compile
        self.states = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self._run = recurrence.compiled(self._recur) if jit_compile else lambda *arguments: self._recur(*arguments)[0]

    def build(self, sequences_shape, initial_state_shape=None):
        features = sequences_shape[-1]
        if features is None:
            raise ValueError(f"The number of input features must be known. Received: input shape {sequences_shape}")
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})
        modules = self.modules
        seeing = np.flatnonzero(np.repeat(modules.sees_input, modules.sizes))
        self.kernel = self._weights("kernel", "kernel", features)(range(features), seeing)
        recurrent = self._weights("recurrent", "recurrent_kernel", self.units)
        self.recurrent_kernels = [
            recurrent(np.flatnonzero(np.repeat(hears, modules.sizes)), np.arange(self.units)[columns], f"_{module}")
            for module, (hears, columns) in enumerate(zip(modules.hears, modules.slices, strict=True))
        ]
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,),
                name="bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        if self.stateful:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"With `stateful=True` the batch size must be known. Received: input shape {sequences_shape}"
                )
            zeros = self.get_initial_state(sequences_shape[0])
            self.states = [
                self.add_weight(zero.shape, "zeros", zero.dtype, trainable=False, autocast=False, name=name)
                for name, zero in zip(("state", "clock", "sums"), zeros, strict=False)
            ]

    def _weights(self, kind: str, name: str, inputs: int) -> Callable[..., keras.Variable | None]:
        """Return what creates the weights from some of the inputs to some of the units; where there are none, no array.

        (A matrix product over zero features would abort the process on a CPU: oneDNN, TensorFlow 2.21.)

        All are cut from one dense matrix [inputs, n], so that an initializer sees the shape it would see in a simple
        RNN, and one with a fixed seed does not give the same numbers to every module.
        """

        @functools.cache
        def dense(dtype: str) -> np.ndarray:
            with tf.init_scope():
                return keras.ops.convert_to_numpy(getattr(self, f"{kind}_initializer")((inputs, self.units), dtype))

        def create(rows: Sequence[int], columns: Sequence[int], suffix: str = "") -> keras.Variable | None:
            if not len(rows) or not len(columns):
                return None
            return self.add_weight(
                shape=(len(rows), len(columns)),
                name=name + suffix,
                initializer=lambda shape, dtype: dense(dtype)[np.ix_(rows, columns)],
                regularizer=getattr(self, f"{kind}_regularizer"),
                constraint=getattr(self, f"{kind}_constraint"),
            )

        return create

    def call(self, sequences, initial_state=None, mask=None, training=False):
        sequences = tf.convert_to_tensor(sequences)
        h, clock, *sums = self._starting_state(sequences, initial_state)
        if training and self.dropout:
            sequences *= self._drop(tf.ones_like(sequences[:, :1]), self.dropout)  # one mask for all steps
        keep = self._drop(tf.ones_like(h), self.recurrent_dropout) if training and self.recurrent_dropout else None
        output, h = self._run([sequences, h, *sums, *self._weight_tensors()], [clock, mask, keep])
        counts = tf.reduce_sum(tf.cast(mask, tf.int32), 1) if mask is not None else tf.shape(sequences)[1]  # of steps
        clock = (0 if clock is None else clock) + tf.broadcast_to(counts, tf.shape(h)[:1])  # [B]
        state = [h, clock]
        if sums and (self.stateful or self.return_state):
            state.append(input_mean.since_ticks(sequences, *sums, clock, self.modules, mask, self.go_backwards))
        if self.stateful:
            for variable, value in zip(self.states, state, strict=True):
                variable.assign(value)
        return (output, *state) if self.return_state else output

    def through_time(
        self,
        sequences: tf.Tensor,
        weights: Sequence[tf.Tensor],
        initial_state: Sequence[tf.Tensor],
        periods: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Run from step 0 as a pure function of time-major tensors, for any number of networks at once.

        Args:
            sequences: [T, ..., B, features], where the leading axes of all arguments are replicas of the network.
            weights: in the order of `trainable_variables`, each with the replica axes in front.
            initial_state: [h], with h [..., B, n].
            periods: of each module, int32 [..., g], where networks have periods of their own; the order of modules and who
                hears whom stay those of the layer. Every step is then looked at, which takes longer.

        Returns:
            The hidden states after all steps [T, ..., B, n].

        Raises:
            ValueError: `periods` come with `input_mean=True`, whose means are over the periods of the layer.
        """
        if self.input_mean and periods is not None:
            raise ValueError(f"`periods` must be None with `input_mean=True`. Received: {periods}")
        groups = self.modules.groups
        if periods is not None:
            groups = (self.modules.every_step,)
            periods = tf.gather(periods, np.repeat(range(len(self.periods)), self.modules.sizes), axis=-1)  # [..., n]
        traces = cascade.clockwork_scan(
            input_mean.means(sequences, self.modules) if self.input_mean else sequences,
            self._by_module(weights),
            initial_state[0],
            self.modules,
            groups,
            self.activation,
            periods=periods,
        )
        return cascade.all_steps(traces, self.modules, groups, recurrence.size(sequences, 0))

    def _weight_tensors(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(array) for array in self._arrays if array is not None]

    @property
    def _arrays(self) -> list[keras.Variable | None]:
        """The weights in the order of `trainable_variables`, None where there are none."""
        return [self.kernel, *self.recurrent_kernels, self.bias]

    def _by_module(self, weights: Sequence[tf.Tensor]) -> cascade.Weights:
        given = iter(weights)
        kernel, *recurrent, bias = (None if array is None else next(given) for array in self._arrays)
        return cascade.Weights(kernel, recurrent, bias)

    def _recur(self, tensors, others, known=None):
        """Run the layer as a pure function; see `recurrence.compiled`. The outputs are those of the layer and h."""
        sequences, h, *weights = tensors
        sums = weights.pop(0) if self.input_mean else None
        clock, mask, keep = others
        if self.go_backwards:
            sequences = tf.reverse(sequences, [1])
            mask = None if mask is None else tf.reverse(mask, [1])
        if mask is not None:
            sequences = masking.unmasked_first(sequences, mask)
        every_step = self.return_sequences or mask is not None
        sequences = tf.transpose(sequences, [1, 0, 2])  # [T, B, features]
        seen = input_mean.means(sequences, self.modules, clock, sums) if self.input_mean else sequences
        states, known = cascade.hidden_states(
            seen, self._by_module(weights), h, self.modules, self.activation, clock, keep, every_step, known
        )
        if not every_step:
            return [states, states], known
        if mask is None:
            return [tf.transpose(states, [1, 0, 2]), states[-1]], known
        output = masking.held(states, h, mask)
        last = output[:, -1]
        if not self.return_sequences:
            return [last, last], known
        if self.zero_output_for_mask:
            output = tf.where(mask[..., None], output, tf.zeros_like(output))
        return [output, last], known

    def stepper(self) -> Callable[[tf.Tensor, State], State]:
        """Return a function that makes a single step, for loops in which the next input depends on the output.

        Returns:
            (inputs [B, features], state) → the state after the step, both as in `initial_state`. The clock of the first
            sequence is that of all. Only the modules that fire are computed.
        """
        weights = self._by_module(self._weight_tensors())

        def step(inputs: tf.Tensor, state: State) -> State:
            h, clock, *sums = state
            if self.input_mean:
                inputs, *sums = input_mean.single_step(inputs, *sums, clock[0], self.modules)
            h = cascade.single_step(inputs, h, clock[0], weights, self.modules, self.activation)
            return [h, clock + 1, *sums]

        return step

    def _starting_state(self, sequences, initial_state) -> list[tf.Tensor | None]:
        """Return h, the clock, which is None where it is known to be 0, and the sums if there are any."""
        zeros = self.get_initial_state(tf.shape(sequences)[0])
        if initial_state is None:
            initial_state = self.states if self.stateful else zeros[:1]
        elif not isinstance(initial_state, list | tuple):
            initial_state = [initial_state]
        if len(initial_state) not in (1, len(zeros)):
            whole = "[h, clock, sums]" if self.input_mean else "[h, clock]"
            raise ValueError(f"`initial_state` must be h or {whole}. Received: {len(initial_state)} tensors")
        state = []
        for given, zero in zip(initial_state, zeros, strict=False):
            state.append(tf.cast(tf.convert_to_tensor(given), zero.dtype))
            state[-1].set_shape([None, *zero.shape[1:]])
        return state if len(state) > 1 else [*state, None, *zeros[2:]]

    def _drop(self, ones: tf.Tensor, share: float) -> tf.Tensor:
        return keras.random.dropout(ones, share, seed=self.seed_generator)

    def get_initial_state(self, batch_size: int | tf.Tensor) -> State:
        """Return the state before step 0, all 0: h [B, n], the clock, int32 [B], and with `input_mean` the sums."""
        state = [tf.zeros([batch_size, self.units], self.compute_dtype), tf.zeros([batch_size], tf.int32)]
        if self.input_mean:  # sums in half precision would soon stop growing
            shape = [batch_size, len(self.periods), self.input_spec.axes[-1]]
            state.append(tf.zeros(shape, self.variable_dtype))
        return state

    def reset_state(self) -> None:
        """With `stateful=True`, go back to a state of 0 at step 0."""
        for variable in self.states or ():
            variable.assign(tf.zeros_like(variable.value))

    def dense_weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return NumPy arrays (kernel [inputs, n], recurrent kernel [n, n], bias [n]) for `x @ W_I + h @ W_H + b`.

        Where nothing connects they hold zeros.
        """
        features, n, modules = self.input_spec.axes[-1], self.units, self.modules
        kernel, recurrent, bias = (np.zeros(shape, self.variable_dtype) for shape in [(features, n), (n, n), (n,)])
        if self.kernel is not None:
            kernel[:, np.repeat(modules.sees_input, modules.sizes)] = self.kernel.numpy()
        for i, columns in enumerate(modules.slices):
            if self.recurrent_kernels[i] is not None:
                recurrent[np.repeat(modules.hears[i], modules.sizes), columns] = self.recurrent_kernels[i].numpy()
        if self.bias is not None:
            bias[:] = self.bias.numpy()
        return kernel, recurrent, bias

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps, features = sequences_shape
        output = (batch, steps, self.units) if self.return_sequences else (batch, self.units)
        sums = [(batch, len(self.periods), features)] if self.input_mean else []
        return (output, (batch, self.units), (batch,), *sums) if self.return_state else output

    def compute_output_spec(self, sequences, initial_state=None, mask=None, training=False):
        shapes = self.compute_output_shape(sequences.shape)
        if not self.return_state:
            return keras.KerasTensor(shapes, self.compute_dtype)
        dtypes = (self.compute_dtype, self.compute_dtype, "int32", self.variable_dtype)
        return tuple(keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=False))

    def compute_mask(self, sequences, mask=None):
        mask = mask if self.return_sequences else None
        return [mask] + [None] * (2 + self.input_mean) if self.return_state else mask

    def get_config(self):
        modules = self.modules
        own = {
            "units": list(modules.sizes),
            "periods": list(modules.periods),
            "phases": list(modules.phases),
            "connections": self.connections,
            "input_modules": [i for i, sees in enumerate(modules.sees_input) if sees],
            "activation": keras.activations.serialize(self.activation),
        }
        for kind in ("kernel", "recurrent", "bias"):
            own[f"{kind}_initializer"] = keras.initializers.serialize(getattr(self, f"{kind}_initializer"))
            own[f"{kind}_regularizer"] = keras.regularizers.serialize(getattr(self, f"{kind}_regularizer"))
            own[f"{kind}_constraint"] = keras.constraints.serialize(getattr(self, f"{kind}_constraint"))
        plain = ["input_mean", "use_bias", "dropout", "recurrent_dropout", "seed", "return_sequences", "return_state"]
        plain += ["go_backwards", "stateful", "zero_output_for_mask", "jit_compile"]
        return super().get_config() | own | {name: getattr(self, name) for name in plain}


def _share(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be at least 0 and below 1. Received: {value}")
    return value


def _elementwise(activation: Callable) -> Callable:
    """Refuse an activation that mixes units, such as softmax: modules are computed apart from each other."""
    with tf.init_scope():
        values = tf.constant([[-1.0, 0.5, 2.0]])
        apart = tf.concat([activation(value) for value in tf.split(values, 3, axis=-1)], -1)
        if not np.allclose(activation(values), apart, atol=1e-6):
            raise ValueError(f"`activation` must be elementwise. Received: {activation}")
    return activation
