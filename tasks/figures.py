"""The pictures: signals, training curves and hidden states, legible in print and in greyscale."""

import contextlib
import io
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.measures import quartiles
from tasks.report import Quantity

# Whatever a notebook, or a `matplotlibrc` in the folder that somebody works in, says; which backend draws is not of the style.
DEFAULTS = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
STYLE = DEFAULTS | {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "legend.frameon": False,
    "savefig.dpi": 150,
    "date.converter": "concise",  # or dates run into each other
}
LONG_TITLE = 40  # characters
MOST_LABELS = 40  # on an axis, and curves that colours and lines can tell apart
MOST_LEGEND = 0.7  # inches of a figure's height, which grows by what a legend takes besides
WIDEST = 40  # inches
MOST_PANELS = 12  # beside each other
MOST_COLUMNS = 4096  # of a picture of states, which has fewer pixels
SHOWN_AS = str.maketrans({"\n": "¶", "\t": "→", "$": r"\$"})  # a dollar begins a formula
TARGET = {"color": "0.6", "linewidth": 3.0}
OUTPUT = {"color": "black", "linewidth": 0.9}


def signal_figure(
    target: np.ndarray, outputs: np.ndarray, rate: int | None, title: str, trained: int | None = None
) -> Figure:
    """Draw a target [T] and networks' outputs [R, T] over each other, and what is left between them below.

    Args:
        target, outputs: the sequences; of several outputs, median and quartiles.
        rate: samples a second, which labels the axis in milliseconds; None labels it in steps.
        title: said above.
        trained: steps that were trained, where there are more; a line is drawn behind them.
    """
    time, label = _time_axis(len(target), rate)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        signal, rest = figure.subplots(2, sharex=True, height_ratios=[3, 1])
        signal.plot(time, target, label="target", **TARGET)
        _median(signal, time, outputs, label="output", **OUTPUT)
        if trained is not None:
            for axis in (signal, rest):
                axis.axvline(time[trained] - time[1] / 2, color="black", linewidth=0.8, linestyle=":")
            signal.plot([], [], color="black", linewidth=0.8, linestyle=":", label="end of training")
        above = "\n" * (len(title) > LONG_TITLE)  # or it would run into the legend
        signal.set(title=plain(title) + above, ylabel="amplitude")
        signal.margins(x=0)
        signal.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
        signal.title.set_ha("left")
        signal.title.set_x(0)
        _median(rest, time, outputs - target, **OUTPUT)
        rest.set(xlabel=label, ylabel="error")
    return figure


def training_figure(seconds: np.ndarray, values: np.ndarray, quantity: Quantity) -> Figure:
    """Draw a quantity [N, R], on a log scale, over updates.

    The time that they took is that of a median update: a pause of the machine moves nothing.

    Args:
        seconds: of training, after each update [N].
        values: of each update and network [N, R]; of several, median and quartiles.
        quantity: what they are.
    """
    median = float(np.median(np.diff(seconds, prepend=0)))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 3), layout="constrained")
        axis = figure.subplots()
        _median(axis, np.arange(len(values)), values.T, label=_networks(values.shape[1]), **OUTPUT)
        axis.set(xlabel="updates", ylabel=quantity.axis, yscale="log")
        axis.margins(x=0)
        axis.xaxis.get_major_locator().set_params(integer=True)
        _naive(axis, quantity)
        above = axis.secondary_xaxis("top", functions=(lambda x: x * median, lambda x: x / median))
        above.set_xlabel(f"training time (s), {1000 * median:.3g} ms an update")
        if len(values) == 1:
            axis.set(xlim=(-0.5, 0.5), xticks=[0])
            above.set_xticks([0])
    return figure


