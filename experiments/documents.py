"""The documents: tables between markers in Markdown pages, made of the committed CSV files."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from data.files import write_whole
from experiments.grid import ROOT

TABLE = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> Iterator[Path]:
    """Yield the Markdown pages of the repository that may hold tables."""
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return a page with what stands between the markers of these tables replaced; other tables stay.

    >>> with_tables("<!-- table a -->\\nold\\n<!-- end -->", {"a": "new"})
    '<!-- table a -->\\nnew\\n<!-- end -->'
    """

    def new(found: re.Match) -> str:
        return f"{found[1]}{tables[found[2]]}\n{found[3]}" if found[2] in tables else found[0]

    return TABLE.sub(new, text)


def write_tables(tables: Mapping[str, str]) -> None:
    """Write tables, by name, into all pages that have a place for them."""
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = with_tables(before, tables)
        if after != before:
            with write_whole(page) as part:
                part.write_text(after, encoding="utf-8")
