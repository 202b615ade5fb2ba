"""What tests of whole runs share."""

import shutil
from dataclasses import replace

import pytest
from finished import settings_in

import running.train
from running.runs import WHERE, Run
from running.train import train
from tasks.sequence_generation import SequenceGeneration


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


@pytest.fixture(scope="module")
def finished(compile_once, tmp_path_factory):
    """A folder with a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    settings = settings_in(folder)
    train(SequenceGeneration(settings), settings, Run("generation", settings))
    return folder


@pytest.fixture
def settings(finished, tmp_path):
    """Settings of a finished run, in a folder of its own."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return settings_in(tmp_path)
