"""Read a line of handwriting from the movements of the pen, in both directions (Koutník et al. 2014, ICML, section 4.3)."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tensorflow as tf

from data import iam, make_handwriting
from data.files import write_about
from data.ink import ALPHABET, Corpus, Line
from data.ink_files import read_ink
from models.ctc import best_path, ctc_loss
from tasks.flag import Flag
from tasks.ink_inputs import Ink, Lines, Points, alike, least_steps, padded, steps_of
from tasks.ink_scale import Scale, rescaled, scale_of
from tasks.network import Network
from tasks.network_settings import NetworkSettings, check_noise
from tasks.readout import counted
from tasks.report import Quantity, Report
from tasks.task import Moment, Task, compiled, first, in_blocks
from tasks.trained_model import load_json, load_model
from tasks.transcriptions import by_writer, confusions, label_error

BLOCK = 32  # lines read at once
STOPS = 0.5, 0.9, 1.0  # shares of the training lines that fit in the lengths which updates are compiled for
MANY = 1000  # updates, with which shorter ones save more time than compiling takes
MOST_LINES = 100_000  # which take a program about six minutes to write, and 2 GB
SHOWN = 4  # test lines in the picture
CLASSES = len(ALPHABET) + 1  # and the blank


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(NetworkSettings):
    help_group = "data"

    iam: str | None
    """Folder of the IAM-OnDB, with the lists of its task; without it, lines that a program writes."""
    lines: int
    """Lines that the program writes for training; a sixth as many for validation, a quarter for the test."""
    every: int
    """Of how many points the first is kept."""
    points: Points
    """What the network sees of a point: x, y and time since the line began, or since the point before."""
    input_noise: Annotated[float, Flag("training")]
    """Standard deviation of Gaussian noise on the standardised inputs in training."""
    batch_size: Annotated[int, Flag("training")]
    """Lines of one update."""
    patience: Annotated[int, Flag("training")]
    """Stop when the label error on the validation lines has not fallen for so many epochs; 0 never stops."""
    read: Annotated[tuple[str, ...], Flag("trained run", also=("ink", "transcribe", "predict"))]
    """Files of strokes (InkML, JSON, CSV) to read, with a trained run."""


class Handwriting(Task):
    """Say the characters of lines, one after another; one epoch is one pass over the training lines in random order.

    Args:
        settings, seeds: as for any task.

    Attributes:
        corpus: of which the lines are, without those of training that are too short for their text.
        impossible: how many those were.

    Raises:
        ValueError: the corpus cannot be had, or the network cannot be built; names the argument or file, what was
            expected and what came.
    """

    name = "handwriting"
    example = "--model clockwork_lstm --lines 500"
    epoch_quantity = "label error (%)"
    watched = "validation_error"
    lengths = ("batch_size",)
    fixed = ("every", "points")
    of_data = ("iam",)

    def __init__(self, settings: Settings, seeds: Sequence[int] | None = None):
        super().__init__(settings, seeds)
        self.metrics = {"nats_per_line": self.loss}
        _check(settings)
        if settings.lines > MOST_LINES:
            raise ValueError(f"`lines` must be at most {MOST_LINES}. Received: {settings.lines}")
        if settings.read:
            raise ValueError("`read` needs `run`, the name of a trained run. Received: none")
        self.corpus, self.impossible = possible(load_corpus(settings), settings.every)
        steps = [self._steps(lines) for lines in (self.corpus.training, self.corpus.validation, self.corpus.test)]
        mean, variance = statistics(np.concatenate(steps[0]))
        longest = max(len(own) for part in steps for own in part)
        self.training, self.validation, self.test = (
            padded(own, [line.text for line in lines], longest)
            for own, lines in zip(steps, (self.corpus.training, self.corpus.validation, self.corpus.test), strict=True)
        )
        self.batches = len(self.corpus.training) // settings.batch_size
        if not self.batches:
            raise ValueError(
                f"`batch_size` must be at most {len(self.corpus.training)}, the training lines. Received: {settings.batch_size}"
            )
        self.patience, self.sequences_of_update = settings.patience, settings.batch_size
        self.steps_of_update = max(settings.batch_size, BLOCK) * longest
        self.data = self.training
        shares = STOPS if self.batches * settings.epochs >= MANY else STOPS[-1:]
        self.stops = np.unique(np.quantile(self.training.targets.steps, shares, method="higher"))
        self.stops[-1] = longest
        self.network = Network(settings, Ink(mean, variance, settings.input_noise), CLASSES, bidirectional=True)

    def _steps(self, lines: Sequence[Line]) -> list[np.ndarray]:
        return [steps_of(line, self.settings.every, self.settings.points) for line in lines]

    @property
    def kept(self) -> tuple:
        return self.training, self.validation, self.test

    def places(self) -> Callable[[int, int], np.ndarray]:
        def find(first: int, count: int) -> np.ndarray:
            numbers = (divmod(number, self.batches) for number in range(first, first + count))
            return np.stack([self._drawn(epoch)[place] for epoch, place in numbers])  # [count, R, B]

        return find

    @functools.lru_cache(maxsize=2)  # noqa: B019
    def _drawn(self, epoch: int) -> np.ndarray:
        """Return the lines of each update of an epoch [updates, R, B]: in one update they are of about one length in all networks."""
        lengths, size = self.training.targets.steps, self.settings.batch_size
        own = [alike(lengths, size, np.random.default_rng([seed, epoch])) for seed in self.seeds]
        return np.random.default_rng([epoch]).permutation(np.stack(own, 1))

    def at_length(self, function: Callable, inputs: Any, targets: Any, moment: Moment) -> Any:
        """Return what a function makes of an update's lines, cut to the first of a few lengths that all of them fit in.

        Loops end with the longest line whatever the length; all else is as long as its tensors are.
        """
        moment = moment._replace(draws=moment.draws._replace(steps=int(self.stops[-1])))
        cut = [functools.partial(function, inputs[..., :stop, :], targets, moment) for stop in self.stops]
        return tf.switch_case(
            tf.math.count_nonzero(self.stops[:-1] < tf.reduce_max(targets.steps), dtype=tf.int32), cut
        )

    def loss(self, targets: Any, outputs: tf.Tensor) -> tf.Tensor:
        """Return −ln of the texts' probability, the mean over lines [..., B]."""
        return tf.reduce_mean(ctc_loss(outputs, *targets), axis=-1)

    def after_epoch(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"validation_error": self._errors(weights, self.validation, self.corpus.validation)}

    def evaluate(self, weights: np.ndarray) -> dict[str, Any]:
        found = {"label_error": self._errors(weights, self.test, self.corpus.test)} | self.after_epoch(weights)
        parts = {"training": self.corpus.training, "validation": self.corpus.validation, "test": self.corpus.test}
        found |= {f"{name}_lines": len(lines) for name, lines in parts.items()}
        found |= {"skipped_lines": len(self.corpus.skipped), "impossible_lines": self.impossible}
        return found | {"source": self.corpus.source} | scale_of(self.corpus.training)._asdict()

    def quantities(self) -> dict[str, Quantity]:
        return {
            "label_error": Quantity("label error, test lines", "%", 100.0, "saying nothing"),
            "validation_error": Quantity("label error, validation lines", "%", 100.0, "saying nothing"),
            "nats_per_line": Quantity("−ln probability of a line in training", "nats", decades=True),
        }

    def report(self, weights: np.ndarray) -> Report:
        from tasks import ink_figures

        weights, lines = first(weights), self.corpus.test
        answers = self.texts(weights, self.test)[0]
        truths, writers = [line.text for line in lines], [line.writer for line in lines]
        chosen = np.linspace(0, len(lines) - 1, min(len(lines), SHOWN), dtype=int)
        network = functools.partial(self.network.apply, self.network.split(tf.constant(weights)))
        drawn = [drawn_line(lines[place], self.settings, lambda steps: network(steps)[0]) for place in chosen]
        tables = {"confusions": confusions(truths, answers), "writers": by_writer(writers, truths, answers)}
        figures = {
            "lines": ink_figures.lines_figure(drawn),
            "confusions": ink_figures.confusions_figure(tables["confusions"]),
            "writers": ink_figures.writers_figure(tables["writers"]),
        }
        names = [line.name for line in lines]
        read = {"line": names, "writer": writers, "truth": truths, "answer": answers}
        tables["transcriptions"] = {name: np.array(values) for name, values in read.items()}
        pairs = zip(truths, answers, strict=True)
        return Report(figures, texts={"transcriptions": "\n\n".join(map("\n".join, pairs))}, tables=tables)

    def remark(self, metrics: Mapping[str, Any]) -> str:
        unused = {"which could not be used": len(self.corpus.skipped), "too short for their text": self.impossible}
        return "\n".join(f"Lines left out, {why}: {count}" for why, count in unused.items() if count)

    def texts(self, weights: np.ndarray, lines: Lines) -> list[list[str]]:
        """Return what each network of weights [R, P] reads in each line."""
        return [[text_of(path) for path in own] for own in self.paths(weights, lines)]

    def paths(self, weights: np.ndarray, lines: Lines) -> np.ndarray:
        """Return the best path of each network of weights [R, P] in each line [R, N, T]."""
        order = np.argsort(lines.targets.steps)  # those of a block take about as long
        found = self._read(weights, lines.inputs[in_blocks(order, BLOCK)]).numpy()  # [blocks, R, B, T]
        found = found.transpose(1, 0, 2, 3).reshape(len(weights), -1, found.shape[-1])  # [R, blocks · B, T]
        return found[:, np.argsort(order)]

    def _errors(self, weights: np.ndarray, lines: Lines, corpus: Sequence[Line]) -> np.ndarray:
        """Return the label error of each network of weights [R, P], in percent [R]."""
        truths = [line.text for line in corpus]
        return np.array([label_error(truths, answers) for answers in self.texts(weights, lines)])

    @functools.cached_property
    def _read(self):
        def read(weights, blocks):
            arrays = self.network.split(weights)

            def of_block(steps):
                return best_path(self.network.apply(arrays, steps), counted(steps))

            return tf.map_fn(of_block, blocks, fn_output_signature=tf.int32)

        return compiled(read)

    @classmethod
    def use(cls, settings: Settings, folder: Path) -> None:
        """Print what a trained run reads in files of strokes, and draw it beside the run."""
        if not settings.read:
            raise ValueError("`run` needs `read`, files of strokes to read. Received: none")
        _check(settings)
        from tasks import figures, ink_figures

        scale = Scale(*load_json(folder / "metrics.json", **Scale.__annotations__))
        lines = [rescaled(read_ink(Path(path)), scale) for path in settings.read]
        model = load_model(folder, Ink.features, CLASSES)
        for path, name, line in zip(settings.read, _pictures(settings.read), lines, strict=True):
            drawn = drawn_line(line, settings, model)
            with write_about(folder / name, "read", path) as part:
                part.write_bytes(figures.png(ink_figures.lines_figure([drawn])))
            print(f"{path}: {drawn.answer}")


