"""Strokes of one's own, in three forms: InkML as pens and programs write it, JSON, and CSV."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException, ElementTree

from data.files import in_a_line, read_any_json, reading
from data.ink import Line, line_of
from data.tables import Table, read_table

STEP = 0.01  # seconds from point to point, where a file has no times
MOST = 2**24  # bytes of XML: hundreds of times as many as a line has
SECONDS = {"s": 1.0, "ms": 0.001}  # the units of InkML's times
COLUMNS = ("stroke", "x", "y")
TIMES = ("t", "time")  # names of the column that a CSV file may have besides


def read_ink(path: Path) -> Line:
    """Read a line of handwriting, of which nobody says what it says.

    Args:
        path: InkML (`.inkml`, `.xml`): `<trace>x y t, x y t</trace>` for each stroke, or channels in the order of its
            `traceFormat`, times in milliseconds unless it says seconds, later by the trace's `timeOffset`. JSON: a list of
            strokes, each a list of points [x, y, seconds]. CSV: columns stroke, x, y and t (or time), in seconds. Where
            there are no times, a point is 10 ms after the one before.

    Returns:
        The line, with "" as text and as writer, named as the file.

    Raises:
        ValueError: the file is none of these, or a line of no use; names it, what was expected and what came.
    """
    readers: dict[str, Callable[[Path], list[np.ndarray]]] = {
        ".inkml": _inkml,
        ".xml": _inkml,
        ".json": _json,
        ".csv": _csv,
    }
    if not path.is_file():
        raise ValueError(f"`read` must be a file that exists. Received: {path}")
    if path.suffix.lower() not in readers:
        raise ValueError(f"`read` must be a file {', '.join(readers)}. Received: {path}")
    strokes = readers[path.suffix.lower()](path)
    sizes = {stroke.shape[1] for stroke in strokes if len(stroke)}
    if len(sizes) > 1:
        raise ValueError(f"{path} must have times for all points or for none. Received: some")
    if 2 in sizes:
        strokes = _timed(strokes)
    return line_of(strokes, text="", writer="", name=str(path))


def read_xml(path: Path) -> Element:
    """Return the root of an XML file; raises a ValueError that names it where it is none, or has entities of its own."""
    with reading(path):
        if (size := path.stat().st_size) > MOST:
            raise ValueError(f"{path} must have at most {MOST >> 20} MiB, as of one line. Received: {size >> 20} MiB")
        try:
            return ElementTree.parse(path).getroot()
        except DefusedXmlException:
            raise ValueError(f"{path} must be XML without entities of its own. Received: some") from None
        except (ParseError, ValueError, LookupError) as error:  # also an encoding that nobody knows
            raise ValueError(f"{path} must be XML. Received: {in_a_line(error)}") from None


def _timed(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Return strokes of x and y with times [points, 3]."""
    times = STEP * np.arange(sum(map(len, strokes)))
    ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    return [np.column_stack([stroke, own]) for stroke, own in zip(strokes, np.split(times, ends), strict=True)]


def _inkml(path: Path) -> list[np.ndarray]:
    root = read_xml(path)
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]  # with or without a name space
    if root.tag != "ink":
        raise ValueError(f"{path} must be InkML, with <ink> around all. Received: <{root.tag}>")
    formats = {tuple(_channels(path, form)) for form in root.iter("traceFormat")}
    if len(formats) > 1:
        raise ValueError(f"{path} must have one <traceFormat>. Received: {len(formats)}")
    channels = next(iter(formats), None)
    defined = {trace for definitions in root.iter("definitions") for trace in definitions.iter("trace")}
    traces = [trace for trace in root.iter("trace") if trace.get("type") != "penUp" and trace not in defined]
    if parts := [part for trace in traces if (part := trace.get("continuation"))]:
        raise ValueError(f"{path} must have each stroke in one trace. Received: one with continuation {parts[0]:.60}")
    return [_trace(path, number, trace, channels) for number, trace in enumerate(traces, start=1)]


def _channels(path: Path, form: Element) -> list[tuple[str, float]]:
    """Return a format's channels, and what their values are to be multiplied by."""
    channels = [(channel.get("name", ""), channel.get("units")) for channel in form.iter("channel")]
    channels = [(name, "ms" if (name, unit) == ("T", None) else unit) for name, unit in channels]
    names = [name for name, _ in channels]
    if not {"X", "Y"} <= set(names) or len(set(names)) < len(names):
        raise ValueError(f"{path} must have the channels X and Y once. Received: {' '.join(names) or 'none'}")
    turned = [channel for channel in form.iter("channel") if channel.get("orientation", "+ve") != "+ve"]
    if turned:
        came = f"{turned[0].get('name')} with {turned[0].get('orientation')}"
        raise ValueError(f"{path} must have channels that grow (orientation +ve). Received: {came:.60}")
    if len(lengths := {unit for name, unit in channels if name in ("X", "Y")}) > 1:
        came = " and ".join(sorted(map(str, lengths)))
        raise ValueError(f"{path} must have the channels X and Y in one unit. Received: {came:.60}")
    if odd := [unit for name, unit in channels if name == "T" and unit not in SECONDS]:
        raise ValueError(f"{path} must have times in {' or '.join(SECONDS)}. Received: {odd[0]}")
    return [(name, SECONDS[unit] if name == "T" else 1.0) for name, unit in channels]


