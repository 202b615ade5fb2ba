"""`python main.py` in a process of its own, for tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(folder, *flags, **kwargs):
    """Start it in a folder, where its results and logs go too."""
    command = [
        sys.executable,
        ROOT / "main.py",
        *flags,
        "--results-dir",
        folder / "results",
        "--log-dir",
        folder / "log",
    ]
    own = ("TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS")  # which `main.py` sets
    environment = {name: value for name, value in os.environ.items() if name not in own}
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs
    )


def run(folder, *flags):
    """Return its exit status, output and errors."""
    process = start(folder, *flags)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors
