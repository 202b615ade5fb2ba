"""The learned initial state: the same for the batch, and kept in a saved model."""

import keras
import numpy as np

from models.clockwork_rnn import ClockworkLSTM
from models.initial_state import InitialState


def test_initial_state_is_learned_and_the_same_for_the_batch():
    layer = InitialState(3, "ones")
    sequences = np.zeros((2, 5, 0), "float32")
    assert layer(sequences).numpy().tolist() == [[1, 1, 1]] * 2
    assert layer.count_params() == 3


def test_saved_with_a_gated_layer_it_gives_the_same(tmp_path):
    inputs = keras.Input((6, 2))
    state = [InitialState(3, "ones")(inputs) for _ in range(2)]
    model = keras.Model(inputs, ClockworkLSTM(3, (1, 2), peepholes=True)(inputs, initial_state=state))
    x = np.random.default_rng(0).normal(size=(2, 6, 2)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(x), model(x), atol=1e-6)
