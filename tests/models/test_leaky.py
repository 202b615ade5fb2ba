"""Layers whose modules move by shares, in a Keras model that keeps some of their weights as they are."""

import keras
import numpy as np
import pytest

from models.chosen_modules import ChosenModulesRNN
from models.learned_periods import EmittedPeriodsRNN, LearnedPeriodsRNN

SEEN = np.random.default_rng(0).normal(size=(5, 6, 2)).astype(np.float32)
LAYERS = {
    "learned": (lambda **own: LearnedPeriodsRNN(6, [1, 3], longest=9, **own), 4),
    "emitted": (lambda **own: EmittedPeriodsRNN(6, [1, 3], longest=9, **own), 5),
    "chosen": (lambda **own: ChosenModulesRNN(6, [1, 2], choices=2, **own), 6),
}


@pytest.fixture(params=LAYERS)
def made(request):
    return LAYERS[request.param]


def test_each_weight_is_there_once(made):
    make, count = made
    layer = make()
    layer(SEEN)
    assert len(layer.trainable_weights) == count and len(layer.weights) == count + 1  # a width or temperature


def test_a_frozen_layer_computes_the_same_and_stays_as_it_is(made):
    make, _ = made
    layer, frozen = make(), make(trainable=False)
    expected = layer(SEEN).numpy()
    frozen(SEEN)
    frozen.set_weights(layer.get_weights())
    layer.trainable = False
    for own in (layer, frozen):
        np.testing.assert_array_equal(own(SEEN), expected)
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(SEEN, np.ones((5, 1)), verbose=0)
    np.testing.assert_array_equal(layer(SEEN), expected)


def test_one_frozen_weight_stays_and_the_others_are_trained(made):
    make, _ = made
    layer = make()
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model(SEEN)
    held = layer.trainable_weights[-1]
    held.trainable = False
    before = {own.path: own.numpy() for own in layer.weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(SEEN, np.ones((5, 1)), verbose=0)
    same = {own.path for own in layer.weights if (own.numpy() == before[own.path]).all()}
    assert held.path in same and not same & {own.path for own in layer.trainable_weights}
