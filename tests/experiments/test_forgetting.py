"""Dynamic forgetting: equal networks and updates, how they are judged, and tables that say what the rows say."""

from dataclasses import replace

import numpy as np
import pytest
from committed import RESULTS

from experiments import forgetting
from experiments.grid import ROOT
from experiments.store import Store
from experiments.training import forgetting as training
from tasks.character_model import CharacterModel
from tasks.speech_prediction import SpeechPrediction

TASKS = {"speech": SpeechPrediction, "text": CharacterModel}


@pytest.mark.parametrize("task", TASKS)
def test_networks_have_equal_parameters_and_schedules_equal_updates(task):
    sizes = []
    for model in forgetting.MODELS:
        settings = training.base(task, model, None)
        sizes.append(TASKS[task](settings).network.size)
        updates = {own.epochs * TASKS[task](own).batches for own in training.schedules(task, settings).values()}
        assert updates == {800 if task == "speech" else 4 * 204}
    assert max(sizes) <= 1.02 * min(sizes)


def test_schedules_differ_in_when_they_forget_alone():
    settings = training.base("speech", "clockwork_rnn", None)
    found = training.schedules("speech", settings)
    assert list(found) == list(forgetting.LABELS) and found[forgetting.BASE] == settings
    for name, own in found.items():
        fields = ("chunk", "epochs") if name == "whole" else ("forget_every", "forget_growth")
        assert replace(settings, **{field: getattr(own, field) for field in fields}) == own
    assert found["grown"].forget_growth ** 40 == pytest.approx(10)  # from 1 to all ten chunks in half of 80 epochs
    assert found["whole"].chunk == 4799 and list(training.schedules("text", training.base("text", "lstm", None))) == [
        forgetting.BASE,
        "update",
        "doubled",
    ]


def test_each_network_is_the_one_trained_alone():
    settings = training.base("speech", "lstm", 2)
    settings = replace(settings, units=3, seconds=0.03, chunk=160)
    result = training.train_speech(settings, (3, 5), (1.0, 0.5))
    alone = training.train_speech(replace(settings, learning_rate=0.5 * settings.learning_rate), (5,))
    for name in ("teacher_forced_nmse", "free_running_nmse"):
        assert result[name].shape == (2,)
        assert result[name][1] == pytest.approx(alone[name][0], rel=1e-3)
    assert (result["updates"], result["parameters"]) == (6, 4 * 3 * (3 + 63 + 1) + 4)


def test_rates_are_those_of_the_smallest_median():
    cell = training.search_cell("lstm", (1, 2, 3), 1)
    rate = cell.arguments["settings"].learning_rate
    errors = np.array([5, 5, 5, 9, 2, 1, 1, 8, 9, np.inf, np.inf, 0.1])  # three seeds a factor
    result = {"teacher_forced_nmse": errors, "free_running_nmse": errors}
    rows = list(forgetting.search_rows("lstm", cell, result))
    assert [(row["factor"], row["seed"]) for row in rows[2:4]] == [(0.25, 3), (0.5, 1)]
    assert rows[3]["learning_rate"] == rate / 2
    frame = forgetting.pd.DataFrame(rows)
    assert forgetting.best_factors(frame) == {"lstm": 0.5}


def test_runs_all_and_says_which_schedules_differ(tmp_path, monkeypatch):
    """All ten above all ten are shown to be worse; equal scores are not; what diverged is worse."""
    monkeypatch.setattr(forgetting, "compute", scored)
    store = Store(tmp_path)
    forgetting.run(forgetting.Flags(), store)
    rows = store["forgetting"]
    assert len(rows) == 2 * 10 * (2 * 5 + 3) and len(store["forgetting_search"]) == 2 * 4 * 3
    assert rows[rows.measure != "bits_per_character"].groupby("model").learning_rate.unique().map(list).to_dict() == {
        "clockwork_rnn": [pytest.approx(6e-3 / 4)],
        "lstm": [pytest.approx(1e-2 / 4)],
    }
    found = forgetting.judged(rows).verdict["free_running_nmse", "lstm"]
    assert found.drop(forgetting.BASE).to_dict() == {
        "update": "worse",
        "doubled": "no difference shown",
        "grown": "better",
        "whole": "worse",
    }
    tables = forgetting.tables(store)
    (line,) = [line for line in tables["forgetting"].splitlines() if "| LSTM: at every update |" in line]
    assert "| 218 (209–227) | ×1.85, worse (p = " in line
    assert "| speech | LSTM | 19 | 9 | 800 | 0.0025 | 50 | 10 | 1; the whole at once 1 |" in tables["forgetting-cost"]
    (figure,) = forgetting.pictures(store).values()
    assert len(figure.axes) == 6 and all(axis.lines for axis in figure.axes)


