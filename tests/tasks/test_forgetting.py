"""The schedule of forgetting, against one counted by hand."""

import pytest
import tensorflow as tf

from tasks.forgetting import ForgettingSettings, where_kept
from tasks.task import Carried


@pytest.mark.parametrize(
    "every, growth, expected",  # of 3 epochs of 5 updates: those that begin from 0
    [
        (0, 1.0, [0, 5, 10]),
        (1, 1.0, list(range(15))),
        (2, 1.0, [0, 2, 4, 5, 7, 9, 10, 12, 14]),
        (2, 2.0, [0, 2, 4, 5, 9, 10]),  # every 2, 4, 8
        (1, 1.6, [0, 1, 2, 3, 4, 5, 7, 9, 10, 13]),  # every 1, 1.6 and 2.56, rounded
        (4, float("inf"), [0, 4, 5, 10]),
        (10**9, 1e30, [0, 5, 10]),
    ],
)
def test_state_and_clock_are_0_where_the_schedule_says(every, growth, expected):
    settings = ForgettingSettings(forget_every=every, forget_growth=growth)
    carried = Carried([tf.ones([2, 1, 3])], tf.constant(7))
    begun = []
    for update in range(15):
        (state,), clock = where_kept(carried, settings, tf.constant(update), 5)
        assert int(clock) in (0, 7) and (state.numpy() == int(clock) / 7).all()
        if not int(clock):
            begun.append(update)
    assert begun == expected
