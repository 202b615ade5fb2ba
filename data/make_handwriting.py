"""Lines of handwriting that a program writes, as quickly as they are needed; `made()` returns a corpus of them.

They are no people's. Each writer is a set of numbers drawn by chance: slant, size, proportions, spacing, how far apart
and uneven letters are, how corners are rounded, when the pen is lifted and how quickly it moves; and each letter is one of
two shapes, printed or joined, of the Hershey fonts, which A. V. Hershey drew in 1967. So this is easier than people in
some ways: nothing is misspelt or crossed out, there are few shapes of a letter, and the pen's noise is simple. In others it
is harder: a writer mixes shapes by chance, and there are only a few lines of each.

The text is `handwriting.txt`. Training, validation and test have sentences of their own and writers of their own.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from HersheyFonts import HersheyFonts
from scipy.ndimage import gaussian_filter1d

from data.ink import ALPHABET, Corpus, Line, line_of
from data.pen import move
from data.text import read_text

SENTENCES = Path(__file__).parent / "handwriting.txt"
LINES_A_WRITER = 10
PARTS = ("training", "validation", "test")
SHARES = (0.70, 0.12)  # of the sentences, for training and for validation; the rest is for the test
LINE = (24, 43)  # characters; the width of a line is the first or more, below the second
BASELINE, CAPITALS = 9, 21  # of the fonts: y of the baseline, and the height of an X above it
LEVELS = {  # of their small letters: y of the tops of l and x, of the baseline, and of the foot of g
    "rowmans": np.array([-21, -14, 0, 7]),
    "cursive": np.array([-21, -9, 0, 12]),
}
LATE = "ijt"  # letters with a dot or a bar that may wait for the end of the word


@dataclass(frozen=True)
class Glyph:
    """A letter's strokes [points, 2], from x = 0 at its left and y = 0 on the baseline, which of them are late, its width."""

    strokes: tuple[np.ndarray, ...]
    late: tuple[bool, ...]
    width: float


@dataclass(frozen=True)
class Writer:
    """How someone writes; lengths are in units of the fonts, in which an X is 21 high.

    Args:
        name: of the writer.
        shapes: of each character.
        bends: the proportions of each character, a matrix [2, 2].
        form: matrix [2, 2] from the fonts' units to the tablet's: size, proportion and slant.
        spacing, gap: width of letters, of their own, and of spaces.
        drift, wave, length: slope of the baseline, and height and length of its waves.
        wobble: how much letters differ from each other.
        tremor: how much points are off.
        rounding: how far corners are smoothed.
        reach, flow: how far the next stroke may begin for the pen to stay down, and how often it then does.
        waits: whether dots and bars wait for the end of the word.
        speed: of the pen, a second.
    """

    name: str
    shapes: dict[str, Glyph]
    bends: dict[str, np.ndarray]
    form: np.ndarray
    spacing: float
    gap: float
    drift: float
    wave: float
    length: float
    wobble: float
    tremor: float
    rounding: float
    reach: float
    flow: float
    waits: bool
    speed: float


@functools.lru_cache(maxsize=1)
def made(lines: int = 2000, validation: int = 300, test: int = 500, seed: int = 0) -> Corpus:
    """Write a corpus, the same for the same seed.

    Args:
        lines, validation, test: how many lines are for what; each at least 1.
        seed: of the writers, and of what they write; which sentences are for what is always the same.

    Raises:
        ValueError: a part would be empty, or the seed is negative; names the argument.

    Example:
        >>> corpus = made(lines=20, validation=10, test=10)
        >>> len(corpus.training), corpus.training[0].name
        (20, 'training000-00')
    """
    counts = {"lines": lines, "validation": validation, "test": test}
    for name, value, least in [*((name, count, 1) for name, count in counts.items()), ("seed", seed, 0)]:
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {value}")
    texts = np.random.default_rng(0).permutation(sentences())  # whatever the seed, none is in two parts
    ends = (np.cumsum(SHARES) * len(texts)).astype(int)
    parts = [
        tuple(_written(name, count, own, [seed, number]))
        for number, (name, count, own) in enumerate(zip(PARTS, counts.values(), np.split(texts, ends), strict=True))
    ]
    numbers = " + ".join(map(str, counts.values()))
    source = f"handwriting that data/make_handwriting.py writes, {numbers} lines, seed {seed}"
    return Corpus(*parts, source=source, skipped={})


