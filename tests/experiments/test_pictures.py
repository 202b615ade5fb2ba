"""What all pictures of experiments have in common."""

import numpy as np
import pytest

from experiments.pictures import legend, panels, points


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


@pytest.mark.parametrize("values", [(0.61, 0.58, 0.65), (21, 60), (5, 40), (1, 1e6)])
def test_a_logarithmic_axis_has_a_few_ticks_that_do_not_overlap(values):
    with panels(1, 1, 4, 2) as (figure, ((axis,),)):
        axis.plot(values, range(len(values)))
        axis.set_xscale("log")
    figure.canvas.draw()
    low, high = axis.get_xlim()
    labels = [*axis.xaxis.get_ticklabels(), *axis.xaxis.get_ticklabels(minor=True)]
    seen = [own for own in labels if own.get_text() and low <= own.get_position()[0] <= high]
    assert len(seen) >= 2
    places = sorted((box.x0, box.x1) for box in (own.get_window_extent() for own in seen))
    assert all(end < start for (_, end), (start, _) in zip(places, places[1:], strict=False))


def test_networks_that_all_diverged_are_said_to_have():
    with panels(1, 1, 4, 2) as (_, ((axis,),)):
        points(axis, [np.inf, np.nan], 0, "C0", "one")
        points(axis, [np.inf, 1.0], 1, "C1", "other")
    assert [(own.get_text(), own.get_position()[1]) for own in axis.texts] == [("diverged", 0)]
