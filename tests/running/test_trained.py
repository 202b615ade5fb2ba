"""By what data are told from others when a training goes on, and how parts of the replicas are put together."""

import dataclasses

import numpy as np
import pytest

from main import recipe
from running.checkpoints import CheckpointError
from running.loop import Loop
from running.trained import Trained, data_in_short, same_data, train_silently
from tasks.character_model import CharacterModel
from tasks.sequence_generation import SequenceGeneration

DATA = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32), np.arange(3000) % 80


@pytest.mark.parametrize("change", [lambda x: x[::-1], lambda x: x + (np.arange(x.size) == 7).reshape(x.shape)])
@pytest.mark.parametrize("place", [0, 1])
def test_other_data_are_told(change, place):
    other = [change(own) if number == place else own for number, own in enumerate(DATA)]
    assert not same_data(data_in_short(DATA), data_in_short(other))


@pytest.mark.parametrize("places", [(0, 1), (0, 2), (1, 2), (5, 900)])
def test_two_that_are_swapped_are_told(places):
    """As where the labels of two sequences are corrected, or two characters of a long text."""
    labels = np.array([3, 2, 1, 0] * 250_000)
    other = labels.copy()
    other[list(places)] = labels[list(places[::-1])]
    assert (other != labels).sum() == 2 and not same_data(data_in_short(labels), data_in_short(other))


def test_sizes_must_be_the_same():
    assert not same_data(data_in_short(DATA), data_in_short((DATA[0], np.append(DATA[1], 0))))


def test_what_is_rounded_otherwise_is_the_same():
    rounded = DATA[0] * np.float32(1 + 1e-6), DATA[1]
    assert same_data(data_in_short(DATA), data_in_short(rounded))


def test_of_other_data_it_is_said_that_they_are_others_also_where_the_network_is_another(tmp_path):
    """A character more in a text is a column more of the weights."""
    file = tmp_path / "text.txt"
    settings = recipe("text", units=4, periods=(1, 2), streams=2, chunk=8, text=str(file))
    trained = []
    for text in ("the slow clock " * 20, "the slow clock! " * 20):
        file.write_text(text)
        trained.append(Trained(Loop(CharacterModel(settings), settings)))
    one, other = trained
    with pytest.raises(
        CheckpointError, match="`text` must hold what the run to resume began with. Received: other data"
    ):
        other.restore(one.state())
    one.restore(one.state())


@pytest.mark.usefixtures("without_xla")
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 1), (1, 2), (3,)])
def test_parts_of_the_replicas_are_together_what_one_part_is(sizes):
    """Parts are of one size but for the last, which has what is left."""
    settings = recipe("generation", replicas=3, units=4, periods=(1, 2), length=20, epochs=3)
    whole = train_silently(SequenceGeneration(settings), settings)
    ends = np.cumsum(sizes)
    seeds = [tuple(range(end - size, end)) for size, end in zip(sizes, ends)]
    parts = [train_silently(SequenceGeneration(settings, own), settings).state() for own in seeds]
    joined = Trained(Loop(SequenceGeneration(settings), settings))
    joined.join(parts)
    assert joined.loop.progress.history.shape == (3, 3, len(whole.loop.columns))
    np.testing.assert_allclose(joined.loop.progress.history, whole.loop.progress.history, rtol=1e-4)
    np.testing.assert_allclose(joined.weights, whole.weights, rtol=1e-3, atol=1e-5)
    assert joined.seen == 3 and (joined.stopped == 3).all() and not joined.lost.any()


@pytest.mark.usefixtures("without_xla")
def test_a_part_that_diverged_before_its_first_epoch_was_over_has_no_numbers(tmp_path):
    (tmp_path / "text.txt").write_text("the slow clock " * 20)
    settings = recipe("text", units=4, periods=(1, 2), streams=2, chunk=8, epochs=1, replicas=2)
    settings = dataclasses.replace(settings, text=str(tmp_path / "text.txt"))
    states = []
    for seed, spoilt in enumerate((1, np.nan)):
        loop = Loop(task := CharacterModel(settings, (seed,)), settings)
        loop.restart(task, weights=loop.weights * np.float32(spoilt))
        states.append(Trained(loop).to_the_end().state())
    joined = Trained(Loop(CharacterModel(settings), settings))
    joined.join(states)
    assert list(joined.lost) == [False, True] and len(joined.epochs) == 1
    assert all(np.isfinite(noted[0]) and np.isnan(noted[1]) for noted in joined.epochs[0].values())
