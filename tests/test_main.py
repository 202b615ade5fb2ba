"""The real entry point in a process of its own: what it writes, what it refuses, and that it can be stopped."""

import json
import os
import signal
import time
from dataclasses import replace
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
MODELS = ["clockwork_rnn", "clockwork_lstm", "clockwork_gru", "simple_rnn", "lstm", "gru"]
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
    phones.write_text("".join(phones.read_text().splitlines(True)[:4]))
    others = run_here(tmp_path, "speech", "--generate", "--run", "a", "--phones", phones)
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


def test_a_run_that_is_not_there_is_answered_with_those_that_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("good", "better")):
        model = tmp_path / "results" / "generation" / name / "model.keras"
        model.parent.mkdir(parents=True)
        model.touch()
        os.utime(model, (place, place))
    (tmp_path / "results" / "generation" / "unfinished").mkdir()
    assert main.main(["--run", "god"]) == 2
    assert capsys.readouterr().err == (
        "main.py: --run must be the name of a run that was trained, better, good. "
        "Received: god, not in results/generation; did you mean good?\n"
    )


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"units": "many"}, "units in main.py must be a whole number. Received: 'many'"),
        ({"units": 36.0}, "units in main.py must be a whole number. Received: 36.0"),
        ({"units": True}, "units in main.py must be a whole number. Received: True"),
        (
            {"input_modules": [0]},
            "input_modules in main.py must be one of all, fastest or a tuple of whole numbers. Received: [0]",
        ),
        ({"periods": 4}, "periods in main.py must be a tuple of whole numbers. Received: 4"),
        ({"periods": (1, "2", None)}, "periods in main.py must be a tuple of whole numbers. Received: (1, '2', None)"),
        ({"dropout": "0.1"}, "dropout in main.py must be a number. Received: '0.1'"),
        ({"peepholes": 0}, "peepholes in main.py must be True or False. Received: 0"),
        ({"decay": "cosin"}, "decay in main.py must be one of constant, cosine, staircase. Received: 'cosin'"),
        ({"log_dir": "log"}, "log_dir in main.py must be a path. Received: 'log'"),
    ],
)
def test_mistyped_hyperparameters_in_the_file_are_one_line(changes, message, tmp_path, monkeypatch, capsys):
    task_class, recipes = main.TASKS["generation"]
    monkeypatch.setitem(main.TASKS, "generation", (task_class, [replace(recipes[0], **changes)]))
    monkeypatch.chdir(tmp_path)
    assert main.main([]) == 2
    assert capsys.readouterr().err == f"main.py: {message}\n"


@pytest.mark.parametrize(
    "task, changes, message",
    [
        ("generation", {"units": "many"}, "units in {} must be a whole number. Received: 'many'"),
        ("generation", {"units": 10**12}, "--units must be at most 2147483647. Received: 1000000000000 in {}"),
        ("generation", {"loss": 10**12}, "loss in {} must be one of mse, half_sum. Received: 1000000000000"),
        ("words", {"cache_dir": 5}, "cache_dir in {} must be a path. Received: 5"),
        ("words", {"cache_dir": None}, "cache_dir in {} must be a path. Received: None"),
    ],
)
def test_mistyped_settings_of_a_trained_run_are_one_line(task, changes, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = Path("results", task, "a", "config.json")
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(changes))
    assert main.main([task, "--run", "a"]) == 2
    assert capsys.readouterr().err == f"main.py: {message.format(config)}\n"


@pytest.mark.parametrize("flags", [["--units", "9"], ["--model", "lstm"], ["--replicas", "3"], ["--epochs", "7"]])
def test_what_a_trained_run_has_otherwise_is_refused(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = Path("results", "generation", "a", "config.json")
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"units": 4, "model": "clockwork_rnn", "replicas": 1, "epochs": 5, "length": 32}))
    assert main.main(["--run", "a", *flags]) == 2
    said = capsys.readouterr().err
    assert f"{flags[0]} must be that of the trained run, " in said and said.endswith(f". Received: {flags[1]}\n")
    assert read("--run", "a", "--units", "4", "--length", "64", "--seed", "9")[1].length == 64


