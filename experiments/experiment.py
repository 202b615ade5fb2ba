"""What an experiment is: a question, a run that leaves CSV files, and documents made of these alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from matplotlib.figure import Figure

from experiments.grid import ROOT, Options
from experiments.store import Store

Method = Literal["simple_rnn", "lstm", "clockwork_rnn"]

RESULTS = ROOT / "results"


class Answer(NamedTuple):
    """What an experiment says to one question, in a line.

    Args:
        question: in a few words.
        answer: likewise.
        effect: how large, with an interval where there is more than one network.
        networks: trained for it.
    """

    question: str
    answer: str
    effect: str
    networks: int


@dataclass(frozen=True)
class Experiment:
    """One experiment. Its page is `docs/results/NAME.md`.

    Args:
        name: what is typed after `python -m experiments`.
        question: in one line.
        options: the flags, with the values of the full run.
        run: trains what is missing and writes CSV files to the store.
        tables: the CSV files → the name of each table in the pages → Markdown.
        answers: the CSV files → what they say to each question.
        pictures: the CSV files → the name of each PNG file → figure.
        quick: option → its value in a smoke run of a minute at most.
    """

    name: str
    question: str
    options: Options
    run: Callable[[Any, Store], None]
    tables: Callable[[Store], Mapping[str, str]]
    answers: Callable[[Store], Sequence[Answer]]
    pictures: Callable[[Store], Mapping[str, Figure]] = lambda store: {}
    quick: Mapping[str, Any] = field(default_factory=dict)

    def start(self, quick: bool) -> Options:
        """Return the options that flags change one by one."""
        return replace(self.options, quick=True, **self.quick) if quick else self.options

    def is_full(self, options: Options) -> bool:
        """Return whether the options compute the same as those of the full run, wherever that is.

        How many workers there are counts only where an experiment has a number of its own, because it measures times.
        """
        where = Options.__annotations__.keys() - type(self.options).__annotations__.keys()
        return replace(options, **{name: getattr(self.options, name) for name in where}) == self.options

    def folder(self, options: Options) -> Path:
        """Return where a run writes: only a full one replaces the committed results, unless it is told to."""
        if own := options.output_dir:
            return RESULTS if own.resolve() == RESULTS.resolve() else own  # which is named in many ways
        if self.is_full(options) and not options.quick:
            return RESULTS
        return RESULTS / ("quick" if options.quick else "changed") / self.name
