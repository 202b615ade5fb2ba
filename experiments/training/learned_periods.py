"""Periods of Clockwork RNNs learned by gradient: a Gaussian over log periods for each module, snapped to whole numbers.

Periods are learned while the width of the Gaussians falls. The gradient of the error alone leaves them too much alike, none short,
and between two whole numbers, so that the loss has a term that keeps modules apart and lets each settle on one period, see
`undecidedness`. Then the width stays narrow, and in the end the periods are snapped and the networks fine-tuned.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from experiments.equal_parameters import parameters, with_size
from experiments.evolution import START
from experiments.grid import Arrays
from experiments.learned_periods import PIECE, STARTS, Schedule
from experiments.training.evolution import target
from models.clocks import make_modules, make_periods
from models.learned_periods import EmittedPeriodsRNN, LearnedPeriodsRNN, period_chances, snapped_periods
from running.loop import Loop
from tasks.network import Network, Silence, Start, initializers
from tasks.sequence_generation import SequenceGeneration, Settings
from tasks.task import compiled

MEANS = 2  # place of the log periods among the weights, behind recurrent weights and biases
HARD = 1e-12  # a width at which a module fires or does not
SPREAD = 0.1  # standard deviation of the log periods around that of `START`, which tells modules apart


class SoftNetwork(Network):
    """A network with learned periods, which starts from weights as those of the modern recipe do; emission starts at 0."""

    def __init__(self, settings: Settings, schedule: Schedule, kind: type[LearnedPeriodsRNN] = LearnedPeriodsRNN):
        hidden = kind(
            settings.units, settings.periods, longest=settings.length, width=schedule.wide, return_sequences=True
        )
        hidden.build((1, settings.length, 0))
        super().__init__(settings, Silence(0), 1, settings.output_activation, hidden=hidden)

    def start(self, seed: int) -> Start:
        """Return where the network of a seed begins, from the numbers that the committed results began with."""
        numbers = random.Random(seed)
        *_, recurrent, _, _, _, output = (numbers.randint(1, 10**9) for _ in range(10))
        own = initializers(self.settings, lambda: recurrent)["recurrent"]((self.settings.units,) * 2)
        kernel = keras.initializers.RandomNormal(0.0, self.settings.weight_std, seed=output)((self.settings.units, 1))
        means = np.log(self.settings.periods)
        emission = [np.zeros(shape) for shape in self.shapes[MEANS + 1 : -2]]
        arrays = [own, np.zeros(self.settings.units), means, *emission, kernel, np.zeros(1)]
        return Start(np.concatenate([np.asarray(part, np.float32).reshape(-1) for part in arrays]), (0, 0))


class SoftGeneration(SequenceGeneration):
    """Generate a target each with networks that learn their periods, all seeds of the first start first.

    Attributes:
        undecided: weight of each module's own entropy in what keeps them apart.
    """

    def __init__(
        self, settings: Settings, schedule: Schedule, seeds: int, kind: type[LearnedPeriodsRNN] = LearnedPeriodsRNN
    ):
        targets = [target(seed, settings.length)[0] for seed in range(seeds)]
        super().__init__(settings, [*range(seeds)] * len(STARTS), targets * len(STARTS))
        self.network = SoftNetwork(settings, schedule, kind)
        self.schedule, self.undecided = schedule, tf.Variable(0.0)

    def penalty(self, weights: list[tf.Tensor]) -> tf.Tensor:
        hidden = self.network.hidden
        more = undecidedness(weights[MEANS], hidden.width, hidden.longest, self.undecided.value())  # [R]
        return self.schedule.apart * more

    def starts(self) -> np.ndarray:
        """Return the weights that the networks start from [R, P]; bad periods differ a little, in increasing order."""
        weights = np.stack([self.network.start(seed).weights for seed in self.seeds])
        for replica, seed in enumerate(self.seeds[: len(self.seeds) // 2]):
            noise = np.random.default_rng(seed).normal(0, SPREAD, len(self.settings.periods))
            self.network.split(weights[replica])[MEANS][:] = np.sort(np.log(START) + noise)
        return weights


def rates(task: SoftGeneration, share: float = 1.0) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return update → the learning rate of each weight [P]: one for the log periods, one that falls for all others, of which those
    that emit periods have a share."""
    schedule, falling = task.schedule, task.schedule.updates - task.schedule.annealing
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, falling, warmup_target=task.settings.learning_rate, warmup_steps=schedule.annealing
    )
    sizes = [math.prod(shape) for shape in task.network.shapes]
    places = np.repeat(np.arange(len(sizes)), sizes)
    emits = (places > MEANS) & (places < len(sizes) - 2)
    shares = np.where(emits, share, 1.0).astype(np.float32)
    return lambda update: tf.where(places == MEANS, schedule.periods_rate, shares * rate(update))


