"""The package: built, installed in a folder of its own, imported without the repository, and interchangeable with `models`."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from models.clockwork_rnn import ClockworkRNN

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source")  # building leaves files beside the sources
    for name in ("models", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", ROOT / name, source], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source]
    subprocess.run(command, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def in_elsewhere(folder, code):
    """Run code in a process that finds the installed package and not the repository."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "site"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.split()


def test_wheel_has_one_top_level_name_and_its_types(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"clockwork_rnn"}
    assert "clockwork_rnn/py.typed" in names


def test_a_model_saved_in_the_repository_loads_with_the_package(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    sequence = keras.Input((None, 3))
    model = keras.Model(sequence, ClockworkRNN(6, (1, 2), return_sequences=True)(sequence))
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import keras, numpy, sys; before = set(sys.modules); from clockwork_rnn import ClockworkRNN, ClockworkLSTM, ClockworkGRU;"
        "heavy = {name.split('.')[0] for name in set(sys.modules) - before}; print(*sorted(heavy & {'scipy', 'matplotlib', 'models'}), 'done');"
        "model = keras.models.load_model('model.keras'); numpy.save('y.npy', model(numpy.load('x.npy'))); model.save('again.keras')"
    )
    assert in_elsewhere(tmp_path, code) == ["done"]
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x), atol=1e-6)
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "again.keras")(x), model(x), atol=1e-6)


def test_the_readme_example_runs_from_the_installed_package(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    first, second = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    printed = in_elsewhere(tmp_path, second + first.replace("models.clockwork_rnn", "clockwork_rnn"))
    assert printed[:4] == ["module", "period", "phase", "units"]
