"""Networks with several modules of each period, among which they choose softly: who listens, or who speaks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from experiments.equal_parameters import parameters, with_size
from experiments.grid import Arrays, Cell
from experiments.soft_choice import Choice, Temperature
from experiments.training import extensions, generation
from models.chosen_modules import COLDEST, ChosenModulesRNN
from models.clocks import make_modules
from running.loop import Loop
from tasks.network import Network, Start
from tasks.network_settings import NetworkSettings
from tasks.sequence_generation import SequenceGeneration
from tasks.spoken_words import SpokenWords
from tasks.task import Task, compiled

PIECE = 20  # updates from one temperature to the next
# Twice the units of the recipe: with fewer there would not be one for each of four modules at nine periods.
BASES = extensions.BASES | {"generation": replace(extensions.BASES["generation"], units=72)}


class ChoiceNetwork(Network):
    """A task's network with a choice among the modules of each period.

    Args:
        ordinary: the same without a choice, whose settings have each period so many times. From its weights this one starts.
        choice: what is chosen, among how many.
        steps: of the sequences.
    """

    def __init__(self, ordinary: Network, choice: Choice, steps: int):
        settings = ordinary.settings
        hidden = ChosenModulesRNN(
            settings.units,
            settings.periods[:: choice.among],
            choices=choice.among,
            who=choice.who,
            temperature=np.inf,
            return_sequences=True,
        )
        hidden.build((None, steps, ordinary.front.features))
        around = {"activation": ordinary.activation, "readout": ordinary.readout}
        super().__init__(settings, ordinary.front, ordinary.outputs, hidden=hidden, **around)
        self.ordinary = ordinary

    def start(self, seed: int) -> Start:
        """Return the start of the ordinary network of a seed, and choices that start equal."""
        weights, seeds = self.ordinary.start(seed)
        *hidden, bias, kernel, output_bias = self.ordinary.split(weights)
        modules, recurrent = self.hidden.modules, np.zeros((self.hidden.units,) * 2, np.float32)
        seen = len(hidden) - len(modules.sizes)  # whether there is a kernel
        for hears, columns, block in zip(modules.hears, modules.slices, hidden[seen:], strict=True):
            recurrent[np.repeat(hears, modules.sizes), columns] = block
        own = [np.zeros(shape, np.float32) for shape in self.shapes[seen + 2 : -2]]
        arrays = [*hidden[:seen], recurrent, bias, *own, kernel, output_bias]
        return Start(np.concatenate([array.reshape(-1) for array in arrays]), seeds)

    def chosen(self, weights: tf.Tensor, inputs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what networks [R, P] would choose at each step [T, R, B, K g], and how many steps count [R, B]."""
        arrays = self.split(weights)
        sequences, steps = self._seen(inputs, None, weights.shape[0])  # [T, B, features]
        said, _ = self._through_time(arrays, inputs)  # [T, R, B, n]
        before = tf.pad(said[:-1], [[1, 0], [0, 0], [0, 0], [0, 0]])
        own = self._of_directions(arrays)[0][2 + (self.hidden.kernel is not None) :]
        steps = tf.fill(said.shape[1:3], said.shape[0]) if steps is None else steps
        return self.hidden.chosen(sequences[:, None], before, own), steps


def repeated(task: str, choice: Choice) -> NetworkSettings:
    """Return the settings of a task's networks with a choice, of as many parameters as its base without one."""
    base, (features, outputs) = BASES[task], extensions.ends(task)
    settings = replace(base, periods=tuple(np.repeat(base.periods, choice.among).tolist()))

    def size(own: NetworkSettings) -> int:
        chosen = parameters_of_choices(own, features) if choice.learned else 0
        return parameters(own, features, outputs) + chosen

    wanted = parameters(base, features, outputs)
    found = with_size(settings, wanted, size)
    if size(found) > 1.1 * wanted:
        raise ValueError(
            f"`choices` must leave a unit for each module in networks of {wanted} weights. Received: {choice.among}"
        )
    return found


def parameters_of_choices(settings: NetworkSettings, features: int) -> int:
    """Return the parameters of the choices: of each module, of all units that it hears, the features, and a bias."""
    modules = make_modules(settings.units, settings.periods)
    return int((np.array(modules.hears) @ np.array(modules.sizes) + features + 1).sum())


def make_cells(
    task: str, choices: Sequence[Choice], temperature: Temperature, seeds: int, epochs: int | None
) -> Iterator[tuple[dict, Cell]]:
    """Yield (what the rows of a cell say, the cell that trains it): first without choice, then with each."""
    of_seeds = tuple(range(seeds))
    targets = extensions.targets_of(task)
    key = {"task": task, "targets": targets, "seeds": of_seeds}
    base = replace(BASES[task], epochs=epochs or BASES[task].epochs)
    arguments = {"task": task, "settings": base, "targets": targets, "seeds": of_seeds}
    count = len(targets) * seeds
    yield key | {"choice": None, "units": base.units}, Cell(f"{task}-base", arguments, count)
    for choice in choices:
        settings = replace(repeated(task, choice), epochs=base.epochs)
        name = f"{task}-{choice.among}-{choice.who}-{'learned' if choice.learned else 'equal'}"
        own = arguments | {"settings": settings, "choice": choice, "temperature": temperature}
        yield key | {"choice": choice, "units": settings.units}, Cell(name, own, count)