def learn(settings: Settings, schedule: Schedule, seeds: int) -> Arrays:
    """Learn the periods of Clockwork RNNs on the targets of so many seeds at once, from each of the `STARTS`.

    Returns, with a row r for every start and seed, all seeds of the first start first:
        updates [K], means [K, R, g]: after so many updates, the mean periods in steps.
        periods [R, g]: snapped, in the order of the modules.
        soft, snapped, fine_tuned [R]: the MSE before snapping, right after it, and after fine-tuning.
        seconds, parameters: of training and of weights but the mean periods, a network's share.
    """
    task = SoftGeneration(settings, schedule, seeds)
    hidden, loop = task.network.hidden, started(task)
    seen = [_periods(task, loop), *(_periods(task, loop) for _ in pieces(task, loop))]
    periods = snapped_periods(np.log(seen[-1]), hidden.longest)  # [R, g]
    hard = np.stack([hard_weights(task.network.split(own), hidden.modules.slices) for own in loop.weights])
    slow = replace(settings, learning_rate=schedule.fine_rate * settings.learning_rate)
    tuned = hard_trained(slow, hard, periods, schedule.fine_tuning, task.wanted)
    return {
        "updates": np.arange(0, schedule.updates + 1, PIECE),
        "means": np.array(seen),
        "periods": periods,
        "soft": task.evaluate(loop.weights)["mse"],
        "snapped": tuned.before,
        "fine_tuned": tuned.after,
        **_shares(loop.progress.seconds[-1] + tuned.seconds, task.replicas, parameters(settings, 0, 1)),
    }


def emit(settings: Settings, schedule: Schedule, seeds: int, share: float) -> Arrays:
    """Train networks that emit their periods, on the same targets and from the same `STARTS` as `learn`, and as long.

    Args:
        settings, schedule, seeds: as of `learn`.
        share: as of `rates`.

    Returns, with a row r for every start and seed, all seeds of the first start first:
        updates [K], periods [K, 3, R, g]: after so many updates, the smallest, median and largest mean period in steps
            that is emitted over the sequence.
        soft, hard [R]: the MSE as trained, and where a module fires if its rounded mean period divides the step.
        seconds, parameters: as in `learn`.
    """
    total = schedule.updates + schedule.fine_tuning
    task = SoftGeneration(settings, replace(schedule, updates=total), seeds, EmittedPeriodsRNN)
    loop, look = started(task, share), compiled(lambda weights: _outputs_and_means(task, weights))

    def periods() -> np.ndarray:
        return np.exp(np.percentile(look(loop.progress.weights)[1], (0, 50, 100), axis=0))

    def errors() -> np.ndarray:
        return np.mean((look(loop.progress.weights)[0] - task.wanted.astype(float)) ** 2, axis=1)

    seen, soft = [periods(), *(periods() for _ in pieces(task, loop))], errors()
    task.network.hidden.width.assign(HARD)
    return {
        "updates": np.array([*range(0, total, PIECE), total]),
        "periods": np.array(seen),
        "soft": soft,
        "hard": errors(),
        **_shares(loop.progress.seconds[-1], task.replicas, parameters_emitting(settings)),
    }


def _shares(seconds: float, networks: int, size: int) -> Arrays:
    return {"seconds": np.array(seconds / networks), "parameters": np.array(size)}


def emitting(settings: Settings) -> Settings:
    """Return the settings with the number of units that brings networks that emit their periods nearest in parameters."""
    return with_size(settings, parameters(settings, 0, 1), parameters_emitting)


def parameters_emitting(settings: Settings) -> int:
    """Return the parameters of a network that emits its periods, as `parameters` without the mean periods themselves."""
    modules = make_modules(settings.units, settings.periods)
    return parameters(settings, 0, 1) + 2 * int((np.array(modules.hears) @ np.array(modules.sizes)).sum())


