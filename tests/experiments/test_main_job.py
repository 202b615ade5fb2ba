"""The main job: what a run writes, and that the committed rows and curves belong together."""

import pytest
from committed import RESULTS

from experiments import main_job
from experiments.store import Store
from main import recipe


def in_this_process(function, cells, *_):
    return [function(**cell.arguments) for cell in cells]


def test_a_small_run_writes_what_tables_and_pictures_need(tmp_path, monkeypatch, without_xla):
    monkeypatch.setattr(main_job, "compute", in_this_process)
    monkeypatch.setattr(main_job, "METHODS", ("clockwork_rnn",))
    main_job.run(main_job.Flags(seeds=1, epochs=11), store := Store(tmp_path))
    assert list(zip(store["main_job"].target, store["main_job"].seed)) == [("sine mixture", 0), ("music", 0)]
    assert store["main_job_training"]["update"].tolist() == [0, 10] * 2
    network = store["main_job_network"]
    assert ((network.output - network.target) ** 2).mean() == pytest.approx(store["main_job"].mse[1], rel=1e-4)
    slow = network[[name for name in network if name.startswith("period 256")]]
    assert len(slow.drop_duplicates()) == 2  # it fires at the steps 0 and 256 of 320
    assert main_job.tables(store)["main-job"].count("Clockwork RNN | 802") == 2
    assert set(main_job.pictures(store)) == {"main_job_signal", "main_job_states", "main_job_training"}


def test_committed_rows_are_the_whole_experiment():
    store = Store(RESULTS)
    assert len(store["main_job"]) == 2 * 3 * 5  # targets, models, seeds
    assert len(store["main_job_training"]) == 30 * 100  # a point every tenth of 1000 updates
    network, rows = store["main_job_network"], store["main_job"]
    first = rows[(rows.target == "music") & (rows.model == "clockwork_rnn") & (rows.seed == 0)].mse.item()
    assert ((network.output - network.target) ** 2).mean() == pytest.approx(first, rel=1e-3)


def test_default_epochs_are_those_of_the_recipes():
    assert main_job.Flags().epochs == recipe("generation").epochs
