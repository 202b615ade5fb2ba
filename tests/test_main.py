"""The real entry point in a process of its own: what it writes, what it refuses, and that it can be stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

import main
import models.clockwork_rnn  # noqa: F401 (registers the layer that saved models hold)
from running import command_line

ROOT = Path(__file__).parents[1]
TINY = ["--epochs", "60", "--length", "40", "--units", "4", "--periods", "1", "2"]


def start(folder, *flags, **kwargs):
    command = [
        sys.executable,
        ROOT / "main.py",
        *flags,
        "--results-dir",
        folder / "results",
        "--log-dir",
        folder / "log",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs
    )


def run(folder, *flags):
    process = start(folder, *flags)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


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
        *("config.json", "metrics.json", "model.keras", "signal.png", "training.png", "states.png", "clock.png"),
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


def test_a_run_is_not_overwritten_silently(music_run):
    folder = music_run[0]
    metrics = folder / "results" / "generation" / "a" / "metrics.json"
    before = metrics.read_text()
    status, _, errors = run(folder, *TINY, "--name", "a")
    assert status == 2 and "--name must be new" in errors and len(errors.splitlines()) == 1
    status, _, errors = run(folder, *TINY, "--name", "a", "--resume")
    assert status == 2 and "--resume needs a run that was interrupted" in errors
    assert metrics.read_text() == before


@pytest.mark.parametrize(
    "flags",
    [["--recipe", "paper"], ["--recipe", "tensorflow-2016", "--model=lstm"], ["generation", "--model", "simple_rnn"]],
)
def test_recipes_and_models_run(tmp_path, flags):
    status, output, errors = run(tmp_path, *flags, "--epochs", "2", "--overwrite")
    assert (status, errors) == (0, "")


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
    task_class, settings = command_line.read(["--recipe", recipe, "--model", model], main.TASKS)
    assert task_class(settings).network.size + len(settings.periods) == parameters


def test_ctrl_c_leaves_a_checkpoint_and_resume_goes_on(tmp_path):
    flags = [*TINY[2:], "--epochs", "200000", "--name", "long"]
    process = start(tmp_path, *flags)
    while "compiled" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "main.py: interrupted; go on with the same flags and --name long --resume"
    results = tmp_path / "results" / "generation" / "long"
    assert {path.name for path in results.iterdir()} == {
        "config.json",
        "checkpoint.npz",
        "training.png",
        "training.csv",
    }
    other = run(tmp_path, *flags, "--resume", "--seed", "1")
    assert other[0] == 2 and "--seed must be that of the run to resume, 0. Received: 1" in other[2]
    other = run(tmp_path, *flags, "--resume", "--replicas", "2")
    assert other[0] == 2 and "--replicas must be that of the run to resume, 1. Received: 2" in other[2]


def test_words_train_resume_and_classify(tmp_path):
    flags = ["words", "--name", "a", "--cache-dir", str(tmp_path / "cache")]
    process = start(tmp_path, *flags, "--epochs", "100000")
    while "compiled" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    assert "--resume" in process.communicate(timeout=60)[1] and process.returncode == 130
    status, _, errors = run(tmp_path, *flags, "--epochs", "2")
    assert status == 2 and "--name must be new" in errors
    status, output, errors = run(tmp_path, *flags, "--epochs", "2", "--overwrite")
    assert (status, errors) == (0, "")
    results = tmp_path / "results" / "words" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["parameters"] == 9949  # of 102 units in 7 modules, 13 channels and 25 words, counted by hand
    assert metrics["skipped_files"] == 0 and {"train_error", "test_error"} <= set(metrics)
    files = [str(path) for path in sorted((ROOT / "data" / "words" / "making").iterdir())[:2]]
    status, output, errors = run(tmp_path, "words", "--classify", *files, "--run", "a")
    assert (status, errors) == (0, "") and [line.split(": ")[0] for line in output.splitlines()] == files


def test_speech_trains_and_speaks(tmp_path):
    flags = ["speech", "--name", "a", "--seconds", "0.05", "--window", "20", "--chunk", "64", "--epochs", "3"]
    flags += ["--units", "14", "--periods", "1", "16", "--own-output-until", "0.2"]
    status, _, errors = run(tmp_path, *flags)
    assert (status, errors) == (0, "")
    results = tmp_path / "results" / "speech" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    # 14 units in 2 modules: 7 · 14 and 7 · 7 recurrent, 82 · 14 input weights, 14 biases, 15 of the output
    assert metrics["parameters"] == 98 + 49 + 1148 + 14 + 15
    phones = ROOT / "data" / "speech" / "clock.PHN"
    status, output, errors = run(tmp_path, "speech", "--generate", "--run", "a", "--phones", str(phones))
    assert (status, errors) == (0, "") and "spoken_clock.wav" in output
    samples, rate = soundfile.read(results / "spoken_clock.wav")
    ends = [int(line.split()[1]) for line in phones.read_text().splitlines()]
    assert (len(samples), rate) == (ends[-1], 16000)
    broken = tmp_path / "broken.PHN"
    broken.write_text("0 100 h#\n50 200 aa\n")
    status, _, errors = run(tmp_path, "speech", "--generate", "--run", "a", "--phones", str(broken))
    status_again, _, errors_again = run(tmp_path, "speech", "--generate", "--run", "a", "--phones", str(phones))
    assert status_again == 2 and "--phones must have a name that is new" in errors_again
    assert status == 2 and "must go on at sample 100" in errors and not (results / "spoken_broken.wav").exists()


def test_several_replicas_are_trained_at_once(tmp_path):
    status, output, errors = run(tmp_path, *TINY, "--replicas", "3", "--keep", "all", "--name", "a")
    assert (status, errors) == (0, "") and " ± " in output
    results = tmp_path / "results" / "generation" / "a"
    assert len(list(results.glob("model*.keras"))) == 3
    metrics = json.loads((results / "metrics.json").read_text())
    assert metrics["mse"] == pytest.approx(np.mean(metrics["replicas"]["mse"])) and metrics["parameters"] == 21


def test_text_trains_and_writes(tmp_path):
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
    status, output, errors = run(tmp_path, *sampling, "--prime", "the slow")
    assert (status, errors) == (0, "") and output.startswith("the slow") and len(output) == 8 + 30 + 1
    status, output, errors = run(tmp_path, *sampling, "--prime", "Übel")
    assert (status, output) == (2, "") and "--prime must be of characters that are in the text" in errors


def test_ctrl_c_before_training_is_one_line(tmp_path, monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.spoken_words.load_features", interrupt)
    monkeypatch.chdir(tmp_path)
    assert main.main(["words"]) == 130
    assert capsys.readouterr().err == "\nmain.py: interrupted before training began\n"
    assert not list(tmp_path.iterdir())


def test_divergence_is_said_and_exits_with_1(tmp_path):
    flags = ["--optimizer", "sgd", "--learning-rate", "1e30", "--clip-norm", "0", "--name", "far"]
    status, _, errors = run(tmp_path, *TINY, *flags)
    assert status == 1 and errors.startswith("main.py: diverged at update ") and len(errors.splitlines()) == 1
    assert list((tmp_path / "log" / "generation" / "far").iterdir())


def test_refusals_in_a_process_are_one_line_and_leave_nothing(tmp_path):
    status, output, errors = run(tmp_path, "--target", "nowhere.wav")
    assert (status, output, list(tmp_path.iterdir())) == (2, "", [])
    assert errors == "main.py: --target must be a file that exists. Received: nowhere.wav\n"


@pytest.mark.parametrize(
    "flags, message",
    [
        (["speling"], "the task must be one of generation, words, speech, text. Received: speling"),
        (["--unit", "3"], "Unrecognized options: --unit"),
        (["stray", "--units", "9"], "the task must be one of generation, words, speech, text. Received: stray"),
        (["--units", "x"], "Error parsing --units: invalid literal for int() with base 10: 'x' (expected --units INT)"),
        (["--units"], "Missing value for argument '--units'"),
        (["--model", "rnn"], "invalid choice 'rnn' for argument '--model'. Expected one of"),
        (["--recipe", "old"], "invalid choice 'old' for argument '--recipe'. Expected one of"),
        (["--recipe", "tensorflow-2016", "--model", "simple_rnn"], "--model must be one of clockwork_rnn, lstm for"),
        (["--units", "8"], "--units must be at least the number of modules, 9. Received: 8"),
        (["--periods", "1", "0"], "--periods must be whole numbers from 1. Received: (1, 0)"),
        (["--periods", "1", "x"], "Error parsing --periods"),
        (["--model", "lstm", "--periods", "1", "2"], "--periods is for the clockwork models. Received: (1, 2)"),
        (["--model", "lstm", "--connections", "full"], "--connections is for the clockwork models. Received: full"),
        (["--model", "lstm", "--input-mean"], "--input-mean is for the clockwork models. Received: True for lstm"),
        (["--connections", "ring"], "invalid choice 'ring' for argument '--connections'"),
        (["--model", "lstm", "--turns", "2"], "--turns is for the clockwork models. Received: 2 for lstm"),
        (["--clock-series", "cubic"], "invalid choice 'cubic' for argument '--clock-series'"),
        (["--clock-series", "linear", "--modules", "0"], "--modules must be whole numbers from 1. Received: (0,)"),
        (["--turns", "0"], "--turns must be whole numbers from 1. Received: (0,)"),
        (["--input-modules", "9"], "--input-modules must be indices below 9. Received: [9]"),
        (["--model", "lstm", "--sizes", "spectrum"], "--sizes is for the clockwork models. Received: spectrum"),
        (
            ["--model", "gru", "--peepholes"],
            "--peepholes is for the models lstm and clockwork_lstm. Received: True for gru",
        ),
        (["--model", "lstm", "--units", "0"], "--units must be at least 1. Received: 0"),
        (["--learning-rate", "-1"], "--learning-rate must be above 0. Received: -1.0"),
        (["--replicas", "0"], "--replicas must be at least 1. Received: 0"),
        (["--replicas", "1000000000"], "--replicas must be at most "),
        (["speech", "--replicas", "100000"], "--replicas must be at most "),
        (["--clock-series", "random", "--replicas", "2"], "--clock-series must not be random for networks of several"),
        (["--keep", "some"], "invalid choice 'some' for argument '--keep'"),
        (["--dropout", "1"], "--dropout must be at least 0 and below 1. Received: 1.0"),
        (["--start", "392400", "--target", str(ROOT / "data" / "music.flac")], "--start + --length must be at most"),
        (["--results-dir", str(ROOT / "main.py")], "--results-dir must be a folder that can be written. Received:"),
        (["--log-dir", str(ROOT / "main.py")], "--log-dir must be a folder that can be written. Received:"),
        (["--name", "../up"], "--name must be made of letters, digits and"),
        (["--resume", "--overwrite", "--name", "a"], "--resume must not come with --overwrite"),
        (["words", "--corpus", "nowhere"], "--corpus must be a folder with a folder for each word. Received: nowhere"),
        (
            ["words", "--timit", str(ROOT / "data")],
            "--timit must be a folder with .WRD files somewhere below. Received:",
        ),
        (["words", "--classify", "a.wav"], "--classify needs --run, the name of a trained run"),
        (["words", "--classify", "a.wav", "--run", "new"], "--run must be the name of a run that was trained"),
        (["speech", "--utterance", "a.wav"], "--utterance must be a sound file that exists. Received: a.wav"),
        (["speech", "--window", "40000"], "--window must be below the 37792 samples of the utterance"),
        (
            ["speech", "--model", "lstm", "--learned-initial-state"],
            "--learned-initial-state is for tasks that carry no state from batch to batch. Received: True",
        ),
        (["speech", "--generate"], "--generate needs --run, the name of a trained run"),
        (["speech", "--recipe", "diary", "--model", "lstm"], "--model must be one of simple_rnn for diary"),
        (["text", "--text", "nowhere.txt"], "--text must be a file that exists. Received: nowhere.txt"),
        (["text", "--text", str(ROOT / "data" / "music.flac")], "--text must be a text file in UTF-8. Received:"),
        (
            ["text", "--chunk", "100000"],
            "--text must hold at least 1600001 characters for training (--streams × --chunk",
        ),
        (["text", "--sample"], "--sample needs --run, the name of a trained run"),
        (["--export", "onnx"], "--export needs --run, the name of a trained run. Received: onnx"),
        (["--export", "onnx", "--run", "new"], "--run must be the name of a run that was trained. Received: new"),
        (["--export", "coreml"], "invalid choice 'coreml' for argument '--export'"),
        (["--run", "new"], "--run must be the name of a run that was trained. Received: new"),
        (["words", "--recipe", "tensorflow-2016"], "invalid choice 'tensorflow-2016' for argument '--recipe'"),
        (["--resume", "--name", "new"], "--resume needs a run that was interrupted"),
    ],
)
def test_refuses(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(flags) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith(f"main.py: {message}") and len(errors.splitlines()) == 1
    assert list(tmp_path.rglob("*")) == []
