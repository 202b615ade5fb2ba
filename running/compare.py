"""Runs beside each other: a table, their curves in one picture for each task, and a page of both."""

import argparse
import csv
import functools
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.closest import did_you_mean
from data.files import is_utf8, read_json, reading, write_csv
from running.failures import in_words, output_may_fail
from running.folders import FILES
from running.metrics import mean, results, said, table
from running.report import PAGE, data_uri, write_page
from running.runs import WHERE
from tasks.report import Quantity, Report

SETTINGS = ("model", "units")  # in every line of the table
CONFIG = (*SETTINGS, "replicas", "command")  # that there must be, and of the metrics
METRICS = ("quantities", "parameters", "seconds")
MOST_METRICS = 3  # of a task, in the table
TITLE = "{} runs compared"  # of a comparison's page; the name of a run has no blank


class Run(NamedTuple):
    """A finished run: its name, its folder, what `config.json` and `metrics.json` in it hold, and the columns of its tables."""

    name: str
    folder: Path
    config: dict[str, Any]
    metrics: dict[str, Any]
    tables: dict[str, dict[str, np.ndarray]]


def main(arguments: Sequence[str]) -> int:
    """Read `[RUN …]`, print the table and write picture, CSV and page; raises a ValueError for a run that is not there."""
    parser = argparse.ArgumentParser("main.py compare", description=__doc__, exit_on_error=False)
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", help="RUN or TASK/RUN; without any, all in the results folder"
    )
    parser.add_argument("--results-dir", type=_path, default=Path("results"), help="where the runs are (results)")
    parser.add_argument("--output", type=_path, help="folder of comparisons alone to write to (RESULTS_DIR/comparison)")
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from None
    if unknown:
        raise ValueError(f"compare takes RUN …, --results-dir and --output. Received: {' '.join(unknown)}")
    runs = find(options.results_dir, options.runs)
    output = options.output or options.results_dir / "comparison"
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"`output` must be a folder that can be written. Received: {output} ({error.strerror})"
        ) from None
    _check_output(output)
    with output_may_fail():
        compare(runs, output)
        print(f"\nThe report is {output / PAGE}")
    return 0


def _check_output(output: Path) -> None:
    """Raise a ValueError where files of a folder would be replaced that no comparison has written."""
    page, title = output / PAGE, f"<title>{TITLE.format('[0-9]+')}</title>"
    if any(output.iterdir()) and not (page.is_file() and re.search(title, page.read_text("utf-8", errors="replace"))):
        raise ValueError(f"`output` must be new, or empty, or of an earlier comparison. Received: {output}")


def _path(word: str) -> Path:
    if not word:  # as of a shell's variable that is not set; it would be the current folder
        raise argparse.ArgumentTypeError("must be a path. Received: nothing")
    return Path(word)


def find(results_dir: Path, names: Sequence[str]) -> list[Run]:
    """Return the runs of these names, RUN or TASK/RUN, or all of the folder; raises a ValueError if one is not there."""
    there = [path.parent for path in results_dir.glob("*/*/metrics.json") if "~" not in path.parent.name]
    there = {f"{folder.parent.name}/{folder.name}": folder for folder in there}
    if not there:
        raise ValueError(f"`results_dir` must hold finished runs. Received: {results_dir}")
    chosen = {} if names else dict(sorted(there.items()))
    for name in names:
        found = {full: folder for full, folder in there.items() if name in (full, folder.name)}
        if not found:
            near = did_you_mean(name, [*there, *(folder.name for folder in there.values())])
            known = near or f"; there are {', '.join(sorted(there))}"
            raise ValueError(f"RUN must be a finished run in {results_dir}. Received: {name}{known}")
        chosen |= found
    runs = []
    for name, folder in chosen.items():
        try:
            runs.append(_read(name, folder))
        except (ValueError, OSError) as error:
            if names:
                raise
            print(f"left out: {in_words(error)}")
    if not runs:
        raise ValueError(f"`results_dir` must hold finished runs that are not damaged. Received: {results_dir}")
    return runs


