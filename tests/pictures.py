"""Pictures of whole runs, drawn with less care than they are shown with."""

from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from data.files import write_whole
from tasks.figures import STYLE


def write_roughly(path: Path, figure: Figure) -> None:
    """Write a figure as a small PNG file, drawn without ticks, and once, as nothing is arranged."""
    figure.set_layout_engine("none")
    figure.set_dpi(20)
    for axes in figure.axes:
        axes.set_axis_off()
    with write_whole(path) as part, part.open("wb") as file, matplotlib.rc_context(STYLE):
        FigureCanvasAgg(figure).print_png(file)
