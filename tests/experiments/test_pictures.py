"""What all pictures of experiments have in common."""

import numpy as np
import pandas as pd
import pytest

from experiments.pictures import boxes, legend, panels, points


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


def test_boxes_are_of_the_networks_that_did_not_diverge():
    frame = pd.DataFrame({"parameters": 100, "method": "lstm", "error": [np.inf, np.inf, 1.0, 2.0, 3.0]})
    published = {"lstm": {100: (4.0,)}}
    with panels(1, 2, 4, 2) as (_, ((all_diverged, axis),)):
        boxes(all_diverged, frame[:2], "error", [100], published)
        boxes(axis, frame, "error", [100], published)
    assert [own.get_title(loc="right") for own in (all_diverged, axis)] == ["all diverged", ""]
    kinds = [[type(own).__name__ for own in own.containers] for own in (all_diverged, axis)]
    known = ["BarContainer", "ErrorbarContainer"]  # of the legend, and what is published
    assert kinds == [known, ["BoxPlotContainer", *known]]
    (median,) = axis.containers[0].medians
    assert set(median.get_ydata()) == {2.0}
