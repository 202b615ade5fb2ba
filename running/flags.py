"""The flags of a dataclass of settings: a parser whose help is made of types, sentences and current values."""

import argparse
import ast
import inspect
import itertools
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_type_hints

from data.closest import closest, did_you_mean
from data.files import is_utf8
from running import hints
from tasks.flag import GROUPS, Flag

Tasks = Mapping[str, tuple[type, Sequence[Any]]]  # name → (class, recipes)

FIRST, OTHERS = "what matters most", "flags"  # titles of those that stand before, and after, the groups
NEGATIVE = re.compile(r"-[\d.]+(e[+-]?\d+)?", re.IGNORECASE)  # a number that the parser might take for a flag
MARK = "\0"  # before such a number; no word of a command line holds one
DEFAULTS = {"False": "off", "True": "on", "None": "none", "": "none"}


@dataclass(frozen=True)
class Setting:
    """A setting as the command line sees it.

    Args:
        name: of the dataclass's field.
        hint: its type.
        sentence: what stands below it.
        group: its title in the help.
        place: within the group; the same for all but those that matter most.
        also: other names that people try for it.
    """

    name: str
    hint: Any
    sentence: str
    group: str
    place: int
    also: tuple[str, ...]

    @property
    def flag(self) -> str:
        return as_flags(f"`{self.name}`")


def as_flags(text: str) -> str:
    """Return a text in which names between backticks are spelt as flags."""
    return re.sub(r"`(\w+)`", lambda found: "--" + found[1].replace("_", "-"), text)


def settings_of(kind: type, choices: Mapping[str, Iterable[str]] | None = None) -> list[Setting]:
    """Return the settings of a dataclass, some perhaps with choices that their types do not name."""
    types, annotated, groups, sentences = get_type_hints(kind), get_type_hints(kind, include_extras=True), {}, {}
    types |= {name: Literal[tuple(values)] for name, values in (choices or {}).items()}
    for base in reversed(inspect.getmro(kind)[:-1]):
        groups = dict.fromkeys(inspect.get_annotations(base), vars(base).get("help_group", OTHERS)) | groups
        sentences |= _sentences(base)
    found = []
    for name in (field.name for field in fields(kind)):
        mark = next((mark for mark in getattr(annotated[name], "__metadata__", ()) if isinstance(mark, Flag)), Flag())
        group = FIRST if mark.first else mark.group or groups[name]
        found.append(Setting(name, types[name], sentences.get(name, ""), group, mark.first, mark.also))
    return sorted(found, key=lambda setting: setting.place)


def make_parser(settings: Sequence[Setting], default: Any = None, description: str = "") -> argparse.ArgumentParser:
    """Return a parser that finds the words of each flag, and whether help is asked for.

    Args:
        settings: those that have flags.
        default: the dataclass whose values the help names; None where it is not asked for.
        description: what the help begins with.
    """
    parser = argparse.ArgumentParser(
        usage=argparse.SUPPRESS,
        description=description,
        formatter_class=_Formatter,
        argument_default=argparse.SUPPRESS,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help=argparse.SUPPRESS)
    groups = {title: parser.add_argument_group(title) for title in (FIRST, *GROUPS, OTHERS)}
    for setting in settings:
        shape = {"nargs": "*", "metavar": hints.placeholder(setting.hint)}
        if setting.hint is bool:
            shape = {"action": argparse.BooleanOptionalAction}
        text = default and _help(setting, getattr(default, setting.name))
        groups[setting.group].add_argument(setting.flag, help=text, **shape)
    return parser


def given(
    arguments: Sequence[str], settings: Sequence[Setting], program: str, tasks: Tasks
) -> tuple[dict[str, Any], bool]:
    """Return the values that stand on a command line by the names of their settings, and whether it asks for help.

    Args:
        arguments: the words.
        settings: those that have flags.
        program: what to call for help.
        tasks: in whose flags to look for those that are not known; see `command_line.read`.

    Raises:
        ValueError: says in one line which word is wrong, what was expected and what came.
    """
    for word in arguments:
        if not is_utf8(word):  # it could be neither logged nor written into a page
            raise ValueError(
                f"flags and their values must be in UTF-8, and so must the locale. Received: {ascii(word)}"
            )
    try:
        found, unknown = make_parser(settings).parse_known_args([_plain(word) for word in arguments])
    except argparse.ArgumentError as error:  # only flags that switch can be refused: all others take any words
        raise ValueError(f"{error.argument_name} must come without a value") from None
    if unknown:
        raise ValueError(_not_known([word.removeprefix(MARK) for word in unknown], settings, program, tasks))
    found, by_name = vars(found), {setting.name: setting for setting in settings}
    asks_help = found.pop("help", False)
    return {name: _value(by_name[name], words) for name, words in found.items()}, asks_help


def _plain(word: str) -> str:
    """Return a word as the parser wants it: flags with hyphens, and numbers marked that it might take for a flag."""
    if NEGATIVE.fullmatch(word):
        return f"{MARK}{word}"
    return re.sub(r"^--[\w-]+", lambda found: found[0].replace("_", "-"), word)


def _value(setting: Setting, words: list[str] | bool) -> Any:
    if setting.hint is bool:
        return words
    words = [word.removeprefix(MARK) for word in words]
    try:
        return hints.value_of(words, setting.hint)
    except ValueError:
        came = shlex.join(words) if len(words) > 1 else "".join(words)
        named = list(map(str, hints.choices(setting.hint)))
        if hints.takes_several(setting.hint) and "," in came:
            plain = re.sub(r"[],([)]", " ", " ".join(words)).split()
            more = f"; separate them by blanks: {setting.flag} {' '.join(plain)}"
        else:
            more = did_you_mean(next((word for word in words if word not in named), ""), named)
        wanted = hints.expected(setting.hint)
        raise ValueError(f"`{setting.name}` must be {wanted}. Received: {came or 'nothing'}{more}") from None


def _not_known(words: Sequence[str], settings: Sequence[Setting], program: str, tasks: Tasks) -> str:
    """Return what there is to say of words that no flag took: the first flag among them, or the first word."""
    word = next((word for word in words if word.startswith("-")), words[0]).split("=")[0]
    flag = re.sub("^--no-", "--", word)
    names = {name.replace("_", "-"): setting.flag for setting in settings for name in (setting.name, *setting.also)}
    others = [name for name, (_, recipes) in tasks.items() if flag in {s.flag for s in settings_of(type(recipes[0]))}]
    name = flag.lstrip("-") if word.startswith("-") else ""
    if others and name not in names:
        return f"{word} is not known for this task: it is a flag of {', '.join(others)}"
    near = closest(name, names)
    more = f"did you mean {names[near]}?" if near else f"{program} --help names the flags"
    return f"{word} is not {'known' if word.startswith('-') else 'expected'}: {more}"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=28)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return action.metavar  # not "[N ...]": how many words a flag takes is the type's affair


def _help(setting: Setting, value: Any) -> str:
    expected = hints.expected(setting.hint)
    choices = f" {expected[0].upper()}{expected[1:]}." if hints.choices(setting.hint) else ""
    default = " ".join(hints.words_of(value))
    text = f"{as_flags(setting.sentence)}{choices} Default:\N{NO-BREAK SPACE}{DEFAULTS.get(default, default)}"
    return text.replace("%", "%%")


def _sentences(kind: type) -> dict[str, str]:
    """Return the sentence below each annotation of a class."""
    body = ast.parse(inspect.getsource(kind)).body[0].body
    return {
        one.target.id: " ".join(below.value.value.split())
        for one, below in itertools.pairwise(body)
        if isinstance(one, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }
