"""The loss of sequences whose labels have no times, against plain loops, all paths, TensorFlow's own, and finite differences."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from models.ctc import best_path, ctc_loss


@tf.function(jit_compile=True, autograph=False)
def compiled(logits, labels, counts, steps):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = ctc_loss(logits, labels, counts, steps)
    return losses, tape.gradient(losses, logits)


def draw(seed, sequences=6, most=25, classes=5, count=7, scale=1.0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, scale, (sequences, most, classes))
    labels = rng.integers(0, classes - 1, (sequences, count)).astype(np.int32)
    counts = rng.integers(0, count + 1, sequences).astype(np.int32)
    return logits, labels, counts, rng.integers(2 * count + 1, most + 1, sequences).astype(np.int32)


def forward_backward(logits, labels):
    """Return the loss of one sequence [T, C] and its gradient, by the recursions of Graves et al. 2006 in logarithms."""
    blank, steps = logits.shape[1] - 1, len(logits)
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    path = [blank]
    for label in labels:
        path += [label, blank]
    jumps = [s > 1 and path[s] not in (blank, path[s - 2]) for s in range(len(path))]
    forth, back = np.full((2, steps, len(path)), -np.inf)
    forth[0, :2] = logs[0, path[:2]]
    for t in range(1, steps):
        for s in range(len(path)):
            before = [
                forth[t - 1, s],
                *([forth[t - 1, s - 1]] if s else []),
                *([forth[t - 1, s - 2]] if jumps[s] else []),
            ]
            forth[t, s] = np.logaddexp.reduce(before) + logs[t, path[s]]
    back[-1, -2:] = 0
    for t in reversed(range(steps - 1)):
        for s in range(len(path)):
            after = [s] + [s + 1] * (s + 1 < len(path)) + [s + 2] * (s + 2 < len(path) and jumps[s + 2])
            back[t, s] = np.logaddexp.reduce([back[t + 1, k] + logs[t + 1, path[k]] for k in after])
    whole = np.logaddexp.reduce(forth[-1, -2:])
    gradient = np.exp(logs)
    for t, s in itertools.product(range(steps), range(len(path))):
        gradient[t, path[s]] -= np.exp(forth[t, s] + back[t, s] - whole)
    return -whole, gradient


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_loss_and_gradient_equal_loops_over_time(scale):
    """In double precision, with sequences and texts of several lengths, also none, and equal labels one after another."""
    logits, labels, counts, steps = draw(1, scale=scale)
    labels[0, :] = 2
    losses, gradients = compiled(logits, labels, counts, steps)
    for place, (count, length) in enumerate(zip(counts, steps, strict=True)):
        loss, gradient = forward_backward(logits[place, :length], labels[place, :count])
        np.testing.assert_allclose(losses[place], loss, rtol=1e-12)
        np.testing.assert_allclose(gradients[place, :length], gradient, rtol=1e-9, atol=1e-12)
        assert not gradients[place, length:].numpy().any()


@pytest.mark.parametrize("jit_compile", [True, False])
def test_sizes_may_be_known_only_when_it_runs(jit_compile):
    """As inside of `model.fit`, where batches and lengths differ."""
    logits, labels, counts, steps = draw(5)
    expected, gradients = compiled(logits, labels, counts, steps)
    kinds = [([None, None, 5], tf.float64), ([None, None], tf.int32), ([None], tf.int32), ([None], tf.int32)]
    signature = [tf.TensorSpec(*kind) for kind in kinds]

    @tf.function(jit_compile=jit_compile, autograph=False, input_signature=signature)
    def run(logits, labels, counts, steps):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = ctc_loss(logits, labels, counts, steps)
        return losses, tape.gradient(losses, logits), best_path(logits, steps)

    losses, found, path = run(logits, labels, counts, steps)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    np.testing.assert_allclose(found, gradients, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(path, best_path(logits, steps))


def test_the_probability_is_that_of_all_paths():
    """Of each of 243 sequences of 5 classes that comes to the labels once repetitions and blanks are left out."""
    logits, labels = np.random.default_rng(2).normal(size=(1, 5, 3)), [0, 1]
    chances = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(3), repeat=5):
        said = [label for label, _ in itertools.groupby(path) if label != 2]
        total += np.prod(chances[range(5), path]) if said == labels else 0
    (loss,), _ = compiled(logits, np.int32([labels]), np.int32([2]), np.int32([5]))
    np.testing.assert_allclose(np.exp(-loss), total, rtol=1e-12)


def test_single_precision_equals_tensorflow():
    logits, labels, counts, steps = draw(3, 8, 60, 20, 12)
    logits = tf.constant(logits, tf.float32)
    losses, gradients = compiled(logits, labels, counts, steps)

    with tf.GradientTape() as tape:
        tape.watch(logits)
        expected = tf.nn.ctc_loss(labels, logits, counts, steps, logits_time_major=False, blank_index=19)
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    np.testing.assert_allclose(gradients, tape.gradient(expected, logits), atol=2e-4)


def test_counts_may_be_integers_of_64_bits():
    logits, labels, counts, steps = draw(0)
    wanted = compiled(logits, labels, counts, steps)
    found = compiled(logits, *(values.astype(np.int64) for values in (labels, counts, steps)))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_with_in_single(dtype):
    """In half precision no class could be as improbable as 1e-37, so that a loss would be infinite."""
    logits, labels, counts, steps = draw(6, scale=4.0)
    labels[:2], counts[:2], steps[:2] = 0, 1, 25
    logits[:2, :, 0] = -30
    logits = tf.cast(logits, dtype)
    found, wanted = (
        compiled(logits, labels, counts, steps),
        compiled(tf.cast(logits, tf.float32), labels, counts, steps),
    )
    assert np.isfinite(wanted[0]).all()
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, tf.cast(other, dtype))


def test_replicas_are_independent_with_labels_of_their_own_or_shared():
    logits, labels, counts, steps = draw(4)
    both = np.stack([logits, logits[::-1]])  # [R, B, T, C]
    own = [np.stack([values, values[::-1]]) for values in (labels, counts, steps)]
    expected, gradients = compiled(logits, labels, counts, steps)
    for given in own, (labels, counts, steps):
        losses, found = compiled(both, *given)
        np.testing.assert_array_equal(losses[0], expected)
        np.testing.assert_array_equal(found[0], gradients)
    np.testing.assert_array_equal(compiled(both, *own)[0][1], expected[::-1])


def test_too_few_steps_cost_infinitely_much_and_teach_nothing():
    """Two equal labels need a blank between them: 3 steps."""
    logits = np.zeros((2, 3, 3))
    labels, counts = np.int32([[1, 1], [1, 1]]), np.int32([2, 2])
    losses, gradients = compiled(logits, labels, counts, np.int32([2, 3]))
    assert np.isposinf(losses[0])
    assert not gradients[0].numpy().any()
    np.testing.assert_allclose(losses[1], 3 * np.log(3))  # the one path


def test_what_seems_impossible_is_finite_and_the_gradient_leads_out():
    logits = tf.constant([[[300.0, 0.0, 0.0]] * 4])
    losses, gradients = compiled(logits, np.int32([[1]]), np.int32([1]), np.int32([4]))
    assert 80 < losses[0] < 400
    assert np.isfinite(gradients).all()
    assert (gradients[0, :, 0] > 0.4).numpy().all()


def test_probabilities_below_the_smallest_double_keep_their_digits():
    """60 labels of probability 1e-8, in 300 steps: 1e-480 and as much again for each of the many ways."""
    logits = np.log(np.tile([1e-8, 1e-8, 1 - 2e-8], (1, 300, 1)))
    labels = np.tile(np.int32([0, 1]), 30)
    (loss,), gradients = compiled(logits, labels[None], np.int32([60]), np.int32([300]))
    expected, gradient = forward_backward(logits[0], labels)
    assert expected > 750
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    np.testing.assert_allclose(gradients[0], gradient, rtol=1e-9, atol=1e-12)


def test_the_best_path_equals_a_plain_loop():
    """On 1000 small cases: repetitions are said once, blanks never, steps that do not count neither."""
    rng = np.random.default_rng(0)
    logits, steps = rng.normal(size=(1000, 8, 4)), rng.integers(0, 9, 1000).astype(np.int32)
    for path, chances, count in zip(best_path(logits, steps).numpy(), logits, steps, strict=True):
        best = chances[:count].argmax(-1)
        assert [label for label in path if label >= 0] == [label for label, _ in itertools.groupby(best) if label != 3]
        assert all(best[t] == label for t, label in enumerate(path) if label >= 0)


OUT_OF_RANGE = {
    "labels": ([[0, 3], [1, 1]], [2, 2], [6, 6], "`labels` must be from 0 and below 3, the blank. Received: .*3"),
    "counts": ([[0, 1], [1, 1]], [3, 2], [6, 6], r"`counts` must be from 0 and at most 2. Received: \[3, 2\]"),
    "more than 32 bits": ([[0, 1], [1, 1]], [2, 2], [2**32 + 6, 6], r"`steps` must be from 0 and at most 6. Received"),
    "steps": ([[0, 1], [1, 1]], [2, 2], [7, 6], r"`steps` must be from 0 and at most 6. Received: \[7, 6\]"),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("wrong", OUT_OF_RANGE)
def test_what_is_out_of_range_is_refused_or_no_number_and_costs_others_nothing(wrong, jit_compile):
    *given, message = OUT_OF_RANGE[wrong]
    logits = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    with pytest.raises(ValueError, match=message):
        ctc_loss(logits, *given)
    right = ctc_loss(logits, [[0, 1], [1, 1]], [2, 2], [6, 6])
    found = tf.function(lambda: ctc_loss(logits, *given), jit_compile=jit_compile)()
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1], right[1], rtol=1e-6)


def test_labels_that_do_not_count_may_be_any_or_none():
    logits = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    padded = ctc_loss(logits, [[0, -1], [99, 3]], [1, 0], [6, 6])
    np.testing.assert_allclose(padded, ctc_loss(logits, [[0, 0], [0, 0]], [1, 0], [6, 6]))
    blanks = -tf.nn.log_softmax(logits)[1, :, -1].numpy().sum()
    np.testing.assert_allclose(padded[1], blanks, rtol=1e-6)
    np.testing.assert_allclose(ctc_loss(logits, np.zeros((2, 0), int), [0, 0], [6, 6])[1], blanks, rtol=1e-6)
    logits[0, 2, 1] = np.nan
    assert np.isnan(ctc_loss(logits, [[0, 1], [1, 1]], [2, 2], [6, 6])[0])


def test_shapes_that_do_not_fit_are_named():
    logits, labels = np.zeros((2, 6, 4), np.float32), np.zeros((2, 2), int)
    with pytest.raises(ValueError, match=r"`labels` must be of the sequences \(2,\). Received: those of \(3,\)"):
        ctc_loss(logits, np.zeros((3, 2), int), [2, 2], [6, 6])
    with pytest.raises(ValueError, match=r"`counts` must be of the sequences \(2,\). Received: those of \(1,\)"):
        ctc_loss(logits, labels, [2], [6, 6])
    with pytest.raises(ValueError, match="`steps` must be whole numbers. Received: float32"):
        ctc_loss(logits, labels, [2, 2], [6.0, 6.0])
    with pytest.raises(
        ValueError, match=r"`logits` must be floating-point numbers \[..., B, T, C\]. Received: float32 of"
    ):
        ctc_loss(logits[0], labels, [2, 2], [6, 6])
    with pytest.raises(ValueError, match=r"`logits` must be .* Received: int64 of shape \(2, 6, 4\)"):
        ctc_loss(logits.astype(int), labels, [2, 2], [6, 6])


@pytest.mark.parametrize(
    ("shape", "steps", "message"),
    [
        ((6, 4), [6, 6], r"`logits` must be .* Received: float64 of shape \(6, 4\)"),
        ((2, 6, 0), [6, 6], r"`logits` must be .* Received: float64 of shape \(2, 6, 0\)"),
        ((2, 6, 4), [7, 6], r"`steps` must be from 0 and at most 6. Received: \[7, 6\]"),
        ((2, 6, 4), [-1, 6], r"`steps` must be from 0 and at most 6. Received: \[-1, 6\]"),
        ((2, 6, 4), [2.5, 6], "`steps` must be whole numbers. Received: float32"),
        ((2, 6, 4), [6, 6, 6], r"`steps` must be of the sequences \(2,\). Received: those of \(3,\)"),
    ],
)
def test_the_best_path_of_what_is_no_sequence_is_refused(shape, steps, message):
    with pytest.raises(ValueError, match=message):
        best_path(np.zeros(shape), steps)
