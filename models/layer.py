"""What the three Keras layers share: their weights, their state with its clock, and the way into the network and out of it."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from . import arguments, input_mean, masking, step_count, variables
from .cascade import Conditions, Inputs
from .cells import Cell
from .clocks import Connections, make_modules
from .describe import describe
from .exporting import being_exported
from .program import shared_program
from .pure import PureNetwork, State

FORMAT = 1  # of saved configurations; a file of a later one may mean something that this version does not know


class ClockworkLayer(PureNetwork, keras.layers.Layer):
    """A recurrent layer whose units are split into modules, each updated only when its own clock fires.

    `ClockworkRNN`, `ClockworkLSTM` and `ClockworkGRU` are this layer with their cells; arguments are described there.
    """

    def __init__(
        self,
        cell: Cell,
        units: int | Sequence[int],
        periods: Sequence[int],
        *,
        phases: int | Sequence[int] = 0,
        connections: Connections = "slow_to_fast",
        input_modules: str | Sequence[int] = "all",
        input_mean: bool = False,
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
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        implementation: int = 2,
        jit_compile: bool = True,
        **kwargs,
    ):
        # `call` casts what it is given; Keras would cast sums and clocks, too, which must stay exact.
        super().__init__(**{"autocast": False} | kwargs)
        arguments.floating_point("dtype", self.compute_dtype)
        if use_cudnn not in ("auto", False):
            raise ValueError(f'`use_cudnn` must be "auto" or False: no cuDNN kernel has clocks. Received: {use_cudnn}')
        self.cell = cell
        self.modules = make_modules(units, periods, phases, connections, input_modules)
        self.units = self.modules.units
        self.periods = self.modules.periods
        self.connections = connections if isinstance(connections, str) else self.modules.hears
        self.input_mean = arguments.switch("input_mean", input_mean)
        self.use_bias = arguments.switch("use_bias", use_bias)
        self.kernel_initializer = arguments.initializer("kernel_initializer", kernel_initializer)
        self.recurrent_initializer = arguments.initializer("recurrent_initializer", recurrent_initializer)
        self.bias_initializer = arguments.initializer("bias_initializer", bias_initializer)
        self.kernel_regularizer = arguments.regularizer("kernel_regularizer", kernel_regularizer)
        self.recurrent_regularizer = arguments.regularizer("recurrent_regularizer", recurrent_regularizer)
        self.bias_regularizer = arguments.regularizer("bias_regularizer", bias_regularizer)
        self.kernel_constraint = arguments.constraint("kernel_constraint", kernel_constraint)
        self.recurrent_constraint = arguments.constraint("recurrent_constraint", recurrent_constraint)
        self.bias_constraint = arguments.constraint("bias_constraint", bias_constraint)
        self.dropout = arguments.share("dropout", dropout)
        self.recurrent_dropout = arguments.share("recurrent_dropout", recurrent_dropout)
        self.seed = arguments.seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.return_sequences = arguments.switch("return_sequences", return_sequences)
        self.return_state = arguments.switch("return_state", return_state)
        self.go_backwards = arguments.switch("go_backwards", go_backwards)
        self.stateful = arguments.switch("stateful", stateful)
        self.zero_output_for_mask = arguments.switch("zero_output_for_mask", zero_output_for_mask)
        self.unroll = arguments.switch("unroll", unroll)
        self.jit_compile = arguments.switch("jit_compile", jit_compile)
        self.states = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def clocked(self) -> bool:
        """Whether the state needs a clock: not where every module fires at every step."""
        return max(self.periods) > 1

    @property
    def state_names(self) -> tuple[str, ...]:
        return (*self.cell.states, *["clock"] * self.clocked, *["sums"] * self.input_mean)

    def build(self, sequences_shape, initial_state_shape=None):
        features = sequences_shape[-1]
        if features is None:
            raise ValueError(f"The number of input features must be known. Received: input shape {sequences_shape}")
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})
        variables.create(self, features)
        if self.stateful:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"With `stateful=True` the batch size must be known. Received: input shape {sequences_shape}"
                )
            zeros = self.get_initial_state(sequences_shape[0])
            self.states = tuple(
                self.add_weight(zero.shape, "zeros", zero.dtype, trainable=False, autocast=False, name=name)
                for name, zero in zip(self.state_names, zeros, strict=True)
            )

    def initial_bias(self, shape, dtype):
        """Return what the biases start from."""
        return self.bias_initializer(shape, dtype)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if mask is None:  # Keras does not hand it on where an initial state is given too
            mask = getattr(sequences, "_keras_mask", None)
        sequences = arguments.sequences(sequences, self.compute_dtype)
        mask = None if mask is None or sequences.shape[1] == 0 else arguments.mask(mask, sequences)
        state, clock, sums = self._starting_state(sequences, initial_state)
        if training and self.dropout:
            sequences *= self._drop(tf.ones_like(sequences[:, :1]), self.dropout)  # one mask for all steps
        keep = (
            self._drop(tf.ones_like(state[0]), self.recurrent_dropout) if training and self.recurrent_dropout else None
        )
        read, given = sequences, mask
        if self.go_backwards:
            read, given = tf.reverse(read, [1]), None if mask is None else tf.reverse(mask, [1])
        if mask is not None:
            read = masking.unmasked_first(read, given)
        if self.input_mean:
            means = input_mean.means(tf.transpose(read, [1, 0, 2]), self.modules, clock, *sums)
            read = tuple(tf.transpose(mean, [1, 0, 2]) for mean in means)
        wanted = len(state) if mask is not None else int(self.return_sequences)
        given_state = state if initial_state is not None or self.stateful else None  # zeros need no gradient
        inputs = Inputs(read, given_state, variables.as_weights(self, variables.tensors(self)))
        exported = being_exported(sequences)
        conditions = Conditions(clock, keep, exported=exported)
        jit_compile = (
            self.jit_compile and not exported and sequences.shape[1] != 0
        )  # a loop of no step does not compile
        outputs = shared_program(self.modules, self.cell, wanted)(inputs, conditions, jit_compile)
        outputs, last = outputs[:wanted], outputs[wanted:]
        if mask is not None:
            outputs = [masking.held(part, start, given) for part, start in zip(outputs, state, strict=True)]
            last = [part[:, -1] for part in outputs]
        output = outputs[0] if self.return_sequences else last[0]
        if self.return_sequences and self.zero_output_for_mask and mask is not None:
            output = tf.where(given[..., None], output, tf.zeros_like(output))
        return self._with_state(output, last, clock, initial_state is not None, (sequences, sums, mask))

    def _with_state(self, output, last, clock, given, read):
        """Return the layer's output, with the state if it is asked for, and carry the state if that is asked for."""
        sequences, sums, mask = read
        counts = tf.reduce_sum(tf.cast(mask, tf.int32), 1) if mask is not None else tf.shape(sequences)[1]  # of steps
        state = list(last)
        if self.clocked or sums:
            counts = tf.broadcast_to(counts, tf.shape(last[0])[:1])  # [B]
            after = self.advance(0 if clock is None else clock, counts)
            output, *state = step_count.guarded(clock, (output, *state), self.modules, self.input_mean, given)
            state += [after] * self.clocked
            if sums and (self.stateful or self.return_state):
                state.append(input_mean.since_ticks(sequences, *sums, after, self.modules, mask, self.go_backwards))
        if self.stateful:
            for variable, value in zip(self.states, state, strict=True):
                variable.assign(value)
        return (output, *state) if self.return_state else output

    def _starting_state(
        self, sequences, initial_state
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor | None, list[tf.Tensor]]:
        """Return the parts of the cell's state, the clock, which is None where it is known to be 0, and the sums, if any."""
        zeros, parts = self.get_initial_state(tf.shape(sequences)[0]), len(self.cell.states)
        if self.stateful and not sequences.shape[:1].is_compatible_with(self.states[0].shape[:1]):
            batch, came = self.states[0].shape[0], sequences.shape[0]
            raise ValueError(f"With `stateful=True` the batch size must stay the same, {batch}. Received: {came}")
        if initial_state is None:
            initial_state = self.states if self.stateful else zeros[:parts]
        elif not isinstance(initial_state, list | tuple):
            initial_state = [initial_state]
        if len(initial_state) not in (parts, len(zeros)):
            names, short = ", ".join(self.state_names), ", ".join(self.cell.states)
            wanted = f"[{names}]" if parts == len(zeros) else f"{short if parts == 1 else f'[{short}]'} or [{names}]"
            raise ValueError(f"`initial_state` must be {wanted}. Received: {len(initial_state)} tensors")
        state = []
        for name, given, zero in zip(self.state_names, initial_state, zeros, strict=False):
            if name == "clock":
                given = step_count.checked(tf.convert_to_tensor(given))
            state.append(arguments.state("initial_state", name, given, sequences.shape[0], zero))
        sums = (state if len(state) == len(zeros) else zeros)[parts + self.clocked :]
        clock = state[parts] if self.clocked and len(state) > parts else None
        return tuple(state[:parts]), clock, sums

    def _drop(self, ones: tf.Tensor, share: float) -> tf.Tensor:
        return keras.random.dropout(ones, share, seed=self.seed_generator)

    def get_initial_state(self, batch_size: int | tf.Tensor) -> State:
        """Return the state before step 0, all 0: h [B, n], for an LSTM c [B, n], the clock, int32 [B], and perhaps the sums."""
        if self.input_mean:
            self._must_be_built("get_initial_state")
        state = [tf.zeros([batch_size, self.units], self.compute_dtype) for _ in self.cell.states]
        if self.clocked:
            state.append(tf.zeros([batch_size], tf.int32))
        if self.input_mean:
            shape = [batch_size, len(self.periods), self.input_spec.axes[-1]]
            state.append(tf.zeros(shape, self._sums_dtype))
        return state

    @property
    def _sums_dtype(self) -> str:
        """The type of sums of inputs, which in half precision would soon stop growing."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def _must_be_built(self, method: str) -> None:
        if not self.input_spec.axes:  # which knows the features from `build` on
            raise ValueError(f"`{method}` needs a built layer: call it on sequences first. Received: {self.name}")

    def reset_state(self) -> None:
        """With `stateful=True`, go back to a state of 0 at step 0."""
        for variable in self.states or ():
            variable.assign(tf.zeros_like(variable.value))

    reset_states = reset_state  # an older name that Keras's layers have, too

    def dense_weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return NumPy arrays (kernel [inputs, gates · n], recurrent kernel [n, gates · n], bias as Keras has it).

        Gates are in Keras's order, in each the units of the fastest module first; where nothing connects there are zeros.
        """
        self._must_be_built("dense_weights")
        return variables.dense(self)

    def describe(self, steps: int | None = None) -> str:
        """Return a table of the modules, for so many steps (the longest period if None); see `describe.describe`."""
        return describe(self, max(self.periods) if steps is None else steps)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps, features = sequences_shape
        output = (batch, steps, self.units) if self.return_sequences else (batch, self.units)
        shapes = {"clock": (batch,), "sums": (batch, len(self.periods), features)}
        state = (shapes.get(name, (batch, self.units)) for name in self.state_names)
        return (output, *state) if self.return_state else output

    def compute_output_spec(self, sequences, initial_state=None, mask=None, training=False):
        shapes = self.compute_output_shape(sequences.shape)
        if not self.return_state:
            return keras.KerasTensor(shapes, self.compute_dtype)
        dtypes = {"clock": "int32", "sums": self._sums_dtype}
        dtypes = (self.compute_dtype, *(dtypes.get(name, self.compute_dtype) for name in self.state_names))
        return tuple(keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))

    def compute_mask(self, sequences, mask=None):
        mask = mask if self.return_sequences else None
        return [mask] + [None] * len(self.state_names) if self.return_state else mask

    def get_config(self):
        modules = self.modules
        own = {
            "format": FORMAT,
            "units": list(modules.sizes),
            "periods": list(modules.periods),
            "phases": list(modules.phases),
            "connections": self.connections,
            "input_modules": [i for i, sees in enumerate(modules.sees_input) if sees],
        }
        for kind in ("kernel", "recurrent", "bias"):
            own[f"{kind}_initializer"] = keras.initializers.serialize(getattr(self, f"{kind}_initializer"))
            own[f"{kind}_regularizer"] = keras.regularizers.serialize(getattr(self, f"{kind}_regularizer"))
            own[f"{kind}_constraint"] = keras.constraints.serialize(getattr(self, f"{kind}_constraint"))
        plain = ["input_mean", "use_bias", "dropout", "recurrent_dropout", "seed", "return_sequences", "return_state"]
        plain += ["go_backwards", "stateful", "zero_output_for_mask", "unroll", "jit_compile"]
        return super().get_config() | own | {name: getattr(self, name) for name in plain}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        given = config.pop("format", FORMAT)
        if not isinstance(given, int) or given > FORMAT:
            raise ValueError(
                f"`{cls.__name__}` was saved by a later version: format {given}, this one knows up to {FORMAT}"
            )
        return cls(**config)
