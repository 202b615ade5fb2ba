"""The main job with five seeds: every model on the sine mixture and on the shipped music.

`python -m experiments.main_job` runs `main.py` for each, writes `results/main_job.csv` and the pictures of the Clockwork
RNN's first run on music, and prints the README's table.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from data.files import write_csv
from experiments.markdown import markdown

ROOT = Path(__file__).parents[1]
CSV = ROOT / "results" / "main_job.csv"
MODELS = ("clockwork_rnn", "lstm", "simple_rnn")
TARGETS = {"sine mixture": [], "music": ["--target", "data/music.flac"]}
PICTURES = ("signal.png", "states.png", "training.png")
COLUMNS = ("target", "model", "parameters_with_periods", "seed", "mse", "nmse", "seconds", "compile_seconds")


def run_all(seeds: int = 5, extra: tuple[str, ...] = ()) -> list[dict]:
    """Run the main job for each target, model and seed; returns one row a run, with the columns of `COLUMNS`."""
    rows = []
    for target, flags in TARGETS.items():
        for model in MODELS:
            for seed in range(seeds):
                flags_of_run = [*flags, "--model", model, "--seed", str(seed), *extra]
                first = (target, model, seed) == ("music", "clockwork_rnn", 0)
                rows.append({"target": target} | run_once(flags_of_run, PICTURES if first else ()))
                print(", ".join(f"{name} {rows[-1][name]}" for name in COLUMNS), flush=True)
    return [{name: row[name] for name in COLUMNS} for row in rows]


def run_once(flags: list[str], pictures: tuple[str, ...] = ()) -> dict:
    """Run `main.py` with the given flags in a folder of its own; returns its metrics and keeps the pictures named."""
    with tempfile.TemporaryDirectory() as folder:
        where = ["--name", "run", "--results-dir", f"{folder}/results", "--log-dir", f"{folder}/log"]
        subprocess.run([sys.executable, "main.py", *flags, *where], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        results = Path(folder, "results", "generation", "run")
        for picture in pictures:
            shutil.copy(results / picture, CSV.with_name(f"main_job_{picture}"))
        return json.loads((results / "metrics.json").read_text(encoding="utf-8"))


def table(rows: list[dict]) -> str:
    """Return the rows as a Markdown table: mean ± standard deviation of the MSE, over seeds, and median seconds."""
    lines = []
    for target in TARGETS:
        for model in MODELS:
            cell = [row for row in rows if (row["target"], row["model"]) == (target, model)]
            mse = np.array([float(row["mse"]) for row in cell])
            seconds = np.median([float(row["seconds"]) for row in cell])
            parameters = cell[0]["parameters_with_periods"]
            spread = f"{mse.mean():.1e} ± {mse.std(ddof=1):.0e}"
            lines.append((target, model, parameters, spread, f"{seconds:.1f} s"))
    return markdown(("target", "network", "parameters", "MSE", "training"), lines)


def main() -> None:
    rows = run_all()
    write_csv(CSV, COLUMNS, rows)
    print(table(rows))


if __name__ == "__main__":
    main()
