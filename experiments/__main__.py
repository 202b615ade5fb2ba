"""`python -m experiments`: list the experiments, run one, or make all documents again from the committed results."""

import sys

from running import signals, surroundings

if __name__ == "__main__":
    signals.end_quietly()
    surroundings.prepare()

import time
from collections.abc import Sequence
from datetime import date

import pandas as pd

from benchmarks import rows, summary
from benchmarks.figure import scaling_figure
from data.closest import did_you_mean
from data.files import DamagedError, in_a_line
from experiments import (
    arithmetic,
    diary,
    documents,
    equal_span,
    evolution,
    extensions,
    forgetting,
    handwriting,
    learned_periods,
    long_lags,
    main_job,
    open_brackets,
    reliability,
    search,
    sequence_generation,
    series,
    soft_choice,
    speech,
    spoken_words,
    target_rates,
    tensorflow_2016,
    text,
    turns,
    wiring_input,
)
from experiments.experiment import RESULTS, Experiment
from experiments.grid import Options, machine
from experiments.markdown import markdown
from experiments.store import Store
from running import metrics
from tasks.report import Report

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        main_job.EXPERIMENT,
        arithmetic.EXPERIMENT,
        sequence_generation.EXPERIMENT,
        spoken_words.EXPERIMENT,
        handwriting.EXPERIMENT,
        speech.EXPERIMENT,
        diary.EXPERIMENT,
        text.EXPERIMENT,
        series.EXPERIMENT,
        extensions.EXPERIMENT,
        wiring_input.EXPERIMENT,
        turns.EXPERIMENT,
        soft_choice.EXPERIMENT,
        equal_span.EXPERIMENT,
        open_brackets.EXPERIMENT,
        forgetting.EXPERIMENT,
        target_rates.EXPERIMENT,
        tensorflow_2016.EXPERIMENT,
        search.EXPERIMENT,
        evolution.EXPERIMENT,
        learned_periods.EXPERIMENT,
        long_lags.EXPERIMENT,
    )
}
RUNS = "experiments"  # the CSV file with when each experiment last ran, and how long it took
ANSWERS = "answers"  # the table of what they say
COLUMNS = ("experiment", "date", "minutes", "cores", "processor")
USAGE = """python -m experiments                     list the experiments
python -m experiments NAME [--quick] [--flag VALUE …]
                                          run one and make its documents; NAME --help lists its flags
python -m experiments --render            make all tables and pictures again, from the committed CSV files"""


def table(store: Store) -> str:
    """Return the experiments as a Markdown table: question, page, and the last full run."""
    lines = []
    for name, question, minutes, when in _listed(store):
        lines.append((f"[{name}]({name}.md)", question, f"`python -m experiments {name}`", minutes, when))
    return markdown(("experiment", "question", "command", "wall time (min)", "last full run"), lines)


def answers(store: Store) -> str:
    """Return what the experiments say as a Markdown table, a line a question."""
    lines = [
        (answer.question, answer.answer, answer.effect, f"{answer.networks:,}", f"[{name}]({name}.md)")
        for name, experiment in EXPERIMENTS.items()
        for answer in experiment.answers(store)
    ]
    return markdown(("question", "answer", "effect (95 % interval)", "networks", "experiment"), lines)


def _listed(store: Store) -> list[tuple[str, str, str, str]]:
    """Return (name, question, minutes, date) of all experiments."""
    runs = store[RUNS].astype(object).fillna("–").set_index("experiment")
    unknown = pd.Series({"minutes": "–", "date": "–"})
    last = {name: runs.loc[name] if name in runs.index else unknown for name in EXPERIMENTS}
    return [(name, own.question, str(last[name].minutes), last[name].date) for name, own in EXPERIMENTS.items()]


def run(experiment: Experiment, options: Options) -> None:
    """Run an experiment, draw its pictures and print its tables; those of a full run go into the pages."""
    options.check()
    store = Store(experiment.folder(options), experiment.name)
    began = time.perf_counter()
    experiment.run(options, store)
    minutes = max(store.seconds, time.perf_counter() - began) / 60
    tables = experiment.tables(store)
    print("", *tables.values(), f"Computed in {minutes:.1f} minutes; results are in {store.folder}", sep="\n\n")
    Report(experiment.pictures(store)).write(store.folder)
    if store.folder == RESULTS and experiment.is_full(options):
        _note(store, experiment.name, minutes, options)
        documents.write_tables({RUNS: table(store), ANSWERS: answers(store), **tables})


def _note(store: Store, name: str, minutes: float, options: Options) -> None:
    """Keep when an experiment ran and how long it took."""
    said = (name, date.today().isoformat(), round(minutes, 1), *machine(options))
    row = dict(zip(COLUMNS, said, strict=True))
    kept = [other for other in store[RUNS].to_dict("records") if other["experiment"] != name]
    order = list(EXPERIMENTS)
    store.write(RUNS, sorted([*kept, row], key=lambda row: order.index(row["experiment"])), COLUMNS)


def all_tables(store: Store) -> dict[str, str]:
    """Return name → table of all experiments and of the benchmark."""
    tables = {RUNS: table(store), ANSWERS: answers(store), **summary.tables(rows.read()), **reliability.tables(store)}
    tables["handwriting-speed"] = summary.handwriting(rows.read(rows.HANDWRITING))
    for experiment in EXPERIMENTS.values():
        tables |= experiment.tables(store)
    return tables


def render(store: Store) -> None:
    """Make all documents again, from the committed results."""
    documents.write_tables(all_tables(store))
    Report({"benchmark": scaling_figure(rows.read())}).write(RESULTS)
    for experiment in EXPERIMENTS.values():
        Report(experiment.pictures(store)).write(RESULTS)


def _refuse(why: str) -> int:
    """Say in a line what was wrong; returns the exit status."""
    print(f"python -m experiments: {' '.join(why.split())}", file=sys.stderr)
    return 2


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit status."""
    store = Store(RESULTS)
    name, *flags = arguments or ["--help"]
    if name == "--render" and flags:
        return _refuse(f"--render must stand alone. Received: {' '.join(flags)}")
    if name not in {*EXPERIMENTS, "--render", "--help", "-h"}:
        near = did_you_mean(name, EXPERIMENTS)
        return _refuse(f"NAME must be one that `python -m experiments` lists. Received: {name}{near}")
    try:
        if name == "--render":
            render(store)
            return 0
        if name not in EXPERIMENTS:
            head = ("name", "question", "minutes", "last full run")
            print(USAGE, "", metrics.table([head, *_listed(store)]), sep="\n")
            return 0
    except (DamagedError, OSError) as error:
        return _refuse(str(error))
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # of what is made of a table
        what = f"{store.latest}, or a table read before it, must be as an experiment leaves it"
        return _refuse(f"{what}. Received: {type(error).__name__}, {in_a_line(error)}")
    import running.quiet  # noqa: F401 (here, because documents are made without TensorFlow)
    from running import command_line

    experiment = EXPERIMENTS[name]
    default = experiment.start("--quick" in flags)
    program = f"python -m experiments {name}"
    return command_line.run(lambda options: run(experiment, options), flags, default, program)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
