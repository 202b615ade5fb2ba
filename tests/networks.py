"""Networks of tasks, for tests."""

import numpy as np


def fresh(task, seed=0):
    """Return weights [1, P] that a training starts from, and the Keras model of them."""
    weights = task.network.start(seed).weights
    return weights[None], task.network.keras_model(weights)


def weights_of(task, model):
    """Return the weights of a Keras model as [1, P]."""
    return np.concatenate([variable.numpy().reshape(-1) for variable in model.trainable_variables])[None]
