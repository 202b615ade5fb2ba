"""Marks that open and close in a text: spans inserted by a rule, and what is open how long after its opening (NumPy only)."""

from dataclasses import dataclass

import numpy as np

INSERTED = ("«", "»")  # which the text that ships does not have
NATURAL = ("(", ")")
# Characters since the opening mark.
BINS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, 200))
MARKS = {"inserted": INSERTED, "natural": NATURAL}
BINS_OF = {"inserted": BINS, "natural": BINS[:5]}  # few natural brackets are open for longer
LONGEST = BINS[-1][-1]
APART = (LONGEST + 1, LONGEST + 61)  # characters from one opening, less than the second, to where the next one may be
EACH = 10  # distances of a bin that are looked at, at most


def distances(low: int, high: int) -> np.ndarray:
    """Return the distances of a bin that are looked at, evenly over it."""
    return np.unique(np.linspace(low, high, min(EACH, high - low + 1)).astype(int))


def insert_spans(text: str, rng: np.random.Generator) -> str:
    """Return a text with the marks `INSERTED` put in, so that no other character tells what is open.

    A span opens where the next word begins after so many characters from the one before as is drawn evenly from `APART`, and
    where that one is closed. It closes where the next word begins or ends: half of them after 1 to `LONGEST` - 1 characters, drawn
    evenly on a log scale, the others later, evenly up to where the next one may open.
    """
    characters = np.array(list(text))
    blank = np.char.isspace(characters)
    borders = np.flatnonzero(blank[1:] != blank[:-1]) + 1
    places, opens = [], 0
    starts = borders[~blank[borders]]
    while (at := np.searchsorted(starts, opens)) < len(starts):
        start, apart = starts[at], rng.integers(*APART)
        within = int(LONGEST ** rng.random()) - 1 if rng.random() < 0.5 else rng.integers(LONGEST, apart)
        end = np.searchsorted(borders, start + within)
        if end == len(borders):
            break
        places += [start, borders[end]]
        opens = max(start + apart, borders[end])
    return "".join(np.insert(characters, places, np.resize(INSERTED, len(places))))


@dataclass(frozen=True)
class Marked:
    """What is known after the opening marks of a text, at so many distances from them.

    Args:
        places: where they stand [S].
        counted: whether there is no other opening mark so far [S, D].
        open: whether there is no closing mark so far [S, D].
    """

    places: np.ndarray
    counted: np.ndarray
    open: np.ndarray


def marked(text: np.ndarray, opening: str, closing: str, distance: np.ndarray) -> Marked:
    """Return what is open in a text, an array of characters [T], at distances [D] from those opening marks that the text goes
    on for so long after."""
    places, ends = np.flatnonzero(text == opening), np.flatnonzero(text == closing)
    following = np.append(places[1:], len(text))
    closed = np.append(ends, len(text))[np.searchsorted(ends, places)]
    kept = places + distance.max() < len(text)
    reached = places[kept, None] + distance  # [S, D]
    return Marked(places[kept], reached < following[kept, None], reached < closed[kept, None])


def best_of_ticks(period: int) -> float:
    """Return the best AUC there is for who sees one character in `period` alone, and forgets nothing.

    An inserted mark stands at such a tick with a chance of one in `period`. Who saw the opening alone holds it for open, who saw
    the closing knows that it is not, and who saw neither knows nothing.
    """
    seen = 1 / period
    missed = 1 - seen
    after_opening = (
        seen + missed**2 + missed * seen / 2
    )  # ranked above closing seen and nothing seen, level with itself
    return seen * after_opening + missed * (seen + missed**2 / 2)
