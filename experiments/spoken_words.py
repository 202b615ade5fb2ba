"""Koutník et al. 2014, Figure 4 and Table 3: spoken words, by networks of five sizes; and real spoken digits."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from experiments.experiment import Answer, Experiment, Method
from experiments.grid import Cell, Options, compute
from experiments.markdown import ahead, markdown, mean, middle, times
from experiments.pictures import NAIVE, NAMES, boxes, legend, panels
from experiments.published import WORDS_ERROR, WORDS_TABLE_3, WORDS_UNITS
from experiments.statistics import holm, rank_p, ratio
from experiments.store import Store

NETWORKS_PER_CELL = 20
SETTINGS = {"paper": "the paper's setting", "modern": "the best setting known of each method"}
DIGITS = {"digits_by_speaker": "a speaker never heard", "digits_at_random": "speakers that were all heard"}
NAMES_OF_TABLES = ("figure4", *DIGITS)
PAIRS = (("clockwork_rnn", "lstm"), ("lstm", "simple_rnn"))
WORDS, TEN = 25, 10  # classes, of the paper's words and of the digits
COLUMNS = ("setting", "method", "parameters", "units", "seed", "test_error", "train_error", "epochs", "seconds")

Groups = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    settings: tuple[Literal["paper", "modern"], ...] = tuple(SETTINGS)
    """Settings to train in."""
    methods: tuple[Method, ...] = tuple(WORDS_UNITS)
    """Networks to train."""
    parameters: tuple[Literal[500, 1000, 2500, 5000, 10000], ...] = (500, 1000, 2500, 5000, 10000)
    """Sizes to train; the hidden units are the paper's, whatever the number of words."""
    corpus: str | None = None
    """Folder with a folder of sound files for each word; without it, the words that ship."""
    test_speakers: tuple[str, ...] = ()
    """Speakers to test on, where files are named SPEAKER_….wav; without it, a list or a draw."""
    seeds: int = 20
    """Networks of each kind, with the seeds from 0 on."""
    epochs: int | None = None
    """Most epochs of each network; without it, as in `main.py`."""
    name: Literal[NAMES_OF_TABLES] = "figure4"
    """What the CSV file is called: figure4 of the words that ship, the others of a corpus of ten digits, by its split."""

    def check(self) -> None:
        super().check()
        if self.corpus and self.name == Flags.name:
            raise ValueError(f"`name` must be another one with `corpus`. Received: {self.name}")
        if not self.corpus and self.name != Flags.name:
            raise ValueError(f"`name` must be {Flags.name} without `corpus`. Received: {self.name}")


def make_cells(options: Flags) -> Iterator[tuple[dict, Cell]]:
    """Yield (what the rows of the networks say, the cell that trains them)."""
    from experiments.training.generation import blocks
    from main import recipe

    for setting, method, size in itertools.product(options.settings, options.methods, options.parameters):
        start = recipe("words", recipe=setting, model=method, units=WORDS_UNITS[method][size])
        epochs = options.epochs or start.epochs
        network = replace(start, epochs=epochs, corpus=options.corpus, test_speakers=options.test_speakers)
        for seeds in blocks(options.seeds, NETWORKS_PER_CELL):
            key = {"setting": setting, "method": method, "parameters": size, "units": network.units, "seed": seeds}
            name = f"{setting}-{method}-{size}-{seeds[0]}"
            yield key, Cell(name, {"settings": network, "seeds": seeds}, len(seeds))


def run(options: Flags, store: Store) -> None:
    from experiments.training import words

    keys, cells = zip(*make_cells(options), strict=True)
    words.SpokenWords(cells[0].arguments["settings"])  # computes the features once, and refuses what cannot be trained
    results = compute(words.train_networks, cells, store, options)
    parts = [
        pd.DataFrame(key | {name: result[name] for name in COLUMNS[5:]})
        for key, result in zip(keys, results, strict=True)
    ]
    store.write(options.name, pd.concat(parts), COLUMNS)


def tables(store: Store) -> dict[str, str]:
    """Return the test errors of both settings, those of the largest networks as in Table 3, and those on digits."""
    found = {}
    if "figure4" in store:
        by_size = of_words(store)
        ps = compared(by_size)
        for setting in SETTINGS:
            groups = {group: rows for group, rows in by_size.items() if group[0] == setting}
            found[f"words-{setting}"] = errors_table("parameters", groups, ps, published=True)
        found["words-table-3"] = table_3(store["figure4"])
    digits = {name: store[name] for name in DIGITS if name in store}
    if digits:
        found["digits"] = errors_table("tested on", digits, compared(digits), published=False)
    return found