def _trace(path: Path, number: int, trace: Element, channels: tuple[tuple[str, float], ...] | None) -> np.ndarray:
    """Return the points of a trace [points, 2 or 3]; without a format they are x, y and perhaps milliseconds.

    Times are later by the trace's offset.
    """
    text, offset = trace.text or "", trace.get("timeOffset", "0")
    if not _is_number(offset):
        raise ValueError(f"{path} must have a number as timeOffset of trace {number}. Received: {offset!r:.60}")
    rows = [re.split(r"\s+", point.strip()) for point in text.split(",")] if text.strip() else []
    if channels is None:
        channels = (("X", 1.0), ("Y", 1.0), ("T", SECONDS["ms"]))[: max(2, len(rows[0]) if rows else 2)]
    for place, row in enumerate(rows, start=1):
        if len(row) != len(channels) or not all(map(_is_number, row)):
            wanted = " ".join(name for name, _ in channels)
            came = f"{' '.join(row)!r:.60} in point {place} of trace {number}"
            raise ValueError(f"{path} must have numbers {wanted} for each point. Received: {came}")
    places = [[name for name, _ in channels].index(name) for name in "XYT" if (name in dict(channels))]
    scale = np.array([factor for _, factor in channels])
    points = (np.array(rows, float).reshape(-1, len(channels)) * scale)[:, places]
    points[:, 2:] += SECONDS["ms"] * float(offset)  # of milliseconds, whatever the times are in
    return points


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII) is not None


def _json(path: Path) -> list[np.ndarray]:
    found = read_any_json(path)
    if not isinstance(found, list) or not all(isinstance(stroke, list) for stroke in found):
        raise ValueError(f"{path} must be a list of strokes, each a list of points. Received: {str(found):.60}")
    return [_json_stroke(path, number, stroke) for number, stroke in enumerate(found, start=1)]


def _json_stroke(path: Path, number: int, stroke: list) -> np.ndarray:
    for place, point in enumerate(stroke, start=1):
        numbers = isinstance(point, list) and all(type(value) in (int, float) for value in point)
        if not numbers or len(point) not in (2, 3) or len(point) != len(stroke[0]):
            came = f"{str(point):.60} in point {place} of stroke {number}"
            raise ValueError(f"{path} must have points of x, y and seconds, or of x and y. Received: {came}")
    try:
        return np.array(stroke or np.empty((0, 2)), float)
    except OverflowError:
        raise ValueError(
            f"{path} must have numbers of at most 1e308. Received: a larger one in stroke {number}"
        ) from None


def _csv(path: Path) -> list[np.ndarray]:
    table = read_table(path, {})
    if not set(COLUMNS) <= set(table.names):
        came = ", ".join(table.names)[:200]
        raise ValueError(f"{path} must have columns {', '.join(COLUMNS)}. Received: {came}")
    times = [name for name in table.names if name in TIMES]
    others = [name for name in table.names if name not in COLUMNS]
    if len(times) > 1 or (others and not times):  # a time by another name would be replaced without a word
        raise ValueError(
            f"{path} must name times {' or '.join(TIMES)}, where it has any. Received: {', '.join(others)}"
        )
    names = [*COLUMNS, *times]
    table.check_signs([table.place("read", name) for name in names])
    stroke, *values = [_column(table, name) for name in names]
    starts = np.flatnonzero(np.diff(stroke)) + 1
    runs = stroke[np.append(0, starts)]
    if len(set(runs)) < len(runs):
        again = next(run for place, run in enumerate(runs) if run in runs[:place])
        raise ValueError(f"{path} must have the rows of a stroke beside each other. Received: stroke {again:g} twice")
    return np.split(np.stack(values, axis=1), starts)


def _column(table: Table, name: str) -> np.ndarray:
    """Return a column of numbers without gaps."""
    place = table.place("read", name)
    numbers = table.numbers(place)
    if (gaps := np.isnan(numbers)).any():
        raise ValueError(
            f"{table.path} must have a number in each row. Received: {table.at(int(gaps.argmax()), place)}"
        )
    return numbers
