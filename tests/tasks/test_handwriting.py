"""The handwriting task: what a network sees, what a batch holds, how errors are counted, and what a trained run reads."""

import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from networks import fresh

from data.ink import Corpus, line_of
from main import recipe
from models.ctc import ctc_loss
from running.loop import Loop
from tasks.handwriting import CLASSES, Handwriting, possible, text_of
from tasks.ink_inputs import alike, least_steps, padded, steps_of

TINY = {"lines": 40, "batch_size": 4, "model": "clockwork_rnn", "units": 9, "periods": (1, 4), "epochs": 1}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return recipe("handwriting", **TINY, results_dir=folder / "results", log_dir=folder / "log", name="a")


@pytest.fixture(scope="module")
def task(settings):
    return Handwriting(settings, seeds=(0, 1))


def outputs(task, weights, steps):
    return tf.function(task.network.apply, autograph=False)(
        task.network.split(tf.constant(weights)), tf.constant(steps)
    )


def ink(strokes, text="ab", name="line"):
    return line_of([np.array(stroke, float) for stroke in strokes], text, "someone", name)


TWO_STROKES = ink([[(0, 0, 5), (1, 0, 5.1), (2, 1, 5.2)], [(9, 1, 6), (10, 2, 6.1), (11, 2, 6.2), (12, 2, 6.3)]])


def test_every_third_point_is_kept_with_the_lifts_between():
    """Points 0, 3, 6 of seven; the pen is lifted after the third and the last."""
    seen = steps_of(TWO_STROKES, 3, "positions")
    np.testing.assert_allclose(seen, [[0, 0, 0, 1], [9, 1, 1, -1], [12, 2, 1.3, 1]], rtol=1e-6)


def test_offsets_are_those_from_the_last_point_kept():
    seen = steps_of(TWO_STROKES, 3, "offsets")
    np.testing.assert_allclose(seen, [[0, 0, 0, 1], [9, 1, 1, -1], [3, 1, 0.3, 1]], rtol=1e-6)


def test_a_text_needs_a_blank_between_equal_characters():
    assert [least_steps(text) for text in ("", "a", "ab", "aab", "aaa")] == [0, 1, 2, 4, 5]


def test_training_lines_too_short_for_their_text_are_counted_and_left_out():
    """Those of the test stay: what cannot be read is an error."""
    strokes = [[(t, 0, t) for t in range(8)]]  # 8 points are 3 steps
    fits, too_long = ink(strokes, "aa", "fits"), ink(strokes, "abcd", "too long")
    corpus, lost = possible(Corpus((fits, too_long), (fits,), (fits, too_long), "by hand", {}), 3)
    assert (corpus.training, corpus.test, lost) == ((fits,), (fits, too_long), 1)
    with pytest.raises(
        ValueError, match="`every` must leave training lines of as many steps as characters. Received: 3"
    ):
        possible(Corpus((too_long,), (fits,), (fits,), "by hand", {}), 3)


def test_what_was_left_out_is_said(task, monkeypatch):
    assert task.remark({}) == ""
    monkeypatch.setattr(task, "impossible", 2)
    monkeypatch.setattr(task, "corpus", replace(task.corpus, skipped={"a": "an empty stroke"}))
    said = "Lines left out, which could not be used: 1\nLines left out, too short for their text: 2"
    assert task.remark({}) == said


def test_padded_lines_are_those_lines_with_zeros_behind_them():
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=(length, 4)).astype(np.float32) for length in (5, 9, 6)]
    texts = ["a", "", "fg!"]
    inputs, targets = padded(steps, texts, 12)
    assert (inputs.shape, targets.labels.shape) == ((3, 12, 4), (3, 3))
    for line, (own, text) in enumerate(zip(steps, texts, strict=True)):
        np.testing.assert_array_equal(inputs[line], np.pad(own, [(0, 12 - len(own)), (0, 0)]))
        assert (targets.steps[line], targets.counts[line]) == (len(own), len(text))
        assert text_of(targets.labels[line, : len(text)]) == text


