"""Networks, and methods that train in seconds, on sets of series: the same sequences, the same measures."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data.series import split
from experiments.equal_parameters import with_parameters, with_size
from experiments.grid import Arrays
from experiments.training import convolutions
from main import recipe
from running.loop import Loop
from running.trained import Trained
from tasks import measures
from tasks.answers import Answers
from tasks.series import SeriesTask

TCN = "tcn"
PARAMETERS = 12_000
VALIDATION = 0.25  # of the training sequences, for the search alone
EXPECTED = "expectation alone"  # of a forecast, which all networks begin with


def make_settings(learner: str, **settings: Any) -> Any:
    """Return the settings of a learner with the units that give its network 12,000 parameters."""
    model = "simple_rnn" if learner == TCN else learner  # whose settings stand in
    own = recipe("series", model=model, learning_rate=1.0, **settings)
    network = SeriesTask(own, (0,)).network
    ends = network.front.features, network.outputs
    if learner == TCN:
        return with_size(own, PARAMETERS, lambda sized: convolutions.parameters(sized.units, *ends))
    return with_parameters(own, PARAMETERS, *ends)


def make_task(learner: str, settings: Any, seeds: Sequence[int]) -> SeriesTask:
    """Return the task with a learner's networks, one a seed."""
    task = SeriesTask(settings, seeds)
    if learner == TCN:
        task.network = convolutions.ConvolutionalNetwork(task.network)
    if isinstance(task, Answers):
        task.epoch_quantity = ""  # there is nothing to look at on the way
    return task


def search_and_train(
    learner: str,
    settings: Any,
    choices: Sequence[Mapping[str, Any]],
    rates: Sequence[float],
    search_seeds: Sequence[int],
    seeds: Sequence[int],
) -> Arrays:
    """Try each choice with each learning rate on what is not tested on, then train one network for each seed as was best.

    One compiled program serves all networks of a choice, so there are as many seeds as rates times seeds of the search. Answers
    are tried on a quarter of the training sequences that the others were trained on; forecasts on the part before the test
    that tells when to stop.

    Args:
        learner: model of the task, or the temporal convolutional network.
        settings: with a learning rate of 1.
        choices: changes of the settings.
        rates: learning rates.
        search_seeds, seeds: of the networks of the search and of the others.

    Returns:
        tried_error, tried_loss [choices, rates, search seeds]: as of `_tried`.
        choice, rate: places of the best.
        error [seeds]: wrong answers in percent, or the MASE; infinite where training diverged.
        seconds: of training for each network, without compilation: an equal share of what all took.
        parameters: of each network, without periods.
    """
    factors = np.repeat(rates, len(search_seeds))
    programs, errors, losses = [], [], []
    for choice in choices:
        own = replace(settings, **choice)
        task = make_task(learner, own, tuple(search_seeds) * len(rates))
        with validating(task):
            loop = Loop(task, own)
            loop.factors = tf.Variable(factors[:, None], dtype=tf.float32)  # no constant: what is compiled stays
            error, loss = _tried(Trained(loop).to_the_end())
        programs.append((task, loop))
        errors.append(error.reshape(len(rates), -1))
        losses.append(loss.reshape(len(rates), -1))
    choice, rate = best(np.array(errors), np.array(losses))
    task, loop = programs[choice]
    task.seeds = tuple(seeds)
    loop.factors.assign(np.full_like(factors, rates[rate])[:, None])
    trained = Trained(loop.restart(task)).to_the_end()
    return {
        "tried_error": np.array(errors),
        "tried_loss": np.array(losses),
        "choice": np.array(choice),
        "rate": np.array(rate),
        "error": np.where(trained.lost, np.inf, _tested(task, trained.weights)),
        "seconds": np.array(loop.progress.seconds[-1] / len(seeds)),
        "parameters": np.array(task.network.size),
    }


