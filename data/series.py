"""A user's own measurements as sequences, whatever file they come in, and what is to be said of each.

Tables (CSV, Parquet) name what their columns are for; archives (`.ts`, NPZ) and folders of classes say it themselves.
"""

import reprlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from data.files import is_utf8
from data.npz_files import read_npz
from data.parquet_files import read_parquet
from data.roles import Roles, check_roles, find_places
from data.table_sequences import Sequences, find_features, read_sequences, refuse_columns
from data.tables import LARGEST, Table, read_table
from data.times import is_same_step
from data.ts_files import Archive, read_ts

__all__ = ["Roles", "Sequences", "load", "split"]

TABLES = {suffix: read_table for suffix in (".csv", ".tsv", ".txt")} | {".parquet": read_parquet, ".pq": read_parquet}
ARCHIVES = {".npz": read_npz, ".ts": read_ts}


def load(path: Path, roles: Roles, trained: Sequence[str] | None = None) -> Sequences:
    """Read sequences from a file or a folder.

    Args:
        path: a table (`.csv`, `.tsv`, `.txt`, `.parquet`); an archive (`.npz` with `x`, `y` and perhaps `lengths`, or `.ts`);
            or a folder with one table a sequence, in a folder for each class, or with answers that are the same in all
            rows of a table.
        roles: what columns are for. Archives name theirs by number, and the answers as the file does.
        trained: the features that a run was trained on, which are all that is read then; other columns, and answers, count for
            nothing.

    Returns:
        The sequences, in the order of the file, or of the names of files.

    Raises:
        ValueError: names the argument or the file, row and column, what was expected and what came.
        OSError: the file cannot be read.

    Example:
        >>> load(Path("data/koutnik2014_figure5_targets.csv"), Roles(target=("2",), horizon=10)).values[0].shape
        (320, 5)
    """
    check_roles(roles)
    if trained is not None:
        roles = replace(roles, label=None, target=roles.target if roles.horizon else (), test_groups=None)
    suffix = path.suffix.lower()
    if path.is_dir():
        sequences = _load_folder(path, roles, trained)
    elif not path.is_file():
        raise ValueError(
            f"{path} must be a file or a folder. Received: {'another thing' if path.exists() else 'nothing there'}"
        )
    elif suffix in ARCHIVES:
        sequences = _of_archive(path, ARCHIVES[suffix](path), roles, trained)
    elif suffix in TABLES:
        sequences = _load_table(path, roles, trained)
    else:
        raise ValueError(
            f"{path} must end in one of {', '.join([*TABLES, *ARCHIVES])}. Received: {suffix or 'no ending'}"
        )
    _check(path, sequences)
    return sequences


