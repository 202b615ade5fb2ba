"""Contestants of Keras on JAX, for a process with `KERAS_BACKEND=jax`: the whole training step is one compiled function."""

import jax
import jax.numpy as jnp
import keras

from benchmarks.contest import RATE, Contestant, Spec

LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def make(spec: Spec) -> Contestant:
    keys = jax.random.split(jax.random.key(0), 3)
    inputs = jax.random.normal(keys[0], (spec.batch, spec.steps, spec.features))  # [B, T, features]
    targets = jax.random.normal(keys[1], (spec.batch, spec.steps, 1))  # [B, T, 1]
    layer = LAYERS[spec.cell](spec.units, return_sequences=True)
    layer.build(inputs.shape)
    rest = [variable.value for variable in layer.non_trainable_variables]
    weights = [variable.value for variable in layer.trainable_variables]
    weights.append(0.1 * jax.random.normal(keys[2], (spec.units, 1)))

    def loss(weights, inputs, targets):
        outputs, _ = layer.stateless_call(weights[:-1], rest, inputs)  # [B, T, n]
        return jnp.mean((outputs @ weights[-1] - targets) ** 2)

    def step(weights, inputs, targets):
        gradients = jax.grad(loss)(weights, inputs, targets)
        return [weight - RATE * gradient for weight, gradient in zip(weights, gradients, strict=True)]

    def steps(weights, inputs, targets):
        return jax.lax.fori_loop(0, spec.updates, lambda _, weights: step(weights, inputs, targets), weights)

    train = jax.jit(step if spec.updates == 1 else steps, donate_argnums=0)
    look = jax.jit(loss)

    def update():
        nonlocal weights
        weights = jax.block_until_ready(train(weights, inputs, targets))

    return Contestant(
        update, lambda: look(weights, inputs, targets).block_until_ready(), layer.count_params(), spec.updates
    )
