"""README and documents: their commands and examples run, their links lead somewhere, their numbers are the committed ones."""

import ast
import functools
import importlib.metadata
import importlib.util
import itertools
import re
import shlex
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import committed
import numpy as np
import pytest
import yaml  # which Ray needs
from graphs import plain_graphs

import experiments.__main__ as experiments
import main
import tasks
from models.version import __version__
from running import command_line
from tasks import series

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / folder / "README.md" for folder in (".", "data", "benchmarks")] + sorted(ROOT.glob("docs/**/*.md"))
DOCS = {page: page.read_text(encoding="utf-8") for page in PAGES}


def blocks(language, text):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


COMMANDS = list(
    dict.fromkeys(
        line.removeprefix(".venv/bin/")
        for text in DOCS.values()
        for block in blocks("bash", text)
        for line in block.splitlines()
        if line
    )
)
SMALL = {  # what comes before a command's own flags, by what it runs; a command of another kind fails the test
    "python main.py speech": "--seconds 0.1 --chunk 512",
    "python main.py handwriting": "--lines 1 --batch-size 1 --every 6",
    "python main.py text": f"--text {shlex.quote(str(ROOT / 'LICENSE'))} --streams 4 --chunk 32",
    "python main.py series": "--chunk 32",
    "python main.py words": "--batch-size 25",
    "python main.py generation": "--length 40",
    "python main.py": "--length 40",
    "python -m pytest": "--version",
    "python -m experiments": "",
    "tensorboard": "--inspect",
}


