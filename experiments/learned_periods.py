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

import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

import command_line
import quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.cells import ROOT, Arrays, Cell, Workers, compute
from experiments.evolution import START, periods_figure, target
from experiments.markdown import markdown
from experiments.results import write_results
from main import MODERN, Generation
from models.learned_periods import LearnedPeriodsRNN, period_chances, snapped_periods
from population import Population, initial_weights, make_population
from tasks.sequence_generation import SequenceGeneration
from tasks.task import mean_squared_error, output_layer
from training import make_optimizer

STARTS = ("bad", "good")
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


class TwoOptimizers:
    """One optimiser for the log periods and one for all other variables, as a `Population` takes it."""

    def __init__(self, settings: Generation, schedule: Schedule, variables: Sequence[keras.Variable]):
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            schedule.updates - schedule.annealing,
            warmup_target=settings.learning_rate,
            warmup_steps=schedule.annealing,
        )
        unclipped = replace(settings, clip_norm=0.0)  # the population clips
        self.parts = [[v for v in variables if (v.name == "log_periods") == chosen] for chosen in (False, True)]
        rates = (rate, schedule.periods_rate)
        self.optimizers = [make_optimizer(unclipped, *both) for both in zip(rates, self.parts, strict=True)]
        self.variables = [variable for optimizer in self.optimizers for variable in optimizer.variables]
        self.iterations = self.optimizers[0].iterations

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]) -> None:
        """Make one update."""
        of = {id(variable): gradient for variable, gradient in zip(variables, gradients, strict=True)}
        for optimizer, part in zip(self.optimizers, self.parts, strict=True):
            optimizer.apply([of[id(variable)] for variable in part], part)


def learn(settings: Generation, schedule: Schedule, seeds: int) -> Arrays:
    """Learn the periods of Clockwork RNNs on the targets of so many seeds at once, from each of the `STARTS`.

    Returns, with a row r for every start and seed, all seeds of the first start first:
        updates [K], means [K, R, g]: after so many updates, the mean periods in steps.
        periods [R, g]: snapped, in the order of the modules.
        soft, snapped, fine_tuned [R]: the MSE before snapping, right after it, and after fine-tuning.
    """
    wanted, silence = _task_data(settings, seeds, len(STARTS))
    network = soft_network(settings, schedule)
    hidden = network.get_layer("hidden")
    weights = [soft_weights(replace(settings, seed=seed), schedule, start) for start in STARTS for seed in range(seeds)]
    undecided = tf.Variable(0.0)

    def loss(targets, outputs):
        more = undecidedness(means.value, hidden.width, hidden.longest, undecided.value())  # [R]
        return mean_squared_error(targets, outputs) + schedule.apart * more

    optimizer = functools.partial(TwoOptimizers, settings, schedule)
    population = Population(network, weights, optimizer, loss, clip_norm=settings.clip_norm)
    means = next(variable for variable in population.variables if variable.name == "log_periods")
    updates, seen = np.arange(0, schedule.updates + 1, PIECE), [np.exp(means.numpy())]
    for update in updates[:-1]:
        done = min(1.0, update / schedule.annealing)
        hidden.width.assign(schedule.wide * (schedule.narrow / schedule.wide) ** done)
        undecided.assign(schedule.undecided * done**3)  # late, when modules have come apart
        population.train(silence, wanted, PIECE)
        seen.append(np.exp(means.numpy()))
    soft = _mse(population, silence, wanted)
    periods = snapped_periods(means.numpy(), hidden.longest)  # [R, g]
    hard = [hard_weights(own, hidden.modules.slices) for own in population.weights()]
    slow = replace(settings, learning_rate=schedule.fine_rate * settings.learning_rate)
    snapped, fine = hard_errors(slow, hard, periods, schedule.fine_tuning, wanted, silence)
    return {
        "updates": updates,
        "means": np.array(seen),
        "periods": periods,
        "soft": soft,
        "snapped": snapped,
        "fine_tuned": fine,
    }


def fixed(settings: Generation, schedule: Schedule, seeds: int) -> Arrays:
    """Return the MSE [R] of networks of fixed periods after as many updates: all_7, and exponential as in the settings.

    All have the wiring by the index of the module that learned periods have.
    """
    wanted, silence = _task_data(settings, seeds, 2)
    task = SequenceGeneration(settings)
    weights = [initial_weights(task, seed) for seed in range(seeds)] * 2
    periods = [[START] * len(settings.periods)] * seeds + [settings.periods] * seeds
    _, errors = hard_errors(settings, weights, periods, schedule.updates + schedule.fine_tuning, wanted, silence)
    return {"all_7": errors[:seeds], "exponential": errors[seeds:]}