def _read(name: str, folder: Path) -> Run:
    """Return a run, once it is sure that all that is told of it is there."""
    if not is_utf8(name):
        raise ValueError(f"the name of a run must be text. Received: {name!r}")
    file = folder / "metrics.json"
    metrics = read_json(file, *METRICS)
    try:
        if not results(metrics):
            raise ValueError
        quantities = {name: Quantity(**values) for name, values in metrics["quantities"].items()}
        for quantity in quantities.values():
            "".join((quantity.label, quantity.unit, quantity.naive_is, said(quantity.naive)))
        metrics["quantities"] = {name: quantity._asdict() for name, quantity in quantities.items()}
        "".join(mean(metrics, result) for result in results(metrics))
        said(metrics["parameters"]), said(metrics["seconds"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise ValueError(f"{file} must hold numbers as a run leaves them. Received: others") from None
    files = {folder / "training.csv", *folder.glob("epochs.csv")}
    tables = {path.stem: _columns(path, metrics["quantities"]) for path in files}
    return Run(name, folder, read_json(folder / "config.json", *CONFIG), metrics, tables)


def compare(runs: Sequence[Run], output: Path) -> None:
    """Print the table of runs and write `TASK.csv`, `TASK.png` and `report.html` into a folder."""
    tasks, write = [], functools.partial(write_page, output / PAGE, "comparison.html", title=TITLE.format(len(runs)))
    write(tasks=tasks)  # so that the folder is known where this is interrupted
    for task, own in _of_a_kind(runs).items():
        head, lines = lines_of(own)
        print(f"\n{task}\n" + table([head, *lines]))
        write_csv(output / f"{task}.csv", head, (dict(zip(head, line, strict=True)) for line in lines))
        Report({task: _curves(own)}).write(output)
        tasks.append(
            {
                "name": task,
                "head": head,
                "lines": lines,
                "picture": data_uri(output / f"{task}.png"),
                "runs": [run.folder.name for run in own],
                "differing": _differing(own),
                "commands": [run.config["command"] for run in own],
            }
        )
    write(tasks=tasks)


def _of_a_kind(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs that can be compared, by their task and, where those have different results, by the first of these too."""
    kinds: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        first = next(iter(run.metrics["quantities"]))
        kinds.setdefault(run.folder.parent.name, {}).setdefault(first, []).append(run)
    return {
        task if len(own) == 1 else f"{task}_{first}": alike
        for task, own in kinds.items()
        for first, alike in own.items()
    }


def lines_of(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns, and a line for each run of one task."""
    quantities = runs[0].metrics["quantities"]
    first, *others = [name for name in quantities if any(name in results(run.metrics) for run in runs)][:MOST_METRICS]
    head = ["run", *SETTINGS, "parameters", "networks", quantities[first]["label"], "without learning"]
    head += [*(quantities[name]["label"] for name in others), "training time"]
    lines = []
    for run in runs:
        naive = run.metrics["quantities"].get(first, {"naive": None, "unit": ""})
        line = [run.folder.name, *(str(run.config[name]) for name in SETTINGS), said(run.metrics["parameters"])]
        found = [mean(run.metrics, name) if name in results(run.metrics) else "–" for name in (first, *others)]
        line += [str(run.config["replicas"]), found[0], said(naive["naive"], naive["unit"])]
        lines.append([*line, *found[1:], said(run.metrics["seconds"], "s")])
    return head, lines


def _curves(runs: Sequence[Run]):
    """Draw what was measured after each epoch, the task's number if it was, otherwise what training made small over updates."""
    from tasks import figures

    quantities = runs[0].metrics["quantities"]
    file = "epochs" if all("epochs" in run.tables for run in runs) else "training"
    names = [name for name in quantities if all(name in run.tables[file] for run in runs)]
    if not names:
        raise ValueError(f"runs must have a curve in common. Received: {', '.join(run.name for run in runs)}")
    name, curves = names[0], {}
    for run in runs:
        columns = run.tables[file]
        spread = [columns.get(f"{name}{kind}", columns[name]) for kind in ("_lower_quartile", "", "_upper_quartile")]
        curves[run.folder.name] = next(iter(columns.values())), np.stack(spread)
    quantity = Quantity(**quantities[name])
    if any(run.metrics["quantities"][name] != quantities[name] for run in runs):  # each has a target of its own
        quantity = quantity._replace(naive=None)
    return figures.comparison_figure(curves, "epochs" if file == "epochs" else "updates", quantity)


def _columns(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return the columns of a table that a run has left, among which must be one of these names."""
    try:
        with reading(path), open(path, newline="", encoding="utf-8") as file:
            head, *lines = csv.reader(file)
        columns = dict(zip(head, np.array(lines, float).T, strict=True))
    except (ValueError, csv.Error):
        raise ValueError(f"{path} must be a table of numbers, as a run leaves it. Received: something else") from None
    if not columns.keys() & set(names):
        raise ValueError(f"{path} must have a column of {' or '.join(names)}. Received: {', '.join(head)}")
    return columns


def _differing(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Return the settings in which runs differ, and the value of each run."""
    names = runs[0].config.keys() - WHERE - {"command", "changed_from_recipe", "versions", FILES}
    values = {name: [run.config.get(name, "") for run in runs] for name in sorted(names)}
    return {name: each for name, each in values.items() if any(value != each[0] for value in each)}