@pytest.mark.parametrize("flags", [["--resume"], ["--overwrite"], ["--name", "b"]])
def test_what_is_of_a_training_is_refused_where_a_trained_run_is_used(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--run", "a", *flags]) == 2
    value = flags[1] if flags[1:] else True
    said = capsys.readouterr().err
    assert said == f"main.py: {flags[0]} must not come with --run, which is trained. Received: {value}\n"


def test_a_flag_mends_what_the_file_says(monkeypatch):
    task_class, recipes = main.TASKS["generation"]
    monkeypatch.setitem(main.TASKS, "generation", (task_class, [replace(recipes[0], units="many")]))
    assert read("--units", "9")[1].units == 9


def test_divergence_is_said_and_exits_with_1(tmp_path, run_here):
    flags = ["--optimizer", "sgd", "--learning-rate", "1e30", "--clip-norm", "0", "--name", "far"]
    status, _, errors = run_here(tmp_path, *TINY, *flags)
    assert status == 1 and errors.startswith("main.py: diverged at update ") and len(errors.splitlines()) == 1
    assert list((tmp_path / "log" / "generation" / "far").iterdir())


def test_refusals_in_a_process_are_one_line_and_leave_nothing(tmp_path):
    status, output, errors = run(tmp_path, "--target", "nowhere.wav")
    assert (status, output, list(tmp_path.iterdir())) == (2, "", [])
    assert errors == "main.py: --target must be a file that exists. Received: nowhere.wav\n"


@pytest.mark.parametrize(
    "flags, message",
    [
        (
            ["speling"],
            "the task must be one of generation, words, speech, text, series, handwriting. Received: speling",
        ),
        (["LSTM"], "the task must be one of generation, words, speech, text, series, handwriting. Received: LSTM"),
        (
            ["Word"],
            "the task must be one of generation, words, speech, text, series, handwriting. Received: Word; did you mean words?",
        ),
        (["--unit", "3"], "--unit is not known: did you mean --units?"),
        (["--lr=0.1"], "--lr is not known: did you mean --learning-rate?"),
        (["--units", "9", "--hidden_units", "3"], "--hidden-units is not known: did you mean --units?"),
        (["words", "--batch", "3"], "--batch is not known: did you mean --batch-size?"),
        (["text", "--batch", "3"], "--batch is not known: did you mean --streams?"),
        (["--batch", "3"], "--batch is not known: main.py generation --help names the flags"),
        (["--corpus", "a"], "--corpus is not known for this task: it is a flag of words"),
        (["words", "here"], "here is not expected: main.py words --help names the flags"),
        (["--overwrite", "True"], "True is not expected: main.py generation --help names the flags"),
        (["--overwrite=True"], "--overwrite/--no-overwrite must come without a value"),
        (
            ["stray", "--units", "9"],
            "the task must be one of generation, words, speech, text, series, handwriting. Received: stray",
        ),
        (["--units", "x"], "--units must be a whole number. Received: x"),
        (["--units"], "--units must be a whole number. Received: nothing"),
        (["--units", "9", "10"], "--units must be a whole number. Received: 9 10"),
        (["--model", "elman"], f"--model must be one of {', '.join(MODELS)}. Received: elman"),
        (["--model", "LSTM"], f"--model must be one of {', '.join(MODELS)}. Received: LSTM; did you mean lstm?"),
        (["--model", "rnn"], f"--model must be one of {', '.join(MODELS)}. Received: rnn; did you mean simple_rnn?"),
        (
            ["--recipe", "papr"],
            "--recipe must be one of modern, paper, tensorflow-2016. Received: papr; did you mean paper?",
        ),
        (["--recipe", "tensorflow-2016", "--model", "simple_rnn"], "--model must be one of clockwork_rnn, lstm for"),
        (["--units", "8"], "--units must be at least the number of modules, 9. Received: 8"),
        (["--periods", "1", "0"], "--periods must be whole numbers from 1. Received: (1, 0)"),
        (["--periods", "1", "x"], "--periods must be whole numbers. Received: 1 x"),
        (
            ["--periods", "1,2,4"],
            "--periods must be whole numbers. Received: 1,2,4; separate them by blanks: --periods 1 2 4",
        ),
        (["--input-modules", "al"], "--input-modules must be one of all, fastest or whole numbers. Received: al; did"),
        (["--model", "lstm", "--periods", "1", "2"], "--periods is for the clockwork models. Received: (1, 2)"),
        (["--model", "lstm", "--connections", "full"], "--connections is for the clockwork models. Received: full"),
        (["--model", "lstm", "--input-mean"], "--input-mean is for the clockwork models. Received: True for lstm"),
        (["--connections", "ring"], "--connections must be one of slow_to_fast, fast_to_slow, full"),
        (["--model", "lstm", "--turns", "2"], "--turns is for the clockwork models. Received: 2 for lstm"),
        (["--clock-series", "cubic"], "--clock-series must be one of given, exponential, linear"),
        (["--clock-series", "linear", "--modules", "0"], "--modules must be whole numbers from 1. Received: (0,)"),
        (["--turns", "0"], "--turns must be whole numbers from 1. Received: (0,)"),
        (
            ["--periods", "1", "1", "2", "--turns", "2", "--turns-of", "fastest"],
            "--turns-of fastest needs a module faster",
        ),
        (["--model", "lstm", "--turns-of", "fastest"], "--turns-of is for the clockwork models. Received: fastest"),
        (["--input-modules", "9"], "--input-modules must be indices below 9. Received: [9]"),
        (["--model", "lstm", "--sizes", "spectrum"], "--sizes is for the clockwork models. Received: spectrum"),
        (
            ["--model", "gru", "--peepholes"],
            "--peepholes is for the models lstm and clockwork_lstm. Received: True for gru",
        ),
        (["--model", "lstm", "--units", "0"], "--units must be at least 1. Received: 0"),
        (["--learning-rate", "-1"], "--learning-rate must be above 0. Received: -1.0"),
        (["--learning-rate", "-1e-3"], "--learning-rate must be above 0. Received: -0.001"),
        (["--replicas", "0"], "--replicas must be at least 1. Received: 0"),
        (["--replicas", "1000000000"], "--replicas must be at most "),
        (["speech", "--replicas", "100000"], "--replicas must be at most "),
        (["--clock-series", "random", "--replicas", "2"], "--clock-series must not be random for networks of several"),
        (["--keep", "some"], "--keep must be one of first, all. Received: some"),
        (["--dropout", "1"], "--dropout must be at least 0 and below 1. Received: 1.0"),
        (["--start", "392400", "--target", str(ROOT / "data" / "music.flac")], "--start + --length must be at most"),
        (["--results-dir", str(ROOT / "main.py")], "--results-dir must be a folder that can be written. Received:"),
        (["--log-dir", str(ROOT / "main.py")], "--log-dir must be a folder that can be written. Received:"),
        (["--log-dir", "a", "--results-dir", "b/../a"], "--log-dir must not be --results-dir. Received: a for both"),
        (["--name", "../up"], "--name must be made of letters, digits and"),
        (["--resume", "--overwrite", "--name", "a"], "--resume must not come with --overwrite"),
        (["words", "--corpus", "nowhere"], "--corpus must be a folder with a folder for each word. Received: nowhere"),
        (
            ["words", "--timit", str(ROOT / "data")],
            "--timit must be a folder with .WRD files somewhere below. Received:",
        ),
        (["words", "--classify", "a.wav"], "--classify needs --run, the name of a trained run"),
        (
            ["words", "--classify", "a.wav", "--run", "new"],
            "--run must be the name of a run that was trained, of which there is none",
        ),
        (["speech", "--utterance", "a.wav"], "--utterance must be a sound file that exists. Received: a.wav"),
        (
            ["speech", "--seconds", "1e-9"],
            "--seconds must be more than the 1 samples of --window, 6.25e-05 s. Received: 1e-09",
        ),
        (["words", "--longest", "0"], "--longest must be above 0. Received: 0.0"),
        (["speech", "--window", "40000"], "--window must be below the 37792 samples of the utterance"),
        (
            ["speech", "--model", "lstm", "--learned-initial-state"],
            "--learned-initial-state is for tasks that carry no state from batch to batch. Received: True",
        ),
        (["speech", "--generate"], "--generate needs --run, the name of a trained run"),
        (["speech", "--recipe", "diary", "--model", "lstm"], "--model must be one of simple_rnn for diary"),
        (["text", "--text", "nowhere.txt"], "--text must be a file that exists. Received: nowhere.txt"),
        (
            ["text", "--text", str(ROOT / "data" / "music.flac")],
            f"{ROOT / 'data' / 'music.flac'} must be text in UTF-8. Received: other bytes from byte 19 on",
        ),
        (
            ["text", "--chunk", "100000", "--units", "1", "--periods", "1"],
            "--text must hold at least 1600001 characters for training (--streams × --chunk",
        ),
        (["text", "--sample"], "--sample needs --run, the name of a trained run"),
        (["--ray", "auto", "--devices", "2"], "--devices must be 1 for replicas that --ray spreads. Received: 2"),
        (["--export", "onnx"], "--export needs --run, the name of a trained run. Received: onnx"),
        (["--export", "onnx", "--run", "new"], "--run must be the name of a run that was trained, of which"),
        (
            ["series", "--export", "onnx", "--run", "new", "--predict", "a.csv"],
            "--predict must not come with --export. Received: a.csv",
        ),
        (["--export", "Onnx"], "--export must be one of saved_model, onnx, litert. Received: Onnx; did you mean onnx?"),
        (
            ["--run", "new"],
            "--run must be the name of a run that was trained, of which there is none. Received: new, not in results/generation",
        ),
        (["--run", ""], "--run must be a text. Received: nothing"),
        (["--name", ""], "--name must be a text. Received: nothing"),
        (["--results-dir", ""], "--results-dir must be a path. Received: nothing"),
        (["words", "--recipe", "tensorflow-2016"], "--recipe must be one of modern, paper. Received: tensorflow-2016"),
        (["--resume", "--name", "new"], "--resume needs a run with a checkpoint. Received: results/generation/new"),
        (
            ["--target", str(ROOT / "data" / "koutnik2014_figure5_targets.csv"), "--column", "target3"],
            "--column must be one of target_1, target_2, target_3, target_4, target_5 in",
        ),
    ],
)
def test_refuses(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(flags) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith(f"main.py: {message}") and len(errors.splitlines()) == 1
    assert list(tmp_path.rglob("*")) == []


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
