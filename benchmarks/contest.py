"""What is asked of every framework: one network, ready to run, in a process that has no other framework."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

OURS = "ours"
RIVALS = {  # who is compared with us: the module that makes its contestants, and the package that must be there
    "keras-tensorflow": ("benchmarks.contestants", "tensorflow"),
    "keras-tensorflow-xla": ("benchmarks.contestants", "tensorflow"),
    "keras-jax": ("benchmarks.with_jax", "jax"),
    "torch": ("benchmarks.with_torch", "torch"),
}
MODULES = {OURS: ("benchmarks.contestants", "tensorflow")} | RIVALS
LOOPED = (OURS, "keras-tensorflow-xla", "keras-jax")  # who can make many updates in one program
UPDATES = 50  # in a program that makes many
RATE = 1e-3  # of plain gradient descent


@dataclass(frozen=True)
class Spec:
    """One network: a recurrent layer over all steps and one linear output, with mean squared error and plain SGD.

    Args:
        framework: one of `MODULES`.
        cell: simple_rnn, lstm, gru; with clocks clockwork_rnn, clockwork_lstm, clockwork_gru; or masked_clockwork_rnn.
        units, steps, batch, features: its size and that of its data.
        periods: of its modules, where it has clocks.
        updates: in one call of `Contestant.update`.
    """

    framework: str
    cell: str
    units: int
    steps: int
    batch: int
    features: int = 1
    periods: tuple[int, ...] = (1,)
    updates: int = 1

    @property
    def network(self) -> str:
        """Return the name in tables."""
        return self.cell if self.framework == OURS else f"{self.framework} {self.cell}"


@dataclass(frozen=True)
class Contestant:
    """One network, ready to run.

    Args:
        update: makes its training updates and waits for them.
        forward: makes one forward pass and waits for it.
        parameters: trainable weights of the recurrent layer.
        updates: how many updates one call makes.
    """

    update: Callable[[], None]
    forward: Callable[[], None]
    parameters: int
    updates: int = 1


def rivals() -> list[str]:
    """Return the rivals that are installed."""
    return [name for name, (_, package) in RIVALS.items() if importlib.util.find_spec(package) is not None]


def missing() -> list[str]:
    return [name for name in RIVALS if name not in rivals()]