def test_the_first_two_commands_set_everything_up():
    assert [command.split(" && ")[0] for command in COMMANDS[:2]] == ["python3 -m venv .venv"] * 2
    assert [command.split(" && ")[-1] for command in COMMANDS[:2]] == [
        ".venv/bin/python main.py",
        ".venv/bin/python -m pytest",
    ]
    assert COMMANDS[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def maker(command):
    """Return the command that makes the run which this one uses, or None."""
    used = re.search(r"--run (\S+)", command)
    return next(other for other in COMMANDS if f"--name {used[1]}" in other) if used else None


def named(command):
    """Return whether another command does the same under a name."""
    return any(re.fullmatch(re.escape(command) + r" --name \S+", other) for other in COMMANDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a function that gives the folder in which a command has made its run, once for all that use it."""

    @functools.cache
    def made(command):
        folder = tmp_path_factory.mktemp("made")
        with pytest.MonkeyPatch.context() as patch:
            run(command, folder, patch)
        return folder

    return made


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in map(maker, COMMANDS) and not named(c)])
def test_command_runs(command, made, tmp_path, monkeypatch):
    folder = made(maker(command)) if maker(command) else tmp_path
    if "--logdir" in command:
        (folder / "log").mkdir()
    run(command, folder, monkeypatch)


def run(command, folder, monkeypatch):
    *_, last = command.split(" && ")  # without the installation, which is running this test
    program = last.removeprefix(".venv/bin/")
    start = next(start for start in SMALL if program.startswith(start))
    words, own = shlex.split(f"{start} {SMALL[start]}"), shlex.split(program.removeprefix(start))
    own = [str(ROOT / word) if word == "README.md" or word.startswith("data/") else word for word in own]
    monkeypatch.chdir(folder)
    if start == "python -m experiments":
        check_flags(own)
    elif start == "python -m pytest":
        done = subprocess.run([sys.executable, *words[1:], *own], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    elif start == "tensorboard":
        (tool,) = importlib.metadata.entry_points(group="console_scripts", name="tensorboard")
        monkeypatch.setattr(sys, "argv", [*words, *own])
        assert ends(tool.load())
    elif own == ["--help"]:
        assert ends(lambda: main.main(own))
    else:  # in this process, which spares starting one; test_main.py starts them
        with plain_graphs():
            assert main.main(small(words[2:], own)) == 0


def ends(program):
    """Return whether a program ends this process as one that has done well."""
    with pytest.raises(SystemExit) as ended:
        program()
    return not ended.value.code


def small(words, own):
    """Return the words after `main.py` of a training of two epochs, of a small network where the command chooses none."""
    if "--run" not in own:
        _, settings = command_line.read(words[:1] * (words[0] in main.TASKS) + own, main.TASKS)
        clocked = settings.periods and "--clock-series" not in own
        words += ["--units", "8", "--periods", "1", "4"] if clocked else ["--units", "16"]
    return [*words, *own, "--epochs", "2"]


def check_flags(words):
    """See that an experiment takes its flags; those of tests/experiments run them small."""
    if not words or words[0] == "--render":
        return  # test_documents.py
    default = experiments.EXPERIMENTS[words[0]].start("--quick" in words)
    command_line.parse(words[1:], default, "experiments").check()


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS[:2])
def test_command_runs_in_a_fresh_clone(command, tmp_path):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "clone", check=True, timeout=1800)


def test_the_layer_example_runs():
    code, _ = blocks("python", README)  # the other is of the package: test_package.py
    names = {}
    exec(code, names)
    assert names["model"].output.shape == (None, None, 25)


@pytest.fixture
def used(made):
    """A folder with the runs that examples of `docs/usage.md` use, and the data that ship."""
    folder = made(maker("--run my-series"))
    if not (folder / "data").exists():
        (folder / "data").symlink_to(ROOT / "data")
    return folder


@pytest.mark.parametrize("code", blocks("python", DOCS[ROOT / "docs" / "usage.md"]))
def test_trained_runs_are_used_as_the_page_says(code, used, monkeypatch):
    monkeypatch.chdir(used)
    names = {}
    exec(code, names)
    if "bands" in names:  # step by step, the same as at once
        at_once = series.predict(names["folder"], names["file"])
        columns = ["low_95", "low_80", "median", "high_80", "high_95"]
        np.testing.assert_allclose(names["bands"][0], at_once[columns], rtol=1e-5)


def test_whatever_has_to_be_imported_to_load_a_model_is_named():
    registered = [
        path.stem for path in (ROOT / "tasks").glob("*.py") if "register_keras_serializable" in path.read_text()
    ]
    assert registered and all(f"`tasks.{name}`" in DOCS[ROOT / "docs" / "layer.md"] for name in registered)


@pytest.mark.usefixtures("eager")
def test_the_example_of_labels_without_times_runs():
    (code,) = (code for code in blocks("python", DOCS[ROOT / "docs" / "layer.md"]) if "ctc_loss" in code)
    names = {}
    exec(code.replace("clockwork_rnn", "models"), names)  # the package's name for the same
    assert names["said"].shape == (64, 30) and names["model"].history.history["loss"][0] > 0


@pytest.mark.parametrize("code", blocks("python", DOCS[ROOT / "data" / "README.md"]))
def test_loaders_give_what_the_data_page_says(code, monkeypatch):
    monkeypatch.chdir(ROOT)
    *_, last = code.splitlines()
    names = {}
    exec(code, names)
    assert eval(last, names) == ast.literal_eval(last.split("#")[1].strip())


@pytest.mark.usefixtures("without_xla")
def test_a_task_is_added_as_its_page_says(tmp_path, monkeypatch):
    task, entry = blocks("python", DOCS[ROOT / "docs" / "adding-a-task.md"])
    before, after = (ROOT / "main.py").read_text(encoding="utf-8").split("\n\ndef recipe(")
    files = {"tasks.cycles": task, "edited_main": f"{before}\n{entry}\n\ndef recipe({after}"}
    for name, text in files.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(tasks, "cycles", sys.modules["tasks.cycles"], raising=False)
        spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    assert module.main(["cycles", "--epochs", "2", "--replicas", "2", "--name", "a"]) == 0
    left = {file.name for file in (tmp_path / "results" / "cycles" / "a").iterdir()}
    assert {"cycles.png", "clock.png", "training.png", "model.keras", "metrics.json"} <= left


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", DOCS[page]):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent in (ROOT, ROOT / "docs")], ids=lambda p: p.name)
def test_files_that_are_named_exist(page):
    for name in set(re.findall(r"`([\w/]+\.(?:py|csv|flac))`", DOCS[page])) - {"tasks/cycles.py"}:
        assert (ROOT / name).exists(), name


def test_the_readme_is_short_and_leads_to_every_page():
    assert len(README.splitlines()) <= 150
    linked = set(re.findall(r"\]\(([^)#]+)", README))
    results = {f"docs/results/{name}" for name in re.findall(r"\]\(([^)#]+)", DOCS[ROOT / "docs/results/README.md"])}
    pages = {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md"}
    assert pages <= linked | results and "docs/results/README.md" in linked
    assert {str(file.relative_to(ROOT)) for file in (ROOT / "examples").glob("*.py")} <= linked


def test_the_citation_names_the_paper_and_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # required by the format, version 1.2.0
    assert cited["version"] == __version__
    paper = cited["preferred-citation"]
    assert {"type", "title", "authors"} <= set(paper)
    names = ", ".join(author["family-names"] for author in paper["authors"])
    assert f"({names},\n[{paper['title']}]({paper['url']}), ICML {paper['year']})" in README


def grouped(name, *keys, of, where=lambda row: True):
    """Return key or keys → the values of a column, of the rows of a committed CSV file."""
    found = defaultdict(list)
    for row in filter(where, committed.read(name)):
        found[tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]].append(float(row[of]))
    return found


def test_the_error_to_expect_is_above_every_measured_one():
    errors = grouped("main_job.csv", "target", "model", of="mse")["sine mixture", "clockwork_rnn"]
    assert len(errors) == 5 and max(errors) < float(re.search(r"expect an MSE below (\S+):", README)[1])


# Medians of Figure 3, read from its vector graphics: Clockwork RNN and LSTM with 100, 250, 500 and 1000 parameters.
PUBLISHED = {"clockwork_rnn": (0.0388, 0.0166, 0.0103, 0.0064), "lstm": (0.0686, 0.0495, 0.0432, 0.0344)}


def test_sentences_on_sequences_say_what_was_measured():
    medians = {key: np.median(of) for key, of in grouped("figure3.csv", *KEYS, of="nmse_paper").items()}
    sizes = "100", "250", "500", "1000"
    found = [medians["paper", size, name] for name in PUBLISHED for size in sizes]
    off = np.abs(np.array(found) / [*itertools.chain(*PUBLISHED.values())] - 1).max()
    diverged = grouped("figure3.csv", *KEYS, of="diverged")["paper_unclipped", "1000", "simple_rnn"]
    assert f"are within {100 * off:.0f}% of the published" in README
    assert f"unclipped, {sum(diverged):.0f} of {len(diverged)} simple RNNs of 1000 parameters diverge" in README
    mse = grouped("tensorflow_2016.csv", "setting", "method", "units", of="mse")[
        "tensorflow-2016", "clockwork_rnn", "36"
    ]
    assert f"MSE {np.mean(mse):.2g} ± {np.std(mse, ddof=1):.1g} over {len(mse)} seeds" in README


KEYS = "setting", "parameters", "method"


def test_sentences_on_words_speech_and_text_say_what_was_measured():
    words = {key: np.median(of) for key, of in grouped("figure4.csv", *KEYS, of="test_error").items()}
    best = [f"{words['modern', '10000', name]:.0f}%" for name in ("clockwork_rnn", "lstm", "simple_rnn")]
    assert "Clockwork RNN {} wrong, LSTM {}, simple RNN {}".format(*best) in README
    apart = [abs(words["modern", n, "clockwork_rnn"] - words["modern", n, "lstm"]) for n in ("500", "1000", "2500")]
    assert f"at 2500 and fewer it is within {max(apart):.0f} points of the LSTM" in README
    digits = {name: np.median(of) for name, of in grouped("digits_at_random.csv", "method", of="test_error").items()}
    assert f"LSTM {digits['lstm']:.1f}%, Clockwork RNN {digits['clockwork_rnn']:.1f}%" in README
    speech = grouped("speech.csv", "network", of="free_running_nmse")
    nmse = [f"{np.median(speech[f'{name}, noise']):.2g}" for name in ("Clockwork RNN", "LSTM", "simple RNN")]
    assert "Clockwork RNN, NMSE {}; LSTM {}, simple RNN {}".format(*nmse) in README
    text = grouped("text.csv", "network", of="bits_per_character")
    networks = "LSTM", "simple RNN", "Clockwork RNN, slow_to_fast"
    bits = [f"{value:.2f}" for name in networks for value in text[name]]
    assert "the LSTM, {} bits a character; simple RNN {}, Clockwork RNN {}. One seed".format(*bits) in README


def test_sentences_on_clocks_say_what_was_measured():
    def scores(task, variant):
        of = grouped("extensions.csv", "seed", of="score", where=lambda r: (r["task"], r["variant"]) == (task, variant))
        return [statistics.geometric_mean(values) for values in of.values()]  # of a seed's targets

    ratio = np.median(scores("generation", "fibonacci")) / np.median(scores("generation", "base"))
    assert 45 < 1 / ratio < 55 and "had a fiftieth of the error on sequences" in README
    fibonacci, base = (np.median(scores("words", variant)) for variant in ("fibonacci", "base"))
    assert f"but {fibonacci:.0f}% wrong words, not {base:.0f}%" in README
    evolved = [float(row["ratio"]) for row in committed.read("evolution.csv")]
    assert f"for {sum(np.array(evolved) < 1)} of {len(evolved)} targets" in README
    learned = grouped("learned_periods.csv", "start", of="ratio")["good"]
    assert f"from a good start it does harm for {sum(np.array(learned) > 2)} of {len(learned)}" in README


def test_the_time_of_a_first_fit_is_the_measured_one():
    seconds = grouped("benchmark.csv", "experiment", "network", of="median")
    ours, keras = (seconds["first_fit", name][0] for name in ("clockwork_rnn", "keras-tensorflow lstm"))
    said = f"the first `fit` of 36 units takes {ours:.2f} s, that of Keras's LSTM of\n36 units {keras:.2f} s"
    assert said in README
