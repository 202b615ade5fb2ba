"""What holds for all tests."""

import os
import signal

import pytest
from hypothesis import settings

# With these XLA takes less time to compile, of which tests do much; `main.py` sets them too, for one network.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=2")

# Tests side by side run in processes that ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Property tests take the same few examples every time; `pytest --hypothesis-profile=thorough` takes many new ones.
settings.register_profile("few", max_examples=50, derandomize=True, database=None, deadline=None)
settings.register_profile("thorough", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile("few")


@pytest.fixture
def eager():
    """Run without compiling, which for a few steps takes longer than running."""
    import tensorflow as tf  # here, because not all tests need it, and after the flags above

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
