"""What a person or a disk can do to a program that runs, in one line."""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import tensorflow as tf
from tqdm import tqdm

from running import signals

OPERATION = r"\{\{function_node .*?\}\} "  # of TensorFlow, before what it has to say
# Of which TensorFlow says, too, that a resource is exhausted: a full disk, a quota, too many open files.
OF_FILES = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)))
# What is not ours to prevent: a full disk, a folder that is gone, too little memory.
FAILURES = (OSError, MemoryError, tf.errors.ResourceExhaustedError)


def in_words(error: BaseException) -> str:
    """Return what happened, and to which file, as one line."""
    if isinstance(error, BrokenPipeError):  # no file of ours is a pipe
        return f"standard output: {error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError) and not any(
        own in str(error) for own in OF_FILES
    ):
        return "memory does not hold all that was asked for; fewer units, steps, sequences or replicas need less"
    text = str(error)
    if isinstance(error, tf.errors.OpError):
        text = re.sub(OPERATION, "", error.message.partition("\n")[0])
    return " ".join(text.split()) or type(error).__name__


def warn(text: str, behind: str = "") -> None:
    """Print a line on stderr, above the progress bar where there is one; if that cannot be, there is nobody to tell.

    Args:
        text: of the line.
        behind: what comes before it, as the end of a line that is not ended.
    """
    with contextlib.suppress(OSError):
        tqdm.write(f"{behind}{signals.program}: {text}", file=sys.stderr)


@contextlib.contextmanager
def output_may_fail() -> Iterator["_Output"]:
    """Print where that is possible: whoever reads may go, and a log may be full, without an end of what is computed."""
    with contextlib.redirect_stdout(_Output(sys.stdout)) as output:
        yield output


class _Output:
    """A stream that says once that it cannot be written, and is silent from there on.

    Attributes:
        failed: whether it could not.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        self._try(self._stream.write, text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, call: Callable[..., object], *arguments: str) -> None:
        try:
            call(*arguments)
        except OSError as error:
            self.failed = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            # Also for what waits to be written, or Python would end with an error.
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            warn(f"standard output: {error.strerror}; what follows is not shown")
