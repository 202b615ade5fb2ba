"""Every task's training follows, update by update, what Keras's own layers, optimisers and `fit` gave with the same seed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import trajectories

from running.loop import Loop

KNOWN = json.loads(trajectories.FILE.read_text())


@pytest.fixture(scope="module", params=trajectories.TRAJECTORIES)
def trained(request, tmp_path_factory, features):
    """The name of a training, its task and settings, and the training itself, done."""
    task_class, settings = trajectories.make(request.param, tmp_path_factory.mktemp("trained"))
    if hasattr(settings, "cache_dir"):
        settings = replace(settings, cache_dir=features)
    task = task_class(settings)
    return request.param, task, settings, Loop(task, settings).run()


def test_follows(trained):
    """With noise and dropout bit for bit the same; rounding then grows, fastest at the LSTM's learning rate."""
    name, task, _, loop = trained
    for place, column in enumerate(loop.columns):
        wanted = np.array(KNOWN[name]["history"][column])
        found = loop.progress.history[: len(wanted), 0, place]
        np.testing.assert_allclose(found[:5], wanted[:5], rtol=1e-3)
        if column != "gradient_norm":
            np.testing.assert_allclose(found, wanted, rtol=1e-4)
    for metric, value in task.evaluate(loop.weights).items():
        if metric in KNOWN[name]["metrics"]:
            assert np.mean(value) == pytest.approx(KNOWN[name]["metrics"][metric], rel=1e-3)


def test_a_replica_is_the_network_of_its_seed_trained_alone(trained):
    _, task, settings, alone = trained
    assert task.seeds == (3,)
    history = Loop(type(task)(settings, seeds=(2, 3, 3)), settings).run(10).progress.history
    np.testing.assert_array_equal(history[:, 1], history[:, 2])
    assert history[-1, 0, 0] != history[-1, 1, 0]
    np.testing.assert_allclose(history[:5, 1], alone.progress.history[:5, 0], rtol=1e-4)
    np.testing.assert_allclose(history[:, 1, 0], alone.progress.history[: len(history), 0, 0], rtol=1e-4)
