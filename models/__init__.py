"""The Clockwork RNN of Koutník et al. (2014) for TensorFlow and Keras, with simple, LSTM and GRU cells."""

from .clockwork_rnn import ClockworkGRU, ClockworkLSTM, ClockworkRNN
from .ctc import best_path, ctc_loss
from .initial_state import InitialState
from .version import __version__

__all__ = ["ClockworkGRU", "ClockworkLSTM", "ClockworkRNN", "InitialState", "__version__", "best_path", "ctc_loss"]
