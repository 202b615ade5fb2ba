"""Modules of one speed, chosen softly: where networks start, what they cost, what they choose, and tables that say what rows say."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from committed import ENDS, RESULTS

from experiments import extensions, soft_choice
from experiments.equal_parameters import parameters
from experiments.grid import ROOT
from experiments.soft_choice import ACTS, ON, Choice, Temperature
from experiments.store import Store
from experiments.training import soft_choice as training
from main import recipe
from tasks.sequence_generation import SequenceGeneration

CHOICES = [Choice(among, who) for among in (2, 4) for who in ("listens", "speaks")]
FALLING = Temperature(1.0, 0.1, 0.5)


def small(among=2, units=9, **changes):
    """Return a task of three networks with each of the periods 1 and 2 so many times."""
    periods = tuple(np.repeat((1, 2), among).tolist())
    settings = recipe("generation", units=units, periods=periods, length=12, **changes)
    return SequenceGeneration(settings, (0, 1, 2), np.random.default_rng(0).uniform(-1, 1, (3, 12)))


def test_speakers_of_equal_weights_start_as_the_network_without_a_choice(eager):
    task = small(constant_input=True, bias_std=0.5)
    network = training.ChoiceNetwork(task.network, Choice(2, "speaks"), 12)
    weights = {own: np.stack([own.start(seed).weights for seed in task.seeds]) for own in (network, task.network)}
    outputs = [own.apply(own.split(tf.constant(weights[own])), task.inputs) for own in weights]
    np.testing.assert_allclose(*outputs, atol=1e-6)
    assert np.abs(outputs[0]).max() > 0.01
    assert network.start(1).seeds == task.network.start(1).seeds


@pytest.mark.parametrize("constant_input", [False, True])
def test_weights_are_counted_that_something_depends_on(constant_input, eager):
    task = small(4, constant_input=constant_input)
    network = training.ChoiceNetwork(task.network, Choice(4, "listens"), 12)
    weights = tf.constant(np.random.default_rng(0).normal(0, 0.5, (1, network.size)).astype(np.float32))
    network.hidden.temperature.assign(1.0)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        arrays = network.split(weights)
        loss = tf.reduce_sum(network.apply(arrays, np.ones((1, 12, int(constant_input)), np.float32)) ** 2)
    used = int(tf.math.count_nonzero(tape.gradient(loss, weights)))
    own = parameters(task.settings, int(constant_input), 1)
    assert used == own + training.parameters_of_choices(task.settings, int(constant_input))


@pytest.mark.parametrize("task", ["generation", "words"])
def test_all_networks_have_equal_parameters_and_nothing_else_changed(task):
    base, ends = training.BASES[task], ENDS[task]
    equal = [Choice(among, "listens", learned=False) for among in (2, 4)]
    cells = list(training.make_cells(task, CHOICES + equal, FALLING, 2, None))
    assert [key["choice"] for key, _ in cells] == [None, *CHOICES, *equal]
    for key, cell in cells:
        settings, choice = cell.arguments["settings"], key["choice"]
        count = parameters(settings, *ends)
        if choice:
            assert settings.periods == tuple(np.repeat(base.periods, choice.among).tolist())
            count += choice.learned * training.parameters_of_choices(settings, ends[0])
        assert count == pytest.approx(parameters(base, *ends), rel=0.01)
        assert replace(settings, units=base.units, periods=base.periods) == base


def test_habits_are_means_over_ticks_sequences_and_periods():
    periods, chosen = (1, 1, 2, 2, 9, 9), np.full((5, 1, 2, 6), 0.5)
    first = np.array([[0.9, 0.8, 0.3, 0.6, 0.1], [0.7, 0.2, 0.4, np.nan, np.nan]])  # of the first module, by sequence
    chosen[:, 0, :, 0], chosen[:, 0, :, 1] = first.T, 1 - first.T
    chosen[:, 0, :, 2], chosen[:, 0, :, 3] = 0.25, 0.75
    decided, changes = training.habits(chosen, np.array([[5, 3]]), periods, 2)
    largest = np.mean([0.9, 0.8, 0.7, 0.6, 0.9, 0.7, 0.8, 0.6])
    np.testing.assert_allclose(decided, [(largest + 0.75) / 2])  # period 9 ticks once
    np.testing.assert_allclose(changes, [(4 / 6 + 0) / 2])  # 1 → 2 → 1 → 2 in one, 1 → 2 in the other


def test_what_is_held_is_what_the_last_tick_chose():
    chosen = np.arange(14.0).reshape(7, 2)
    np.testing.assert_array_equal(training.held(chosen, (1, 3))[:, 1], [1, 1, 1, 7, 7, 7, 13])
    np.testing.assert_array_equal(training.held(chosen, (1, 3))[:, 0], chosen[:, 0])


def test_what_is_chosen_is_what_the_layer_weighs_by(eager):
    task = small()
    network = training.ChoiceNetwork(task.network, Choice(2, "listens"), 12)
    weights = np.random.default_rng(0).normal(0, 0.7, (2, network.size)).astype(np.float32)
    network.hidden.temperature.assign(0.5)
    chosen, steps = network.chosen(tf.constant(weights), task.inputs)
    assert chosen.shape == (12, 2, 1, 4) and steps.numpy().tolist() == [[12], [12]]
    states, _ = network.states_and_outputs(network.split(tf.constant(weights)), task.inputs)
    for replica, own in enumerate(weights):
        recurrent, bias, choose, choose_bias, *_ = network.split(own)
        wired, by_module = network.hidden.wired, network.hidden.heard_by_module
        for t in range(12):
            before = states[replica, 0, t - 1].numpy() if t else np.zeros(9, np.float32)
            logits = (before @ (choose * by_module) + choose_bias).reshape(2, 2) / 0.5
            share = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).reshape(-1)
            np.testing.assert_allclose(chosen[t, replica, 0], share, atol=1e-5)
            moved = np.tanh(before @ (recurrent * wired) + bias)
            ticks = np.repeat(share * (t % np.array(network.hidden.modules.periods) == 0), network.hidden.modules.sizes)
            np.testing.assert_allclose(states[replica, 0, t], before + ticks * (moved - before), atol=1e-5)


def test_training_lowers_the_temperature_and_ends_at_the_hard_limit(eager, monkeypatch):
    task, seen, run = small(epochs=6), [], training.Loop.run

    def temperature():
        return float(task.network.hidden.temperature.value)

    def noted(loop, until):
        seen.append(temperature())
        return run(loop, until)

    def scores(made, weights):
        seen.append(temperature())
        return np.full(len(weights), len(seen), float)

    monkeypatch.setattr(training, "PIECE", 2)
    monkeypatch.setattr(training, "_task", lambda *_: (task, task.inputs))
    monkeypatch.setattr(training, "_scores", scores)
    monkeypatch.setattr(training.Loop, "run", noted)
    found = training.train_choosing("generation", task.settings, ("one",), (0, 1, 2), Choice(2, "speaks"), FALLING)
    np.testing.assert_allclose(
        seen, [1, 0.1 ** (2 / 3), 0.1, 0.1, training.COLDEST], rtol=1e-5
    )  # of each piece, then twice
    assert found["score"].tolist() == [[4, 4, 4]] and found["hard"].tolist() == [[5, 5, 5]]


def test_the_temperature_falls_evenly_on_a_logarithmic_scale():
    assert [FALLING.at(done) for done in (0, 0.25, 0.5, 1)] == pytest.approx([1, 0.1**0.5, 0.1, 0.1])


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"choices": (2, 1)}, "`choices` must be whole numbers from 2. Received: (2, 1)"),
        ({"choices": (2, 10**9)}, "`choices` must be at most 100. Received: 1000000000"),
        ({"first_temperature": 0.0}, "`first_temperature` must be at least 1e-09. Received: 0.0"),
        ({"last_temperature": 1e-300}, "`last_temperature` must be at least 1e-09. Received: 1e-300"),
        ({"falling": 1.5}, "`falling` must be above 0 and at most 1. Received: 1.5"),
    ],
)
def test_settings_without_meaning_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        soft_choice.Flags(**changed).check()
    assert str(refused.value) == message


@pytest.mark.parametrize("task", ON)
def test_choices_that_would_make_networks_larger_are_refused(task):
    with pytest.raises(ValueError, match="`choices` must leave a unit for each module in networks of .* Received: 64"):
        training.repeated(task, Choice(64, "speaks"))


@pytest.mark.parametrize("task", ON)
def test_networks_of_each_task_learn(task):
    """The first and the last update of a short training, and what is said of both: as many networks as seeds."""
    settings = replace(training.repeated(task, CHOICES[0]), units=36, epochs=2)
    targets = training.extensions.targets_of(task)[:1]
    found = training.train_choosing(task, settings, targets, (0, 1), CHOICES[0], FALLING)
    assert found["score"].shape == found["hard"].shape == found["decided"].shape == (1, 2)
    assert all(np.isfinite(found[name]).all() for name in ("score", "hard", "decided", "changes"))
    assert len(found["signal"]) == len(found["chosen"]) and (found["chosen"] >= 0).all()


def test_runs_small(tmp_path, monkeypatch):
    def trained(_, cells, *__):
        """Stand in for training: what is written of a result is tested, not the result."""
        for place, cell in enumerate(cells):
            found = {
                "score": np.array([[place + 1.0, place + 3.0]]),
                "parameters": np.array(9),
                "seconds": np.array(2.0),
            }
            if among := len(cell.arguments["settings"].periods) // 7 if place else 0:
                found |= {"hard": found["score"] + 10, "decided": np.array([[0.5, 0.7]]), "changes": np.zeros((1, 2))}
                found |= {"signal": np.arange(3.0), "chosen": np.full((3, 7 * among), 1 / among)}
            yield found

    monkeypatch.setattr(soft_choice, "compute", lambda *given: list(trained(*given)))
    store = Store(tmp_path)
    soft_choice.run(soft_choice.Flags(tasks=("words",), seeds=2), store)
    tables = soft_choice.tables(store)
    assert "| one of 4 listens, hard | 14 (13–15) | ×7, no difference shown" in tables["soft-choice"]
    assert "| spoken words | one of 2 speaks, soft | 0.6 (0.5–0.7) | 0 (0–0) |" in tables["soft-choice-habits"]
    assert "| spoken words | one of 4 listens, equal shares | 102 | 9 | 2 | 0 | 2 |" in tables["soft-choice-networks"]
    assert set(soft_choice.pictures(store)) == {"soft_choice", "soft_choice_over_time"}
    equal = soft_choice.against_equal(store["soft_choice"]).set_index("variant")
    assert equal.learned["one of 4 listens, equal shares"] == pytest.approx([3, 5]) and len(equal) == 2
    assert "| spoken words | 4 | 4 (3–5) | 8 (7–9) |" in tables["soft-choice-equal"]


def test_sentences_say_what_was_measured():
    page = (ROOT / "docs" / "results" / "soft-choice.md").read_text(encoding="utf-8").replace("\n", " ")
    rows = Store(RESULTS)["soft_choice"]
    found = extensions.comparisons(rows).set_index(["task", "variant"])
    medians, verdict = found.own.map(np.median), found.verdict
    base = found.base.map(np.median).groupby("task").first()
    soft = {(task, who, n): medians[task, f"one of {n} {who}, soft"] for task in ON for who in ACTS for n in (2, 4)}
    hard = {(task, who, n): medians[task, f"one of {n} {who}, hard"] for task, who, n in soft}
    said = (soft["generation", "listens", 2], soft["generation", "speaks", 2], base["generation"])
    sentence = "listens: {:.1e}, one of 2 that speaks: {:.1e}, not shown to be worse than one module's {:.1e}"
    assert sentence.format(*said) in page and not (verdict == "better").any()
    assert verdict["generation", "one of 2 speaks, soft"] == "no difference shown"
    equal = soft_choice.against_equal(rows).set_index(["task", "variant"])
    pairs = [equal.loc[("words", f"one of {n} listens, equal shares")] for n in (2, 4)]
    errors = [np.median(values) for row in pairs for values in (row.learned, row.equal)]
    sentence = (
        "{:.0f}% against {:.0f}% at K = 2 and {:.0f}% against {:.0f}% at K = 4, neither shown (p = {:.1g}, {:.1g})"
    )
    assert (
        sentence.format(*errors, *(row.p for row in pairs)) in page and f"one module has {base['words']:.0f}%" in page
    )
    least = min(hard[key] / soft[key] for key in soft if key[0] == "generation")
    assert 3000 <= least < 4000 and "on sequences at least 3,000 times" in page
    more = [hard["words", who, n] - soft["words", who, n] for who in ACTS for n in (2, 4)]
    assert (
        "{:.0f} and {:.0f} points more where they listen, but {:.0f} and {:.0f} where they speak".format(*more) in page
    )
    habits = rows[rows.variant.str.endswith("soft")].groupby(["task", "variant"])[["decided", "changes"]].median()
    twos = habits.decided[habits.index.get_level_values("variant").str.contains("of 2")]
    assert f"decided: {twos.min():.2f} to {twos.max():.2f}" in page
    changes = {
        task: [100 * habits.changes[task, f"one of {n} {who}, soft"] for who in ACTS for n in (2, 4)] for task in ON
    }
    sentence = "at {:.0f}% and {:.0f}% of the ticks where they listen, but at {:.0f}% and {:.0f}% where they speak"
    assert sentence.format(*changes["generation"]) in page
    assert all(word > sequence for sequence, word in zip(changes["generation"], changes["words"], strict=True))
    seconds = rows.groupby(["task", "variant"]).seconds.first()
    learned = [name for name in rows.variant.unique() if name.endswith("soft")]
    times = {task: seconds[task][learned] / seconds[task]["base"] for task in ON}
    said = [f"{values.min():.0f} to {values.max():.0f} times on" for values in times.values()]
    assert f"{said[0]} sequences, {said[1]} words" in page
    on_sequences = [equal.loc[("generation", f"one of {n} listens, equal shares")] for n in (2, 4)]
    assert "(p = {:.1g}, {:.1g}): to choose".format(*(row.p for row in on_sequences)) in page
    assert all(np.median(row.learned) > np.median(row.equal) for row in on_sequences)


def test_committed_rows_are_the_whole_experiment():
    store = Store(RESULTS)
    rows, seen = store["soft_choice"], store["soft_choice_over_time"]
    assert set(rows.variant) == {"base"} | {choice.named(kind) for choice in CHOICES for kind in ("soft", "hard")} | {
        f"one of {n} listens, equal shares" for n in (2, 4)
    }
    counts = rows.groupby(["task", "variant"]).size()
    assert (counts["generation"] == 50).all() and (counts["words"] == 10).all()
    for task, (features, outputs) in (("generation", (0, 1)), ("words", (13, 25))):
        wanted = parameters(training.BASES[task], features, outputs)
        assert (abs(rows.parameters[rows.task == task] / wanted - 1) < 0.02).all()
    sums = seen.filter(like="module_").sum(axis=1)  # of nine periods, or seven
    np.testing.assert_allclose(sums, seen.task.map({"generation": 9, "words": 7}), atol=0.02)
    answer = soft_choice.answers(store)[0]
    assert answer.networks == 7 * 60
    assert [effect.split(" ×")[0] for effect in answer.effect.split("; ")] == [
        "one of 2 speaks, soft",
        "one of 2 listens, soft",  # equal shares, which choose nothing, have fewer errors
    ]