def _pictures(paths: Sequence[str]) -> list[str]:
    """Return the names of the pictures of files, numbered where several have one name."""
    stems, names = [Path(path).stem for path in paths], []
    for stem in stems:
        numbered = (f"{stem}_{number}" for number in itertools.count(2))
        names.append(stem if stem not in names else next(name for name in numbered if name not in {*names, *stems}))
    return [f"read_{name}.png" for name in names]


def load_corpus(settings: Settings) -> Corpus:
    """Return the lines that the settings ask for."""
    if settings.iam is not None:
        return iam.load_iam(Path(settings.iam))
    return make_handwriting.made(settings.lines, math.ceil(settings.lines / 6), math.ceil(settings.lines / 4))


def _check(settings: Settings) -> None:
    check_noise(settings.input_noise)
    for name, lowest in {"lines": 1, "every": 1, "batch_size": 1, "patience": 0}.items():
        if getattr(settings, name) < lowest:
            raise ValueError(f"`{name}` must be at least {lowest}. Received: {getattr(settings, name)}")


def possible(corpus: Corpus, every: int) -> tuple[Corpus, int]:
    """Return a corpus without the training lines of fewer steps than it takes to say their text, and how many these are."""
    kept = tuple(line for line in corpus.training if math.ceil(len(line.points) / every) >= least_steps(line.text))
    if not kept:
        raise ValueError(f"`every` must leave training lines of as many steps as characters. Received: {every}")
    return dataclasses.replace(corpus, training=kept), len(corpus.training) - len(kept)


def statistics(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance [4] of steps [N, 4], those of the last feature 0 and 1."""
    mean, variance = steps.mean(0, dtype=float), steps.var(0, dtype=float)
    mean[-1], variance[-1] = 0, 1
    return mean.astype(np.float32), variance.astype(np.float32)


def text_of(path: np.ndarray) -> str:
    """Return the characters of a best path [T]."""
    return "".join(ALPHABET[place] for place in path[path >= 0])


def drawn_line(line: Line, settings: Settings, network: Callable[[np.ndarray], tf.Tensor]):
    """Return a line with what a network says at each of its points.

    Args:
        line: with all its points.
        settings: of the task.
        network: steps [1, T, 4] → logits [1, T, C].
    """
    from tasks.ink_figures import DrawnLine

    steps = steps_of(line, settings.every, settings.points)[None]
    logits = network(steps)
    characters = [*ALPHABET, ""]
    said = [characters[place] for place in np.asarray(tf.argmax(logits[0], -1))]
    answer = text_of(best_path(logits, counted(steps))[0].numpy())
    each = np.repeat(said, settings.every)[: len(line.points)]  # also of the points that are not kept
    return DrawnLine(line.points[:, :2], line.lifted, list(each), line.text, answer)