@given(st.lists(st.integers(1, 300), min_size=5, max_size=60), st.integers(1, 5), st.integers(0, 99))
def test_batches_are_of_lines_alike_none_of_them_twice(lengths, size, seed):
    """A line may stand before one that is shorter by 5 % of both their lengths, and no more."""
    lengths = np.array(lengths)
    batches = alike(lengths, size, np.random.default_rng(seed))
    assert batches.shape == (len(lengths) // size, size)
    assert len(set(batches.ravel())) == batches.size
    in_order = lengths[batches.ravel()]
    longest_before = np.maximum.accumulate(in_order)
    assert (longest_before * 0.95 <= in_order * 1.05 + 1e-9).all()


def test_little_of_a_batch_is_padding(task):
    """Between lines in random order it would be a third: 16 of 1,000 lines that ship."""
    lengths = np.random.default_rng(0).normal(200, 50, 1000).clip(80)  # about those of lines that ship
    batches = lengths[alike(lengths, 16, np.random.default_rng(0))]
    assert 1 - batches.mean() / batches.max(-1).mean() < 0.06


def test_an_epoch_is_each_line_at_most_once_in_an_order_of_each_network(task):
    places = task.places()(0, task.batches)
    assert places.shape == (task.batches, 2, 4) and task.batches > 1
    for replica in range(2):
        lines = places[:, replica].ravel()
        assert len(set(lines)) == len(lines) == 4 * task.batches
    assert (places[:, 0] != places[:, 1]).any()
    lengths = task.training.targets.steps[places].mean(
        -1
    )  # [updates, R]: as long in both networks, as loops end for all
    assert np.abs(lengths[:, 0] - lengths[:, 1]).mean() < lengths[:, 0].std() / 2
    assert (np.diff(lengths[:, 0]) < 0).any()  # not from the short to the long


def test_a_place_depends_on_the_update_alone(task):
    find, begin = task.places(), task.batches - 1  # the last of an epoch, and those of the next
    found = find(begin, 3)
    for number in range(3):
        np.testing.assert_array_equal(task.places()(begin + number, 1)[0], found[number])


@pytest.mark.usefixtures("without_xla")
def test_a_network_computes_the_same_as_its_keras_model(task):
    """In both directions, with lines shorter than others in their batch."""
    weights, keras_model = fresh(task)
    steps = task.test.inputs[:3]
    found = outputs(task, weights, steps)[0]
    expected = keras_model(steps)
    for line, count in enumerate(task.test.targets.steps[:3]):
        np.testing.assert_allclose(found[line, :count], expected[line, :count], atol=1e-5)


def test_padding_changes_nothing(task):
    weights, lines = fresh(task)[0], task.test
    count = lines.targets.steps[0]
    with_others = outputs(task, weights, lines.inputs[:2])[0, 0, :count]
    alone = outputs(task, weights, lines.inputs[:1, :count])[0, 0]
    np.testing.assert_allclose(with_others, alone, atol=1e-5)


def test_the_first_three_features_are_standardised_by_the_training_lines(task):
    steps = np.concatenate([steps_of(line, 3, "offsets") for line in task.corpus.training])
    front = task.network.front
    np.testing.assert_allclose(front.mean, [*steps[:, :3].mean(0), 0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(front.variance, [*steps[:, :3].var(0), 1], rtol=1e-4)
    seen, counts = front.seen(tf.constant(task.training.inputs), lambda values, axes: values)
    np.testing.assert_array_equal(counts, task.training.targets.steps)
    np.testing.assert_allclose(seen[..., 3], task.training.inputs[..., 3])


def test_both_directions_have_weights_of_their_own(task):
    """81 characters and blank; a weight for each input and unit, each pair of modules that hear each other, and each bias."""
    names = task.network.names
    assert sum(name.startswith("forward_") for name in names) == sum(name.startswith("backward_") for name in names) > 2
    assert CLASSES == 82
    assert task.network.shapes[-2:] == [(18, 82), (82,)]
    arrays = dict(zip(names, task.network.split(task.network.start(0).weights), strict=True))
    pairs = [
        (array, arrays[name.replace("forward", "backward")]) for name, array in arrays.items() if "forward" in name
    ]  # biases are the same
    assert not any((forth == back).all() for forth, back in pairs if forth.ndim > 1)


@pytest.mark.parametrize("lines, bound", [(0, "least 1"), (100_001, "most 100000")])
def test_numbers_of_lines_out_of_range_are_refused_before_any_is_written(settings, monkeypatch, lines, bound):
    monkeypatch.setattr("tasks.handwriting.load_corpus", None)
    with pytest.raises(ValueError, match=f"`lines` must be at {bound}. Received: {lines}"):
        Handwriting(replace(settings, lines=lines))


def test_a_learned_first_state_is_refused(settings):
    with pytest.raises(ValueError, match="`learned_initial_state` is for tasks that read in one direction"):
        Handwriting(replace(settings, learned_initial_state=True))


def test_one_program_serves_batches_of_all_lengths(task):
    """XLA compiles anew for each value of what it takes for a constant; an update is far faster than that."""
    loop, begun = Loop(task, task.settings, 99), time.perf_counter()
    loop.call(0)
    compiled = time.perf_counter()
    for _ in range(task.batches):
        loop.call(1)
    assert (time.perf_counter() - compiled) / task.batches < (compiled - begun) / 8


@pytest.mark.usefixtures("without_xla")
def test_batches_cut_to_a_few_lengths_train_as_whole_ones(settings, monkeypatch):
    """With noise and dropout, which are drawn for all steps, and in which each network finds lines of its own."""
    monkeypatch.setattr("tasks.handwriting.MANY", 1)
    cut, whole = (Handwriting(replace(settings, dropout=0.2, input_noise=0.1, replicas=2)) for _ in "ab")
    assert (
        len(cut.stops) == 3
        and (cut.training.targets.steps[cut.places()(0, cut.batches)].max((1, 2)) <= cut.stops[1]).any()
    )
    whole.stops = cut.stops[-1:]
    weights = [Loop(task, task.settings).run(task.batches).weights for task in (cut, whole)]
    np.testing.assert_allclose(*weights, atol=1e-5)


@pytest.mark.usefixtures("without_xla")
def test_training_lowers_the_mean_loss_of_the_lines(settings):
    task = Handwriting(replace(settings, every=9, epochs=4, learning_rate=2e-2))
    loop = Loop(task, task.settings).run()
    losses = loop.progress.history[:, 0, 0].reshape(4, -1).mean(axis=1)
    assert losses[-1] < 0.7 * losses[0]
    logits = outputs(task, loop.weights, task.test.inputs)
    expected = np.mean(ctc_loss(logits, *task.test.targets)[0])
    np.testing.assert_allclose(task.loss(task.test.targets, logits), [expected], rtol=1e-6)


@pytest.mark.parametrize("noise", [-0.1, 1.1, float("nan")])
def test_noise_that_the_kept_model_could_not_have_is_refused(settings, noise):
    with pytest.raises(ValueError, match=f"`input_noise` must be from 0 to 1. Received: {noise}"):
        Handwriting(replace(settings, input_noise=noise))
