"""What a task is: the contract between one experiment and the training loop."""

import abc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.layer import ClockworkLayer
from tasks.network import Draws, Network, State
from tasks.network_settings import NetworkSettings
from tasks.report import Quantity, Report

if TYPE_CHECKING:  # Matplotlib is imported when something is drawn
    from matplotlib.figure import Figure

LONGEST_CLOCK = 128  # steps of the picture of who fires when; in more, single steps would not be seen


class Moment(NamedTuple):
    """An update as a task sees it.

    Args:
        update: its number, an int32 scalar.
        updates: of the whole training.
        draws: what is drawn in it.
        periods: of each module, int32 [R, g], where replicas have periods of their own, or None.
    """

    update: tf.Tensor
    updates: int
    draws: Draws
    periods: tf.Tensor | None


class Carried(NamedTuple):
    """What is carried from update to update besides the weights.

    Args:
        state: of the hidden layer, tensors [R, B, ...]; none where sequences are whole.
        clock: the number of the next step, an int32 scalar.
    """

    state: State
    clock: tf.Tensor

    def where_kept(self, kept: tf.Tensor) -> "Carried":
        """Return the same, or zeros where a boolean scalar is false."""
        return tf.nest.map_structure(lambda value: tf.where(kept, value, tf.zeros_like(value)), self)