def split(sequences: Sequences, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw which sequences are for testing: a share of each class, and of the groups whole ones.

    Args:
        sequences: with labels, or without.
        share: between 0 and 1, which is met as well as classes and groups allow.
        seed: of the draw.

    Returns:
        Indices for training and for testing, in order. Each class of several sequences, or groups, is on both sides
        wherever the groups allow it, and no group is.

    Raises:
        ValueError: the share is none, or nothing can be left for one side.
    """
    if not 0 < share < 1:
        raise ValueError(f"`test_share` must be between 0 and 1. Received: {share}")
    number = len(sequences.values)
    labelled = sequences.answers is not None and sequences.answers.ndim == 1
    classes = pd.factorize(sequences.answers)[0] if labelled else np.zeros(number, int)  # [N]
    groups = np.arange(number) if sequences.groups is None else pd.factorize(sequences.groups)[0]  # [N]
    counts = np.zeros((groups.max() + 1, classes.max() + 1), int)  # [G, C]
    np.add.at(counts, (groups, classes), 1)
    tests = _draw(counts, share, np.random.default_rng(seed))
    if not tests.any():
        came = f"{number} sequences" + f" of {len(counts)} groups" * (sequences.groups is not None)
        raise ValueError(f"`test_share` must leave some of a class for training and for testing. Received: {came}")
    test = tests[groups]
    return np.flatnonzero(~test), np.flatnonzero(test)


def _draw(counts: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return which groups are for testing, leaving some of each class for training; `counts` is [groups, classes]."""
    left = counts.sum(axis=0)  # [C] in training
    wanted = share * left
    tested = np.zeros_like(left)
    order = generator.permutation(len(counts))
    tests = np.zeros(len(counts), bool)

    def take(group: int) -> None:
        count = counts[group]
        if not tests[group] and (left - count)[count > 0].all():
            tests[group] = True
            left[:] -= count
            tested[:] += count

    for kind in np.argsort((counts > 0).sum(axis=0), kind="stable"):  # one of each, the rarest first: least choice
        for group in order[counts[order, kind] > 0]:
            if not tested[kind]:
                take(group)
    for group in order:  # then whatever comes closer to the share
        if np.abs(tested + counts[group] - wanted).sum() <= np.abs(tested - wanted).sum():
            take(group)
    return tests


def _load_table(path: Path, roles: Roles, trained: Sequence[str] | None) -> Sequences:
    if trained is None:
        _check_asked(path, roles)
        if roles.group is None and not roles.horizon:
            asked = f"`target` {' '.join(roles.target)}" if roles.target else f"`label` {roles.label}"
            raise ValueError(
                f"`group` must name which rows of {path} are one sequence. Received: nothing, with {asked}"
            )
    table = _read(path, roles)
    return read_sequences(table, roles, find_features([table], roles, trained))


def _load_folder(folder: Path, roles: Roles, trained: Sequence[str] | None) -> Sequences:
    if roles.group is not None:
        raise ValueError(f"`group` must not be given for a folder: each file is a sequence. Received: {roles.group}")
    inner = [below for below in _seen(folder) if below.is_dir()]
    seen = {where: _seen(where) for where in inner or [folder]}
    found = {where: [path for path in paths if path.suffix.lower() in TABLES] for where, paths in seen.items()}
    files = [path for own in found.values() for path in own]
    if not files:
        raise ValueError(
            f"{folder} must hold files {', '.join(TABLES)}, perhaps in a folder for each class. Received: none"
        )
    if empty := [where for where, own in found.items() if not own]:
        raise ValueError(f"{folder} must hold files {', '.join(TABLES)} of each class. Received: none in {empty[0]}")
    if deeper := [below for where in inner for below in seen[where] if below.is_dir()]:
        raise ValueError(f"{folder} must hold no folders in those of classes. Received: {deeper[0]}")
    if not inner:
        if trained is None:
            _check_asked(folder, roles)
    elif asked := roles.label or ", ".join(roles.target):
        raise ValueError(
            f"{folder} must hold no folders, which say the class, where `label` or `target` does. Received: {asked}"
        )
    besides = [path for paths in seen.values() for path in paths if path.suffix.lower() not in TABLES]
    if others := [path for path in besides if not path.is_dir()]:
        print(f"skipped {len(others)} in {folder} that end in none of {', '.join(TABLES)}, such as {others[0].name}")
    tables = [_read(path, roles) for path in files]
    features = find_features(tables, roles, trained)
    parts = [read_sequences(table, roles, features) for table in tables]
    _check_times(files, parts)
    joined = lambda arrays: None if arrays[0] is None else np.concatenate(arrays)  # noqa: E731
    return Sequences(
        tuple(features),
        tuple(part.values[0] for part in parts),
        tuple(path.relative_to(folder).as_posix() for path in files),
        np.array([path.parent.name for path in files]) if inner else joined([part.answers for part in parts]),
        joined([part.groups for part in parts]),
        None if roles.time is None else tuple(part.times[0] for part in parts),
        any(part.zoned for part in parts),
        parts[0].known,
    )


def _check_times(files: Sequence[Path], parts: Sequence[Sequences]) -> None:
    """Raise a ValueError that names two files whose times cannot be told together: of other steps, or one without a zone."""
    steps = [(path, part.step) for path, part in zip(files, parts, strict=True) if part.step is not None]
    for path, step in steps:
        if not is_same_step(step, steps[0][1]):
            came = f"{steps[0][1]:g} in {steps[0][0]}"
            raise ValueError(
                f"{path} must have the steps of time of the others, or `every` say which to make. Received: {step:g}, but {came}"
            )
    for path, part in zip(files, parts, strict=True):
        if part.zoned != parts[0].zoned:
            raise ValueError(
                f"{path} must give a zone with its times, or none, as {files[0]} does. Received: the other"
            )


def _seen(folder: Path) -> list[Path]:
    """Return what is in a folder, in order, but for what is hidden."""
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "__"))]


def _read(path: Path, roles: Roles) -> Table:
    if not is_utf8(path):  # it is the name of a sequence
        raise ValueError(f"{ascii(str(path))} must be named in UTF-8. Received: other bytes")
    return TABLES[path.suffix.lower()](path, roles.texts())


