"""Networks that learn what lies a lag back: all seeds of one kind of network at once, and how far their gradients reach."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
import tensorflow as tf

from experiments.equal_parameters import parameters
from experiments.grid import Arrays, Cell
from experiments.training.lag_problems import PROBLEMS, Sequences
from main import recipe
from running.settings import TrainingSettings
from running.trained import train_silently
from tasks.network import Network, Silence
from tasks.network_settings import NetworkSettings, is_clocked
from tasks.report import Quantity, Report
from tasks.task import Task

TRAINING, TESTING = 2000, 200  # sequences; as many others as for testing are for the search
USES = ("training", "search", "testing")
BLOCK = 25  # sequences seen at once by trained networks
CLOSE = 0.0099  # how far parameters may be from those wanted, as a share: 2% between any two networks
MOST = 64  # units of a network, and of those that are moved from module to module
RATIO = 4  # of neighbouring periods
FIXED = tuple(2**power for power in range(9))  # the paper's
SEARCHED = tuple(range(1000, 1003))  # seeds that rates are tried with


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings, TrainingSettings):
    help_group = "data"

    problem: str
    """One of `PROBLEMS`."""
    lag: int
    """Steps in which, or before which, lies what is asked for."""
    batch_size: int
    """Sequences of one update."""
    sizes: tuple[int, ...]
    """Units of each module."""


class LongLag(Task):
    """Answer at the end of sequences; an epoch is one update, with sequences that each replica draws for itself.

    Attributes:
        problem: see `Problem`.
    """

    name = "long-lags"
    batches = 1

    def __init__(self, settings: Settings, seeds: Sequence[int]):
        super().__init__(settings, seeds)
        self.metrics = {}
        self.problem = PROBLEMS[settings.problem]
        self.data = self.drawn("training", TRAINING)
        self.sequences_of_update = settings.batch_size
        self.steps_of_update = self.sequences_of_update * self.data[0].shape[1]
        shape = {"readout": "every" if self.problem.answers > 1 else "last", "sizes": settings.sizes}
        self.network = Network(settings, Silence(self.problem.features), self.problem.outputs, **shape)

    def drawn(self, use: str, count: int) -> Sequences:
        """Return so many sequences, others for each of the `USES`."""
        rng = np.random.default_rng([USES.index(use), self.settings.lag])
        return self.problem.draw(rng, count, self.settings.lag)

    def places(self) -> Callable[[int, int], np.ndarray]:
        shape = (self.settings.epochs, self.settings.batch_size)
        drawn = [np.random.default_rng(seed).integers(TRAINING, size=shape) for seed in self.seeds]
        orders = np.stack(drawn, axis=1).astype(np.int32)  # [updates, R, B]
        return lambda first, count: orders[first : first + count]

    def asked(self, outputs: tf.Tensor) -> tf.Tensor:
        """Return the outputs at the steps that are asked for [..., B, answers, m]."""
        return outputs[..., -self.problem.answers :, :] if self.network.readout == "every" else outputs[..., None, :]

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the squared error or cross-entropy of each sequence [..., B]."""
        asked = self.asked(outputs)
        if self.problem.outputs == 1:
            return tf.reduce_mean((asked[..., 0] - targets) ** 2, -1)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, asked), -1)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(self.losses(targets, outputs), -1)

    def scores(self, weights: np.ndarray, use: str) -> tuple[np.ndarray, np.ndarray]:
        """Return error and loss of networks [R, P] on sequences of a use [R]; the error is the mean squared one, or the share of
        symbols that are wrong."""
        inputs, targets = self.drawn(use, TESTING)
        blocks = np.split(inputs, range(BLOCK, TESTING, BLOCK))
        outputs = np.concatenate([self.network.apply(self._arrays(weights), block) for block in blocks], axis=1)
        loss = self.loss(np.tile(targets, [len(weights), 1, 1]), outputs).numpy()
        if self.problem.outputs == 1:
            return loss, loss
        return np.mean(np.argmax(self.asked(outputs), -1) != targets, axis=(1, 2)), loss

    def reach(self, weights: np.ndarray) -> np.ndarray:
        """Return the norm of the gradient of a sequence's loss by its inputs at each step, its mean over some sequences [R, T]."""
        inputs, targets = (np.tile(own, [len(weights)] + [1] * own.ndim) for own in self.drawn("testing", BLOCK))
        inputs = tf.constant(inputs)  # [R, B, T, features]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.reduce_sum(self.losses(targets, self.network.apply(self._arrays(weights), inputs)))
        return tf.reduce_mean(tf.norm(tape.gradient(total, inputs), axis=-1), 1).numpy()

    def _arrays(self, weights: np.ndarray) -> list[tf.Tensor]:
        return self.network.split(tf.constant(weights))

    def evaluate(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"error": self.scores(weights, "testing")[0]}

    def quantities(self) -> dict[str, Quantity]:
        return {"error": Quantity("squared error, or share of symbols that are wrong")}

    def report(self, weights: np.ndarray) -> Report:
        return Report()


