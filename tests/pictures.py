"""Pictures of whole runs, drawn with less care than they are shown with."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks import figures


@contextmanager
def rough_pictures() -> Iterator[None]:
    """Have figures drawn small and their parts left where they are, which for small runs takes as long as all else."""
    png = figures.png

    def rough(figure) -> bytes:
        figure.set_layout_engine("none")
        return png(figure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(figures.STYLE, "savefig.dpi", 20)
        patch.setattr(figures, "png", rough)
        yield