def sentences() -> list[str]:
    """Return the sentences that are written, in the order of the file."""
    return [line for line in read_text(SENTENCES).splitlines() if line]


def draw_writer(name: str, rng: np.random.Generator) -> Writer:
    """Draw how someone writes.

    Args:
        name: of the writer.
        rng: of everything else.
    """
    joins = rng.random() < 0.5
    size, aspect, slant = rng.uniform(120, 260) / CAPITALS, rng.uniform(0.75, 1.15), rng.normal(0.08, 0.16)
    if joins:
        slant -= 0.1  # the joined shapes lean already
    middle = rng.uniform(8.5, 12.5) if joins else rng.uniform(10.5, 14.5)
    levels = np.array([-max(rng.uniform(17, 24), middle + 5), -middle, 0, rng.uniform(6, 12)])
    return Writer(
        name=name,
        shapes=_own_shapes(joins, levels, rng),
        bends=dict(zip(ALPHABET, np.eye(2) + rng.normal(0, 0.05, (len(ALPHABET), 2, 2)), strict=True)),
        form=size * np.array([[aspect, 0], [-slant, 1]]),
        spacing=rng.uniform(0.92, 1.08) if joins else rng.uniform(0.8, 1.15),
        gap=rng.uniform(10, 22),
        drift=rng.normal(0, 0.012),
        wave=rng.uniform(0, 1.6),
        length=rng.uniform(80, 400),
        wobble=rng.uniform(0.02, 0.07),
        tremor=rng.uniform(0.02, 0.12),
        rounding=rng.uniform(0.5, 1.6),
        reach=middle * rng.uniform(1, 1.4) if joins else rng.uniform(1, 8),
        flow=rng.uniform(0.85, 1) if joins else rng.uniform(0, 0.9),
        waits=rng.random() < (0.7 if joins else 0.1),
        speed=rng.uniform(220, 380),
    )


def write_line(text: str, writer: Writer, name: str, rng: np.random.Generator) -> Line:
    """Let a writer write a line.

    Args:
        text: words with single spaces between them.
        writer: who writes.
        name: of the line.
        rng: of everything that is never twice the same.
    """
    corners, stroke = _laid_out(text, writer, rng)
    x = corners[:, 0]
    corners[:, 1] += writer.drift * x + writer.wave * np.sin(2 * np.pi * (x / writer.length + rng.random()))
    points, seconds, stroke = move(corners, stroke, writer.rounding, writer.speed, rng)
    points += writer.tremor * gaussian_filter1d(rng.normal(size=points.shape), 1.0, axis=0)
    written = np.column_stack([np.round(points @ writer.form), np.round(seconds, 2)])
    return line_of(np.split(written, np.flatnonzero(np.diff(stroke)) + 1), text, writer.name, name)


