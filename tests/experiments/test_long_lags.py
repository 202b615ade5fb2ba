"""Long lags: what the problems ask, equal networks, measured gradients, and tables that say what the rows say."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from committed import RESULTS

from experiments import long_lags as experiment
from experiments.grid import ROOT
from experiments.store import Store
from experiments.training import lag_problems
from experiments.training import long_lags as training

PAGE = ROOT / "docs" / "results" / "long-lags.md"
LAGS = (100, 300, 1000, 3000)


def drawn(problem, lag=30):
    own = lag_problems.PROBLEMS[problem]
    inputs, targets = own.draw(np.random.default_rng(0), 50, lag)
    assert inputs.dtype == np.float32 and inputs.shape[2] == own.features
    return inputs, targets


def test_adding_asks_for_the_sum_of_one_number_in_each_half():
    inputs, targets = drawn("adding")
    for (numbers, marks), target in zip(inputs.transpose(0, 2, 1), targets):
        first, second = np.flatnonzero(marks)
        assert first < 15 <= second and target == pytest.approx([numbers[first] + numbers[second]])
    _, many = lag_problems.adding(np.random.default_rng(1), 20000, 4)
    assert np.mean((many - 1) ** 2) == pytest.approx(1 / 6, rel=0.05)


def test_copying_shows_symbols_then_blanks_then_a_mark():
    inputs, targets = drawn("copying")
    assert inputs.shape[1] == 30 + 2 * 2 and targets.shape == (50, 2)
    np.testing.assert_array_equal(inputs[:, :2].argmax(-1), targets)
    assert (inputs[:, :2].sum(-1) == 1).all()
    np.testing.assert_array_equal(inputs[0, 2:].nonzero(), [[29], [6]])  # at step 31, before the answers at 32 and 33


@pytest.mark.parametrize("problem, at", [("recall", 0), ("late recall", 1)])
def test_recall_shows_a_symbol_once_in_noise(problem, at):
    inputs, targets = drawn(problem)
    np.testing.assert_array_equal(inputs[:, at], np.eye(4)[targets[:, 0]])
    assert np.delete(inputs, at, axis=1).std() == pytest.approx(0.1, rel=0.05)


def test_periods_grow_by_four_up_to_half_of_the_lag():
    assert training.periods_for(100) == (1, 4, 16)
    assert training.periods_for(128) == (1, 4, 16, 64)
    assert training.periods_for(3000) == (1, 4, 16, 64, 256, 1024)
    assert training.periods_for(8) == (1, 4)


@pytest.mark.parametrize("problem", ["adding", "copying", "recall"])
def test_all_networks_of_a_problem_have_equal_parameters_and_settings(problem):
    counts = []
    for lag, method in product(LAGS, experiment.NAMES):
        settings = training.make_settings(problem, lag, method, "lag", 500, 4)
        own = lag_problems.PROBLEMS[problem]
        shape = {"readout": "every" if own.answers > 1 else "last", "sizes": settings.sizes}
        network = training.Network(settings, training.Silence(own.features), own.outputs, **shape)
        counts.append(network.size)
        assert (settings.recurrent_init, settings.recurrent_scale, settings.weight_std) == ("orthogonal", 1.0, 0.3)
        assert (settings.optimizer, settings.clip_norm, settings.forget_bias) == ("adam", 1.0, 5.0)
    assert max(counts) <= 1.02 * min(counts)


def small(problem, method, **changes):
    settings = training.make_settings(problem, 10, method, "lag", 3, 2)
    return training.LongLag(training.dataclasses.replace(settings, learning_rate=0.01, **changes), (0, 1))


def test_reach_is_the_norm_of_finite_differences():
    task = small("recall", "clockwork_lstm")
    weights = np.stack([task.network.start(seed).weights for seed in task.seeds])
    inputs, targets = task.drawn("testing", training.BLOCK)
    arrays = task.network.split(tf.constant(weights))
    losses = lambda own: task.losses(tf.constant(np.stack([targets] * 2)), task.network.apply(arrays, own)).numpy()  # noqa: E731
    expected = np.zeros((2, training.BLOCK, 10, 4))
    for step, line in product(range(10), range(4)):
        up, down = inputs.copy(), inputs.copy()
        up[:, step, line] += 0.05
        down[:, step, line] -= 0.05
        expected[:, :, step, line] = (losses(up) - losses(down)) / 0.1
    np.testing.assert_allclose(task.reach(weights), np.linalg.norm(expected, axis=-1).mean(1), rtol=0.01, atol=1e-5)


def test_scores_are_those_of_the_last_answers():
    task = small("copying", "gru")
    weights = np.stack([task.network.start(seed).weights for seed in task.seeds])
    error, loss = task.scores(weights, "search")
    inputs, targets = task.drawn("search", training.TESTING)
    logits = task.network.apply(task.network.split(tf.constant(weights)), inputs).numpy()[:, :, -2:]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    given = np.take_along_axis(shares, np.stack([targets] * 2)[..., None], -1)
    np.testing.assert_allclose(loss, -np.log(given).mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(error, (logits.argmax(-1) != targets).mean((1, 2)))
    assert not np.array_equal(inputs, task.drawn("testing", training.TESTING)[0])


def test_shares_have_exact_intervals_and_pairs_are_tested():
    made = [("lstm", [0.5] * 10), ("clockwork_lstm", [0.0] * 10), ("gru", [np.inf] + [0.0] * 9)]
    frame = pd.DataFrame(
        [{"method": method, "error": error, "seed": seed} for method, own in made for seed, error in enumerate(own)]
    )
    about = {"problem": "recall", "lag": 100, "series": "lag", "periods": "1", "sizes": "3", "parameters": 9}
    found = experiment.solved(frame.assign(**about, learning_rate=0.1, seconds=1.0)).set_index("method")
    assert found.solved.to_dict() == {"lstm": 0, "clockwork_lstm": 10, "gru": 9}
    assert found.diverged.to_dict() == {"lstm": 0, "clockwork_lstm": 0, "gru": 1}
    assert found.low["clockwork_lstm"] == pytest.approx(0.025**0.1)  # 10 of 10, Clopper and Pearson 1934
    assert found.high["lstm"] == pytest.approx(1 - 0.025**0.1) and found.high["clockwork_lstm"] == 1
    assert found.p["clockwork_lstm"] == pytest.approx(2 / 184756)  # of all ways to deal 20 ranks, the two extremes
    assert found.p.isna().sum() == 2


def test_the_best_rate_has_the_smallest_mean_loss():
    rows = [
        ("adding", "gru", rate, loss)
        for rate, own in {0.1: (1.0, 3.0), 0.2: (1.5, 1.5), 0.3: (0.1, np.inf)}.items()
        for loss in own
    ]
    rates = experiment.best_rates(pd.DataFrame(rows, columns=["problem", "method", "learning_rate", "loss"]))
    assert rates["adding", "gru"] == 0.2


def test_runs_small(tmp_path, monkeypatch, in_this_process):
    in_this_process(experiment)
    monkeypatch.setattr(training, "TRAINING", 20)
    options = experiment.Flags(problems=("recall",), methods=("lstm", "clockwork_rnn"), lags=(10,), seeds=2, updates=2)
    options.check()
    experiment.run(options, store := Store(tmp_path))
    found = experiment.solved(store["long_lags"])
    kinds = list(zip(found.problem, found.method, found.series))
    controls = [("recall", "clockwork_rnn", "fixed"), ("late recall", "clockwork_rnn", "lag")]
    assert kinds == [("recall", "lstm", "lag"), ("recall", "clockwork_rnn", "lag"), *controls]
    assert len(store["long_lags_search"]) == 2 * 4 * 3 and (found.networks == 2).all()


@pytest.mark.parametrize("problem, methods", [("adding", ("gru", "clockwork_gru")), ("recall", ("lstm",))])
def test_gradients_are_drawn_where_there_are_some_to_compare(problem, methods, tmp_path, monkeypatch):
    def trained(_, cells, *__):
        for cell in cells:
            count = len(cell.arguments["seeds"])
            of_networks = {"error": np.zeros(count), "loss": np.zeros(count), "reach": np.ones((count, 20))}
            yield of_networks | {"parameters": np.array(9), "seconds": np.array(1.0)}

    monkeypatch.setattr(experiment, "compute", lambda *given: list(trained(*given)))
    options = experiment.Flags(problems=(problem,), methods=methods, lags=(100,), seeds=2)
    experiment.run(options, store := Store(tmp_path))
    assert set(experiment.pictures(store)) == {"long_lags"}
    assert len(experiment.tables(store)["long-lags-gradients"].splitlines()) == 2  # the head


def test_lags_whose_networks_cannot_be_equal_are_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "compute", lambda *_: pytest.fail("computed"))
    options = experiment.Flags(methods=("clockwork_lstm",), problems=("recall", "copying"), lags=(20,))
    message = (
        r"`lags` must have periods with which a clockwork_lstm comes to 1178 parameters. Received: 20, with \(1, 4\)"
    )
    with pytest.raises(ValueError, match=message):
        experiment.run(options, Store(tmp_path))


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"lags": (100, 4)}, "`lags` must be at least 8. Received: (100, 4)"),
        ({"updates": 0}, "`updates` must be at least 1. Received: 0"),
        ({"seeds": 0}, "`seeds` must be at least 1. Received: 0"),
    ],
)
def test_bad_options_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        experiment.Flags(**changed).check()
    assert str(refused.value) == message


def test_sentences_say_what_was_measured():
    page, store = PAGE.read_text(encoding="utf-8").replace("\n", " "), Store(RESULTS)
    found = experiment.solved(store["long_lags"]).set_index(["problem", "method", "series", "lag"]).sort_index()
    solved = {key: int(count) for key, count in found.solved.items()}

    def counts(problem, method, series="lag"):
        return [solved[problem, method, series, lag] for lag in LAGS]

    clocked = sum(sum(counts("recall", method)) for method in experiment.ORDINARY)
    assert f"with a clock {clocked} of 120" in page and sum(counts("late recall", "clockwork_rnn")) == 0
    said = (counts("recall", method) for method in ("simple_rnn", "lstm"))
    assert (
        "Simple RNN {}, {}, {} and {} of 10, LSTM {}, {}, {} and {}, GRU none at all".format(
            *(n for own in said for n in own)
        )
        in page
    )
    assert sum(counts("recall", "gru")) == 0 and counts("recall", "clockwork_rnn", "fixed") == [10, 10, 10, 2]
    assert not any(count for (problem, *_), count in solved.items() if problem == "copying")
    medians = found.errors.map(np.median)
    own = [medians["copying", method, "lag", 3000] for method in experiment.ORDINARY]
    others = [medians["copying", method, "lag", 3000] for method in experiment.ORDINARY.values()]
    assert "errors are {:.2f}, {:.2f} and {:.2f}".format(*own) in page
    p = [found.p["copying", method, "lag", 3000] for method in experiment.ORDINARY]
    assert f"and {min(others):.2f} to {max(others):.2f} without a clock (better, p = {max(p):.1g} each)" in page
    assert f"{max(p):.1g}" == f"{min(p):.1g}" and max(own) < min(others)
    adding = {key: count for key, count in solved.items() if key[0] == "adding" and count}
    assert adding == {("adding", "gru", "lag", 100): 3, ("adding", "clockwork_gru", "lag", 100): 2}
    assert "GRU 3 of 10 at 100, but the Clockwork GRU 2 of 10" in page


def test_gradients_are_as_the_page_says():
    page, curves = " ".join(PAGE.read_text(encoding="utf-8").split()), Store(RESULTS)["long_lags_gradients"]
    far, factors, wrong = {}, [], {method: [] for method in ("lstm", *experiment.ORDINARY)}
    for lag in LAGS:
        for _, when, method, curve, factor in experiment.compared_curves(curves, lag):
            first, last = curve.iloc[0], curve.iloc[-1]
            far[lag, when, method] = last["median"] / first["median"]
            if when == "before":
                factors += [factor] if method == "lstm" else []
                if method in wrong:
                    wrong[method].append(far[lag, when, method] / (last.predicted / first.predicted))
    assert f"by {min(factors):.3f} to {max(factors):.3f} in the fit" in page
    assert f"at the far end, to {far[3000, 'before', 'lstm']:.1g} at 3000" in page
    over, under = wrong["clockwork_lstm"], [1 / own for own in wrong["clockwork_rnn"]]
    assert f"{min(over):.0f} to {max(over):.0f} times as large as predicted" in page
    assert f"{min(under):.0f} to {max(under):.0f} times as small" in page
    said = "to {:.1g} before training and the GRU's to nothing, the Clockwork RNN's to {:.1g}, and after training it is {:.1g}"
    own = (far[1000, "before", "simple_rnn"], far[1000, "before", "clockwork_rnn"], far[1000, "after", "clockwork_rnn"])
    assert said.format(*own) in page
    own = (far[3000, when, "clockwork_rnn"] for when in ("before", "after"))
    assert "at 3000 they are {:.1g} and {:.1g}".format(*own) in page
    assert "by {:.0f} to {:.0f}.".format(min(wrong["lstm"]), max(wrong["lstm"])) in page
    assert far[1000, "before", "gru"] == 0 and all(1 / 5 < own < 1 for own in wrong["clockwork_gru"])


def test_gradients_after_training_are_as_the_page_says():
    """At the far end, over what is predicted; what has vanished in both has no ratio."""
    page, curves = " ".join(PAGE.read_text(encoding="utf-8").split()), Store(RESULTS)["long_lags_gradients"]
    over = {}
    for lag in LAGS:
        for _, when, method, curve, _ in experiment.compared_curves(curves, lag):
            measured, predicted = (curve[name].iloc[-1] / curve[name].iloc[0] for name in ("median", "predicted"))
            if when == "after" and predicted > 1e-38:
                over.setdefault(method, {})[lag] = measured / predicted
    assert list(over["gru"]) == [100] and 0.8 < over["gru"][100] < 1.25
    exception = over["clockwork_lstm"].pop(300)
    assert min(min(own.values()) for method, own in over.items() if method != "gru") > 2 and exception < 1
    names = ("simple_rnn", "clockwork_rnn", "clockwork_gru")
    ends = [f"{end(over[name].values()):.0f}" for name in names for end in (min, max)]
    assert (
        "simple RNN's {} to {} times, the Clockwork RNN's {} to {}, the Clockwork GRU's {} to {},".format(*ends) in page
    )
    ends = [min(over["lstm"].values()), float(f"{max(over['lstm'].values()):.3g}")]
    assert "the LSTM's {:.0f} to {:,.0f} and the Clockwork LSTM's".format(*ends) in page
    own = over["clockwork_lstm"].values()
    assert f"Clockwork LSTM's {min(own):.1f} to {max(own):.1f}, but at lag 300, where they are {exception:.2g}" in page


def test_committed_rows_are_the_whole_experiment():
    rows = Store(RESULTS)["long_lags"]
    assert (rows.groupby(experiment.KEYS).size() == 10).all() and len(rows) == 4 * 20 * 10
    spread = rows.groupby("problem").parameters.agg(["min", "max"])
    assert (spread["max"] <= 1.02 * spread["min"]).all()
