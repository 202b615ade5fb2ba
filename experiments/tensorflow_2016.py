"""The table of an earlier TensorFlow project, which had one run for each entry, over 100 runs.

`python -m experiments.tensorflow_2016` trains its Clockwork RNN and its LSTM in its three sizes and its own setting on
the shipped music, or on any sound files given, and writes `tensorflow_2016.csv` (one row a network) and
`tensorflow_2016.md`. Stopped at any moment and started again, it goes on.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.cells import ROOT, Cell, Workers, compute
from experiments.markdown import markdown
from experiments.published import TENSORFLOW_2016_MSE
from experiments.results import write_results
from experiments.sequence_generation import NETWORKS_PER_CELL, blocks, load_targets, train_networks
from main import recipe
from running import command_line

COLUMNS = ("target", "method", "parameters", "units", "seed", "mse", "diverged", "seconds")


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    targets: tuple[str, ...] = (recipe("generation", recipe="tensorflow-2016").target,)
    """Sound files, of which the first 320 samples are generated."""
    seeds: int = 100
    """Networks of each kind for each target, with the seeds from 0 on."""
    epochs: int = recipe("generation", recipe="tensorflow-2016").epochs
    """Updates of each network."""
    output_dir: Path = ROOT / "results"
    """Where the tables go, and `tensorflow_2016/` with what is done."""
    workers: int = 0
    ray: str | None = None


def make_cells(options: Options, values: Sequence[tuple[float, ...]]) -> Iterator[tuple[str, tuple[int, ...], Cell]]:
    """Yield (method, seeds, the cell that trains these networks)."""
    for settings in (
        recipe("generation", recipe="tensorflow-2016"),
        recipe("generation", recipe="tensorflow-2016", model="lstm"),
    ):
        for units in TENSORFLOW_2016_MSE[settings.model]:
            network = replace(settings, target=None, units=units, epochs=options.epochs)
            for seeds in blocks(options.seeds, max(1, NETWORKS_PER_CELL // len(values))):
                arguments = {"settings": network, "targets": tuple(values), "seeds": seeds}
                cell = Cell(f"{settings.model}-{units}-{seeds[0]}", arguments, len(values) * len(seeds))
                yield settings.model, seeds, cell


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the rows as a Markdown table: mean ± standard deviation of the MSE beside the published single run."""
    lines = []
    for target in dict.fromkeys(row["target"] for row in rows):
        for method, published in TENSORFLOW_2016_MSE.items():
            for units, single in published.items():
                key = (target, method, units)
                cell = [row for row in rows if (row["target"], row["method"], int(row["units"])) == key]
                mse = np.array([float(row["mse"]) for row in cell if not int(row["diverged"])])
                diverged = f"{len(cell) - len(mse)} of {len(cell)}"
                said = f"{mse.mean():.2g} ± {mse.std(ddof=1):.1g}" if len(mse) > 1 else "–"
                lines.append((target, method, units, cell[0]["parameters"], said, diverged, f"{single:.2g}"))
    return markdown(("target", "network", "units", "parameters", "MSE", "diverged", "single run of 2016"), lines)


def run(options: Options) -> None:
    """Train what is missing and write the tables."""
    options.check()
    targets = load_targets(options.targets)
    made = list(make_cells(options, [tuple(target.values.tolist()) for target in targets.values()]))
    results = compute(train_networks, [cell for *_, cell in made], options.output_dir / "tensorflow_2016", options)
    rows = []
    for (method, seeds, cell), result in zip(made, results, strict=True):
        settings = cell.arguments["settings"]
        common = {"method": method, "units": settings.units, "seconds": f"{result['seconds']:.4g}"}
        common["parameters"] = int(result["parameters"]) + len(settings.periods)
        for target, mse, diverged in zip(targets, result["mse"], result["diverged"], strict=True):
            for seed, value, failed in zip(seeds, mse, diverged, strict=True):
                text = "inf" if failed else f"{value:.6g}"
                rows.append(common | {"target": target, "seed": seed, "mse": text, "diverged": int(failed)})
    write_results(options.output_dir, "tensorflow_2016", COLUMNS, rows, table(rows), {})


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.tensorflow_2016")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
