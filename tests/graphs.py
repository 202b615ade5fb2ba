"""Graphs without XLA, for tests of what is around a training and not of its compiled program."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import tensorflow as tf


@contextmanager
def plain_graphs() -> Iterator[None]:
    """Have `tf.function` leave XLA out, which for a few updates takes twice as long to compile as all else."""
    function = tf.function

    def plain(*args, jit_compile: bool | None = None, **kwargs) -> Callable:
        return function(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf, "function", plain)
        yield