def test_one_schedule_alone_has_nothing_to_be_compared_with(tmp_path, monkeypatch):
    monkeypatch.setattr(forgetting, "compute", scored)
    store = Store(tmp_path)
    forgetting.run(forgetting.Flags(tasks=("speech",), models=("lstm",), schedules=("epoch",)), store)
    assert "forgetting-search" in forgetting.tables(store)
    forgetting.run(forgetting.Flags(tasks=("text",), models=("lstm",), schedules=("epoch",), seeds=3), store)
    assert "forgetting-search" not in forgetting.tables(store)
    (line,) = forgetting.tables(store)["forgetting"].splitlines()[2:]
    assert line == "| LSTM: only where an epoch begins |  |  |  |  | 104 (102–106) |  |"  # of 100, 104 and 108
    (axis,) = forgetting.pictures(store)["forgetting"].axes
    assert axis.lines[0].get_xdata() == pytest.approx([100, 104, 108])


def scored(function, cells, *_):
    added = {"update": 100.0, "doubled": 0.0, "grown": -60.0, "whole": np.inf}
    results = []
    for cell in cells:
        scores = 4.0 * np.arange(len(cell.arguments["seeds"])) + 100 + added.get(cell.name.split("-")[-1], 0.0)
        names = (
            ("bits_per_character",) if cell.name.startswith("text") else ("teacher_forced_nmse", "free_running_nmse")
        )
        numbers = {"updates": 800, "parameters": 9, "seconds": 1.0}
        results.append(dict.fromkeys(names, scores) | {name: np.array(value) for name, value in numbers.items()})
    return results


def test_sentences_say_what_was_measured():
    page = (ROOT / "docs" / "results" / "forgetting.md").read_text(encoding="utf-8").replace("\n", " ")
    rows = Store(RESULTS)["forgetting"]
    found = forgetting.judged(rows).sort_index()
    truth, own, bits = forgetting.MEASURES
    ratio = {place: f"{value:.3g}" for place, value in found.ratio.items()}
    medians = found.own.map(np.median)
    verdicts = found.verdict
    clockwork = {
        name: [ratio[measure, "clockwork_rnn", name] for measure in (own, truth)] for name in forgetting.LABELS
    }
    assert "×{} fed its own output; ×{} fed the truth".format(*clockwork["update"]) in page
    lstm = medians[own, "lstm"]
    lowest = rows.query("measure == @own and model == 'lstm'").score.min()
    assert f"medians from {lstm.min():.3g} to {lstm.max():.3g}, though single seeds fall to {lowest:.2g}" in page
    assert set(verdicts[own, "lstm"].dropna()) == {"no difference shown"} and lstm.min() > 1
    after = found.loc[(own, "clockwork_rnn", "doubled")]
    assert f"×{after.ratio:.3g} fed its own output (p = {after.p:.1g})" in page
    grown = found.ratio[found.index.get_level_values("schedule") == "grown"]
    assert f"×{grown.min():.3g} to ×{grown.max():.3g}, none shown" in page and len(grown) == 4
    assert "×{1} and ×{0}".format(*clockwork["whole"]) in page
    seconds = rows[rows.measure == truth].groupby(["model", "schedule"]).seconds.first()
    costs = [seconds[model, "whole"] / seconds[model].drop("whole").mean() for model in forgetting.MODELS]
    assert "{:.0f} times the seconds, {:.0f} times for the LSTM".format(*costs) in page
    worse = [100 * (found.ratio[bits, "clockwork_rnn", name] - 1) for name in ("update", "doubled")]
    assert "by {:.1f}% at every update and by {:.1f}% after 2, then 4, 8".format(*worse) in page
    assert {*verdicts[bits, "clockwork_rnn"].dropna()} == {"worse"}
    assert {*verdicts[bits, "lstm"].dropna()} == {"no difference shown"}
    at_once = [medians[measure, "clockwork_rnn", "whole"] for measure in (truth, own)]
    assert f"({at_once[0]:.3g} both times)" in page and at_once[0] == pytest.approx(at_once[1], rel=2e-3)
    models = [medians[bits, model, "epoch"] for model in reversed(forgetting.MODELS)]
    assert "({:.2f} against {:.2f} bits)".format(*models) in page
    lessening = verdicts[verdicts.index.isin(forgetting.LESSENING, level="schedule")]
    assert not (lessening == "better").any()
    best = forgetting.best_factors(Store(RESULTS)["forgetting_search"])
    assert set(best.values()) == {max(forgetting.FACTORS)}


def test_committed_rows_are_the_whole_experiment():
    rows = Store(RESULTS)["forgetting"]
    assert (rows.groupby(["measure", "model", "schedule"]).seed.nunique() == 10).all() and len(rows) == 260
    sizes = rows.groupby(["measure", "model"]).parameters.first().unstack()
    assert (sizes.max(axis=1) <= 1.02 * sizes.min(axis=1)).all()
    assert rows.groupby("measure").updates.nunique().eq(1).all() and np.isfinite(rows.score).all()


def test_answers_name_the_best_schedule_of_each_network():
    made = forgetting.answers(Store(RESULTS))
    assert [answer.networks for answer in made] == [100, 100, 60]
    assert made[2].answer == "Clockwork RNN: worse; LSTM: no difference shown"
    assert "Clockwork RNN, grown over half of the epochs ×0.985 (" in made[0].effect
