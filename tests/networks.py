"""Networks of tasks, for tests."""

import json
from dataclasses import asdict

import numpy as np

from tasks.series import ROLES


def fresh(task, seed=0):
    """Return weights [1, P] that a training starts from, and the Keras model of them."""
    weights = task.network.start(seed).weights
    return weights[None], task.network.keras_model(weights)


def weights_of(task, model):
    """Return the weights of a Keras model as [1, P]."""
    return np.concatenate([variable.numpy().reshape(-1) for variable in model.trainable_variables])[None]


def save_run(task, weights, folder):
    """Leave what a run of a series leaves in its folder for being used; returns the metrics."""
    task.network.keras_model(weights[0]).save(folder / "model.keras")
    found = task.evaluate(weights)
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}
    (folder / "metrics.json").write_text(json.dumps(plain))
    settings = {name: value for name, value in asdict(task.settings).items() if name in (*ROLES, "data")}
    (folder / "config.json").write_text(json.dumps(settings))
    return found