def train(task: str, settings: NetworkSettings, targets: Sequence[str], seeds: Sequence[int], **chosen: Any) -> Arrays:
    """Train the networks of a cell, with a choice if it is said how."""
    return (train_choosing if chosen else extensions.train_networks)(task, settings, targets, seeds, **chosen)


def train_choosing(
    task: str,
    settings: NetworkSettings,
    targets: Sequence[str],
    seeds: Sequence[int],
    choice: Choice,
    temperature: Temperature,
) -> Arrays:
    """Train one network for each target and seed, while the temperature falls.

    Returns:
        score, hard [targets, seeds]: as trained, and with the one module chosen that has the largest weight; infinite if
            training diverged.
        decided, changes [targets, seeds]: see `habits`.
        signal [T], chosen [T, K g]: one example, and what the first network chose last at each step of it.
        seconds, parameters: of a network, as in `extensions.train_networks`.
    """
    made, examples = _task(task, settings, targets, seeds)
    made.network = network = ChoiceNetwork(made.network, choice, examples.shape[1])
    loop = Loop(made, settings)
    loop.call(0)
    for update in range(0, loop.updates, PIECE):
        network.hidden.temperature.assign(temperature.at(update / loop.updates) if choice.learned else np.inf)
        loop.run(min(update + PIECE, loop.updates))
    weights, shape = loop.weights, (len(targets), len(seeds))
    lost = ~np.isfinite(loop.progress.history).all(axis=(0, 2))
    score = _scores(made, weights)
    chosen, steps = (part.numpy() for part in compiled(network.chosen)(tf.constant(weights), examples))
    network.hidden.temperature.assign(COLDEST)
    hard = _scores(made, weights)
    periods = network.hidden.modules.periods
    found = {"score": np.where(lost, np.inf, score), "hard": np.where(lost, np.inf, hard)}
    found |= dict(zip(("decided", "changes"), habits(chosen, steps, periods, choice.among), strict=True))
    features = network.front.features
    of_choices = parameters_of_choices(settings, features) if choice.learned else 0
    return {
        **{name: values.reshape(shape) for name, values in found.items()},
        "signal": _signal(task, made, examples)[: steps[0, 0]],
        "chosen": held(chosen[: steps[0, 0], 0, 0], periods),
        "seconds": loop.progress.seconds[-1] / made.replicas,
        "parameters": np.array(parameters(settings, features, network.outputs) + of_choices),
    }


def held(chosen: np.ndarray, periods: Sequence[int]) -> np.ndarray:
    """Return what each module's last tick chose, from what would be chosen at each step [T, K g]."""
    steps = np.arange(len(chosen))[:, None]
    return np.take_along_axis(chosen, steps - steps % np.array(periods), axis=0)


def habits(chosen: np.ndarray, steps: np.ndarray, periods: Sequence[int], among: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how decided choices are, and how often another module is chosen than at the tick before [R].

    Args:
        chosen: what would be chosen at each step [T, R, B, K g].
        steps: of each sequence [R, B].
        periods: of each module [K g].
        among: K.

    Returns:
        decided: the largest weight at a tick; changes: the share of ticks, from the second on, at which it is another
            module's. Both are means over ticks and sequences, then over the periods that tick twice.
    """
    decided, changes = [], []
    for first in range(0, len(periods), among):
        ticks = np.arange(0, len(chosen), periods[first])
        own = chosen[ticks][..., first : first + among]  # [ticks, R, B, K]
        counts = ticks[:, None, None] < steps  # [ticks, R, B]
        if counts[1:].any():
            decided.append(np.mean(own.max(-1), axis=(0, 2), where=counts))
            changes.append(np.mean(np.diff(own.argmax(-1), axis=0) != 0, axis=(0, 2), where=counts[1:]))
    return np.mean(decided, axis=0), np.mean(changes, axis=0)


def _task(
    task: str, settings: NetworkSettings, targets: Sequence[str], seeds: Sequence[int]
) -> tuple[Task, np.ndarray]:
    """Return the task of these networks, all seeds of a target side by side, and examples [B, T, features]."""
    if task == "words":
        made = SpokenWords(settings, seeds)
        made.epoch_quantity = ""  # there is nothing to look at on the way
        return made, made.data[0][made.testing[0]]
    known = generation.load_targets([str(extensions.PAPER_TARGETS)])
    values = np.array([known[target].values for target in targets], np.float32)
    made = SequenceGeneration(settings, list(seeds) * len(targets), np.repeat(values, len(seeds), axis=0))
    return made, made.inputs


def _scores(made: Task, weights: np.ndarray) -> np.ndarray:
    """Return the test error in percent, or the MSE of sequences, of networks [R, P]."""
    if isinstance(made, SpokenWords):
        return made.after_epoch(weights)["test_error"]
    outputs = made.network.apply(made.network.split(tf.constant(weights)), made.inputs)[:, 0, :, 0].numpy()
    return np.mean((outputs - made.wanted.astype(float)) ** 2, axis=1)


def _signal(task: str, made: Task, examples: np.ndarray) -> np.ndarray:
    """Return what the example's steps are drawn as: the sequence to generate, or the loudness of the word's frames."""
    return examples[0, :, 0] if task == "words" else made.wanted[0]
