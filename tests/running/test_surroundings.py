"""What a shell leaves for the program: closed files, a narrow encoding, settings of other programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTHING_ELSE = "import os; from running import surroundings; surroundings.prepare()\n"


def run(code, shell="{}", **environment):
    """Run a program as a shell does."""
    command = shell.format('"$0" -c "$1"')
    given = {"env": os.environ | environment, "cwd": ROOT, "capture_output": True}
    return subprocess.run(["sh", "-c", command, sys.executable, NOTHING_ELSE + code], **given)


@pytest.mark.parametrize("encoding, said", [("ascii", rb"\u2026 \xe9"), ("latin-1", b"\\u2026 \xe9")])
def test_what_an_encoding_lacks_is_spelt_out(encoding, said):
    done = run("print('… é')", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stdout, done.stderr) == (0, said + b"\n", b"")


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    path = tmp_path / "file"
    code = f"file = os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY); os.write(2, b'a warning'); assert file > 2"
    code += "; import sys; print('a line', file=sys.stderr); sys.stdout.write('another')"
    assert run(code, "{} <&- >&- 2>&-").returncode == 0
    assert path.read_bytes() == b""


def test_personal_settings_of_keras_and_matplotlib_change_nothing(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "float16", "epsilon": 0.5}')
    (tmp_path / "matplotlibrc").write_text("text.usetex: True")
    code = "import experiments.training.series, keras, matplotlib\n"  # as an experiment's processes do
    code += "print(keras.config.floatx(), keras.config.epsilon(), matplotlib.rcParams['text.usetex'])"
    done = run(code, KERAS_HOME=str(tmp_path), MATPLOTLIBRC=str(tmp_path))
    assert (done.stdout, done.stderr) == (b"float32 1e-07 False\n", b"")  # without TensorFlow's remarks


def test_a_file_of_matplotlib_in_the_folder_of_work_changes_no_picture(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nimage.cmap: none_such")
    code = "import running.quiet, matplotlib, tasks.figures\n"
    code += "with matplotlib.rc_context(tasks.figures.STYLE):\n"
    code += "    print(matplotlib.rcParams['font.size'], matplotlib.rcParams['image.cmap'])\n"
    code += "print(matplotlib.rcParams['font.size'])"  # which is somebody's own
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert done.stdout == b"9.0 viridis\n30.0\n"


def test_backends_are_ours_whatever_others_have_set():
    code = "print(os.environ['KERAS_BACKEND'], os.environ['MPLBACKEND'])"
    assert run(code, KERAS_BACKEND="jax", MPLBACKEND="junk").stdout == b"tensorflow agg\n"