def periods_for(lag: int) -> tuple[int, ...]:
    """Return 1, 4, 16 … as far as they are at most half of a lag."""
    count = int(np.log(max(lag / 2, 1)) / np.log(RATIO) + 1e-9) + 1
    return tuple(RATIO**power for power in range(count))


def make_settings(problem: str, lag: int, method: str, series: str, updates: int, batch: int) -> Settings:
    """Return the settings of a network; but for its size they are the same for all methods.

    Args:
        problem: one of `PROBLEMS`.
        lag: of the problem.
        method: a model of `main.py`.
        series: "lag" or "fixed" periods; not used by models without clocks.
        updates, batch: of its training.
    """
    start = recipe("generation")
    shared = [field.name for field in dataclasses.fields(Settings) if hasattr(start, field.name)]
    given = {name: getattr(start, name) for name in shared}
    # The forget gates of LSTMs start open, as in the paper; gradients are cut where the recipe for text cuts them.
    given |= {"forget_bias": 5.0, "clip_norm": 1.0, "learning_rate": 1.0, "epochs": updates, "batch_size": batch}
    periods = (FIXED if series == "fixed" else periods_for(lag)) if is_clocked(method) else ()
    return sized(
        Settings(**(given | {"problem": problem, "lag": lag, "model": method, "periods": periods, "sizes": ()}))
    )


def sized(settings: Settings) -> Settings:
    """Return the settings with the sizes of modules that give a network the parameters of its problem.

    A total is split evenly, with the remainder for the fastest modules. Where no total comes close, which happens to gated
    cells, units are moved one by one from the largest other module to the fastest, as few as will do.
    """
    problem, modules = PROBLEMS[settings.problem], max(len(settings.periods), 1)
    for moved, units in product(range(MOST), range(modules, MOST)):
        own = dataclasses.replace(settings, units=units, sizes=_split(units, modules, moved))
        count = parameters(own, problem.features, problem.outputs, own.sizes)
        if abs(count - problem.parameters) <= CLOSE * problem.parameters:
            return own
    wanted = f"`lags` must have periods with which a {settings.model} comes to {problem.parameters} parameters"
    raise ValueError(f"{wanted}. Received: {settings.lag}, with {settings.periods}")


def _split(units: int, modules: int, moved: int) -> tuple[int, ...]:
    sizes = [units // modules + (place < units % modules) for place in range(modules)]
    for _ in range(moved if modules > 1 else 0):
        donor = max(range(1, modules), key=lambda place: (sizes[place], place))
        if sizes[donor] > 1:
            sizes[donor], sizes[0] = sizes[donor] - 1, sizes[0] + 1
    return tuple(sizes)


def search_cells(settings: Sequence[Settings], rates: Sequence[float]) -> Iterator[Cell]:
    """Yield for each of the settings the cell that trains its networks with all rates, each from the `SEARCHED` seeds."""
    factors = tuple(rate for rate in rates for _ in SEARCHED)
    for own in settings:
        arguments = {"settings": own, "seeds": SEARCHED * len(rates), "factors": factors}
        yield Cell(f"search-{own.problem}-{own.model}".replace(" ", "_"), arguments, len(factors))


def tested_cell(settings: Settings, rate: float, seeds: int) -> Cell:
    """Return the cell that trains the networks of so many seeds from 0 on at a learning rate."""
    own = dataclasses.replace(settings, learning_rate=rate)
    return Cell(_name(own), {"settings": own, "seeds": tuple(range(seeds))}, seeds)


def start_cell(settings: Settings, seeds: int) -> Cell:
    """Return the cell that measures how far gradients of these networks reach before training."""
    return Cell(f"start-{_name(settings)}", {"settings": settings, "seeds": tuple(range(seeds))}, seeds)


def _name(settings: Settings) -> str:
    own = f"{settings.lag}-{settings.problem}-{settings.model}-{max(settings.periods, default=1)}"
    return own.replace(" ", "_")


def reach_at_start(settings: Settings, seeds: Sequence[int]) -> Arrays:
    """Return how far gradients of one network for each seed reach before training, `reach` [R, T], see `LongLag.reach`."""
    task = LongLag(settings, seeds)
    return {"reach": task.reach(np.stack([task.network.start(seed).weights for seed in seeds]))}


def train_networks(settings: Settings, seeds: Sequence[int], factors: Sequence[float] | None = None) -> Arrays:
    """Train one network for each seed.

    Args:
        settings: of all.
        seeds: of their initial weights and of the order of their sequences.
        factors: what each one's learning rate is multiplied by, in a search; None is 1, and testing.

    Returns:
        error, loss [R]: on sequences of the search or for testing; infinite if training diverged.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
        reach [R, T]: of recall, how far gradients reach after training, see `LongLag.reach`; not of a search.
    """
    task = LongLag(settings, seeds)
    trained = train_silently(task, settings, factors)
    error, loss = (
        np.where(trained.lost, np.inf, found)
        for found in task.scores(trained.weights, "search" if factors else "testing")
    )
    result = {"error": error, "loss": loss, "parameters": np.array(task.network.size)}
    result["seconds"] = np.array(trained.loop.progress.seconds[-1] / task.replicas)
    if settings.problem == "recall" and not factors:
        result["reach"] = task.reach(trained.weights)
    return result
