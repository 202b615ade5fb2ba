"""Which of the known names was meant by one that is not known."""

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the name most like a word, in whichever case, or else the shortest that contains it; None if there is none."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1)
    containing = sorted((name for name in names if len(word) > 2 and word.lower() in name), key=len)
    return next((names[name] for name in near + containing), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that offers the closest name, or nothing."""
    name = closest(word, known)
    return f"; did you mean {name}?" if name else ""