class Task(abc.ABC):
    """One experiment, with R replicas of its network. The training loop asks it for everything that it does not know itself.

    Args:
        settings: the task's own settings, and all others.
        seeds: of the replicas; None is so many as the settings say, from their seed on.

    Attributes:
        name: the word on the command line and the name of its folder in `results/` and `log/`.
        example: flags of a command that shows it, for the help.
        metrics: name → function of (targets, outputs) that returns [R]; the first one is what the progress bar shows.
        epoch_quantity: what `after_epoch` notes after every epoch, for the axis of a picture; empty if it notes nothing.
        watched: name of a number, of those noted after every epoch, that training is stopped by.
        patience: epochs without a smaller one after which a replica is stopped; it has the weights of its best epoch
            then. 0 never stops one.
        network: of each replica.
        data: inputs and targets, arrays [batches or examples, ...] or tuples of them.
        batches: updates of an epoch.
        lengths: names of settings of which an update takes so many time steps, or a multiple, as their product.
        sequences_of_update: of one network.
        steps_of_update: time steps of all of them, or of as many as take the memory of a test where that takes more.
        best_at: where a metric is best, or those whose names go on after it, infinite if the more the better; without it,
            the less.
        fixed: names of settings that a trained run is bound to, besides those of the network and its training, and cannot
            be used without.
        of_data: names of those that say what data it was trained on, which it is bound to, too.
    """

    name: str
    example: str
    epoch_quantity = ""
    watched = ""
    patience = 0
    metrics: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]
    network: Network
    data: tuple[Any, Any]
    batches: int
    lengths: Sequence[str] = ()
    sequences_of_update: int = 1
    steps_of_update: int
    best_at: Mapping[str, float] = {}
    fixed: Sequence[str] = ()
    of_data: Sequence[str] = ()

    def __init__(self, settings: NetworkSettings, seeds: Sequence[int] | None = None):
        self.settings = settings
        self.seeds = tuple(range(settings.seed, settings.seed + settings.replicas) if seeds is None else seeds)
        if settings.clock_series == "random" and len(set(self.seeds)) > 1:  # the program goes by one clock
            raise ValueError("`clock_series` must not be random for networks of several seeds. Received: random")

    @property
    def replicas(self) -> int:
        return len(self.seeds)

    @property
    def kept(self) -> Any:
        """All arrays that results depend on, which must be the same when a training goes on."""
        return self.data

    def places(self) -> Callable[[int, int], np.ndarray]:
        """Return (first update, count) → where in the data those updates find their batches: int32 [count], or examples
        of each replica's own [count, R, B]."""
        return lambda first, count: np.arange(first, first + count, dtype=np.int32) % self.batches

    def carried(self) -> Carried:
        """Return what is carried into the first update."""
        return Carried(self.network.no_state(self.replicas) if self.network.streams else [], tf.constant(0))

    def forward(self, weights: list[tf.Tensor], inputs: Any, carried: Carried, moment: Moment):
        """Return the outputs in training [R, B, ...], and what is carried on.

        Args:
            weights: as `Network.split` returns them.
            inputs: of one update, [B, ...] or [R, B, ...].
            carried: from the update before.
            moment: which update it is.
        """
        return self.network.apply(weights, inputs, moment.draws, moment.periods), carried

    def at_length(self, function: Callable, inputs: Any, targets: Any, moment: Moment) -> Any:
        """Return what a function makes of the inputs, targets and moment of an update, perhaps cut to the steps that count."""
        return function(inputs, targets, moment)

    def read_on(self, weights: list[tf.Tensor], inputs: Any, carried: Carried, moment: Moment):
        """Return the outputs of sequences that go on where those of the update before ended, and what is carried on."""
        outputs, state = self.network.go_on(weights, inputs, *carried, moment.draws)
        return outputs, Carried(state, self.network.hidden.advance(carried.clock, outputs.shape[-2]))

    @abc.abstractmethod
    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return what training makes small [R]."""

    def penalty(self, weights: list[tf.Tensor]) -> tf.Tensor | float:
        """Return what the weights add to the loss [R]."""
        return 0.0

    def weight(self, targets: Any) -> tf.Tensor:
        """Return how much the loss of a device's part of an update counts [R], where parts of equal size are no equal ones."""
        return tf.ones([self.replicas])

    def after_epoch(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return what is to be noted after an epoch [R], of weights [R, P]; only called if there is an `epoch_quantity`."""
        return {}

    @abc.abstractmethod
    def evaluate(self, weights: np.ndarray) -> dict[str, Any]:
        """Return the metrics of trained networks [R, P] by plain names: arrays [R], and what is the same for all."""

    @abc.abstractmethod
    def quantities(self) -> dict[str, Quantity]:
        """Return how the metrics are said, those of training and of `evaluate`; the first is the task's number."""

    @abc.abstractmethod
    def report(self, weights: np.ndarray) -> Report:
        """Return what is left of trained networks [R, P]; what only one can give is that of the first.

        Weights of networks that diverged are not numbers; raises a ValueError where nothing is left.
        """

    def remark(self, metrics: Mapping[str, Any]) -> str:
        """Return what a user should know of the metrics above all, the last line of a run; nothing if they say it all."""
        return ""

    @classmethod
    def made(cls, settings: NetworkSettings) -> tuple[str, int]:
        """Return which setting says how much a trained run is to make, and how many steps that is."""
        return "run", 0

    @classmethod
    def use(cls, settings: NetworkSettings, folder: Path) -> None:
        """Do what the settings ask of the trained run in a folder; raises a ValueError if they ask for nothing."""
        raise ValueError(f"`run` is for tasks that can use a trained run. Received: {folder.name} for {cls.name}")


def layer_modules(layer: keras.layers.Layer) -> list[tuple[str, slice]]:
    """Return a label and the units of each module of a recurrent layer, for pictures of its states."""
    if not isinstance(layer, ClockworkLayer) or len(layer.periods) == 1:
        return [("all units", slice(None))]
    modules = layer.modules
    names = (f"period {p}" + f", phase {f}" * bool(f) for p, f in zip(modules.periods, modules.phases, strict=True))
    return list(zip(names, modules.slices, strict=True))


def clock_pictures(layer: keras.layers.Layer) -> dict[str, "Figure"]:
    """Return the picture of who fires when in a layer, or none where all modules fire at every step."""
    from tasks import figures

    if not isinstance(layer, ClockworkLayer) or not layer.clocked:
        return {}
    steps = min(max(2 * max(layer.periods), 16), LONGEST_CLOCK)
    labels = [name for name, _ in layer_modules(layer)] if len(layer.periods) > 1 else [f"period {layer.periods[0]}"]
    return {"clock": figures.clock_figure(layer.modules.fires(np.arange(steps)), labels)}


def mean_squared_error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the mean over all but leading replica axes [..., B, T, m]."""
    return tf.reduce_mean((outputs - targets) ** 2, axis=[-3, -2, -1])


def in_blocks(places: np.ndarray, size: int) -> np.ndarray:
    """Return places [N] in blocks [blocks, size], the last one filled up from the beginning, so that one program serves all."""
    return np.resize(places, (-(-len(places) // size), size))


def compiled(function: Callable) -> Callable:
    """Return a function of tensors as one XLA program, compiled at its first call."""
    return tf.function(function, jit_compile=True, autograph=False)


def first(weights: np.ndarray) -> np.ndarray:
    """Return the weights [1, P] of the first of trained networks [R, P]; raises a ValueError where it diverged."""
    if not np.isfinite(weights[0]).all():
        raise ValueError("the first network, of which all would be, diverged")
    return weights[:1]
