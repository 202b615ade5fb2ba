"""IAM-OnDB, lines of English that people wrote on a whiteboard, as it is distributed, with the lists of its task.

M. Liwicki and H. Bunke, IAM-OnDB: an on-line English sentence database acquired from handwritten text on a whiteboard,
ICDAR 2005. A form such as `a01-000u` is a page of one writer: `lineStrokes/a01/a01-000/a01-000u-01.xml` and further hold
its lines, `ascii/a01/a01-000/a01-000u.txt` what was written. Lists name the forms for training, validation and the test.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from data.files import reading
from data.ink import Corpus, Line, line_of
from data.ink_files import read_xml
from data.text import read_text

# What is in which lists, and how many lines the task has, by Graves et al. 2009 (TPAMI 31, no. 5).
LISTS = {"training": ("trainset.txt",), "validation": ("testset_v.txt", "testset_t.txt"), "test": ("testset_f.txt",)}
PUBLISHED = {"training": 5364, "validation": 2956, "test": 3859}
FORM = r"([a-z]\d{2})-(\d{3})[a-z]?"  # folder, folder below it, and a letter where several people wrote one text


def load_iam(folder: Path) -> Corpus:
    """Load the lines of IAM-OnDB.

    Args:
        folder: with `lineStrokes/`, `ascii/` and the four lists.

    Returns:
        The corpus. The writer of a line is its form. `source` says how many lines there are, and how many published
        results are of; `skipped` names the lines that cannot be used, among them all of a form whose texts and strokes do not match.

    Raises:
        ValueError: a list or a transcription is missing, a form is in two lists, a file is damaged, or there is no line;
            names it, what was expected and what came.
    """
    if not folder.is_dir():
        raise ValueError(f"`iam` must be the folder of IAM-OnDB. Received: {folder}")
    forms = {part: [form for name in names for form in _listed(folder / name)] for part, names in LISTS.items()}
    everywhere = [form for listed in forms.values() for form in listed]
    if twice := sorted(form for form, count in Counter(everywhere).items() if count > 1):
        raise ValueError(f"{folder} must have lists that name a form once. Received: {twice[0]} twice")
    missing = [form for form in everywhere if not _transcription(folder, form).is_file()]
    if missing:
        came = f"{len(missing)} without, the first {_transcription(folder, missing[0])}"
        raise ValueError(f"{folder} must have a transcription of each of {len(everywhere)} forms. Received: {came}")
    skipped: dict[str, str] = {}
    parts = {
        part: tuple(line for form in listed for line in _lines(folder, form, skipped)) for part, listed in forms.items()
    }
    for message in dict.fromkeys(skipped.values()):
        print(f"skipped {message}")
    for part, lines in parts.items():
        if not lines:
            why = f", because {next(iter(skipped.values()))}" if skipped else ""
            raise ValueError(
                f"{folder} must have lines for each part. Received: none for {part}, {len(skipped)} skipped{why}"
            )
    counts = ", ".join(f"{part} {len(lines)} lines (published: {PUBLISHED[part]})" for part, lines in parts.items())
    return Corpus(**parts, source=f"IAM-OnDB, {counts}", skipped=skipped)


def read_transcription(path: Path) -> list[str]:
    """Return the lines of a text, which stand below `CSR:`; raises a ValueError that names a file without them."""
    with reading(path):
        text = path.read_text(encoding="latin-1")  # whatever the bytes: a strange one skips its line only
    stripped = [line.strip(" \t") for line in text.split("\n")]  # strange ones may end lines elsewhere
    if "CSR:" not in stripped or not (texts := [line for line in stripped[stripped.index("CSR:") + 1 :] if line]):
        raise ValueError(f"{path} must have lines of text below a line CSR:. Received: none")
    return texts


def _listed(path: Path) -> list[str]:
    if not path.is_file():
        raise ValueError(f"`iam` must have the list {path.name} of the task. Received: no such file in {path.parent}")
    forms = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if odd := [form for form in forms if not re.fullmatch(FORM, form)]:
        raise ValueError(f"{path} must name forms such as a01-000u, one a line. Received: {odd[0]!r}")
    return forms


def _transcription(folder: Path, form: str) -> Path:
    return _place(folder / "ascii", form) / f"{form}.txt"


def _place(top: Path, form: str) -> Path:
    outer, inner = re.fullmatch(FORM, form).groups()
    return top / outer / f"{outer}-{inner}"


def _lines(folder: Path, form: str, skipped: dict[str, str]) -> list[Line]:
    """Return the lines of a form that can be used, and enter the others in `skipped`."""
    texts = read_transcription(_transcription(folder, form))
    paths = sorted(_place(folder / "lineStrokes", form).glob(f"{form}-[0-9][0-9].xml"))
    if len(paths) != len(texts):  # which is which nobody can know
        why = f"{form} must have as many lines of strokes as of text, {len(texts)}. Received: {len(paths)}"
        skipped |= {f"{form}-{number:02d}": why for number in range(1, max(len(texts), len(paths)) + 1)}
        return []
    lines = []
    for path, text in zip(paths, texts, strict=True):
        root = read_xml(path)
        try:
            strokes = [_stroke(path.stem, stroke) for stroke in root.iter("Stroke")]
            lines.append(line_of(strokes, text, writer=form, name=path.stem))
        except ValueError as error:
            skipped[path.stem] = str(error)
    return lines


def _stroke(name: str, stroke) -> np.ndarray:
    """Return the points of a stroke [points, 3]."""
    try:
        points = [[float(point.get(key, "")) for key in ("x", "y", "time")] for point in stroke.iter("Point")]
    except ValueError as error:
        raise ValueError(f"{name} must have points of x, y and time. Received: {error}") from None
    return np.array(points, float).reshape(-1, 3)