def _written(part: str, count: int, texts: Sequence[str], seed: list[int]) -> Iterator[Line]:
    """Yield lines of as many writers as are needed, who copy sentences in an order of their own."""
    for number in range(-(-count // LINES_A_WRITER)):
        rng = np.random.default_rng([*seed, number])
        writer = draw_writer(f"{part}{number:03d}", rng)
        runs = _runs(texts, rng)
        for line in range(min(LINES_A_WRITER, count - number * LINES_A_WRITER)):
            yield write_line(next(runs), writer, f"{writer.name}-{line:02d}", rng)


def _runs(texts: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Yield sentences in an order drawn by chance as lines, cut between words."""
    width, line = rng.integers(*LINE), ""
    while True:
        for place in rng.permutation(len(texts)):
            for word in texts[place].split():
                if line and len(line) + 1 + len(word) > width:
                    yield line
                    width, line = rng.integers(*LINE), word
                else:
                    line = f"{line} {word}".strip()


@functools.cache
def _shapes(font: str) -> dict[str, Glyph]:
    """Return the shapes of the alphabet in a font of single strokes."""
    hershey = HersheyFonts()
    hershey.load_default_font(font)
    shapes = {}
    for character in ALPHABET:
        glyph = hershey.all_glyphs[character]
        strokes = [np.array(stroke, float) - (glyph.left_offset, BASELINE) for stroke in glyph.strokes]
        if character in "[]":  # drawn with a double stem
            strokes.pop(1)
        flat = [character in LATE and np.ptp(stroke[:, 1]) <= 2 for stroke in strokes]
        ordered = np.argsort(flat, kind="stable")  # dots and bars after the rest of the letter
        shapes[character] = Glyph(
            tuple(strokes[k] for k in ordered), tuple(flat[k] for k in ordered), float(glyph.char_width)
        )
    return shapes


def _own_shapes(joins: bool, levels: np.ndarray, rng: np.random.Generator) -> dict[str, Glyph]:
    """Draw a shape for each character, of one font or the other; small letters are brought to the writer's levels."""
    joined_capitals = joins and rng.random() < 0.35
    own = {}
    for character, other in zip(ALPHABET, rng.random(len(ALPHABET)) < 0.06, strict=True):
        if character.islower():
            font = "cursive" if joins != other else "rowmans"
            own[character] = _levelled(_shapes(font)[character], LEVELS[font], levels)
        else:
            own[character] = _shapes("cursive" if joined_capitals and character.isupper() else "rowmans")[character]
    return own


def _levelled(glyph: Glyph, levels: np.ndarray, own: np.ndarray) -> Glyph:
    """Return a small letter as high, in each of its parts, as a writer makes it, and as wide as its middle is high."""
    wide = own[1] / levels[1]
    margin = np.array([-10, 0, 0, 0, 0, 10])  # beyond the levels nothing is stretched
    old, new = (np.pad(each, 1, mode="edge") + margin for each in (levels, own))
    strokes = tuple(np.stack([wide * x, np.interp(y, old, new)], axis=1) for x, y in (s.T for s in glyph.strokes))
    return Glyph(strokes, glyph.late, wide * glyph.width)


def _laid_out(text: str, writer: Writer, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lay letters out from the left; return corners of strokes [N, 2], and which stroke each is of [N]."""
    glyphs = [writer.shapes[character] for character in text]
    space = np.array([character == " " for character in text])
    widths = np.where(space, writer.gap, [writer.spacing * glyph.width for glyph in glyphs])
    widths *= 1 + np.where(space, 0.15, 0.04) * rng.normal(size=len(text))
    bends = np.array([writer.bends[character] for character in text])  # [letters, 2, 2]
    bends += rng.normal(0, writer.wobble, bends.shape)
    shifts = rng.normal(0, 6 * writer.wobble, (len(text), 2))
    shifts[:, 0] += np.cumsum(widths) - widths
    words = np.cumsum(space)
    strokes = [  # in the order in which they are written
        (words[place], late and writer.waits, place, late, stroke)
        for place, glyph in enumerate(glyphs)
        for stroke, late in zip(glyph.strokes, glyph.late, strict=True)
    ]
    strokes.sort(key=lambda stroke: stroke[:3])
    word, _, place, late, shapes = zip(*strokes, strict=True)
    lengths = [len(shape) for shape in shapes]
    letter = np.repeat(place, lengths)  # [N]
    corners = np.einsum("ni,nij->nj", np.concatenate(shapes), bends[letter]) + shifts[letter]
    joinable = ~np.array(late) & [text[each].isalpha() for each in place]
    near = (np.diff(word) == 0) & joinable[1:] & joinable[:-1]
    lifts = _lifts(corners, np.cumsum(lengths)[:-1], near, writer, rng)
    return corners, np.repeat(np.append(0, np.cumsum(lifts)), lengths)


def _lifts(
    corners: np.ndarray, starts: np.ndarray, near: np.ndarray, writer: Writer, rng: np.random.Generator
) -> np.ndarray:
    """Return whether the pen is lifted before each stroke but the first, of which some are near the one before."""
    ways = np.hypot(*(corners[starts] - corners[starts - 1]).T)
    return ~(near & (ways < writer.reach) & (rng.random(len(ways)) < writer.flow))
