"""Periods learned by gradient: what keeps modules apart, what snapping hands over, and a table that says what the rows say."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import tensorflow as tf
from committed import RESULTS

from experiments import learned_periods as experiment
from experiments.store import Store
from experiments.training import learned_periods
from experiments.training.evolution import target
from main import recipe
from models.learned_periods import EmittedPeriodsRNN
from running.loop import Loop
from tasks.sequence_generation import SequenceGeneration


def in_this_process(function, cells, *_):
    return [function(**cell.arguments) for cell in cells]


def test_modules_apart_and_decided_are_worth_the_entropy_between_them():
    def worth(periods, undecided):
        return float(learned_periods.undecidedness(tf.constant(np.log(periods)), 1e-3, 320, undecided))

    assert worth([1.0, 2, 4, 8], 1.0) == pytest.approx(-log(4), abs=1e-6)
    assert worth([1.0, 2, 2, 2], 0.0) > worth([1.0, 2, 2, 4], 0.0) > worth([1.0, 2, 3, 4], 0.0)
    assert worth([7.0, 7], 1.0) == pytest.approx(0, abs=1e-6)
    assert worth([6.5, 6.5], 1.0) == pytest.approx(log(2), abs=0.01)  # each between two periods
    assert worth([6.5, 6.5], 0.0) == pytest.approx(0, abs=1e-6)


def test_bad_starts_differ_a_little_and_good_ones_are_those_of_the_recipe():
    task = learned_periods.SoftGeneration(recipe("generation"), experiment.Schedule(), 4)
    starts = task.starts()
    assert starts.shape == (8, task.network.size)
    bad, good = task.network.split(starts[3]), task.network.split(starts[7])
    assert np.exp(good[2]) == pytest.approx(recipe("generation").periods)
    assert (np.diff(bad[2]) > 0).all() and np.exp(bad[2]) == pytest.approx([7] * 9, rel=0.4)
    for place in (0, 1, 3, 4):
        np.testing.assert_array_equal(bad[place], good[place])


def test_handed_over_weights_give_the_errors_of_the_snapped_layer(eager):
    settings = recipe("generation", units=9, periods=(4, 1, 3), length=30)
    task = learned_periods.SoftGeneration(settings, experiment.Schedule(), 1)
    weights, hidden = task.network.split(task.starts()[1]), task.network.hidden
    hidden.set_weights([*weights[:3], *hidden.get_weights()[3:]])
    layer, order = hidden.snapped()
    kernel, bias = weights[-2:]
    wanted = np.zeros((1, 30), np.float32)
    expected = np.mean((layer(np.zeros((1, 30, 0), np.float32)).numpy() @ kernel[order] + bias) ** 2)
    hard = learned_periods.hard_weights(weights, hidden.modules.slices)
    own = replace(settings, periods=(1, 2, 4))
    errors = learned_periods.hard_trained(own, hard[None], [settings.periods], 2, wanted)
    assert errors.before == pytest.approx([expected], rel=1e-4)


def test_emitted_means_are_the_resting_ones_and_what_is_heard(eager):
    settings = recipe("generation", units=6, periods=(1, 2, 4), length=9)
    task = learned_periods.SoftGeneration(settings, experiment.Schedule(), 1, EmittedPeriodsRNN)
    weights = np.random.default_rng(0).normal(0, 0.5, (2, task.network.size)).astype(np.float32)
    outputs, means = (value.numpy() for value in learned_periods._outputs_and_means(task, tf.constant(weights)))
    np.testing.assert_allclose(outputs, task.outputs(weights), atol=1e-5)
    states, _ = task._run(weights)  # [R, T, n]
    for replica, own in enumerate(weights):
        _, _, resting, emission, *_ = task.network.split(own)
        for t in range(9):
            before = states[replica, t - 1] if t else np.zeros(6)
            for module in range(3):  # of two units each, which hear themselves and those after them
                heard = before[2 * module :] @ emission[2 * module :, module]
                assert means[t, replica, module] == pytest.approx(resting[module] + heard, abs=1e-5)


def test_networks_that_emit_their_periods_have_as_many_parameters():
    settings = recipe("generation")
    own = learned_periods.emitting(settings)
    for one, wanted in ((settings, 793), (own, learned_periods.parameters_emitting(own))):
        sizes = [one.units // 9 + (place < one.units % 9) for place in range(9)]
        heard = [sum(sizes[place:]) for place in range(9)]
        count = sum(size * own for size, own in zip(sizes, heard)) + 2 * one.units + 1  # with biases and the output
        assert count + 2 * sum(heard) * (one is own) == wanted
    assert abs(wanted / 793 - 1) < 0.02
    hidden = learned_periods.SoftNetwork(own, experiment.Schedule(), EmittedPeriodsRNN).hidden
    assert hidden.emission.shape == (own.units, 18)


def test_random_search_trains_on_the_best_set_with_what_is_left(monkeypatch, eager):
    settings = recipe("generation", units=4, periods=(1, 2), length=20)
    schedule = experiment.Schedule(annealing=2, updates=20, fine_tuning=4)
    made, train = [], learned_periods.hard_trained

    def noted(settings, weights, periods, updates, wanted):
        made.append((len(weights), updates))
        return train(settings, weights, periods, updates, wanted)

    monkeypatch.setattr(learned_periods, "hard_trained", noted)
    found = learned_periods.search(settings, schedule, seeds=2, sets=3, share=5)
    assert made == [(6, 5), (2, 9)] and schedule.updates + schedule.fine_tuning == 3 * 5 + 9
    for seed, (sets, judged) in enumerate(zip(found["periods"], found["judged"])):
        wanted = target(seed, 20)[0]
        networks = []
        for periods, error in zip(sets, judged):
            task = SequenceGeneration(replace(settings, periods=tuple(periods.tolist())), [seed], [wanted])
            if len(set(periods)) == 2:  # otherwise the modules would hear each other
                networks.append(Loop(task, task.settings, 5).run())
                assert error == pytest.approx(task.evaluate(networks[-1].weights)["mse"][0], rel=1e-3)
        assert networks and found["best"][seed] == judged.argmin()
    assert (found["mse"] < found["judged"].min(axis=1)).all()
    assert len({tuple(own) for own in found["periods"].reshape(-1, 2)}) > 1


def test_log_periods_and_all_other_weights_have_rates_of_their_own():
    schedule = experiment.Schedule(annealing=10, updates=30, periods_rate=0.5)
    task = learned_periods.SoftGeneration(recipe("generation", learning_rate=0.25), schedule, 1)
    for update, rate in ((0, 0.0), (5, 0.125), (10, 0.25), (20, 0.125), (30, 0.0)):  # a rise, then half a cosine
        parts = task.network.split(learned_periods.rates(task)(update).numpy())
        for place, part in enumerate(parts):
            np.testing.assert_allclose(part, 0.5 if place == 2 else rate, atol=1e-7)
    task = learned_periods.SoftGeneration(recipe("generation", learning_rate=0.25), schedule, 1, EmittedPeriodsRNN)
    for place, part in enumerate(task.network.split(learned_periods.rates(task, 0.1)(20).numpy())):
        np.testing.assert_allclose(part, {2: 0.5, 3: 0.0125}.get(place, 0.125), atol=1e-7)


def test_committed_rows_are_the_whole_experiment():
    store = Store(RESULTS)
    for file in experiment.FILES.values():
        assert len(store[file]) == 20  # 10 seeds × 2 starts
        np.testing.assert_allclose(store[file].ratio, store[file].fine_tuned / store[file].exponential, rtol=1e-3)
    means = store["learned_periods_means"]
    for start in experiment.STARTS:
        last = means[(means.apart > 0) & (means.start == start)].iloc[-1]
        found = store["learned_periods"].query("seed == 0 and start == @start").periods.item()
        assert last.filter(like="mean").astype(float).round().clip(1, 320).astype(int).tolist() == [
            int(period) for period in found.split()
        ]


def test_committed_methods_are_equal_in_size_and_agree_with_the_other_rows():
    store = Store(RESULTS)
    rows, learned = store["learned_periods_methods"], store["learned_periods"]
    assert (rows.groupby("method").seed.nunique() >= 10).all() and set(rows.method) == set(experiment.METHODS)
    assert (abs(rows.parameters / 793 - 1) < 0.02).all()
    assert set(rows.updates) == {3000, 3000 + 15 * 32 * 300}
    np.testing.assert_allclose(rows.ratio, rows.mse / rows.exponential, rtol=1e-3)
    for start, own in learned.groupby("start"):
        same = rows[rows.method == f"learned, {start} start"]
        np.testing.assert_array_equal(same.mse, own.fine_tuned)
        np.testing.assert_array_equal(same.exponential, own.exponential)
    sets = store["learned_periods_search"]
    assert (sets.groupby("seed").size() == experiment.Flags().sets).all()
    assert sets.loc[sets.groupby("seed").mse.idxmin()].chosen.all() and sets.chosen.sum() == 10


def test_page_says_how_much_is_searched_and_how_wide_emission_stays():
    page = (RESULTS.parent / "docs" / "results" / "learned-periods.md").read_text(encoding="utf-8").replace("\n", " ")
    flags = experiment.Flags()
    left = flags.updates + flags.fine_tuning - flags.sets * flags.share
    assert f"{flags.sets} sets of nine periods" in page and f"trained for {flags.share} updates each" in page
    assert f"the {left} that are left of the 3000" in page and f"the width falls to {flags.emitted_width:g};" in page
    assert f"have {flags.emitted_rate:g} times the learning rate of the weights" in page


def test_sentences_say_what_was_measured():
    page = (RESULTS.parent / "docs" / "results" / "learned-periods.md").read_text(encoding="utf-8").replace("\n", " ")
    store = Store(RESULTS)
    errors = store["learned_periods_methods"].pivot(index="seed", columns="method", values="mse")
    p = experiment.comparisons(store).set_index(["method", "other"]).p

    def over(method, other):
        ratios = errors[method] / errors[other]
        return int((ratios < 1).sum()), float(f"{np.median(ratios):.2g}")

    base, learned, searched, evolved = experiment.BASE, experiment.LEARNED, experiment.SEARCHED, experiment.EVOLVED
    emitted = {start: f"emitted, {start} start, soft" for start in experiment.STARTS}
    assert "on {} of 10, ×{} in the median, which shows nothing".format(*over(searched, base)) in page
    assert f"against learned ones ×{over(searched, learned)[1]}, which shows nothing" in page
    assert min(p[searched, base], p[searched, learned]) > 0.05
    assert "on {} of 10, ×{} in the median; over exponential ones".format(*over(evolved, searched)) in page
    assert f"ones ×{over(evolved, base)[1]}, on {over(evolved, base)[0]} of 10 (p = {p[evolved, base]:.1g})" in page
    better, ratio = over(emitted["bad"], learned)
    said = f"×{ratio:g} in the median and worse on {10 - better} of 10, which is not shown (p = {p[emitted['bad'], learned]:.1g})"
    assert said in page
    better, ratio = over(emitted["good"], base)
    assert f"×{ratio:g} over exponential periods, on {10 - better} of 10 (p = {p[emitted['good'], base]:.1g})" in page
    for start, soft in emitted.items():
        np.testing.assert_allclose(errors[f"emitted, {start} start, hard"], errors[soft], rtol=0.05)
    last = store["learned_periods_emitted"].groupby(["start", "of_steps"]).last().filter(like="period_")
    moved = last.xs("largest", level="of_steps") / last.xs("smallest", level="of_steps") - 1
    assert moved.max(axis=None) < 0.001 and "less than 0.1%" in page
    within = (store["learned_periods"].query("start == 'bad'").ratio <= 2).sum()
    assert (
        f"so that the {within} of 10 with at most twice the error from the bad start" in page
        and f"and {len(p)} comparisons" in page
    )


def test_answers_say_what_is_shown():
    found = {answer.question: answer.answer for answer in experiment.answers(Store(RESULTS))}
    assert list(found.values())[2:] == ["Not shown", "Better", "Not shown"] and len(found) == 5


def test_sign_tests_are_exact_and_adjusted_for_all(tmp_path):
    """With four seeds a method that is always better has p = 2 / 2⁴, one that is so in three 2 · (1 + 4) / 2⁴."""
    better = {"random search": 4, "evolution": 3}  # of four seeds, than exponential; the others in two
    rows = [
        {"method": method, "seed": seed, "mse": 1.0 if seed < better.get(method, 2) else 3.0}
        if method != "exponential"
        else {"method": method, "seed": seed, "mse": 2.0}
        for method in experiment.METHODS
        for seed in range(4)
    ]
    Store(tmp_path).write("learned_periods_methods", rows, ("method", "seed", "mse"))
    found = experiment.comparisons(Store(tmp_path))
    against = found[found.other == "exponential"].set_index("method")
    assert against.p["random search"] == pytest.approx(min(1, 0.125 * len(found)))
    assert found.p.min() == pytest.approx(1) and len(found) == 8 + 7
    assert against.ratios["evolution"].tolist() == [0.5, 0.5, 0.5, 1.5]


def test_ratios_say_how_many_are_within_a_factor_of_two():
    lines = experiment.tables(Store(RESULTS))["learned-periods-ratios"].splitlines()[2:]
    own = Store(RESULTS)["learned_periods_apart_0"].query("start == 'bad'").ratio
    low, high = own.min(), own.max()
    assert f"| error alone | bad | {own.median():.2g} ({low:.2g}–{high:.2g}) | {(own <= 2).sum()} of 10 |" in lines[2]


def test_runs_small(tmp_path, monkeypatch, eager):
    small = recipe("generation", units=4, periods=(1, 2), length=12)
    monkeypatch.setattr("main.recipe", lambda *_: small)
    monkeypatch.setattr(learned_periods, "PIECE", 2)
    monkeypatch.setattr(experiment, "PIECE", 2)
    monkeypatch.setattr(experiment, "compute", in_this_process)
    monkeypatch.setattr(experiment, "evolved_periods", lambda seeds: {0: (1, 3), 1: (2, 5)})
    options = experiment.Flags(seeds=2, annealing=2, updates=4, fine_tuning=2, sets=2, share=1)
    options.check()
    experiment.run(options, store := Store(tmp_path))
    rows = store["learned_periods"]
    assert list(zip(rows.seed, rows.start)) == [(0, "bad"), (0, "good"), (1, "bad"), (1, "good")]
    assert store["learned_periods_means"]["update"].tolist() == [0, 2, 4] * 4
    methods = store["learned_periods_methods"]
    assert methods.groupby("method", sort=False).size().to_dict() == dict.fromkeys(experiment.METHODS, 2)
    emitted = store["learned_periods_emitted"]
    assert emitted["update"].tolist() == np.repeat([0, 2, 4, 6], 3).tolist() * 2
    smallest, median, largest = (
        emitted.filter(like="period_")[emitted.of_steps == own].to_numpy() for own in experiment.EXTREMES
    )
    assert (smallest <= median).all() and (median <= largest).all()
    np.testing.assert_allclose(smallest[::4], largest[::4])  # before the first update nothing is emitted
    assert len(experiment.tables(store)["learned-periods-methods"].splitlines()) == 2 + len(experiment.METHODS)
    assert set(experiment.pictures(store)) == {"learned_periods"}


def test_where_all_diverged_there_is_nothing_to_compare(tmp_path):
    """Two methods, in all seeds: the table says so, and that none is shown to be better."""
    rows, store = Store(RESULTS)["learned_periods_methods"].copy(), Store(tmp_path)
    rows.loc[rows.method.isin(("learned, bad start", "learned, good start")), ["mse", "ratio"]] = np.inf
    store.write("learned_periods_methods", rows, experiment.METHOD)
    found = experiment.comparisons(store).set_index(["method", "other"])
    both = found.loc[("learned, good start", "learned, bad start")]
    assert both.p == 1 and both.ratios.empty
    lines = {line[0]: line for line in experiment._method_lines(store)}
    assert lines["learned, good start"][5:] == ["×inf (inf–inf)", f"{found.p.iloc[1]:.2g}", "", "", "10 of 10"]


def test_an_infinite_error_stays_infinite():
    found = {"periods": [(1, 2)], "soft": [np.inf], "snapped": [np.nan], "fine_tuned": [3.0]}
    row = experiment._row(0, 0, found, {"all_7": [1.0], "exponential": [2.0]}, 320)
    assert (row["soft"], row["snapped"], row["fine_tuned"], row["ratio"]) == (np.inf, np.inf, 3, 1.5)


def test_evolved_periods_are_the_committed_ones():
    assert experiment.evolved_periods(2) == {0: (1, 1, 2, 4, 6, 7, 18, 49, 68), 1: (1, 1, 2, 4, 8, 16, 23, 35, 72)}


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"fine_tuning": 0}, "`fine_tuning` must be at least 1. Received: 0"),
        ({"annealing": 0}, "`annealing` must be at least 1. Received: 0"),
        ({"updates": 50}, "`updates` must be a multiple of 20. Received: 50"),
        ({"updates": 100}, "`updates` must be above `annealing`, 300. Received: 100"),
        ({"apart": 0.0}, "`apart` must be above 0; 0 is tried besides. Received: 0.0"),
        ({"emitted_width": 0.0}, "`emitted_width` must be above 0 and at most `wide`, 1.5. Received: 0.0"),
        ({"emitted_width": 2.0}, "`emitted_width` must be above 0 and at most `wide`, 1.5. Received: 2.0"),
        ({"emitted_rate": 0.0}, "`emitted_rate` must be above 0. Received: 0.0"),
        ({"sets": 0}, "`sets` must be at least 1. Received: 0"),
        ({"share": 0}, "`share` must be at least 1. Received: 0"),
        ({"share": 300}, "`share` must leave some of 3000 updates after 10 sets. Received: 300"),
        ({"narrow": 2.0}, "`narrow` must be above 0 and at most `wide`, 1.5. Received: 2.0"),
    ],
)
def test_bad_options_are_refused(changed, message):
    with pytest.raises(ValueError) as refused:
        experiment.Flags(**changed).check()
    assert str(refused.value) == message
