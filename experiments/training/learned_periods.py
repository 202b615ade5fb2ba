"""Periods of Clockwork RNNs learned by gradient: a Gaussian over log periods for each module, snapped to whole numbers.

Periods are learned while the width of the Gaussians falls. The gradient of the error alone leaves them too much alike, none short,
and between two whole numbers, so that the loss has a term that keeps modules apart and lets each settle on one period, see
`undecidedness`. Then the width stays narrow, and in the end the periods are snapped and the networks fine-tuned.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.evolution import START
from experiments.grid import Arrays
from experiments.learned_periods import PIECE, STARTS, Schedule
from experiments.training.evolution import target
from models.learned_periods import LearnedPeriodsRNN, period_chances, snapped_periods
from running.loop import Loop
from tasks.network import Network, Silence, Start, initializers
from tasks.sequence_generation import SequenceGeneration, Settings

MEANS = 2  # place of the log periods among the weights, behind recurrent weights and biases
SPREAD = 0.1  # standard deviation of the log periods around that of `START`, which tells modules apart


class SoftNetwork(Network):
    """A network with learned periods, which starts from weights as those of the modern recipe do."""

    def __init__(self, settings: Settings, schedule: Schedule):
        hidden = LearnedPeriodsRNN(
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
        arrays = [own, np.zeros(self.settings.units), means, kernel, np.zeros(1)]
        return Start(np.concatenate([np.asarray(part, np.float32).reshape(-1) for part in arrays]), (0, 0))


class SoftGeneration(SequenceGeneration):
    """Generate a target each with networks that learn their periods, all seeds of the first start first.

    Attributes:
        undecided: weight of each module's own entropy in what keeps them apart.
    """

    def __init__(self, settings: Settings, schedule: Schedule, seeds: int):
        targets = [target(seed, settings.length)[0] for seed in range(seeds)]
        super().__init__(settings, [*range(seeds)] * len(STARTS), targets * len(STARTS))
        self.network = SoftNetwork(settings, schedule)
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


def rates(task: SoftGeneration) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return update → the learning rate of each weight [P]: one for the log periods, one that falls for all others."""
    schedule, falling = task.schedule, task.schedule.updates - task.schedule.annealing
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, falling, warmup_target=task.settings.learning_rate, warmup_steps=schedule.annealing
    )
    of_periods = [np.full(shape, place == MEANS).reshape(-1) for place, shape in enumerate(task.network.shapes)]
    return lambda update: tf.where(np.concatenate(of_periods), schedule.periods_rate, rate(update))


def learn(settings: Settings, schedule: Schedule, seeds: int) -> Arrays:
    """Learn the periods of Clockwork RNNs on the targets of so many seeds at once, from each of the `STARTS`.

    Returns, with a row r for every start and seed, all seeds of the first start first:
        updates [K], means [K, R, g]: after so many updates, the mean periods in steps.
        periods [R, g]: snapped, in the order of the modules.
        soft, snapped, fine_tuned [R]: the MSE before snapping, right after it, and after fine-tuning.
    """
    task = SoftGeneration(settings, schedule, seeds)
    hidden = task.network.hidden
    loop = Loop(task, settings, schedule.updates, rate=rates(task)).restart(task, task.starts())
    updates, seen = np.arange(0, schedule.updates + 1, PIECE), [_periods(task, loop)]
    for update in updates[:-1].tolist():  # a NumPy integer would be of another type in the program
        done = min(1.0, update / schedule.annealing)
        hidden.width.assign(schedule.wide * (schedule.narrow / schedule.wide) ** done)
        task.undecided.assign(schedule.undecided * done**3)  # late, when modules have come apart
        loop.run(update + PIECE)
        seen.append(_periods(task, loop))
    periods = snapped_periods(np.log(seen[-1]), hidden.longest)  # [R, g]
    hard = np.stack([hard_weights(task.network.split(own), hidden.modules.slices) for own in loop.weights])
    slow = replace(settings, learning_rate=schedule.fine_rate * settings.learning_rate)
    snapped, fine = hard_errors(slow, hard, periods, schedule.fine_tuning, task.wanted)
    return {
        "updates": updates,
        "means": np.array(seen),
        "periods": periods,
        "soft": task.evaluate(loop.weights)["mse"],
        "snapped": snapped,
        "fine_tuned": fine,
    }


def fixed(settings: Settings, schedule: Schedule, seeds: int) -> Arrays:
    """Return the MSE [R] of networks of fixed periods after as many updates: all_7, and exponential as in the settings.

    All have the wiring by the index of the module that learned periods have.
    """
    wanted = [target(seed, settings.length)[0] for seed in range(seeds)] * 2
    network = SequenceGeneration(settings).network
    weights = np.stack([network.start(seed).weights for seed in range(seeds)] * 2)
    periods = [[START] * len(settings.periods)] * seeds + [settings.periods] * seeds
    _, errors = hard_errors(settings, weights, periods, schedule.updates + schedule.fine_tuning, wanted)
    return {"all_7": errors[:seeds], "exponential": errors[seeds:]}


def hard_errors(
    settings: Settings,
    weights: np.ndarray,
    periods: Sequence[Sequence[int]],
    updates: int,
    wanted: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the MSE [R] of ordinary Clockwork RNNs of these weights [R, P] and periods [R, g] before and after so many
    updates on targets of their own [R, T]."""
    task = SequenceGeneration(settings, [0] * len(weights), wanted)
    periods = np.array(periods, np.int32)
    loop = Loop(task, settings, updates, periods=periods).restart(task, weights, periods).run()
    before, after = (
        np.mean((task.outputs(own, periods) - task.wanted.astype(float)) ** 2, axis=1)
        for own in (weights, loop.weights)
    )
    return before, after


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
    """Return one part of the experiment: what is "learned", or the networks of "fixed" periods."""
    return {"learned": learn, "fixed": fixed}[name](**arguments)
