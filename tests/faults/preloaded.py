"""What takes long to import, for processes that are forked from one that has it."""

import scipy.signal  # noqa: F401
import soundfile  # noqa: F401

import main  # noqa: F401
from running import board, report, train  # noqa: F401
from tasks import figures, trained_model  # noqa: F401
from tests.faults import program  # noqa: F401
