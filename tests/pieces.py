"""Pieces of work for processes and clusters, without what they would take seconds to import."""

import os
import signal
import time
from pathlib import Path

import numpy as np


def square(number, folder):
    """Note that it was called, in a file, and return the square."""
    Path(folder, f"called-{number}-{os.getpid()}-{time.monotonic_ns()}").touch()
    return {"square": np.array(number**2)}


def fail(number, folder):
    if number == 3:
        raise ArithmeticError("three")
    return square(number, folder)


def die(number, folder):
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(number, folder):
    """Die where the number is 3, but not when it is tried again."""
    result = square(number, folder)
    if number == 3 and calls(Path(folder), 3) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def calls(folder, number):
    """Return how often a square was computed."""
    return len(list(folder.glob(f"called-{number}-*")))


def refuse(number, folder):
    raise ValueError(f"{number} is refused")