def states_figure(
    states: np.ndarray,
    modules: Sequence[tuple[str, slice]],
    rate: int | None,
    title: str = "",
    below: Sequence[str] = (),
) -> Figure:
    """Draw the hidden states [T, n] over time in grey, one strip a module and one row a unit.

    Args:
        states: values within [-1, 1], or beyond, where they are cut.
        modules: a label for each module and its units, in the order to draw.
        rate: as in `signal_figure`.
        title: said above.
        below: characters, one for each step, to write below.
    """
    time, label = _time_axis(len(states), rate)
    step = time[1] - time[0] if len(time) > 1 else 1.0
    shown = states[:: -(-len(states) // MOST_COLUMNS)]
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(7, max(2.0, 0.8 + 0.5 * len(modules))), layout="constrained")
        strips = figure.subplots(len(modules), sharex=True, squeeze=False)[:, 0]
        for strip, (name, units) in zip(strips, modules, strict=True):
            extent = (time[0] - step / 2, time[-1] + step / 2, 0, 1)
            image = strip.imshow(
                shown[:, units].T, cmap="gray", vmin=-1, vmax=1, aspect="auto", interpolation="nearest", extent=extent
            )
            strip.set_yticks([])
            strip.set_ylabel(name, rotation=0, ha="right", va="center")
        strips[0].set_title(plain(title))
        strips[-1].set_xlabel("characters read" if below else label)
        if below:
            strips[-1].set_xticks(time, [plain(character) for character in below], family="monospace", fontsize=6)
            for strip in strips:
                strip.tick_params(axis="x", length=0)
        figure.colorbar(image, ax=strips, label="hidden state", ticks=[-1, 0, 1])
    return figure


def clock_figure(fires: np.ndarray, modules: Sequence[str]) -> Figure:
    """Draw who fires when, as Figure 2 of Koutník et al. 2014: a row a module, the slowest on top.

    Args:
        fires: at each step, which modules fire, boolean [T, g].
        modules: a label for each, fastest first.
    """
    steps = len(fires)
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(7, 1.2 + 0.22 * len(modules)), layout="constrained")
        axis = figure.subplots()
        extent = (-0.5, steps - 0.5, -0.5, len(modules) - 0.5)
        axis.imshow(
            fires.T,
            cmap="Greys",
            vmin=0,
            vmax=1.2,
            aspect="auto",
            interpolation="nearest",
            origin="lower",
            extent=extent,
        )
        axis.set_yticks(range(len(modules)), modules)
        axis.set_yticks(np.arange(len(modules) + 1) - 0.5, minor=True)
        axis.grid(which="minor", axis="y", color="0.8")
        axis.tick_params(which="minor", length=0)
        axis.set(xlabel="time step", title="dark: the module fires; light: it holds its state")
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def epochs_figure(
    epochs: Sequence[Mapping[str, np.ndarray]], axis_label: str, quantities: Mapping[str, Quantity]
) -> Figure:
    """Draw what was noted after each epoch [R].

    Args:
        epochs: name → values, for each epoch.
        axis_label: said beside the axis.
        quantities: what the names are.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 3), layout="constrained")
        axis = figure.subplots()
        for name, style in zip(epochs[0], ("--", "-", ":") if len(epochs[0]) > 1 else ("-",), strict=False):
            values = np.array([epoch[name] for epoch in epochs])
            _median(
                axis,
                np.arange(1, len(epochs) + 1),
                values.T,
                linestyle=style,
                color="black",
                label=quantities[name].label,
            )
        _naive(axis, quantities[name])
        axis.set(xlabel="epochs", ylabel=axis_label, ylim=(0, None))
        axis.xaxis.get_major_locator().set_params(integer=True)
        if len(epochs) == 1:  # around which there are no others
            axis.set_xticks([1])
    return figure


def comparison_figure(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], axis_label: str, quantity: Quantity
) -> Figure:
    """Draw the curves of runs over each other.

    Args:
        curves: name of the run → (places [N], lower quartile, median and upper quartile of its networks there [3, N]).
        axis_label: what the places are.
        quantity: what was measured there.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axis = figure.subplots()
        for number, (name, (places, (low, median, high))) in enumerate(curves.items()):
            color, style = f"C{number % 10}", ("-", "--", ":", "-.")[number // 10 % 4]
            marker = "o" if len(places) == 1 else None
            label = plain(name) if len(curves) <= MOST_LABELS else None
            axis.plot(places, median, color=color, linestyle=style, linewidth=1.1, marker=marker, label=label)
            axis.fill_between(places, low, high, color=color, alpha=0.2, linewidth=0)
        axis.set(xlabel=axis_label, ylabel=quantity.axis, yscale="log" if quantity.decades else "linear")
        if len(curves) > MOST_LABELS:
            axis.set_title(f"{len(curves)} runs, which are too many to tell apart", loc="left", fontsize="medium")
        axis.xaxis.get_major_locator().set_params(integer=True)
        _naive(axis, quantity)
        if not quantity.decades:
            axis.set_ylim(0, None)
    return figure


def confusion_figure(counts: np.ndarray, labels: Sequence[str], rows: str, columns: str, share: str) -> Figure:
    """Draw how often each class (rows) is taken for each class (columns), as shares of the row.

    Args:
        counts: [classes, classes].
        labels: of the classes; where two would be shortened to the same text, all have their numbers, from 1, before them.
        rows, columns, share: what these are, beside the axes and the colours.
    """
    places = range(0, len(labels), -(-len(labels) // MOST_LABELS))
    shown = [plain(labels[place], most=20) for place in places]
    if len(set(shown)) < len(shown):
        shown = [f"{place + 1}: {label}" for place, label in zip(places, shown, strict=True)]
    side = max(4.0, 1.5 + 0.2 * len(places)) + 0.08 * max(map(len, shown))  # inches, the latter for the names
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axis = figure.subplots()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = axis.imshow(shares, cmap="Greys", vmin=0, vmax=1)
        axis.set_xticks(places, shown, rotation=90)
        axis.set_yticks(places, shown)
        axis.set(xlabel=columns, ylabel=rows)
        figure.colorbar(image, label=textwrap.fill(share, 20), shrink=0.7)
    return figure


def answers_figure(truth: np.ndarray, said: np.ndarray) -> Figure:
    """Draw answers over the truth, both [N, m], a panel for each of m, at most `MOST_PANELS`; right ones lie on the line."""
    with matplotlib.rc_context(STYLE):
        count = truth.shape[1]
        shown = min(count, MOST_PANELS)
        figure = Figure(figsize=(3.4 * shown, 3.4), layout="constrained")
        for place, axis in enumerate(figure.subplots(1, shown, squeeze=False)[0]):
            x, y = truth[:, place], said[:, place]
            ends = min(x.min(), y.min()), max(x.max(), y.max())
            axis.plot(ends, ends, color="0.6", linewidth=1)
            axis.plot(x, y, "k.", markersize=4)
            number = f" {place}" if count > 1 else ""  # as in the columns of the table
            axis.set(xlabel=f"truth{number}", ylabel=f"answer{number}", aspect="equal")
    return figure


def speech_figure(
    versions: Mapping[str, np.ndarray], phones: Sequence[tuple[int, int, str]], rate: int, begin: int = 0
) -> Figure:
    """Draw versions of one utterance one under the other, each as a waveform and a spectrogram.

    A second is 4 inches wide, as long as the whole is not wider than `WIDEST`.

    Args:
        versions: name → samples [T]; all are drawn to the scale of the first.
        phones: first sample of the utterance, sample after the last, and label of each phone.
        rate: samples a second.
        begin: which sample of the utterance is the first one drawn.
    """
    reference = next(iter(versions.values()))
    start, end, most = begin / rate, (begin + len(reference)) / rate, 1.1 * np.abs(reference).max()
    loudest = None
    with matplotlib.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(np.clip(4 * end, 7, WIDEST), 1 + 2.2 * len(versions)), layout="constrained")
        axes = figure.subplots(2 * len(versions), sharex=True)
        for (name, samples), wave, spectrum in zip(versions.items(), axes[::2], axes[1::2], strict=True):
            wave.plot((begin + np.arange(len(samples))) / rate, samples, color="black", linewidth=0.4)
            wave.set(ylabel=name.replace("_", " "), ylim=(-most, most), yticks=[])
            window = min(len(samples), rate // 100)  # 10 ms, which resolves the pulses of the voice
            with np.errstate(divide="ignore"):  # digital silence
                power, _, _, image = spectrum.specgram(samples, window, rate, noverlap=3 * window // 4, cmap="Greys")
            left, right, *hertz = image.get_extent()
            image.set_extent((left + start, right + start, *hertz))
            loudest = loudest or 10 * np.log10(power.max())
            image.set_clim(loudest - 60, loudest)
            spectrum.set(ylabel="kHz", ylim=(0, rate / 2))
            spectrum.set_yticks([0, rate / 4, rate / 2], [f"{f / 1000:g}" for f in (0, rate / 4, rate / 2)])
            for first, _, _ in phones:
                for axis in (wave, spectrum):
                    axis.axvline(first / rate, color="C0", linewidth=0.5)
        for place, (first, last, phone) in enumerate(phones):
            height = most * (1.05 + 0.25 * (place % 2))  # two rows, because some phones are shorter than their names
            axes[0].text((max(first, begin) + last) / 2 / rate, height, phone, ha="center", va="bottom", fontsize=7)
        axes[0].set_title("blue: where a phone begins, its label above", loc="left", fontsize=8, pad=24)
        axes[-1].set(xlabel="time (s)", xlim=(0, end))
        figure.colorbar(image, ax=axes, label="power of a frame (dB, the same scale for all)", aspect=40)
    return figure


def plain(text: str, most: int = 60) -> str:
    """Return a text from outside (the name of a file, a column, a word, a run) as Matplotlib shows it as it is, on one line.

    What cannot be shown is a question mark, and a text that begins with an underscore, which legends leave out, has a thin
    space before it. Of a text longer than `most` characters the middle is left out.
    """
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most // 2) :]}"
    text = "".join(one if one.isprintable() or one in "\n\t" else "?" for one in text)
    return "\u2009" * text.startswith("_") + text.translate(SHOWN_AS)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    with io.BytesIO() as buffer, matplotlib.rc_context(STYLE), _of_any_script():
        figure.savefig(buffer, format="png")
        return buffer.getvalue()


@contextlib.contextmanager
def _of_any_script() -> Iterator[None]:
    """Let Matplotlib draw a Chinese text without a warning for each of its characters."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def _naive(axis: Axes, quantity: Quantity) -> None:
    """Draw what is reached without learning anything, and the legend."""
    if quantity.naive is not None:
        axis.axhline(quantity.naive, color="0.5", linewidth=1.0, linestyle=(0, (6, 3)), label=quantity.naive_is)
    lines, labels = axis.get_legend_handles_labels()
    if len(labels) > 1:
        _legend(axis.figure, lines, labels)


def _legend(figure: Figure, lines: Sequence[Any], labels: Sequence[str]) -> None:
    """Put a legend below, in as many columns as there is room for, and make the figure higher where it has many rows."""
    with _of_any_script():
        for columns in (3, 2, 1):
            legend = figure.legend(lines, labels, loc="outside lower right", ncols=columns)
            if legend.get_window_extent().width <= figure.bbox.width or columns == 1:
                break
            legend.remove()
        more = legend.get_window_extent().height / figure.dpi - MOST_LEGEND
    figure.set_figheight(figure.get_figheight() + max(0, more))


def _networks(count: int) -> str:
    return "network" if count == 1 else f"median and quartiles of {count} networks"


def _median(axis: Axes, x: np.ndarray, values: np.ndarray, **style) -> None:
    """Draw the median of values [R, N] over x [N], a point where there is one only, and of several the band between their
    quartiles.
    """
    if len(x) == 1:
        style |= {"marker": "o", "markersize": 4}
    if len(values) == 1:
        axis.plot(x, values[0], **style)
    else:
        low, median, high = quartiles(values, axis=0)
        axis.plot(x, median, **style)
        axis.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _time_axis(steps: int, rate: int | None) -> tuple[np.ndarray, str]:
    return (np.arange(steps), "time step") if rate is None else (1000 * np.arange(steps) / rate, "time (ms)")