def answers(store: Store) -> list[Answer]:
    """Return how many times as many words the LSTM gets wrong with 10,000 parameters, in both settings, and digits."""
    words, digits = of_words(store), {name: store[name] for name in DIGITS}
    ps, largest = compared(words) | compared(digits), max(parameters for _, parameters in words)
    said = {(setting, largest): f"words, with {what}" for setting, what in SETTINGS.items()}
    said |= {name: f"digits of {what}" for name, what in DIGITS.items()}
    found = []
    for group, what in said.items():
        rows = (words | digits)[group]
        own, lstm = (rows.test_error[rows.method == method] for method in PAIRS[0])
        effect = f"LSTM : Clockwork RNN {times(ratio(lstm, own))}, 10,000 parameters"
        asked = f"Does the Clockwork RNN err less than the LSTM on {what}?"
        found.append(Answer(asked, ahead(own, lstm, ps[group, PAIRS[0]]), effect, len(rows)))
    return found


def of_words(store: Store) -> Groups:
    """Return the rows of Figure 4 for each setting and number of parameters."""
    return dict(list(store["figure4"].groupby(["setting", "parameters"], sort=False)))


def compared(groups: Groups) -> dict[tuple, float]:
    """Return (group, pair of methods) → p of the rank-sum test between their test errors, adjusted for all of these."""
    found = {
        (group, pair): rank_p(*(rows.test_error[rows.method == method] for method in pair))
        for group, rows in groups.items()
        for pair in PAIRS
        if set(pair) <= set(rows.method)
    }
    return dict(zip(found, holm(list(found.values())), strict=True))


def errors_table(label: str, groups: Groups, ps: Mapping[tuple, float], published: bool) -> str:
    """Return a line a group: median and quartiles of each method, perhaps beside the published median, and p of the pairs."""
    head = [label]
    for method in WORDS_UNITS:
        head += [NAMES[method], *["published"] * published]
    head += [f"p: {NAMES[one]}, {NAMES[other]}" for one, other in PAIRS]
    lines = []
    for group, rows in groups.items():
        line = [DIGITS[group] if group in DIGITS else group[1]]
        for method in WORDS_UNITS:
            errors = rows.test_error[rows.method == method]
            line += [middle(errors, ".3g") if len(errors) else "–"]
            line += [WORDS_ERROR[method][line[0]]] if published else []
        line += [f"{ps[group, pair]:.1g}" if (group, pair) in ps else "–" for pair in PAIRS]
        lines.append(line)
    return markdown(head, lines)


def table_3(rows: pd.DataFrame) -> str:
    """Return mean and standard deviation of the largest networks in both settings, beside the published ones."""
    largest = rows[rows.parameters == 10000].groupby(["method", "setting"]).test_error
    known = {group: mean(errors, ".1f", ".1f") for group, errors in largest}
    lines = [
        [NAMES[method], *(known.get((method, setting), "–") for setting in SETTINGS), "{} ± {}".format(*published)]
        for method, published in WORDS_TABLE_3.items()
    ]
    return markdown(["network", *SETTINGS.values(), "published, on TIMIT"], lines)


def pictures(store: Store) -> dict[str, Figure]:
    found = {"figure4": figure4(store["figure4"])} if "figure4" in store else {}
    digits = {name: store[name] for name in DIGITS if name in store}
    return found | ({"digits": digits_figure(digits)} if digits else {})


def figure4(rows: pd.DataFrame) -> Figure:
    """Draw the test errors like Figure 4, with the published medians beside."""
    settings = [setting for setting in SETTINGS if (rows.setting == setting).any()]
    sizes = sorted(rows.parameters.unique())
    published = {method: {size: (error,) for size, error in own.items()} for method, own in WORDS_ERROR.items()}
    with panels(len(settings), 1, 8, 0.6 + 2.9 * len(settings), sharex=True, sharey=True) as (figure, grid):
        for (axis,), setting in zip(grid, settings, strict=True):
            boxes(axis, rows[rows.setting == setting], "test_error", sizes, published)
            axis.axhline(100 * (1 - 1 / WORDS), label="chance", **NAIVE)
            axis.set(title=SETTINGS[setting], ylabel="test error (%)", ylim=(0, 100))
        axis.set_xlabel("parameters, about")
        legend(figure, axis)
    return figure


def digits_figure(tests: Groups) -> Figure:
    """Draw the test errors on digits, a panel a test."""
    with panels(1, len(tests), 8, 3.6, sharey=True) as (figure, grid):
        for axis, (name, rows) in zip(grid[0], tests.items(), strict=True):
            boxes(axis, rows, "test_error", sorted(rows.parameters.unique()), {})
            axis.axhline(100 * (1 - 1 / TEN), label="chance", **NAIVE)
            axis.set(title=f"ten digits, tested on\n{DIGITS[name]}", ylim=(0, 100))
            axis.set(xlabel="parameters, about", ylabel="test error (%)")
        legend(figure, axis)
    return figure


EXPERIMENT = Experiment(
    name="spoken-words",
    question="Which network tells spoken words from each other with the fewest errors, at equal numbers of parameters?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"parameters": (500,), "seeds": 2, "epochs": 2},
)
