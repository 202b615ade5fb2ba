"""Import TensorFlow, to compile in half the time, and without remarks about processors and missing GPUs.

`TF_CPP_MIN_LOG_LEVEL` silences most, but not those that TensorFlow 2.21 writes while it is being imported. Whoever sets
it to 0 sees them all.

Whoever sets `XLA_FLAGS` has programs compiled as those say. Without these two flags it takes twice as long, for programs that
are no faster.
"""

import logging
import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=2")
if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0":
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
    # Programs that are each traced once, TensorFlow takes for one that is traced again and again.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
