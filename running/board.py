"""What TensorBoard shows of a run: the task's metrics first, then how training goes, pictures, sounds, texts and weights.

TensorBoard sorts tags by name: those of the metrics begin with "metric", and the other groups have names behind it.
"""

import errno
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from running.failures import in_words
from running.folders import EVENTS
from running.metrics import as_words, results
from tasks.measures import quartiles
from tasks.network import Network
from tasks.report import Quantity, Report
from tasks.task import layer_modules

# Columns of the HParams page to compare by. It sorts columns by name, and ticks the first five; what begins with more spaces
# comes first, and HTML does not show them.
FIRST = ("model", "units", "periods", "learning_rate")
MOST = 2**31 - 1  # events and milliseconds that wait for a flush of ours


class Board:
    """TensorBoard's log of a run.

    Args:
        folder: of the log, which exists.
        sizes: how much of which event file was there at the checkpoint that a run goes on from; what was logged later is
            removed, because it comes again.

    Attributes:
        sizes: of the event files at the last flush, in bytes.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int]):
        self.folder, self.sizes = folder, dict(sizes)
        self._begin()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """A context in which what is written to TensorBoard goes here; whether it could be, `flush` says."""
        try:
            with self._writer.as_default():
                yield
        except tf.errors.OpError as error:
            self._failure = error

    def flush(self) -> None:
        """Bring what was logged to disk.

        Raises:
            OSError: it cannot be; what came since the last flush is lost and, if `sizes` is empty then, all before.
        """
        try:
            if self._failure:
                raise self._failure
            self._writer.flush()
            found = {path.name: path.stat().st_size for path in self.folder.glob(EVENTS)}
            if not found or not found.keys() >= self.sizes.keys():
                self.sizes = {}
                raise self._missing()
            self.sizes = found
        except tf.errors.NotFoundError:  # a writer whose file could not be made, of which TensorFlow says no name
            self.rewind()
            raise self._missing() from None
        except (OSError, tf.errors.OpError) as error:
            self.rewind()
            if isinstance(error, OSError):
                raise
            file = re.escape(f"{self.folder}{os.sep}") + r"[^\s;]+"  # another name each time, of the same trouble
            raise OSError(re.sub(file, lambda _: str(self.folder), in_words(error))) from None

    def _missing(self) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, "no log of TensorBoard is there", str(self.folder))

    def rewind(self) -> None:
        """Forget what came since the last flush, and go on in a new file."""
        self.close()
        self._begin()

    def close(self) -> None:
        """Log no more; what was not flushed is tried once more."""
        with suppress(tf.errors.OpError):  # the flush before has said it
            self._writer.close()

    def _begin(self) -> None:
        """Cut files to what is believed of them, and begin a new one, or none where none can be made."""
        self._failure = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in self.folder.glob(EVENTS):
                if path.name not in self.sizes:
                    path.unlink()
                elif path.stat().st_size > self.sizes[path.name]:
                    os.truncate(path, self.sizes[path.name])
            self._writer = tf.summary.create_file_writer(str(self.folder), max_queue=MOST, flush_millis=MOST)
        except (OSError, tf.errors.OpError) as error:
            self._writer, self._failure = tf.summary.create_noop_writer(), error  # which the next flush says


def write(scalars: Mapping[str, np.ndarray], step: int, arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Write to the default writer, all at once.

    Args:
        scalars: values of the replicas that count [R]; shown are their mean and, of several, median and quartiles.
        step: the number of the update.
        arrays: to be shown as histograms, those that have one: all numbers finite.
    """
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    parts = []
    for name, values in scalars.items():
        if not len(values):
            continue
        parts.append(scalar_pb(name, np.mean(values)))
        if len(values) > 1:
            kinds, kind_of = ("lower_quartile", "median", "upper_quartile"), f"replicas/{name.split('/')[-1]}"
            spread = zip(kinds, quartiles(values), strict=True)
            parts += [scalar_pb(f"{kind_of}/{kind}", value) for kind, value in spread]
    parts += [histogram_pb(name, array) for name, array in (arrays or {}).items() if np.isfinite(array).all()]
    for part in parts[1:]:
        parts[0].MergeFrom(part)
    if parts:
        tf.summary.experimental.write_raw_pb(parts[0].SerializeToString(), step=step)


def tagged(
    values: Mapping[str, np.ndarray], quantities: Mapping[str, Quantity], group: str = "metric"
) -> dict[str, np.ndarray]:
    """Return values [R] under their tags: in the group those that are known, as logarithms if they fall over decades."""
    found = {}
    for name, own in values.items():
        if name not in quantities:
            found[f"optimization/{name}"] = own
        elif quantities[name].decades:
            found[f"{group}/log10_{name}"] = np.log10(np.maximum(own, np.finfo(np.float32).tiny))
        else:
            found[f"{group}/{name}"] = own
    return found


def weights(network: Network, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a network's weights [P] under their tags, recurrent ones by the period of the module."""
    found, modules = {}, [label for label, _ in layer_modules(network.hidden)]
    for name, array in zip(network.names, network.split(values), strict=True):
        layer, _, place = name.partition("/recurrent_kernel_")
        if place:
            module = modules[int(place)]
            which = f", module {place}" * (modules.count(module) > 1)
            name = f"{layer}/{module}{which}/recurrent"
        found[f"weights/{name}"] = array
    return found


def write_report(report: Report, folder: Path, step: int) -> None:
    """Show what was written of a report into a folder, under the same tags in every run."""
    from tensorboard.plugins.image.metadata import create_summary_metadata

    for name in report.figures:
        if not (folder / f"{name}.png").exists():
            continue
        png = (folder / f"{name}.png").read_bytes()  # as it is: `tf.summary.image` would compress it anew
        width, height = np.frombuffer(png[16:24], ">u4")
        content = tf.constant([str(width).encode(), str(height).encode(), png])
        tf.summary.write(f"pictures/{name}", content, step, create_summary_metadata("", ""))
    for name, sound in report.sounds.items():
        samples = sound.samples[None, :, None].astype(np.float32)
        tf.summary.audio(f"sounds/{name}", samples, sound.rate, step=step, description=literal(sound.caption) or None)
    for name, text in report.texts.items():
        tf.summary.text(f"texts/{name}", textwrap.indent(text, " " * 4, lambda line: True), step=step)  # as it is


def write_about(about: Mapping[str, Any], step: int) -> None:
    """Show a page of text that says what the run is from an update on."""
    rows = [f"| {name} | {literal(as_words(value))} |" for name, value in about.items()]
    tf.summary.text("texts/about", "\n".join(["| | |", "|---|---|", *rows]), step=step)


def literal(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return re.sub(r"[&<>|*`~#!\\\[\]\n\r]|\b_|_\b", lambda found: f"&#{ord(found[0])};", text)


def write_hyperparameters(settings: Mapping[str, Any], metrics: Mapping[str, Any], run: str) -> None:
    """Tell the HParams page the settings and, behind those that one compares by first, the results."""
    from tensorboard.plugins.hparams import api as hparams

    first = {" " * (len(FIRST) + 1 - rank) + name: settings[name] for rank, name in enumerate(FIRST)}
    columns = first | {f" {name}": value for name, value in results(metrics).items()}
    columns |= {name: value for name, value in settings.items() if name not in FIRST}
    plain = {
        name: value if isinstance(value, bool | int | float | str) else as_words(value)
        for name, value in columns.items()
    }
    hparams.hparams(plain, trial_id=run)
