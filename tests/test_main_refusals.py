"""What `python main.py` refuses: one line each, and nothing is left behind."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from entry_point import run

import main
from running import command_line

ROOT = Path(__file__).parents[1]
MODELS = ["clockwork_rnn", "clockwork_lstm", "clockwork_gru", "simple_rnn", "lstm", "gru"]


def read(*flags):
    return command_line.read(flags, main.TASKS)


def test_a_run_that_is_not_there_is_answered_with_those_that_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("good", "better")):
        model = tmp_path / "results" / "generation" / name / "model.keras"
        model.parent.mkdir(parents=True)
        model.touch()
        os.utime(model, (place, place))
    (tmp_path / "results" / "generation" / "unfinished").mkdir()
    (tmp_path / "results" / "generation" / "empty" / "model.keras").mkdir(parents=True)
    assert main.main(["--run", "god"]) == 2
    assert capsys.readouterr().err == (
        "main.py: --run must be the name of a run that was trained, better, good. "
        "Received: god, not in results/generation; did you mean good?\n"
    )
    for name in ("unfinished", "empty"):
        assert main.main(["--run", name]) == 2
        assert capsys.readouterr().err.endswith(f"better, good. Received: {name}, without model.keras\n")


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


@pytest.mark.parametrize(
    "task, flag",
    [("text", "text"), ("words", "corpus"), ("words", "timit"), ("speech", "utterance"), ("handwriting", "iam")],
)
def test_a_trained_run_is_bound_to_its_data(task, flag, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = Path("results", task, "a", "config.json")
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({flag: "mine"}))
    assert main.main([task, "--run", "a", f"--{flag}", "other"]) == 2
    assert capsys.readouterr().err == f"main.py: --{flag} must be that of the trained run, mine. Received: other\n"


# Of a trained run of generation.
OWN = {"sizes": "equal", "output_activation": "linear", "constant_input": False, "loss": "mse"}


@pytest.mark.parametrize(
    "flags",
    [["--units", "9"], ["--model", "lstm"], ["--replicas", "3"], ["--epochs", "7"], ["--output-activation", "tanh"]],
)
def test_what_a_trained_run_has_otherwise_is_refused(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = Path("results", "generation", "a", "config.json")
    config.parent.mkdir(parents=True)
    config.write_text(
        json.dumps({"units": 4, "model": "clockwork_rnn", "replicas": 1, "epochs": 5, "length": 32} | OWN)
    )
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


def test_a_flag_does_not_hide_what_is_wrong_in_the_file(monkeypatch, capsys):
    task_class, recipes = main.TASKS["generation"]
    monkeypatch.setitem(main.TASKS, "generation", (task_class, [replace(recipes[0], units=None)]))
    assert main.main(["--units", "9"]) == 2
    assert capsys.readouterr().err == "main.py: units in main.py must be a whole number. Received: None\n"


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
        (["--no-epochs", "3"], "--no-epochs is not known: did you mean --epochs?"),
        (["text", "--batch-size", "8"], "--batch-size is not known: did you mean --streams?"),
        (
            ["--periods", "[1,2]"],
            "--periods must be whole numbers. Received: [1,2]; separate them by blanks: --periods 1 2",
        ),
        (
            ["--periods", "[1,", "2]"],
            "--periods must be whole numbers. Received: '[1,' '2]'; separate them by blanks: --periods 1 2",
        ),
        (["--no-sample"], "--no-sample is not known for this task: it is a flag of text"),
        (["words", "here"], "here is not expected: main.py words --help names the flags"),
        (["--overwrite", "True"], "True is not expected: main.py generation --help names the flags"),
        (["--overwrite=True"], "--overwrite/--no-overwrite must come without a value"),
        (
            ["stray", "--units", "9"],
            "the task must be one of generation, words, speech, text, series, handwriting. Received: stray",
        ),
        (["--units", "x"], "--units must be a whole number. Received: x"),
        (["--units"], "--units must be a whole number. Received: nothing"),
        (["--log-dir", "log", ""], "--log-dir must be a path. Received: log ''"),
        (["--learning-rate", "1e-46"], "--learning-rate must not be nearer to 0 than 1.2e-38. Received: 1e-46"),
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
        (
            ["--model", "lstm", "--turns", "2", "--turns-of", "fastest"],
            "--turns is for the clockwork models. Received: 2",
        ),
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
        (
            ["--start", "392400", "--target", str(ROOT / "data" / "music.flac")],
            "--target must hold the 320 steps that are trained, from --start 392400 on. Received: 392490",
        ),
        (["--results-dir", str(ROOT / "main.py")], "--results-dir must be a folder that can be written. Received:"),
        (["--log-dir", str(ROOT / "main.py")], "--log-dir must be a folder that can be written. Received:"),
        (["--log-dir", "a", "--results-dir", "b/../a"], "--log-dir must not be --results-dir. Received: a for both"),
        (["--name", "../up"], "--name must be made of letters, digits and"),
        (
            ["--name=-x"],
            "--name must be made of letters, digits and . _ + = -, and not begin with a hyphen. Received: '-x'",
        ),
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
