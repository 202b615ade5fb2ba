"""The command line: what flags may be spelt like, what help shows, and names that were meant."""

import re
import shlex
import signal
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import pytest

import main
from data.closest import closest
from running import command_line, flags, hints
from tasks.flag import GROUPS


def read(*words):
    return command_line.read(words, main.TASKS)[1]


def help_of(capsys, *words):
    with pytest.raises(SystemExit) as leaving:
        read(*words, "--help")
    assert leaving.value.code in (0, None)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "words, expected",
    [
        ("--units 9", {"units": 9}),
        ("--units=9 --units 10", {"units": 10}),
        ("--learning_rate 1e-2", {"learning_rate": 0.01}),
        ("--learning-rate=2", {"learning_rate": 2.0}),
        ("--forget-bias -1.5", {"forget_bias": -1.5}),
        ("--forget-bias -1.", {"forget_bias": -1.0}),
        ("--forget-bias -1e-3", {"forget_bias": -0.001}),
        ("--periods 1 2 4 --units 9", {"periods": (1, 2, 4), "units": 9}),
        ("--model lstm --periods", {"periods": (), "units": 13}),
        (
            "--overwrite --no-resume --input_mean --no_peepholes",
            {"overwrite": True, "resume": False, "input_mean": True},
        ),
        ("--input-modules fastest", {"input_modules": "fastest"}),
        ("--input-modules 0 2", {"input_modules": (0, 2)}),
        ("--recipe paper --target None", {"target": None, "epochs": 2000}),
        ("--results-dir here", {"results_dir": Path("here")}),
        ("--model=lstm --recipe=paper --units 3", {"learning_rate": 3e-5, "units": 3}),  # main.py's PAPER_LSTM
        ("text --prime '- a b'", {"prime": "- a b"}),
        ("text --prime=-a", {"prime": "-a"}),
        ("text --prime -1e5", {"prime": "-1e5"}),
        ("text --prime ' -1'", {"prime": " -1"}),
        ("--name a-1e3", {"name": "a-1e3"}),
    ],
)
def test_spellings(words, expected):
    settings = read(*shlex.split(words))
    assert {name: getattr(settings, name) for name in expected} == expected


@pytest.mark.parametrize("columns", [80, 100, 200])
@pytest.mark.parametrize("task", main.TASKS)
def test_help_of_a_task_has_every_flag_in_its_group_and_fits_the_terminal(task, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = help_of(capsys, task)
    assert max(map(len, text.splitlines())) <= columns
    shown = re.findall(r"^  (--[\w-]+)", text, flags=re.MULTILINE)
    kind = type(main.TASKS[task][1][0])
    assert sorted(shown) == sorted("--" + field.name.replace("_", "-") for field in fields(kind))
    assert shown[:6] == ["--recipe", "--model", "--units", "--periods", "--epochs", "--learning-rate"]
    assert re.findall(r"^(\w.*):$", text, flags=re.MULTILINE) == [flags.FIRST, *GROUPS]


def test_help_says_what_a_flag_is_and_what_the_chosen_recipe_has(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = help_of(capsys, "generation", "--recipe", "paper", "--model", "lstm").replace("\N{NO-BREAK SPACE}", " ")
    assert "  --learning-rate X " in text and "Learning rate at the first update. Default: 3e-05\n" in text
    assert "One of modern, paper, tensorflow-2016. Default: paper\n" in text
    assert "(LSTMs only). Default: on\n" in text and "Default: none\n" in text
    assert "Standard deviation of --recurrent-init, or" in text


def test_help_without_a_task_shows_the_tasks_with_examples_that_can_be_run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = help_of(capsys, "--model", "gru")
    assert max(map(len, text.splitlines())) <= 80 and len(text.splitlines()) < 50
    examples = re.findall(r"^    python main.py (.*)$", text, flags=re.MULTILINE)
    assert [shlex.split(example)[0] for example in examples] == list(main.TASKS)
    for example in examples:
        read(*shlex.split(example))
    assert re.search(r"--units N .*Default:.15$", text, flags=re.MULTILINE)  # main.py's MODERN_GRU


@dataclass(frozen=True)
class Base:
    seeds: int
    """Networks, 50 % of them
    in pairs; see `kinds`."""


@dataclass(frozen=True)
class Options(Base):
    seeds: int = 3
    kinds: tuple[Literal[100, 250], ...] = (100,)
    share: float | None = None
    """A share."""


def test_any_dataclass_has_flags(capsys):
    assert command_line.parse(["--kinds", "250", "100"], Options(), "program") == Options(3, (250, 100))
    with pytest.raises(ValueError, match="`kinds` must be some of 100, 250. Received: 100 25; did you mean 250?"):
        command_line.parse(["--kinds", "100", "25"], Options(), "program")
    with pytest.raises(ValueError, match="--shares is not known: did you mean --share?"):
        command_line.parse(["--shares", "1"], Options(), "program")
    with pytest.raises(SystemExit):
        command_line.parse(["-h"], Options(), "program")
    text = capsys.readouterr().out
    assert (
        "program [--flag value …]" in text
        and "Networks, 50 % of them in pairs; see --kinds." in text
        and "Some of 100, 250." in text
    )


def test_an_experiment_leaves_with_a_status(capsys):
    def interrupted(options):
        signal.raise_signal(signal.SIGINT)

    assert command_line.run(lambda options: None, [], Options(), "program") == 0
    assert command_line.run(interrupted, [], Options(), "program") == 130
    assert capsys.readouterr().err == "\nprogram: interrupted; the same command goes on from here\n"
    assert command_line.run(interrupted, ["--seed", "1"], Options(), "program") == 2
    assert capsys.readouterr().err == "program: --seed is not known: did you mean --seeds?\n"


def test_a_program_without_flags_has_help_alone(capsys):
    assert command_line.run(lambda options: None, [], command_line.NoFlags(), "program") == 0
    assert command_line.run(lambda options: None, ["--units", "3"], command_line.NoFlags(), "program") == 2
    assert capsys.readouterr().err == "program: --units is not known: program --help names the flags\n"


def test_where_a_process_of_an_experiment_died_it_had_begun(capsys):
    def killed(options):
        raise ChildProcessError("a process was killed; what is done is kept")

    assert command_line.run(killed, [], Options(), "program") == 1
    assert capsys.readouterr().err == "program: a process was killed; what is done is kept\n"


def test_refuses_words_that_are_no_text():
    with pytest.raises(
        ValueError, match=r"flags and their values must be in UTF-8, and so must the locale. Received: 'caf.udce9.csv'"
    ):
        command_line.read(["generation", "--target", "caf\udce9.csv"], main.TASKS)


def test_all_recipes_are_of_their_types():
    for _, recipes in main.TASKS.values():
        for settings in recipes:
            for setting in flags.settings_of(type(settings), {"recipe": [settings.recipe]}):
                assert hints.is_of(getattr(settings, setting.name), setting.hint), setting.name


def test_an_unknown_recipe_is_refused_by_name():
    with pytest.raises(ValueError, match="`recipe` must be one of modern, paper, tensorflow-2016. Received: old"):
        main.recipe("generation", recipe="old")
    assert main.recipe("generation", recipe="paper", model="lstm") == replace(main.PAPER_LSTM)


@pytest.mark.parametrize(
    "word, expected",
    [("LSTM", "lstm"), ("rnn", "simple_rnn"), ("clockwork-rnn", "clockwork_rnn"), ("x", None), ("", None)],
)
def test_closest(word, expected):
    assert closest(word, ["clockwork_rnn", "clockwork_lstm", "clockwork_gru", "simple_rnn", "lstm", "gru"]) == expected