def best(errors: np.ndarray, losses: np.ndarray) -> tuple[int, int]:
    """Return the choice and the rate with the least mean error [choices, rates, seeds], of equal ones that with the least loss."""
    means = [own.mean(axis=-1).ravel() for own in (losses, errors)]  # the last one counts first
    choice, rate = np.unravel_index(np.lexsort(means)[0], errors.shape[:2])
    return int(choice), int(rate)


@contextlib.contextmanager
def validating(task: SeriesTask) -> Iterator[None]:
    """Let a task of answers have a part of its training sequences in the place of those for testing; forecasts stay as they are."""
    if not isinstance(task, Answers):
        yield
        return
    known, tested, groups = task.training, task.testing, task.sequences.groups
    learned = task.sequences._replace(
        values=tuple(task.sequences.values[place] for place in known),
        answers=task.truth[known],
        groups=None if groups is None else groups[known],
    )
    task.training, task.testing = (known[places] for places in split(learned, VALIDATION, 0))
    yield
    task.training, task.testing = known, tested


def _tried(trained: Trained) -> tuple[np.ndarray, np.ndarray]:
    """Return the error and the loss of answers, or the least validation loss of forecasts [R]; infinite if diverged."""
    task = trained.task
    if isinstance(task, Answers):
        outputs = task.outputs(trained.weights)[:, task.testing]  # [R, N, classes]
        found = _wrong(task, outputs), task.loss(task.data[1][task.testing], outputs).numpy()
    else:
        found = (np.min([epoch["validation_loss"] for epoch in trained.epochs], axis=0),) * 2
    return tuple(np.where(trained.lost, np.inf, own) for own in found)


def _tested(task: SeriesTask, weights: np.ndarray) -> np.ndarray:
    """Return the error on what is tested [R]."""
    if isinstance(task, Answers):
        return _wrong(task, task.outputs(weights)[:, task.testing])
    return task.evaluate(weights)["mase"]


def _wrong(task: Answers, outputs: np.ndarray) -> np.ndarray:
    """Return how many percent of the test sequences are answered wrongly [R], from outputs [R, N, classes]."""
    return np.array([100 - measures.accuracy(task.truth[task.testing], own) for own in task.said(outputs)])


def answer_simply(settings: Any) -> Arrays:
    """Return the names of simple methods and their errors, of forecasts also of what networks are given beforehand."""
    task = SeriesTask(settings, (0,))
    measure = "test_error" if isinstance(task, Answers) else "mase"
    errors = {name: own[measure] for name, own in task.simple.items()}
    if measure == "mase":
        silent = np.zeros((1, task.network.size), np.float32)  # whose outputs are 0
        errors[EXPECTED] = float(task.evaluate(silent)[measure][0])
    return {"names": np.array(list(errors)), "error": np.array(list(errors.values()))}


def minirocket(settings: Any, seeds: Sequence[int], python: str) -> Arrays:
    """Train MiniRocket once for each seed, on what networks see: scaled sequences with zeros behind their ends.

    Args:
        settings: of the task, whose sequences it takes.
        seeds: of its dilations and biases.
        python: of an environment with aeon.

    Returns:
        error, seconds [seeds].
    """
    task = Answers(settings, (0,))
    seen = task.data[0][..., :-1].swapaxes(1, 2)  # [N, F, T] without the mark of what is there
    given = {"training": seen[task.training], "labels": task.truth[task.training]}
    given |= {"testing": seen[task.testing], "seeds": np.array(seeds)}
    with tempfile.TemporaryDirectory() as folder:
        asked, found = Path(folder, "asked.npz"), Path(folder, "found.npz")
        np.savez(asked, **given)
        script = Path(__file__).with_name("minirocket.py")
        done = subprocess.run([python, script, asked, found], stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            *_, said = [f"exit status {done.returncode}", *done.stderr.strip().splitlines()]
            raise ChildProcessError(f"{script.name} failed: {said}")
        with np.load(found) as result:
            said, seconds = result["said"], result["seconds"]
    truth = task.truth[task.testing]
    return {"error": np.array([100 - measures.accuracy(truth, own) for own in said]), "seconds": seconds}
