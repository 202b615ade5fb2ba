"""How many parameters a recurrent layer has, how many units give as many, and how many products its equations need."""

from collections.abc import Callable

CELLS = {  # gates, and biases of each
    "simple_rnn": (1, 1),
    "lstm": (4, 1),
    "gru": (3, 2),
}
OURS = {"clockwork_rnn": "simple_rnn", "clockwork_lstm": "lstm", "clockwork_gru": "gru"}


def parameters(cell: str, units: int, features: int = 1, modules: int = 1) -> int:
    """Return the parameters of a layer whose units are split evenly into modules that hear themselves and all slower ones.

    PyTorch's layers have two biases where these have one; they count as Keras's do.

    Example:
        >>> parameters("lstm", 13)  # 4 gates, each 13 · (13 + 1 + 1)
        780
        >>> parameters("simple_rnn", 36, modules=9)  # 4² · (9 + 8 + … + 1), and 36 · 2
        792
    """
    gates, biases = CELLS[cell]
    recurrent = (units // modules) ** 2 * modules * (modules + 1) // 2
    return gates * (recurrent + units * (features + biases))


def equal_units(cell: str, budget: int, features: int = 1) -> int:
    """Return the units with which a layer of one module has about so many parameters."""
    return nearest_units(budget, lambda units: parameters(cell, units, features))


def nearest_units(budget: int, count: Callable[[int], int]) -> int:
    """Return the number of hidden units whose parameters come nearest to a budget; the smaller one of two as near.

    Args:
        budget: the number of parameters wanted.
        count: the parameters of a network of so many units, growing with them.

    Example:
        >>> nearest_units(250, lambda n: n * n + 2 * n + 1)  # a simple RNN without input, with one output
        15
    """
    low = high = 1
    while count(high) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < budget else (low, middle)
    return min((low, high), key=lambda units: abs(count(units) - budget))


def multiply_adds(units: int, modules: int, steps: int, batch: int) -> float:
    """Return the multiply-adds that a forward pass of equal modules with periods 1, 2, 4, … needs.

    A module's own recurrence and what it says to the faster ones are k² and k²·(faster modules), each once per tick; the
    input is one feature, and the output one unit.
    """
    k = units // modules
    return batch * sum(steps / 2**i * (k * k * (1 + i) + k) for i in range(modules)) + batch * steps * units


def opponents(ours: str, units: int, modules: int, features: int = 1) -> tuple[tuple[str, int], list[tuple[str, int]]]:
    """Return who a network with clocks is compared with, as (cell, units): of equal units, and those of equal parameters.

    Of equal units is its own cell; of equal parameters also, and for a simple Clockwork RNN the other cells too.
    """
    own = OURS[ours]
    budget = parameters(own, units, features, modules)
    cells = CELLS if own == "simple_rnn" else (own,)
    return (own, units), [(cell, equal_units(cell, budget, features)) for cell in cells]