def _outputs_and_means(task: SoftGeneration, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what networks that emit their periods generate [R, T], and the means that they emit for each step [T, R, g]."""
    arrays = task.network.split(weights)
    states, outputs = task.network.states_and_outputs(arrays, task.inputs)
    before = tf.pad(states[:, 0, :-1], [[0, 0], [1, 0], [0, 0]])  # [R, T, n]
    means, _ = task.network.hidden.emitted(before, *arrays[MEANS:-2])
    return outputs[:, 0, :, 0], tf.transpose(means, [1, 0, 2])


def started(task: SoftGeneration, share: float = 1.0) -> Loop:
    """Return a loop before its first update, with the learning rates of `rates`."""
    return Loop(task, task.settings, task.schedule.updates, rate=rates(task, share)).restart(task, task.starts())


def pieces(task: SoftGeneration, loop: Loop) -> Iterator[int]:
    """Make all updates with the widths of the schedule; yield after each piece how many are done."""
    schedule = task.schedule
    for update in range(0, loop.updates, PIECE):
        done = min(1.0, update / schedule.annealing)
        task.network.hidden.width.assign(schedule.wide * (schedule.narrow / schedule.wide) ** done)
        task.undecided.assign(schedule.undecided * done**3)  # late, when modules have come apart
        loop.run(min(update + PIECE, loop.updates))
        yield loop.progress.done


def fixed(settings: Settings, schedule: Schedule, seeds: int) -> Arrays:
    """Return the MSE [R] of networks of fixed periods after as many updates: all_7, and exponential as in the settings.

    All have the wiring by the index of the module that learned periods have.
    """
    periods = [[START] * len(settings.periods)] * seeds + [settings.periods] * seeds
    found = given(settings, schedule, [*range(seeds)] * 2, periods)
    return found | {"all_7": found["mse"][:seeds], "exponential": found["mse"][seeds:]}


def given(settings: Settings, schedule: Schedule, seeds: Sequence[int], periods: Sequence[Sequence[int]]) -> Arrays:
    """Return the MSE [R] of networks of these seeds and periods after as many updates as where periods are learned."""
    found = from_the_start(settings, seeds, periods, schedule.updates + schedule.fine_tuning)
    return {"mse": found.after} | _shares(found.seconds, len(seeds), parameters(settings, 0, 1))


def search(settings: Settings, schedule: Schedule, seeds: int, sets: int, share: int) -> Arrays:
    """Choose the best of so many random sets of periods for each seed, by training each for a share of the updates.

    The best is trained on with those that are left, so that a seed has as many in sum as where periods are learned.

    Returns:
        periods [S, sets, g], judged [S, sets]: for each seed the random sets, and the MSE by which they were judged.
        best [S]: the place of the best.
        mse [S]: of the best in the end.
        seconds, parameters: as in `learn`, with all that is tried for a seed.
    """
    modules, every = len(settings.periods), np.repeat(range(seeds), sets)
    periods = [make_periods("random", modules, seed=number) for number in range(len(every))]
    tried = from_the_start(settings, every, periods, share)
    judged = np.nan_to_num(tried.after, nan=np.inf, posinf=np.inf).reshape(seeds, sets)
    best = judged.argmin(axis=1)
    places, left = best + sets * np.arange(seeds), schedule.updates + schedule.fine_tuning - sets * share
    wanted = [target(seed, settings.length)[0] for seed in range(seeds)]
    last = hard_trained(settings, tried.weights[places], [periods[place] for place in places], left, wanted)
    return {
        "periods": np.reshape(periods, (seeds, sets, modules)),
        "judged": judged,
        "best": best,
        "mse": last.after,
        **_shares(tried.seconds + last.seconds, seeds, parameters(settings, 0, 1)),
    }


class Trained(NamedTuple):
    """What is left of ordinary Clockwork RNNs in training: the MSE before and after [R], the weights [R, P], seconds."""

    before: np.ndarray
    after: np.ndarray
    weights: np.ndarray
    seconds: float


def from_the_start(settings: Settings, seeds: Sequence[int], periods: Sequence[Sequence[int]], updates: int) -> Trained:
    """Train networks of these periods [R, g] on the targets, and from the initial weights, of their seeds [R]."""
    network = SequenceGeneration(settings).network
    weights = np.stack([network.start(int(seed)).weights for seed in seeds])
    return hard_trained(settings, weights, periods, updates, [target(seed, settings.length)[0] for seed in seeds])


def hard_trained(
    settings: Settings,
    weights: np.ndarray,
    periods: Sequence[Sequence[int]],
    updates: int,
    wanted: Sequence[np.ndarray],
) -> Trained:
    """Train ordinary Clockwork RNNs of these weights [R, P] and periods [R, g] on targets of their own [R, T]."""
    task = SequenceGeneration(settings, [0] * len(weights), wanted)
    periods = np.array(periods, np.int32)
    loop = Loop(task, settings, updates, periods=periods).restart(task, weights, periods).run()
    before, after = (
        np.mean((task.outputs(own, periods) - task.wanted.astype(float)) ** 2, axis=1)
        for own in (weights, loop.weights)
    )
    return Trained(before, after, loop.weights, float(loop.progress.seconds[-1]))


def _periods(task: SoftGeneration, loop: Loop) -> np.ndarray:
    """Return the mean periods in steps [R, g]."""
    return np.exp(task.network.split(loop.weights)[MEANS])


def hard_weights(weights: Sequence[np.ndarray], slices: Sequence[slice]) -> np.ndarray:
    """Return the weights of a network with learned periods as an ordinary one with modules in the same order has them [P]."""
    recurrent, bias, _, *readout = weights
    arrays = [*(recurrent[units.start :, units] for units in slices), bias, *readout]
    return np.concatenate([array.reshape(-1) for array in arrays])


def undecidedness(means: tf.Tensor, width: tf.Tensor, longest: int, undecided: tf.Tensor) -> tf.Tensor:
    """Return what falls as modules come apart and each settles on one period [...]: (1 + u) mean H(q_i) − H(mean q_i).

    H is the entropy in nats, u is `undecided`. With u = 0 this is minus the mutual information of module and period.
    """
    chances = period_chances(means, width, longest)  # [..., g, longest]
    own = tf.reduce_mean(_entropy(chances), -1)
    return (1 + undecided) * own - _entropy(tf.reduce_mean(chances, -2))


def _entropy(chances: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_sum(chances * tf.math.log(tf.maximum(chances, 1e-8)), -1)


def part(name: str, **arguments) -> Arrays:
    """Return one part of the experiment by its name."""
    parts = {"learned": learn, "fixed": fixed, "emitted": emit, "given": given, "search": search}
    return parts[name](**arguments)