def hard_errors(
    settings: Generation,
    weights: Sequence[Sequence[np.ndarray]],
    periods: Sequence[Sequence[int]],
    updates: int,
    wanted: np.ndarray,
    silence: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the MSE [R] of ordinary Clockwork RNNs of these periods [R, g] before and after so many updates."""
    task = SequenceGeneration(settings)
    population = make_population(task, settings, weights, updates, periods=periods)
    before = _mse(population, silence, wanted)
    population.train(silence, wanted, updates)
    return before, _mse(population, silence, wanted)


def _task_data(settings: Generation, seeds: int, times: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets of all seeds, so many times over [R, 1, T, 1], and an input without features [1, T, 0]."""
    wanted = np.stack([target(seed, settings.length)[0] for seed in range(seeds)] * times)
    return wanted[:, None, :, None], np.zeros((1, settings.length, 0), np.float32)


def _mse(population: Population, silence: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.mean((population.outputs(silence) - wanted.astype(float)) ** 2, axis=(1, 2, 3))


def soft_network(settings: Generation, schedule: Schedule) -> keras.Model:
    """Return a network with learned periods that starts from weights as those of the modern recipe do."""
    recipe = SequenceGeneration(settings).network().get_layer("hidden")
    initializers = {f"{kind}_initializer": getattr(recipe, f"{kind}_initializer") for kind in ("recurrent", "bias")}
    inputs = keras.Input((settings.length, 0), batch_size=1)
    hidden = LearnedPeriodsRNN(
        settings.units,
        settings.periods,
        longest=settings.length,
        width=schedule.wide,
        return_sequences=True,
        name="hidden",
        **initializers,
    )(inputs)
    return keras.Model(inputs, output_layer(settings, hidden, 1, settings.output_activation))


def soft_weights(settings: Generation, schedule: Schedule, start: str) -> list[np.ndarray]:
    """Return the weights that the seed's network starts from; bad periods differ a little, in increasing order."""
    keras.utils.set_random_seed(settings.seed)
    means = np.log(settings.periods)
    if start == "bad":
        noise = np.random.default_rng(settings.seed).normal(0, SPREAD, len(settings.periods))
        means = np.sort(np.log(START) + noise)
    variables = soft_network(settings, schedule).trainable_variables
    return [means.astype(np.float32) if v.name == "log_periods" else v.numpy() for v in variables]


def hard_weights(weights: Sequence[np.ndarray], slices: Sequence[slice]) -> list[np.ndarray]:
    """Return the weights of a network with learned periods as an ordinary one with modules in the same order has them."""
    recurrent, bias, _, *readout = weights
    return [*(recurrent[units.start :, units] for units in slices), bias, *readout]


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
    cycles = [target(seed, MODERN.length)[1] for seed in seeds]
    return periods_figure([(updates, means[:, seed]) for seed in seeds], cycles, "update")


def part(name: str, **arguments) -> Arrays:
    """Return one part of the experiment: what is "learned", or the networks of "fixed" periods."""
    return {"learned": learn, "fixed": fixed}[name](**arguments)


def run(options: Options) -> None:
    """Train what is missing and write the table and the picture."""
    options.check()
    schedule = Schedule(**{field.name: getattr(options, field.name) for field in fields(Schedule)})
    arguments = {"settings": MODERN, "schedule": schedule, "seeds": options.seeds}
    cells = [Cell(name, {"name": name} | arguments, 2 * options.seeds) for name in ("learned", "fixed")]
    learned, compared = compute(part, cells, options.output_dir / "learned_periods", options)
    rows = [_row(seed, place, learned, compared) for seed in range(options.seeds) for place in range(len(STARTS))]
    pictures = {"learned_periods": picture(learned["updates"], learned["means"][:, : options.seeds])}
    write_results(options.output_dir, "learned_periods", ROW, rows, table(rows), pictures)


def _row(seed: int, place: int, learned: Arrays, compared: Arrays) -> Row:
    replica = place * len(compared["exponential"]) + seed
    row = {"seed": seed, "start": STARTS[place]}
    row |= {"cycles": " ".join(f"{cycle:.1f}" for cycle in target(seed, MODERN.length)[1])}
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
