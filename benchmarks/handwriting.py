"""How fast handwriting is learned: the loss of lines, an epoch, both directions, and what padding costs.

`python -m benchmarks.handwriting` measures beside TensorFlow's losses and Keras's layers, all in one process and in turn, prints a
table and writes `results/handwriting_speed.csv`, in about 9 minutes.

Axes: lines B, time T, classes C (the last one is the blank), labels L.
"""

import sys

from running import signals

if __name__ == "__main__":
    signals.end_quietly()

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)

# isort: split
import keras
import numpy as np
import tensorflow as tf

from benchmarks import rows, summary, timing
from benchmarks.contest import OURS
from benchmarks.rows import Row
from main import recipe
from models.ctc import ctc_loss
from running import command_line
from running.command_line import NoFlags
from running.loop import Loop
from tasks.handwriting import CLASSES, Handwriting
from tasks.ink_inputs import Ink, Lines
from tasks.network import Network
from tasks.task import compiled

ROUNDS = 9  # of what takes seconds; of the rest three times as many
LINES, STEPS, LABELS = 32, 200, 30  # of one batch
CORPUS = 1000  # lines of an epoch, less what does not fill a batch
MODELS = "lstm", "clockwork_lstm", "clockwork_rnn"

Loss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def sparse_loss(logits: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return TensorFlow's loss of one program for all steps, which is not for XLA; takes what `ctc_loss` does."""
    said = tf.RaggedTensor.from_tensor(labels, counts).to_sparse()
    return tf.compat.v1.nn.ctc_loss(said, logits, steps, time_major=False)


def dense_loss(logits: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return TensorFlow's loss that is made of operations; takes what `ctc_loss` does."""
    blank = logits.shape[-1] - 1
    return tf.nn.ctc_loss(labels, logits, counts, steps, logits_time_major=False, blank_index=blank)


def losses(rounds: int = 3 * ROUNDS, shape: Sequence[int] = (LINES, STEPS, LABELS)) -> Iterator[Row]:
    """Time a loss and its gradient, of lines of full length."""
    lines, steps, labels = shape
    rng = np.random.default_rng(0)
    logits = tf.constant(rng.normal(size=(lines, steps, CLASSES)), tf.float32)  # [B, T, C]
    said = tf.constant(rng.integers(0, CLASSES - 1, (lines, labels)), tf.int32)  # [B, L]
    targets = said, tf.fill([lines], labels), tf.fill([lines], steps)

    def both(loss: Loss, xla: bool) -> Callable:
        @tf.function(jit_compile=xla, autograph=False)
        def of_loss(logits):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                found = loss(logits, *targets)
            return found, tape.gradient(found, logits)

        return lambda: [values.numpy() for values in of_loss(logits)]

    functions = {
        "models.ctc, XLA": both(ctc_loss, True),
        "tf.compat.v1.nn.ctc_loss": both(sparse_loss, False),
        "tf.nn.ctc_loss": both(dense_loss, False),
        "tf.nn.ctc_loss, XLA": both(dense_loss, True),
    }
    expected, *others = [function() for function in functions.values()]
    for found in others:
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
        np.testing.assert_allclose(found[1], expected[1], atol=1e-3)
    row = Row("loss", OURS, steps=steps, batch=lines)
    yield from _timed(row, "loss and gradient", timing.in_turn(functions, 0.0, least=rounds))


def epochs(rounds: int = ROUNDS, **settings) -> Iterator[Row]:
    """Time an epoch of lines that ship: ours with padding and without any, and a model of Keras's layers."""
    task, unpadded = (
        Handwriting(recipe("handwriting", **{"model": "lstm", "lines": CORPUS, **settings})) for _ in "ab"
    )
    unpadded.data = without_padding(task.training)
    unpadded.stops = [unpadded.data.inputs.shape[1]]
    lengths, drawn = task.training.targets.steps, task.places()(0, task.batches)  # [updates, 1, B]
    row = Row("epoch", OURS, task.settings.units, 1, int(lengths[drawn].sum()), drawn.shape[-1])
    row = replace(row, parameters=task.network.size)
    functions = {
        OURS: epoch_of_loop(task),
        "without padding": epoch_of_loop(unpadded),
        "Keras, XLA, models.ctc": epoch_of_keras(task, ctc_loss, xla=True),
        "Keras, XLA, tf.nn.ctc_loss": epoch_of_keras(task, dense_loss, xla=True),
        "Keras, tf.compat.v1.nn.ctc_loss": epoch_of_keras(task, sparse_loss, xla=False),
        "Keras, fit, XLA, models.ctc": epoch_of_fit(task),
    }
    for function in functions.values():
        function()
    turns = {name: partial(timing.once, function) for name, function in functions.items()}
    times = timing.rounds(turns, 0.0, rounds)
    bare = times.pop("without padding")
    yield from _timed(row, "epoch", times)
    padding = {"without padding": bare, "with padding": times[OURS]}
    yield from _timed(replace(row, experiment="padding"), "epoch", padding)
    share = 100 * (1 - lengths[drawn].sum() / (lengths[drawn].max(-1).sum() * drawn.shape[-1]))
    own = replace(row, experiment="padding", network="with padding", quantity="steps that do not count", unit="%")
    yield replace(own, low=share, median=share, high=share)


def without_padding(lines: Lines) -> Lines:
    """Return lines and what they say, all cut or gone on with from their beginning to the mean of their lengths."""
    steps = round(float(lines.targets.steps.mean()))
    inputs = [
        np.resize(line[:count], (steps, line.shape[1]))
        for line, count in zip(lines.inputs, lines.targets.steps, strict=True)
    ]
    return Lines(np.stack(inputs), lines.targets._replace(steps=np.full(len(inputs), steps, np.int32)))


def portions(task: Handwriting) -> list[Lines]:
    """Return the lines of an epoch for a model that takes all steps of its inputs: in three portions by length, each as long as its
    longest line and a whole number of batches."""
    lines, size = task.training, task.settings.batch_size
    order = np.argsort(lines.targets.steps)[: task.batches * size]

    def portion(chosen: np.ndarray) -> Lines:
        inputs, targets = tf.nest.map_structure(lambda values: values[chosen], lines)
        return Lines(inputs[:, : targets.steps.max()], targets)

    return [portion(batches.ravel()) for batches in np.array_split(order.reshape(-1, size), 3)]


def epoch_of_loop(task: Handwriting) -> Callable[[], None]:
    """Return what makes the updates of an epoch as `python main.py handwriting` does."""
    loop = Loop(task, task.settings, 10**6)
    loop.call(0)
    return lambda: loop.run(loop.progress.done + task.batches)


def keras_model(task: Handwriting) -> keras.Model:
    """Return the network of a task made of Keras's layers; it takes standardised steps, and skips those of zeros."""
    hidden = keras.layers.LSTM(task.settings.units, return_sequences=True)
    layers = [keras.layers.Masking(), keras.layers.Bidirectional(hidden), keras.layers.Dense(CLASSES)]
    return keras.Sequential([keras.Input((None, Ink.features)), *layers])


def standardised(task: Handwriting, inputs: np.ndarray) -> np.ndarray:
    """Return the steps of lines as the network sees them [N, T, 4], zeros behind their ends."""
    front = task.network.front
    seen = (inputs - front.mean) / np.sqrt(front.variance)
    return np.where(inputs.any(-1, keepdims=True), seen, 0).astype(np.float32)


def epoch_of_keras(task: Handwriting, loss: Loss, xla: bool) -> Callable[[], None]:
    """Return what makes the updates of an epoch, each in a compiled function, with the data where the function finds them."""
    model, optimizer = keras_model(task), keras.optimizers.Adam(task.settings.learning_rate)
    optimizer.build(model.trainable_variables)
    size, parts = task.settings.batch_size, portions(task)

    def update_of(lines: Lines) -> Callable:
        inputs = tf.constant(standardised(task, lines.inputs))
        targets = [tf.constant(values) for values in lines.targets]

        @tf.function(jit_compile=xla, autograph=False)
        def update(number):
            batch = size * number + tf.range(size)
            with tf.GradientTape() as tape:
                logits = model(tf.gather(inputs, batch), training=True)
                value = tf.reduce_mean(loss(logits, *(tf.gather(values, batch) for values in targets)))
            optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
            return value

        return update

    updates = [update_of(lines) for lines in parts]

    def epoch() -> None:
        for update, lines in zip(updates, parts, strict=True):
            for number in range(len(lines.inputs) // size):
                value = update(tf.constant(number))
        value.numpy()

    return epoch


class Reader(keras.Model):
    """A model whose loss is that of `ctc_loss`; targets hold labels, their number and that of the steps [B, L + 2]."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return tf.reduce_mean(ctc_loss(y_pred, y[:, :-2], y[:, -2], y[:, -1]))


def epoch_of_fit(task: Handwriting) -> Callable[[], None]:
    """Return what makes the updates of an epoch by `fit`, portion by portion."""
    plain = keras_model(task)
    model = Reader(plain.inputs, plain.outputs[0])
    model.compile(keras.optimizers.Adam(task.settings.learning_rate), jit_compile=True)
    data = [(standardised(task, lines.inputs), np.column_stack(lines.targets)) for lines in portions(task)]

    def epoch() -> None:
        for steps, targets in data:
            model.fit(steps, targets, batch_size=task.settings.batch_size, verbose=0)

    return epoch


def directions(
    rounds: int = 3 * ROUNDS, models: Sequence[str] = MODELS, steps: int = STEPS, **settings
) -> Iterator[Row]:
    """Time a network in both directions, and one in each, with their gradients; outputs are one number a step."""
    for model in models:
        own = recipe("handwriting", model=model, **settings)
        front = Ink(np.zeros(Ink.features), np.ones(Ink.features), 0.0)
        lines = np.random.default_rng(0).normal(size=(own.batch_size, steps, Ink.features)).astype(np.float32)
        whole, single = (Network(own, front, 1, bidirectional=both) for both in (True, False))
        forth, back = gradient_of(single, lines), gradient_of(single, lines[:, ::-1])
        functions = {"one and one": lambda one=forth, other=back: (one(), other()), "both": gradient_of(whole, lines)}
        for function in functions.values():
            function()
        row = Row(f"directions, {model}", OURS, own.units, max(1, len(own.periods)), steps, own.batch_size)
        yield from _timed(row, "gradient", timing.in_turn(functions, 0.0, least=rounds))


def gradient_of(network: Network, lines: np.ndarray) -> Callable[[], np.ndarray]:
    """Return what computes the gradient of the mean squared output of lines [B, T, 4]."""
    weights, lines = tf.constant(network.start(0).weights[None]), tf.constant(lines)

    @compiled
    def gradient(weights, lines):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = tf.reduce_mean(network.apply(network.split(weights), lines) ** 2)
        return tape.gradient(value, weights)

    return lambda: gradient(weights, lines).numpy()


def _timed(row: Row, quantity: str, times: dict[str, np.ndarray]) -> Iterator[Row]:
    for name, seconds in times.items():
        yield rows.measured(replace(row, network=name), quantity, seconds)


def measure(_: NoFlags) -> None:
    """Time all, write the rows and print the table."""
    found = []
    for row in (row for part in (losses, directions, epochs) for row in part()):
        print(row, flush=True)
        found.append(row)
    rows.write(found, rows.HANDWRITING)
    print("", summary.handwriting(found), sep="\n")


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status."""
    return command_line.run(measure, arguments, NoFlags(), "python -m benchmarks.handwriting", "nothing is kept")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
