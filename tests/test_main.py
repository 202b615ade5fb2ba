"""The real entry point in a process of its own: what it writes, what it refuses, and that it can be stopped."""

import json
import os
import signal
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
from entry_point import run, start

import main
import models.clockwork_rnn  # noqa: F401 (registers the layer that saved models hold)
from running import command_line

ROOT = Path(__file__).parents[1]
TINY = ["--epochs", "60", "--length", "40", "--units", "4", "--periods", "1", "2"]


def read(*flags):
    return command_line.read(flags, main.TASKS)


@pytest.fixture(scope="module")
def music_run(tmp_path_factory):
    """A tiny run on the shipped music."""
    folder = tmp_path_factory.mktemp("music")
    status, output, errors = run(folder, "--target", ROOT / "data" / "music.flac", *TINY, "--name", "a", "--seed", "3")
    assert (status, errors) == (0, "")
    return folder, output


def test_writes_what_the_design_promises(music_run):
    folder, output = music_run
    results = folder / "results" / "generation" / "a"
    assert {path.name for path in results.iterdir()} == {
        *(
            "config.json",
            "metrics.json",
            "checkpoint.npz",
            "model.keras",
            "signal.png",
            "training.png",
            "states.png",
            "clock.png",
        ),
        *("target.wav", "output.wav", "signal.csv", "signal.npz", "training.csv", "report.html"),
    }
    config, metrics = (json.loads((results / name).read_text()) for name in ("config.json", "metrics.json"))
    assert (config["units"], config["periods"], config["seed"], config["recipe"]) == (4, [1, 2], 3, "modern")
    # Two modules of two units: 2·4 + 2·2 recurrent weights, 4 biases, 5 to the output; and 2 periods.
    assert (metrics["parameters"], metrics["parameters_with_periods"]) == (21, 23)
    assert (metrics["task"], metrics["model"], metrics["seed"]) == ("generation", "clockwork_rnn", 3)
    assert (metrics["epochs"], metrics["updates"]) == (60, 60) and metrics["seconds"] > 0
    assert str(results) in output


def test_metrics_are_those_of_the_saved_model_and_sounds(music_run):
    results = music_run[0] / "results" / "generation" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    model = keras.models.load_model(results / "model.keras")
    target, rate = soundfile.read(results / "target.wav")
    output = model(np.zeros((1, 40, 0), "float32")).numpy()[0, :, 0]
    assert rate == 44100
    assert np.mean((output - target) ** 2) == pytest.approx(metrics["mse"], rel=1e-2)  # 16-bit sound
    assert metrics["nmse"] == pytest.approx(metrics["mse"] / np.var(target), rel=1e-2)
    np.testing.assert_allclose(soundfile.read(results / "output.wav")[0], output.clip(-1, 1), atol=1e-4)


def test_a_trained_run_is_run_again_with_its_own_settings(music_run):
    folder, _ = music_run
    results = folder / "results" / "generation" / "a"
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    status, output, errors = run(folder, "--run", "a", "--length", "50")
    assert (status, errors) == (0, "") and "over the 40 steps it was trained on" in output
    new = {f"generated_50.{kind}" for kind in ("png", "csv", "npz", "wav")}
    assert {path.name for path in results.iterdir()} == set(before) | new
    assert all((results / name).read_bytes() == content for name, content in before.items())
    for name in new:
        (results / name).unlink()


