"""Runs of handwriting by the real entry point: trained, resumed, read with, exported, and refused in one line."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from entry_point import run
from matplotlib.image import imread

import main
from data.ink_files import read_ink
from tasks.ink_inputs import steps_of

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "handwriting_sample.json"
FLAGS = ["handwriting", "--lines", "3", "--batch-size", "1", "--every", "6"]
FLAGS += ["--model", "clockwork_rnn", "--units", "5", "--periods", "1", "4"]
FLAGS += ["--optimizer", "sgd", "--learning-rate", "1e-3", "--decay", "constant"]  # by which rounding does not grow


def as_inkml(path):
    """Return strokes of a JSON file as InkML, with times in milliseconds."""
    points = lambda stroke: ", ".join(f"{x} {y} {1000 * t:.0f}" for x, y, t in stroke)  # noqa: E731
    traces = "".join(f"<trace>{points(stroke)}</trace>" for stroke in json.loads(path.read_text()))
    return f'<ink xmlns="http://www.w3.org/2003/InkML">{traces}</ink>'


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which the program trained a tiny network, and what it printed."""
    folder = tmp_path_factory.mktemp("handwriting")
    status, output, errors = run(folder, *FLAGS, "--name", "a", "--epochs", "1")
    assert (status, errors) == (0, "")
    return folder, output


def test_a_run_leaves_what_the_pages_promise(trained):
    folder, output = trained
    results = folder / "results" / "handwriting" / "a"
    metrics = json.loads((results / "metrics.json").read_text())
    # Two modules of 3 and 2 units that hear 5 and 2, 4 inputs, biases; both directions; 82 outputs.
    hidden = 3 * 5 + 2 * 2 + 4 * 5 + 5
    assert metrics["parameters"] == 2 * hidden + (2 * 5 + 1) * 82
    counts = {"training_lines": 3, "validation_lines": 1, "test_lines": 1, "skipped_lines": 0, "impossible_lines": 0}
    assert {name: metrics[name] for name in counts} == counts
    assert metrics["label_error"] > 0 and metrics["validation_error"] > 0 and metrics["line_height"] > 0
    assert "label error, test lines" in output and "saying nothing" in output
    left = {path.name for path in results.iterdir()}
    assert {"lines.png", "confusions.png", "writers.png", "epochs.png", "transcriptions.txt", "model.keras"} <= left
    assert {"transcriptions.csv", "confusions.csv", "writers.csv"} <= left


def test_a_run_goes_on_as_if_it_had_never_stopped(trained, run_here, tmp_path):
    """A run of one epoch that is resumed for a second equals one of two at a stroke; the learning rate is constant."""
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    weights = []
    for more in (["--name", "a", "--resume"], ["--name", "b"]):
        status, _, errors = run_here(tmp_path, *FLAGS, "--epochs", "2", *more)
        assert (status, errors) == (0, "")
        weights.append(keras.models.load_model(tmp_path / "results/handwriting" / "ab"[len(weights)] / "model.keras"))
    metrics = json.loads((tmp_path / "results/handwriting/a/metrics.json").read_text())
    assert metrics["updates"] == 2 * 3  # of one line each
    for resumed, whole in zip(*(model.get_weights() for model in weights), strict=True):
        np.testing.assert_allclose(resumed, whole, atol=1e-5)


def test_ink_is_read_by_a_trained_run(trained, run_here):
    """The answer is what the saved model says of the line, whatever the form of the file and the units of the tablet."""
    folder, _ = trained
    results = folder / "results" / "handwriting" / "a"
    inkml, large = folder / "sample.inkml", folder / "large.json"
    inkml.write_text(as_inkml(SAMPLE))
    large.write_text(json.dumps([[[7 * x, 7 * y, t] for x, y, t in s] for s in json.loads(SAMPLE.read_text())]))
    status, output, errors = run_here(folder, "handwriting", "--run", "a", "--read", SAMPLE, inkml, large)
    assert (status, errors) == (0, "")
    answers = dict(line.split(": ") for line in output.splitlines())
    assert list(answers) == [str(SAMPLE), str(inkml), str(large)] and len(set(answers.values())) == 1
    line = read_ink(SAMPLE)
    wanted = json.loads((results / "metrics.json").read_text())["line_height"]
    line.points[:, :2] *= wanted / line.points[:, 1].std()
    model = keras.models.load_model(results / "model.keras")
    said = model(steps_of(line, 6, "offsets")[None]).numpy()[0].argmax(-1)
    assert len(answers[str(SAMPLE)]) == sum(
        said[t] != 81 and (t == 0 or said[t] != said[t - 1]) for t in range(len(said))
    )
    widths = [imread(results / f"read_{path.stem}.png").shape[1] for path in (SAMPLE, inkml, large)]
    assert set(widths) == {imread(results / "lines.png").shape[1]}
    again = [folder / name for name in ("one/x.json", "two/x.json", "three/x_2.json")]  # the last has a number's name
    for path in again:
        path.parent.mkdir()
        path.write_bytes(large.read_bytes())
    status, _, errors = run_here(folder, "handwriting", "--run", "a", "--read", *again)
    assert (status, errors) == (0, "")
    made_of = [
        json.loads((results / f".read_{name}.png.made_of").read_text())["made_of"] for name in ("x", "x_3", "x_2")
    ]
    assert [(results / path).resolve() for path in made_of] == again


