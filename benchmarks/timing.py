"""How things are timed: side by side, in turn, with medians and quartiles."""

import time
from collections.abc import Callable, Hashable
from functools import partial

import numpy as np

BLOCK = 0.02  # seconds for which a fast function is called again and again


def in_turn(functions: dict[str, Callable[[], None]], seconds: float, least: int = 5) -> dict[str, np.ndarray]:
    """Time functions in turn, round after round; in its turn each is called until 20 ms are over, at least once.

    Args:
        functions: name → what to time; each was called before, so that it is compiled.
        seconds, least: see `rounds`.

    Returns:
        name → seconds a call, of each round.
    """
    return rounds({name: partial(settled, function) for name, function in functions.items()}, seconds, least)


def rounds(
    turns: dict[Hashable, Callable[[], float]], seconds: float, least: int, long: float = np.inf
) -> dict[Hashable, np.ndarray]:
    """Let all take their turns, round after round.

    Args:
        turns: name → what measures a time and returns it.
        seconds: about how long to go on.
        least: rounds at the least.
        long: seconds; who takes longer has a turn in every third round only.

    Returns:
        name → what was measured, in the order of rounds.
    """
    times: dict[Hashable, list[float]] = {name: [] for name in turns}
    end, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or count < least:
        for name, turn in turns.items():
            if count % 3 == 0 or times[name][-1] < long:
                times[name].append(turn())
        count += 1
    return {name: np.array(values) for name, values in times.items()}


def settled(function: Callable[[], None]) -> float:
    """Return the seconds a call; a block of short calls is made untimed before the one that counts.

    So none pays for what another left behind, such as threads that still look for work.
    """
    seconds = block(function)
    return block(function) if seconds < BLOCK else seconds


def block(function: Callable[[], None]) -> float:
    """Return the seconds a call, over as many calls as fit into a block."""
    began, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - began < BLOCK:
        function()
        calls += 1
    return (time.perf_counter() - began) / calls


def once(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def quartiles(times: np.ndarray) -> tuple[float, float, float]:
    return tuple(float(value) for value in np.percentile(times, (25, 50, 75)))


def product_rate() -> float:
    """Return this machine's multiply-adds a second in a large float32 matrix product."""
    import tensorflow as tf

    size = 1024
    one = tf.random.normal([size, size])
    times = in_turn({"product": lambda: (one @ one).numpy()}, seconds=1.0)
    return size**3 / float(np.median(times["product"]))
