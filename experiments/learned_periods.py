"""Learned periods by gradient: Gaussians over log periods from a bad start, against exponential periods given by hand.

`python -m experiments.learned_periods` takes the targets of `experiments.evolution`, for each a network of nine modules whose
periods all start at about 7, and one that starts from 1, 2, 4, … 256. Periods are learned while the width of the Gaussians
falls. The gradient of the error alone leaves them too much alike, none short, and between two whole numbers, so that the loss
has a term that keeps modules apart and lets each settle on one period, see `undecidedness`. Then the width stays narrow, and
in the end the periods are snapped to whole numbers and the networks fine-tuned. All seeds are trained at once. It writes
`learned_periods.csv` (one row a seed and start), `learned_periods.md` and `learned_periods.png` (the mean periods over the
updates, from the bad start). Stopped and started again, it goes on. The values of `Schedule` were tried on targets of other
seeds, from 1000 on.
"""

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.cells import ROOT, Arrays, Cell, Workers, compute
from experiments.evolution import START, periods_figure, target
from experiments.markdown import markdown
from experiments.results import write_results
from main import recipe
from models.learned_periods import LearnedPeriodsRNN, period_chances, snapped_periods
from running import command_line
from running.loop import Loop
from tasks.network import Network, Silence, Start, initializers
from tasks.sequence_generation import SequenceGeneration, Settings

STARTS = ("bad", "good")
MEANS = 2  # place of the log periods among the weights, behind recurrent weights and biases
SPREAD = 0.1  # standard deviation of the log periods around that of `START`, which tells modules apart
PIECE = 20  # updates from one width to the next
ROW = ("seed", "start", "cycles", "periods", "soft", "snapped", "fine_tuned", "all_7", "exponential", "ratio")

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How periods are learned; the rest is as in the modern recipe."""

    annealing: int = 300
    """Updates in which the width falls, evenly on a log scale, and the learning rate of the weights rises evenly from 0."""
    updates: int = 2700
    """Updates before snapping, with those of the annealing."""
    fine_tuning: int = 300
    """Updates after snapping."""
    wide: float = 1.5
    """Width at the start, in units of log periods."""
    narrow: float = 0.0005
    """Width from the end of the annealing on."""
    periods_rate: float = 0.02
    """Learning rate of the log periods."""
    fine_rate: float = 0.001
    """What the learning rate of the recipe is multiplied by after snapping."""
    apart: float = 1.0
    """Weight of what keeps modules apart in the loss."""
    undecided: float = 1.0
    """Weight of each module's own entropy in what keeps them apart, once the width is narrow."""


@dataclass(frozen=True, kw_only=True)
class Options(Schedule, Workers):
    seeds: int = 10
    """Targets, with the seeds from 0 on."""
    output_dir: Path = ROOT / "results"
    """Where the table and the picture go, and a folder "learned_periods" with what is done."""
    workers: int = 0
    ray: str | None = None

    def check(self) -> None:
        super().check()
        if self.updates % PIECE:
            raise ValueError(f"`updates` must be a multiple of {PIECE}. Received: {self.updates}")
        if self.updates <= self.annealing:
            raise ValueError(f"`updates` must be above `annealing`, {self.annealing}. Received: {self.updates}")
        if not 0 < self.narrow <= self.wide:
            raise ValueError(f"`narrow` must be above 0 and at most `wide`, {self.wide}. Received: {self.narrow}")


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
    for update in updates[:-1]:
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


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = ("seed", "start", "steps a cycle of the sines", "periods found", "MSE, before snapping", "right after")
    head += ("fine-tuned", "MSE, all 7", "MSE, 1, 2, 4, … 256", "learned : exponential")
    lines = [[*(row[name] for name in ROW[:4]), *(f"{float(row[name]):.2g}" for name in ROW[4:])] for row in rows]
    counts = []
    for start in STARTS:
        own = [row for row in rows if row["start"] == start]
        within = sum(float(row["ratio"]) <= 2 for row in own)
        kept = sum(float(row["fine_tuned"]) <= 2 * float(row["soft"]) for row in own)
        counts.append(
            f"From the {start} start: within a factor of 2 of the exponential periods in {within} of {len(own)} seeds; "
            f"after fine-tuning at most twice the error before snapping in {kept} of {len(own)}."
        )
    return markdown(head, lines) + "\n\n" + "\n".join(counts)


def picture(updates: np.ndarray, means: np.ndarray) -> Figure:
    """Draw the mean periods [K, R, g] over the updates [K], one panel a seed, and the sines' steps a cycle."""
    seeds = range(means.shape[1])
    cycles = [target(seed, recipe("generation").length)[1] for seed in seeds]
    return periods_figure([(updates, means[:, seed]) for seed in seeds], cycles, "update")


def part(name: str, **arguments) -> Arrays:
    """Return one part of the experiment: what is "learned", or the networks of "fixed" periods."""
    return {"learned": learn, "fixed": fixed}[name](**arguments)


def run(options: Options) -> None:
    """Train what is missing and write the table and the picture."""
    options.check()
    schedule = Schedule(**{field.name: getattr(options, field.name) for field in fields(Schedule)})
    arguments = {"settings": recipe("generation"), "schedule": schedule, "seeds": options.seeds}
    cells = [Cell(name, {"name": name} | arguments, 2 * options.seeds) for name in ("learned", "fixed")]
    learned, compared = compute(part, cells, options.output_dir / "learned_periods", options)
    rows = [_row(seed, place, learned, compared) for seed in range(options.seeds) for place in range(len(STARTS))]
    pictures = {"learned_periods": picture(learned["updates"], learned["means"][:, : options.seeds])}
    write_results(options.output_dir, "learned_periods", ROW, rows, table(rows), pictures)


def _row(seed: int, place: int, learned: Arrays, compared: Arrays) -> Row:
    replica = place * len(compared["exponential"]) + seed
    row = {"seed": seed, "start": STARTS[place]}
    row |= {"cycles": " ".join(f"{cycle:.1f}" for cycle in target(seed, recipe("generation").length)[1])}
    row |= {"periods": " ".join(map(str, learned["periods"][replica]))}
    errors = {name: learned[name][replica] for name in ("soft", "snapped", "fine_tuned")}
    errors |= {name: compared[name][seed] for name in ("all_7", "exponential")}
    errors |= {"ratio": errors["fine_tuned"] / errors["exponential"]}
    return row | {name: f"{float(error):.4g}" for name, error in errors.items()}


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.learned_periods")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