def test_two_runs_with_one_seed_give_identical_weights(music_run):
    folder = music_run[0]
    target = ROOT / "data" / "music.flac"
    assert run(folder, "--target", target, *TINY, "--name", "b", "--seed", "3")[0] == 0
    weights = [
        keras.models.load_model(folder / "results" / "generation" / name / "model.keras").get_weights() for name in "ab"
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_is_not_overwritten_silently(music_run, capsys):
    folder = music_run[0]
    metrics = folder / "results" / "generation" / "a" / "metrics.json"
    before = metrics.read_text()
    flags = ["--target", str(ROOT / "data" / "music.flac"), *TINY, "--name", "a", "--seed", "3"]
    flags += [f"--results-dir={folder / 'results'}", f"--log-dir={folder / 'log'}"]
    refusals = {
        (): "--name must be new, or come with --overwrite, or with --resume to go on with it. Received: a",
        ("--resume",): "--epochs must be above those of the finished run to resume, 60. Received: 60",
        ("--resume", "--epochs", "59"): "--epochs must be above those of the finished run to resume, 60. Received: 59",
        ("--resume", "--epochs", "61", "--units", "5"): "--units must be that of the run to resume, 4. Received: 5",
    }
    for more, message in refusals.items():
        assert main.main([*flags, *more]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith(f"main.py: {message}") and len(errors.splitlines()) == 1
    assert metrics.read_text() == before


@pytest.mark.parametrize(
    "recipe, model, parameters",  # with periods: 802 and 794 from the earlier project, the others from Table 1
    [
        ("modern", "clockwork_rnn", 802),
        ("paper", "clockwork_rnn", 980),
        ("paper", "lstm", 1021),
        ("paper", "simple_rnn", 1024),
        ("tensorflow-2016", "clockwork_rnn", 802),
        ("tensorflow-2016", "lstm", 794),
    ],
)
def test_recipes_have_the_published_sizes(recipe, model, parameters):
    task_class, settings = read("--recipe", recipe, "--model", model)
    assert task_class(settings).network.size + len(settings.periods) == parameters


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_from_which_only_the_same_run_goes_on(tmp_path, capsys, number, status):
    flags = [*TINY[2:], "--epochs", "200000", "--name", "long"]
    process = start(tmp_path, *flags)
    while "compiled" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert errors.strip() == "main.py: interrupted; go on with the same flags and --name long --resume"
    results = tmp_path / "results" / "generation" / "long"
    assert {path.name for path in results.iterdir()} - {"checkpoint.before.npz"} == {  # which slow machines have
        "config.json",
        "checkpoint.npz",
        "training.png",
        "training.csv",
    }
    flags += ["--resume", f"--results-dir={tmp_path / 'results'}", f"--log-dir={tmp_path / 'log'}"]
    refusals = {
        ("--seed", "1"): "--seed must be that of the run to resume, 0. Received: 1",
        (
            "--model",
            "clockwork_gru",
        ): "--model must be that of the run to resume, clockwork_rnn. Received: clockwork_gru",
        ("--replicas", "2"): "--replicas must be that of the run to resume, 1. Received: 2",
        ("--epochs", "199999"): "--epochs must be at least those of the run to resume, 200000. Received: 199999",
    }
    for more, message in refusals.items():
        assert main.main([*flags, *more]) == 2
        assert capsys.readouterr().err == f"main.py: {message}\n"


def test_words_train_resume_and_classify(tmp_path, few_words_flags, run_here):
    flags = ["words", "--name", "a", *few_words_flags, "--units", "14", "--periods", "1", "16"]
    process = start(tmp_path, *flags, "--epochs", "100000")
    while "compiled" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert "--resume" in process.communicate(timeout=60)[1] and process.returncode == 130
    status, _, errors = run_here(tmp_path, *flags, "--epochs", "2")
    assert status == 2 and "--name must be new" in errors
    status, output, errors = run_here(tmp_path, *flags, "--epochs", "2", "--overwrite")
    assert (status, errors) == (0, "")
    results = tmp_path / "results" / "words" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    # 14 units in 2 modules: 7 · 14 and 7 · 7 recurrent, 13 · 14 input weights, 14 biases, 4 words of 14 + 1 each
    assert metrics["parameters"] == 98 + 49 + 182 + 14 + 60
    assert metrics["skipped_files"] == 0 and {"train_error", "test_error"} <= set(metrics)
    files = [str(path) for path in sorted((ROOT / "data" / "words" / "making").iterdir())[:2]]
    status, output, errors = run_here(tmp_path, "words", "--classify", *files, "--run", "a")
    assert (status, errors) == (0, "") and [line.split(": ")[0] for line in output.splitlines()] == files


def test_words_have_the_paper_s_size():
    task_class, settings = read("words")
    assert task_class(settings).network.size == 9949  # of 102 units in 7 modules, 13 channels and 25 words, by hand


def test_speech_trains_and_speaks(tmp_path, run_here):
    flags = ["speech", "--name", "a", "--seconds", "0.05", "--window", "20", "--chunk", "64", "--epochs", "3"]
    flags += ["--units", "14", "--periods", "1", "16", "--own-output-until", "0.2"]
    status, _, errors = run(tmp_path, *flags)
    assert (status, errors) == (0, "")
    results = tmp_path / "results" / "speech" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    # 14 units in 2 modules: 7 · 14 and 7 · 7 recurrent, 82 · 14 input weights, 14 biases, 15 of the output
    assert metrics["parameters"] == 98 + 49 + 1148 + 14 + 15
    phones = tmp_path / "clock.PHN"
    phones.write_text("".join((ROOT / "data" / "speech" / "clock.PHN").read_text().splitlines(True)[:5]))
    status, output, errors = run_here(tmp_path, "speech", "--generate", "--run", "a", "--phones", phones)
    assert (status, errors) == (0, "") and "spoken_clock.wav" in output
    samples, rate = soundfile.read(results / "spoken_clock.wav")
    ends = [int(line.split()[1]) for line in phones.read_text().splitlines()]
    assert (len(samples), rate) == (ends[-1], 16000)
    broken = tmp_path / "broken.PHN"
    broken.write_text("0 100 h#\n50 200 aa\n")
    status, _, errors = run_here(tmp_path, "speech", "--generate", "--run", "a", "--phones", broken)
    assert run_here(tmp_path, "speech", "--generate", "--run", "a", "--phones", phones)[0] == 0  # the same again
    other = tmp_path / "other" / "clock.PHN"
    other.parent.mkdir()
    other.write_text("".join(phones.read_text().splitlines(True)[:4]))
    others = run_here(tmp_path, "speech", "--generate", "--run", "a", "--phones", other)
    assert others[0] == 2 and "--phones must not replace what was made of another file. Received: " in others[2]
    assert len(soundfile.read(results / "spoken_clock.wav")[0]) == ends[-1]
    assert status == 2 and "must go on at sample 100" in errors and not (results / "spoken_broken.wav").exists()


def test_several_replicas_are_trained_at_once(tmp_path, run_here):
    status, output, errors = run_here(tmp_path, *TINY, "--replicas", "3", "--keep", "all", "--name", "a")
    assert (status, errors) == (0, "") and " ± " in output
    results = tmp_path / "results" / "generation" / "a"
    assert len(list(results.glob("model*.keras"))) == 3
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["mse"] == pytest.approx(np.mean(metrics["replicas"]["mse"])) and metrics["parameters"] == 21


def test_text_trains_and_writes(tmp_path, run_here):
    text = tmp_path / "text.txt"
    text.write_text("the slow clock keeps what the fast one forgets. " * 40)
    flags = ["text", "--name", "a", "--text", str(text), "--streams", "4", "--chunk", "32", "--epochs", "3"]
    flags += ["--units", "12", "--periods", "1", "8", "--prime", "the ", "--sample-length", "30"]
    status, _, errors = run(tmp_path, *flags)
    assert (status, errors) == (0, "")
    results = tmp_path / "results" / "text" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["test_characters"] == 192 and 0 < metrics["bits_per_character"] < 10
    sampling = ["text", "--sample", "--run", "a", "--sample-length", "30"]
    status, output, errors = run_here(tmp_path, *sampling, "--prime", "the slow")
    assert (status, errors) == (0, "") and output.startswith("the slow") and len(output) == 8 + 30 + 1
    status, output, errors = run_here(tmp_path, *sampling, "--prime", "Übel")
    assert (status, output) == (2, "") and "--prime must be of characters that are in the text" in errors


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_before_training_is_one_line(tmp_path, monkeypatch, capsys, number, status):
    def interrupt(*arguments):
        signal.raise_signal(number)

    monkeypatch.setattr("tasks.spoken_words.load_features", interrupt)
    monkeypatch.chdir(tmp_path)
    assert main.main(["words"]) == status
    assert capsys.readouterr().err == "\nmain.py: interrupted before training began\n"
    assert not list(tmp_path.iterdir())


def test_a_signal_has_its_exit_status_also_where_nothing_can_be_said(tmp_path, monkeypatch):
    def interrupt(*arguments):
        signal.raise_signal(signal.SIGTERM)

    flags = [*TINY, f"--results-dir={tmp_path / 'results'}", f"--log-dir={tmp_path / 'log'}"]
    for place in ("running.program.make_task", "running.train.Following.log_about"):  # before training, and within it
        with open("/dev/full", "w", buffering=1) as errors, monkeypatch.context() as patch:
            patch.setattr(place, interrupt)
            patch.setattr("sys.stderr", errors)
            assert main.main(flags) == 143
            os.dup2(os.open(os.devnull, os.O_WRONLY), errors.fileno())  # for what still waits to be written


def test_divergence_is_said_and_exits_with_1(tmp_path, run_here):
    flags = ["--optimizer", "sgd", "--learning-rate", "1e30", "--clip-norm", "0", "--name", "far"]
    status, _, errors = run_here(tmp_path, *TINY, *flags)
    assert status == 1 and errors.startswith("main.py: diverged at update ") and len(errors.splitlines()) == 1
    assert list((tmp_path / "log" / "generation" / "far").iterdir())


def test_series_trains_and_forecasts(tmp_path, run_here):
    steps = np.arange(240)
    rows = [f"2024-01-{1 + step // 24:02}T{step % 24:02}:00,{np.sin(step / 3.82) + step / 99:.4f}" for step in steps]
    table = tmp_path / "own table.csv"
    table.write_text("\n".join(["hour,load", *rows]))
    flags = ["series", "--name", "a", "--data", str(table), "--target", "load", "--time", "hour", "--horizon", "6"]
    status, output, errors = run(tmp_path, *flags, "--units", "8", "--periods", "1", "4", "--epochs", "2")
    assert (status, errors) == (0, "") and "mean absolute scaled error" in output
    results = tmp_path / "results" / "series" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["season"] == 24 and metrics["mase"] > 0 and 0 <= metrics["coverage_95"] <= 100
    assert "exponential smoothing" in metrics["baselines"] and (results / "forecast.png").exists()
    best = min(own["mase"] for own in metrics["baselines"].values())
    assert output.splitlines()[-1].startswith("A simple answer is better") == (best < metrics["mase"])
    more = ("--units", "8", "--periods", "1", "4", "--epochs", "3", "--resume")
    status, _, errors = run_here(tmp_path, *flags, *more)
    assert (status, errors) == (0, "") and json.loads((results / "metrics.json").read_text())["updates"] == 150
    status, output, errors = run_here(tmp_path, "series", "--run", "a", "--predict", str(table))
    assert (status, errors) == (0, "")
    forecast = (results / "predictions_of_own table.csv").read_text().splitlines()
    assert len(forecast) == 7 and forecast[1].startswith("own table.csv,2024-01-11 00:00:00,")
    for more, message in [
        (["--predict", "nowhere.csv"], "nowhere.csv must be a file or a folder. Received: nothing there"),
        ([], "--run needs --predict, a file to go on from or to answer. Received: none"),
        (["--predict", str(table), "--horizon", "7"], "--horizon must be that of the trained run, 6. Received: 7"),
        (["--predict", str(table), "--chunk", "9"], "--chunk must be that of the trained run, 256. Received: 9"),
    ]:
        status, output, errors = run_here(tmp_path, "series", "--run", "a", *more)
        assert (status, output) == (2, "") and message in errors and len(errors.splitlines()) == 1


def test_series_are_classified(tmp_path, run_here):
    rng = np.random.default_rng(0)
    kinds = np.arange(40) % 2
    waves = np.sin(np.arange(20) * (1 + kinds[:, None])) + 0.1 * rng.normal(size=(40, 20))
    lines = [
        f"{','.join(f'{value:.4f}' for value in wave)}:{['slow', 'fast'][kind]}" for wave, kind in zip(waves, kinds)
    ]
    for name, part in (("train", lines[:30]), ("test", lines[30:])):
        head = "@problemName waves\n@univariate true\n@classLabel true slow fast\n@data\n"
        (tmp_path / f"{name}.ts").write_text(head + "\n".join(part) + "\n")
    flags = ["series", "--name", "a", "--data", str(tmp_path / "train.ts"), "--test-data", str(tmp_path / "test.ts")]
    status, output, errors = run_here(tmp_path, *flags, "--units", "12", "--periods", "1", "4", "--epochs", "4")
    assert (status, errors) == (0, "") and "test error" in output
    results = tmp_path / "results" / "series" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    assert (metrics["training_sequences"], metrics["test_sequences"]) == (30, 10) and metrics["test_error"] <= 20
    assert (results / "confusion.png").exists() and metrics["baselines"]["most frequent class"]["test_error"] == 50
    status, output, errors = run_here(tmp_path, "series", "--run", "a", "--predict", str(tmp_path / "test.ts"))
    assert (status, errors) == (0, "") and len((results / "predictions_of_test.csv").read_text().splitlines()) == 11


def test_numbers_are_said_of_sequences(tmp_path, run_here):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 12, 2))
    np.savez(tmp_path / "own.npz", x=x, y=x[..., 0].mean(axis=1))
    small = ("--units", "8", "--periods", "1", "2", "--epochs", "2")
    status, output, errors = run_here(tmp_path, "series", "--name", "a", "--data", tmp_path / "own.npz", *small)
    assert (status, errors) == (0, "") and "root mean squared error" in output
    results = tmp_path / "results" / "series" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["rmse"] > 0 and metrics["baselines"]["ridge"]["rmse"] < metrics["baselines"]["mean"]["rmse"]
    assert {"answers.png", "training.png", "report.html", "predictions.csv"} <= {
        file.name for file in results.iterdir()
    }
