"""What an experiment leaves: a CSV file with a row for each network, a table in Markdown, and pictures."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from data.files import write_csv, write_whole
from tasks.figures import png


def write_results(
    folder: Path,
    name: str,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    table: str,
    pictures: Mapping[str, Figure],
) -> None:
    """Write NAME.csv, NAME.md and a PNG file for each picture, each whole or not at all, and print the table.

    Args:
        folder: where.
        name: of the first two files.
        columns: of the CSV file.
        rows: of the CSV file.
        table: Markdown.
        pictures: name → figure.
    """
    write_csv(folder / f"{name}.csv", columns, rows)
    with write_whole(folder / f"{name}.md") as path:
        path.write_text(table + "\n", encoding="utf-8")
    for picture, figure in pictures.items():
        with write_whole(folder / f"{picture}.png") as path:
            path.write_bytes(png(figure))
    print(table)