def _check_asked(path: Path, roles: Roles) -> None:
    if roles.label is None and not roles.target:
        raise ValueError(f"`label` or `target` must name the column of {path} that is to be told. Received: neither")


def _of_archive(path: Path, archive: Archive, roles: Roles, trained: Sequence[str] | None) -> Sequences:
    for role in ("time", "group", "test_groups"):
        if (column := getattr(roles, role)) is not None:
            raise ValueError(f"`{role}` must not be given for {path}, which has no such column. Received: {column}")
    number = archive.values[0].shape[1]
    names = [str(place) for place in range(1, number + 1)]
    stand_in = Table(path, names, pd.DataFrame(np.zeros((1, number))), first=1)
    if trained is not None and not roles.columns and list(trained) != names:  # which count by their places alone
        refuse_columns(path, names, trained)
    # The answers are no column: only a forecast's target is looked for among the values.
    features = replace(roles, label=None, target=roles.target if roles.horizon else ())
    columns = find_features([stand_in], features, trained)
    places = [names.index(name) for name in columns]
    return Sequences(
        tuple(columns),
        tuple(values[:, places] for values in archive.values),
        tuple(str(place) for place in range(1, len(archive.values) + 1)),
        _answers(path, archive, roles) if trained is None and not roles.horizon else None,
        None,
        None,
        known=tuple(names[place] for place in find_places(stand_in, features)["known"]),
    )


def _answers(path: Path, archive: Archive, roles: Roles) -> np.ndarray:
    """Return texts [N] or float64 [N, m], as asked for or, where nothing is, as the file has them."""
    answers, asked = archive.answers, roles.label or ", ".join(roles.target)
    if answers is None:
        raise ValueError(f"{path} must hold answers, or `target` and `horizon` ask for a forecast. Received: none")
    if asked and asked.lower() != archive.answer.lower():
        role = "label" if roles.label else "target"
        raise ValueError(
            f"`{role}` must be {archive.answer}, as {path} names its answers, or not given. Received: {asked}"
        )
    numeric = answers.dtype.kind in "fiub"
    if roles.target or (not roles.label and answers.dtype.kind == "f"):
        numbers = answers.astype(float).reshape(len(answers), -1) if numeric else np.full((1, 1), np.nan)
        if not (np.abs(numbers) <= LARGEST).all():
            came = f"{numbers[~(np.abs(numbers) <= LARGEST)][0]:g}" if numeric else "texts"
            raise ValueError(f"{path} must hold finite numbers {archive.answer}. Received: {came}")
        return numbers
    if answers.dtype.kind == "f" and not np.isfinite(answers).all():
        came = f"{answers[~np.isfinite(answers)][0]:g}"
        raise ValueError(f"{path} must hold a label {archive.answer} of each sequence. Received: {came}")
    if answers.ndim > 1:
        raise ValueError(f"{path} must hold one label {archive.answer} a sequence. Received: {list(answers.shape)}")
    whole = answers.dtype.kind == "f" and (answers % 1 == 0).all() and (np.abs(answers) < 2**63).all()  # of int64
    labels = (answers.astype(np.int64) if whole else answers).astype(str)
    if "" in labels:
        raise ValueError(f"{path} must hold a label {archive.answer} of each sequence. Received: an empty one")
    return labels


def _check(path: Path, sequences: Sequences) -> None:
    """Raise a ValueError that names what no network can learn from."""
    names: Sequence[str] = sequences.names
    filled = np.zeros(len(sequences.columns), bool)
    for name, values in zip(names, sequences.values, strict=True):
        there = ~np.isnan(values)
        if (bad := there & ~(np.abs(values) <= LARGEST)).any():
            step, place = np.argwhere(bad)[0]
            raise ValueError(
                f"{path} must hold numbers of at most {LARGEST:.2g}. Received: {values[step, place]:g} in step {step + 1} "
                f"of feature {sequences.columns[place]} of sequence {reprlib.repr(name)}"
            )
        if not there.any():
            raise ValueError(f"{path} must hold numbers in each sequence. Received: none in {reprlib.repr(name)}")
        filled |= there.any(axis=0)
    if not filled.all():
        empty = sequences.columns[int(filled.argmin())]
        raise ValueError(f"{path} must hold numbers in each feature. Received: none in {reprlib.repr(empty)}")
