"""What all pictures of experiments have in common."""

import pytest

from experiments.pictures import legend, panels


@pytest.mark.parametrize("width", [2.6, 5.2, 13])
def test_a_legend_is_no_wider_than_its_figure(width):
    """Of ten names, each more than an inch wide."""
    with panels(1, 1, width, 4) as (figure, ((axis,),)):
        for place in range(10):
            axis.plot([0, 1], [0, place], label=f"a curve, number {place}")
        legend(figure, axis)
        figure.canvas.draw()
    (made,) = figure.legends
    assert made.get_window_extent().width <= figure.bbox.width
