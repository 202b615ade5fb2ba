"""Many networks of one kind trained at once: R replicas with weights of their own, in one compiled program."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.initial_state import InitialState
from models.linear import size
from tasks.task import Task
from training import TrainingSettings, learning_rate, make_optimizer

BEFORE_HIDDEN = (keras.layers.Masking, keras.layers.Normalization, keras.layers.GaussianNoise)
KNOWN = (keras.layers.InputLayer, *BEFORE_HIDDEN, InitialState, keras.layers.Dropout)

PerNetwork = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Population:
    """R networks that differ in their weights, and perhaps in learning rates, periods, inputs and targets.

    Each follows the same trajectory as it would alone, to rounding: gradients, clipping and the state of the optimiser
    are its own. A network that diverges does not touch the others.

    Args:
        network: the kind of network: input, perhaps masking (of steps at the end), normalization and Gaussian noise, the
            recurrent layer "hidden" (`ClockworkRNN` or `LSTM`) with or without learned initial states, dropout or not,
            and the dense layer "output". Its own weights are not used.
        weights: for each of the R networks its weights, as `network.get_weights()` would return them.
        make_optimizer: takes the stacked variables and returns an optimiser that is built for them and does not clip.
        loss: (targets, outputs) → the loss of each network [R]. Outputs are [R, B, T, m], or [R, B, m] where "hidden"
            returns the last state only.
        clip_norm: global norm to which each network's longer gradients are shortened; 0 leaves them.
        rate_factors: what each network's learning rate is multiplied by [R]; None is 1.
        periods: clock periods of each network's modules [R, g] (`ClockworkRNN` only), in the order of the layer's modules,
            whose sizes, phases and connections stay; None is those of the layer.

    Raises:
        ValueError: the network has a layer of another kind.
    """

    def __init__(
        self,
        network: keras.Model,
        weights: Sequence[Sequence[np.ndarray]],
        make_optimizer: Callable[[list], keras.optimizers.Optimizer],
        loss: PerNetwork,
        *,
        clip_norm: float = 0.0,
        rate_factors: Sequence[float] | None = None,
        periods: Sequence[Sequence[int]] | None = None,
    ):
        others = [layer for layer in network.layers if layer.name not in ("hidden", "output")]
        if unknown := [layer.name for layer in others if not isinstance(layer, KNOWN)]:
            raise ValueError(f"`network` must have only the layers hidden and output. Received: also {unknown}")
        self.hidden, self.output = network.get_layer("hidden"), network.get_layer("output")
        self.initial_states = [layer for layer in others if isinstance(layer, InitialState)]
        self.dropout = sum(layer.rate for layer in others if isinstance(layer, keras.layers.Dropout))
        self.before_hidden = [layer for layer in others if isinstance(layer, BEFORE_HIDDEN)]
        self.places = {variable.path: place for place, variable in enumerate(network.trainable_variables)}
        self.variables = [
            keras.Variable(np.stack(arrays), name=variable.name)
            for arrays, variable in zip(zip(*weights, strict=True), network.trainable_variables, strict=True)
        ]
        self.replicas = len(weights)
        self.loss = loss
        self.clip_norm = clip_norm
        self.rate_factors = rate_factors
        self.periods = None if periods is None else tf.Variable(np.array(periods, np.int32))
        self.optimizer = make_optimizer(self.variables)
        self.seed = tf.Variable(0)
        self.optimizer_start = [variable.numpy() for variable in self.optimizer.variables]
        self._train = tf.function(self._updates, jit_compile=True, autograph=False)
        self._run = tf.function(self._outputs, jit_compile=True, autograph=False)

    def restart(
        self,
        weights: Sequence[Sequence[np.ndarray]],
        seed: int = 0,
        periods: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Take other weights, of as many networks, a seed for dropout, and perhaps other periods, where networks have periods
        of their own; forget all updates, not what is compiled."""
        self.seed.assign(seed)
        if periods is not None:
            self.periods.assign(np.array(periods, np.int32))
        for variable, arrays in zip(self.variables, zip(*weights, strict=True), strict=True):
            variable.assign(np.stack(arrays))
        for variable, value in zip(self.optimizer.variables, self.optimizer_start, strict=True):
            variable.assign(value)

    def train(self, inputs: tf.Tensor, targets: tf.Tensor, updates: int, order: np.ndarray | None = None) -> np.ndarray:
        """Make so many updates, on one batch or on batches of each network's own.

        Args:
            inputs: [B, T, features], the same for all, or [R, B, T, features]; no features are allowed.
            targets: whatever the loss takes.
            updates: how many; each number of updates is compiled once.
            order: which of the inputs [N, T, features] and targets [N, ...] each network sees at each update
                [updates, R, B]; None is all of them at every update.

        Returns:
            The losses before each update [updates, R].
        """
        order = None if order is None else tf.convert_to_tensor(order, tf.int32)
        return self._train(tf.convert_to_tensor(inputs), tf.convert_to_tensor(targets), updates, order).numpy()

    def outputs(self, inputs: tf.Tensor) -> np.ndarray:
        """Return what the networks make of inputs as in `train` [R, B, T, m]."""
        return self._run(tf.convert_to_tensor(inputs)).numpy()

    def weights(self) -> list[list[np.ndarray]]:
        """Return each network's weights, as its `set_weights` takes them."""
        arrays = [variable.numpy() for variable in self.variables]
        return [[array[replica] for array in arrays] for replica in range(self.replicas)]

    def _updates(self, inputs: tf.Tensor, targets: tf.Tensor, updates: int, order: tf.Tensor | None) -> tf.Tensor:
        def update(step, losses):
            seen = inputs if order is None else tf.gather(inputs, order[step])  # [R, B, T, features]
            wanted = targets if order is None else tf.gather(targets, order[step])
            variables = [variable.value for variable in self.variables]
            with tf.GradientTape() as tape:
                loss = self.loss(wanted, self._outputs(seen, training=True))  # [R]
                total = tf.reduce_sum(loss)  # whose gradient, for a network's weights, is that of its own loss
            gradients = self._clipped(tape.gradient(total, variables))
            before = [tf.convert_to_tensor(variable) for variable in variables]
            self.optimizer.apply(gradients, self.variables)
            if self.rate_factors is not None:
                for variable, old in zip(self.variables, before, strict=True):
                    variable.assign(old + _per_network(self.rate_factors, old) * (variable - old))
            return step + 1, losses.write(step, loss)

        losses = tf.TensorArray(tf.float32, updates, element_shape=[self.replicas])
        _, losses = tf.while_loop(lambda step, _: step < updates, update, (0, losses))
        return losses.stack()

    def _clipped(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        if not self.clip_norm:
            return gradients
        squares = [tf.reduce_sum(gradient**2, range(1, gradient.shape.rank)) for gradient in gradients]
        shares = self.clip_norm / tf.maximum(tf.sqrt(tf.add_n(squares)), self.clip_norm)  # [R]
        return [gradient * _per_network(shares, gradient) for gradient in gradients]

    def _outputs(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        inputs, steps = self._prepared(inputs, training)
        rank = inputs.shape.rank
        sequences = tf.transpose(inputs, [rank - 2, *range(rank - 2), rank - 1])  # [T, ..., B, features]
        shape = [self.replicas, size(inputs, rank - 3), self.hidden.units]
        if self.initial_states:
            state = [tf.broadcast_to(self._of(layer)[0][:, None], shape) for layer in self.initial_states]
        else:
            state = [tf.zeros(shape) for _ in self.hidden.cell.states]
        own = {} if self.periods is None else {"periods": self.periods.value()}
        states = self.hidden.through_time(sequences, self._of(self.hidden), state, **own)  # [T, R, B, n]
        if not self.hidden.return_sequences:
            states = self._last(states, steps)  # [1, R, B, n]
        if training and self.dropout:
            states = tf.nn.experimental.stateless_dropout(states, self.dropout, self._noise_seed(0))
        kernel, bias = self._of(self.output)
        outputs = self.output.activation(tf.einsum("trbi,rij->trbj", states, kernel) + bias[:, None])  # [T, R, B, m]
        outputs = tf.transpose(outputs, [1, 2, 0, 3])  # [R, B, T, m]
        return outputs if self.hidden.return_sequences else outputs[:, :, 0]

    def _last(self, states: tf.Tensor, steps: tf.Tensor | None) -> tf.Tensor:
        """Return the states [T, R, B, n] after the last step that counts [1, R, B, n]."""
        if steps is None:
            return states[-1:]
        return tf.gather(tf.transpose(states, [1, 2, 0, 3]), steps - 1, batch_dims=2)[None]

    def _prepared(self, inputs: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return what reaches the recurrent layer, and how many steps of it count [R, B] (None is all)."""
        steps = None
        for layer in self.before_hidden:
            if isinstance(layer, keras.layers.Masking):
                real = tf.reduce_any(inputs != layer.mask_value, -1)  # [..., B, T]
                steps = tf.reduce_sum(tf.cast(real, tf.int32), -1)
                steps = tf.broadcast_to(steps, [self.replicas, size(inputs, inputs.shape.rank - 3)])
            elif isinstance(layer, keras.layers.Normalization):
                inputs = layer(inputs)
            elif training:
                shape = [self.replicas, *inputs.shape[-3:]]
                inputs += tf.random.stateless_normal(shape, self._noise_seed(1), 0.0, layer.stddev)
        return inputs, steps

    def _noise_seed(self, use: int) -> tf.Tensor:
        """Return a seed of its own for each update and use."""
        return tf.stack([self.seed, 2 * tf.cast(self.optimizer.iterations, tf.int32) + use])

    def _of(self, layer: keras.layers.Layer) -> list[tf.Tensor]:
        """Return the stacked weights of a layer of the network."""
        return [tf.convert_to_tensor(self.variables[self.places[v.path]]) for v in layer.trainable_variables]


def initial_weights(task: Task, seed: int) -> list[np.ndarray]:
    """Return the weights that a training of the task starts from with this seed."""
    keras.utils.set_random_seed(seed)
    return task.network().get_weights()


def make_population(
    task: Task,
    settings: TrainingSettings,
    weights: Sequence[Sequence[np.ndarray]],
    updates: int,
    **kwargs,
) -> Population:
    """Return a population of a task's networks, trained as the settings say over so many updates; see `Population`."""
    rate = learning_rate(settings, updates)
    unclipped = dataclasses.replace(settings, clip_norm=0.0)  # the population clips each network by itself
    return Population(
        task.network(),
        weights,
        lambda variables: make_optimizer(unclipped, rate, variables),
        task.loss,
        clip_norm=settings.clip_norm,
        **kwargs,
    )


def _per_network(values, like: tf.Tensor) -> tf.Tensor:
    """Give one value a network [R] the rank of a stacked array."""
    return tf.reshape(tf.convert_to_tensor(values, like.dtype), [-1] + [1] * (like.shape.rank - 1))
