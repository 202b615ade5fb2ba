"""Import TensorFlow without its remarks about processors and missing GPUs, among which ours would be lost.

`TF_CPP_MIN_LOG_LEVEL` silences most, but not those that TensorFlow 2.21 writes while it is being imported. Whoever sets
it to 0 sees them all.
"""

import logging
import os

if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "0":
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
    # Programs that are each traced once, TensorFlow takes for one that is traced again and again; and where Ctrl-C comes while
    # it traces one, it complains in ten lines that nobody used the result.
    logging.getLogger("tensorflow").setLevel(logging.CRITICAL)