def test_a_trained_run_is_exported(trained, run_here):
    folder, _ = trained
    status, output, errors = run_here(folder, "handwriting", "--run", "a", "--export", "saved_model")
    assert (status, errors) == (0, "") and (folder / "results/handwriting/a/saved_model").is_dir()
    assert "saved_model" in output


@pytest.mark.parametrize(
    "content, name, message",
    [
        ("[[[1, 2], [3]]]", "a.json", "a.json must have points of x, y and seconds, or of x and y"),
        ("<ink><trace>1 2, 3</trace></ink>", "a.inkml", "a.inkml must have numbers X Y for each point"),
        ("<ink>", "a.inkml", "a.inkml must be XML"),
        ("stroke,x\n1,2\n", "a.csv", "a.csv must have columns stroke, x, y"),
        ("hello", "a.txt", "--read must be a file .inkml, .xml, .json, .csv. Received: a.txt"),
        (None, "a.json", "--read must be a file that exists. Received: a.json"),
    ],
)
def test_ink_that_cannot_be_read_is_refused_in_a_line(trained, run_here, monkeypatch, tmp_path, content, name, message):
    folder, _ = trained
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_text(content)
    status, output, errors = run_here(folder, "handwriting", "--run", "a", "--read", name)
    assert (status, output) == (2, "") and errors.startswith(f"main.py: {message}") and len(errors.splitlines()) == 1


def test_a_trained_run_reads_nothing_without_ink_nor_as_another(trained, run_here):
    folder, _ = trained
    for flags, message in [
        ([], "--run needs --read, files of strokes to read. Received: none"),
        (["--read", SAMPLE, "--every", "3"], "--every must be that of the trained run, 6. Received: 3"),
        (["--read", SAMPLE, "--points", "positions"], "--points must be that of the trained run, offsets. Received:"),
    ]:
        status, output, errors = run_here(folder, "handwriting", "--run", "a", *flags)
        assert (status, output) == (2, "") and errors.startswith(f"main.py: {message}")


def test_a_configuration_that_somebody_has_damaged_is_named(trained, run_here, tmp_path):
    """It must not be NumPy that says so."""
    shutil.copytree(trained[0] / "results", tmp_path / "results")
    file = tmp_path / "results" / "handwriting" / "a" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"every": 0}))
    status, output, errors = run_here(tmp_path, "handwriting", "--run", "a", "--read", SAMPLE)
    assert (status, output, errors) == (2, "", "main.py: --every must be at least 1. Received: 0\n")
    file.unlink()
    status, output, errors = run_here(tmp_path, "handwriting", "--run", "a", "--read", SAMPLE, "--every", "6")
    message = "config.json must have points, as the run was trained, or it must be given. Received: no such file"
    assert (status, output) == (2, "") and errors.startswith("main.py: ") and message in errors
    file.mkdir()
    status, output, errors = run_here(tmp_path, "handwriting", "--run", "a", "--read", SAMPLE)
    assert (status, output, errors) == (2, "", f"main.py: {file} must be a file. Received: a folder\n")


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--iam", "nowhere"], "--iam must be the folder of IAM-OnDB. Received: nowhere"),
        (["--iam", "."], "--iam must have the list trainset.txt of the task. Received: no such file in ."),
        (["--read", "a.json"], "--read needs --run, the name of a trained run. Received: none"),
        (["--read", "a.json", "--run", "new"], "--run must be the name of a run that was trained, of which"),
        (["--lines", "0"], "--lines must be at least 1. Received: 0"),
        (["--lines", "9", "--batch-size", "10"], "--batch-size must be at most 9, the training lines. Received: 10"),
        (["--lines", "9", "--batch-size", "0"], "--batch-size must be at least 1. Received: 0"),
        (["--every", "0"], "--every must be at least 1. Received: 0"),
        (["--lines", "9", "--every", "1000"], "--every must leave training lines of as many steps as characters."),
        (["--input-noise", "-1"], "--input-noise must be from 0 to 1. Received: -1.0"),
        (["--input-noise", "nan"], "--input-noise must be a number of at most 3.4e+38. Received: nan"),
        (["--patience", "-1"], "--patience must be at least 0. Received: -1"),
        (["--points", "polar"], "--points must be one of positions, offsets. Received: polar"),
        (["--ink", "a.json"], "--ink is not known: did you mean --read?"),
        (["--learned-initial-state", "--lines", "1", "--batch-size", "1"], "--learned-initial-state is for tasks that"),
    ],
)
def test_refuses(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.main(["handwriting", *flags]) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.startswith(f"main.py: {message}") and len(errors.splitlines()) == 1
    assert list(tmp_path.rglob("*")) == []


def test_the_sample_is_the_first_line_of_the_test(tmp_path):
    """By a writer, and with a sentence, that no network was trained on."""
    from data.make_handwriting import made

    sample, line = read_ink(SAMPLE), made(1, 1, 1).test[0]
    np.testing.assert_allclose(sample.points, line.points, atol=1e-9)
    np.testing.assert_array_equal(sample.lifted, line.lifted)
    assert line.text == "The elephants crossed"
