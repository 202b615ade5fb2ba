"""Type hints of settings: the value that words spell, the words that spell a value, and how to say what is expected."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

NAMED = {NoneType: (None,), bool: (False, True)}  # types whose values are spelt by their names
EXPECTED = {int: "a whole number", float: "a number", str: "a text", Path: "a path", bool: "True or False"}
SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}
LARGEST, LARGEST_FLOAT, SMALLEST_FLOAT = 2**31 - 1, 3.4e38, 1.2e-38  # of 32 bits; what is smaller counts as 0
PLACEHOLDERS = {int: "N", float: "X", str: "TEXT", Path: "PATH"}


def value_of(words: Sequence[str], hint: Any) -> Any:
    """Return the value of a type that words spell; raises a ValueError if there is none.

    Example:
        >>> value_of(["1", "2", "4"], tuple[int, ...])
        (1, 2, 4)
    """
    if get_origin(hint) is tuple:
        return tuple(value_of([word], get_args(hint)[0]) for word in words)
    if _is_union(hint):
        for part in sorted(get_args(hint), key=lambda part: part is not NoneType):
            with contextlib.suppress(ValueError):
                return value_of(words, part)
        raise ValueError(words)
    (word,) = words
    if not word:  # as of a shell's variable that is not set
        raise ValueError(word)
    if hint not in NAMED and not choices(hint):
        return hint(word)
    values = {str(value): value for value in NAMED.get(hint, choices(hint))}
    if word not in values:
        raise ValueError(word)
    return values[word]


def words_of(value: Any) -> list[str]:
    """Return the words that spell a value."""
    return [str(part) for part in (value if isinstance(value, tuple) else (value,))]


def is_of(value: Any, hint: Any) -> bool:
    """Return whether a value is of a type, that is, the one that its words spell."""
    with contextlib.suppress(ValueError):
        found = value_of(words_of(value), hint)
        return found == value or (found != found and value != value)  # not a number is a number here
    return False


def check_range(name: str, value: Any, more: str = "") -> None:
    """Raise a ValueError that names a setting whose number, or one of whose numbers, networks cannot compute with."""
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, int) and abs(number) > LARGEST:
            bound = f"most {LARGEST}" if number > 0 else f"least {-LARGEST}"
            raise ValueError(f"`{name}` must be at {bound}. Received: {number}{more}")
        if isinstance(number, float) and not abs(number) <= LARGEST_FLOAT:
            raise ValueError(f"`{name}` must be a number of at most {LARGEST_FLOAT:.1e}. Received: {number}{more}")
        if isinstance(number, float) and 0 < abs(number) < SMALLEST_FLOAT:
            raise ValueError(f"`{name}` must not be nearer to 0 than {SMALLEST_FLOAT:.1e}. Received: {number}{more}")


def expected(hint: Any, holder: str = "") -> str:
    """Return what a type expects, for a message; `holder` stands before that of which there may be several."""
    if _is_union(hint):
        return " or ".join(expected(part, holder) for part in get_args(hint) if part is not NoneType)
    several = get_origin(hint) is tuple
    if named := choices(hint):
        return f"{holder}some of " * several + "one of " * (not several) + ", ".join(map(str, named))
    return holder + SEVERAL[get_args(hint)[0]] if several else EXPECTED[hint]


def placeholder(hint: Any) -> str:
    """Return what stands for a value of a type in help."""
    if _is_union(hint):
        return "|".join(placeholder(part) for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is tuple:
        return f"{placeholder(get_args(hint)[0])} …"
    return PLACEHOLDERS.get(hint, "NAME")


def choices(hint: Any) -> tuple:
    """Return the values that a type names, itself or in its parts."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(value for part in get_args(hint) for value in choices(part))


def takes_several(hint: Any) -> bool:
    """Return whether several words may spell a value of a type."""
    return get_origin(hint) is tuple or (_is_union(hint) and any(map(takes_several, get_args(hint))))


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)
