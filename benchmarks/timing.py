"""How things are timed: side by side, in turn, with medians and quartiles."""

import time
from collections.abc import Callable

import numpy as np

BLOCK = 0.02  # seconds for which a fast function is called again and again


def in_turn(functions: dict[str, Callable[[], None]], seconds: float, least: int = 5) -> dict[str, np.ndarray]:
    """Time functions in turn, round after round; in its turn each is called until 20 ms are over, at least once.

    A function that takes less is called for as long before it is timed, so that none pays for what another left behind,
    such as threads that still look for work.

    Args:
        functions: name → what to time; each was called before, so that it is compiled.
        seconds: about how long to go on.
        least: rounds at the least.

    Returns:
        name → seconds a call, of each round.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < least:
        for name, function in functions.items():
            if times[name] and times[name][-1] < BLOCK:
                block(function)
            times[name].append(block(function))
    return {name: np.array(values) for name, values in times.items()}


def block(function: Callable[[], None], seconds: float = BLOCK) -> float:
    """Return the seconds a call, over as many calls as fit into the given time."""
    began, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - began < seconds:
        function()
        calls += 1
    return (time.perf_counter() - began) / calls


def once(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def quartiles(times: np.ndarray) -> tuple[float, float, float]:
    return tuple(float(value) for value in np.percentile(times, (25, 50, 75)))


def product_rate(size: int = 1024) -> float:
    """Return this machine's multiply-adds a second in a large float32 matrix product."""
    import tensorflow as tf

    one = tf.random.normal([size, size])
    times = in_turn({"product": lambda: (one @ one).numpy()}, seconds=1.0)
    return size**3 / float(np.median(times["product"]))
