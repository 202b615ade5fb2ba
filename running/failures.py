"""What a person or a disk can do to a program that runs, in one line."""

import errno
import os
import re
import sys

import tensorflow as tf
from tqdm import tqdm

OPERATION = r"\{\{function_node .*?\}\} "  # of TensorFlow, before what it has to say
FULL = os.strerror(errno.ENOSPC)  # TensorFlow says of a full disk, too, that a resource is exhausted
# What is not ours to prevent: a full disk, a folder that is gone, too little memory.
FAILURES = (OSError, MemoryError, tf.errors.ResourceExhaustedError)


def in_words(error: BaseException) -> str:
    """Return what happened, and to which file, as one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError) and FULL not in str(error):
        return "memory does not hold all that was asked for; fewer units, steps, sequences or replicas need less"
    text = str(error)
    if isinstance(error, tf.errors.OpError):
        text = re.sub(OPERATION, "", error.message.partition("\n")[0])
    return " ".join(text.split()) or type(error).__name__


def warn(text: str) -> None:
    """Print a line on stderr, above the progress bar where there is one."""
    tqdm.write(f"main.py: {text}", file=sys.stderr)
