"""The README: every command and example in it runs, and its numbers are those of the committed results."""

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import main
from experiments import main_job

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL) for line in block.splitlines() if line
]
SMALL = "--epochs 2 --results-dir {folder}/results --log-dir {folder}/log"
ADDED = {  # how a command is made small, by what it runs; a command of another kind fails the test
    "python main.py --help": "",
    "python main.py speech": f"{SMALL} --seconds 0.1 --chunk 512",
    "python main.py text": f"{SMALL} --units 32 --streams 16 --chunk 64",
    "python main.py": SMALL,
    "python -m pytest": "--version",
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


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in map(maker, COMMANDS)])
def test_command_runs(command, tmp_path, monkeypatch):
    if "--logdir" in command:
        (tmp_path / "log").mkdir()
    if maker(command):
        run(maker(command), tmp_path, monkeypatch)
    run(command, tmp_path, monkeypatch)


def run(command, folder, monkeypatch):
    *_, last = command.split(" && ")  # without the installation, which is running this test
    program = last.removeprefix(".venv/bin/")
    added = next(flags for start, flags in ADDED.items() if program.startswith(start))
    words = shlex.split(program + " " + added.format(folder=folder))
    words = [str(ROOT / w) if w in ("main.py", "README.md") or w.startswith("data/") else w for w in words]
    if words[0] == "python" and words[1].endswith("main.py") and "--help" not in words:
        monkeypatch.chdir(folder)  # in this process, which spares starting one; test_main.py starts them
        assert main.main(words[2:]) == 0
        return
    words[0] = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS[:2])
def test_command_runs_in_a_fresh_clone(command, tmp_path):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "clone", check=True, timeout=1800)


def test_the_layer_example_runs():
    code, _ = re.findall(
        r"```python\n(.*?)```", README, flags=re.DOTALL
    )  # the other is of the package: test_package.py
    names = {}
    exec(code, names)
    assert names["model"].output.shape == (None, None, 25)


def test_files_that_it_names_exist():
    for name in re.findall(r"\]\((?!http)(.*?)\)", README) + re.findall(r"`([\w/]+\.(?:py|csv|flac))`", README):
        assert (ROOT / name).exists(), name


def test_the_table_is_that_of_the_committed_results():
    with open(main_job.CSV, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30  # 2 targets × 3 models × 5 seeds
    assert main_job.table(rows) in README
