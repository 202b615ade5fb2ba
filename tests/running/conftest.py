"""What tests of whole runs share."""

from dataclasses import replace

import pytest

import running.train
from running.runs import WHERE


@pytest.fixture(scope="module")
def compile_once():
    """Begin again with the same compiled program wherever a training differs in no more than where it writes and its seed."""
    made, make_loop = {}, running.train.make_loop

    def cached(task, settings, sharing):
        key = replace(settings, **{name: None for name in WHERE}, seed=0)
        if key not in made:
            made[key] = make_loop(task, settings, sharing)
            return made[key]
        return made[key].restart(task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.train, "make_loop", cached)
        yield
