"""Learned periods by evolution: whole-number periods from a bad start, against exponential ones given by hand.

`python -m experiments.evolution` takes, for each of ten seeds, a sum of three sines with periods that no one tells the
network, and candidates of nine modules whose periods are all 7 at first. Each generation is trained at once, from
the same initial weights; the best quarter stays and has mutated children. It writes `evolution.csv` (one row a
seed), `evolution.md` and `evolution.png` (the best candidate's periods over the generations). Stopped and started again, it
goes on.
"""

import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import running.quiet  # noqa: F401 (before whatever imports TensorFlow)
from experiments.grid import ROOT, Arrays, Cell, Workers, compute
from experiments.markdown import markdown
from experiments.results import write_results
from main import recipe
from running import command_line
from running.loop import Loop
from tasks.figures import STYLE
from tasks.sequence_generation import SequenceGeneration, Settings

START = 7  # the period of every module before the first generation
SLOWEST, FASTEST = 160, 8  # steps a cycle of the sines
ROW = ("seed", "cycles", "periods", "start", "evolved", "exponential", "ratio")

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Options(Workers):
    seeds: int = 10
    """Targets, each with its own evolution, with the seeds from 0 on."""
    generations: int = 15
    """Generations of each evolution."""
    candidates: int = 32
    """Networks of one generation."""
    updates: int = 300
    """Updates by which candidates are judged."""
    epochs: int = recipe("generation").epochs
    """Updates of the networks that are compared in the end."""
    output_dir: Path = ROOT / "results"
    """Where the table and the picture go, and a folder "evolution" with what is done."""
    workers: int = 0
    ray: str | None = None


def target(seed: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a sum of three sines scaled to [−1, 1] [T], and their steps a cycle, evenly drawn on a log scale."""
    rng = np.random.default_rng(seed)
    cycles = np.sort(np.exp(rng.uniform(np.log(FASTEST), np.log(SLOWEST), 3)))
    phases, t = rng.uniform(0, 2 * np.pi, 3), np.arange(length)
    wave = np.sin(2 * np.pi * t / cycles[:, None] + phases[:, None]).sum(axis=0)
    low, high = wave.min(), wave.max()
    return (2 * (wave - low) / (high - low) - 1).astype(np.float32), cycles


def evolve(settings: Settings, generations: int, candidates: int, updates: int) -> Arrays:
    """Evolve the periods of one Clockwork RNN on the target of the seed.

    Returns:
        best [generations, g]: the periods of the best candidate of each generation.
        start, evolved, exponential: the MSE, after all epochs and from the seed's initial weights, of networks with all
            periods 7, with the best periods found, and with those of the settings; see `alone`.
    """
    wanted, cycles = target(settings.seed, settings.length)
    rng = np.random.default_rng(settings.seed)
    modules, kept = len(settings.periods), candidates // 4
    periods = np.full((candidates, modules), START)
    periods[1:] = mutated(periods[1:], rng, settings.length)
    best = []
    for generation in range(generations):
        error = trained(settings, periods, wanted, updates, seed=1000 * settings.seed + generation)
        order = np.argsort(np.where(np.isfinite(error), error, np.inf), kind="stable")
        best.append(periods[order[0]])
        parents = periods[order[:kept]]
        children = parents[rng.integers(kept, size=candidates - kept)]
        periods = np.concatenate([parents, mutated(children, rng, settings.length)])
    compared = {"start": np.full(modules, START), "evolved": best[-1], "exponential": np.array(settings.periods)}
    named = {name: alone(replace(settings, periods=tuple(own.tolist())), wanted) for name, own in compared.items()}
    return {"best": np.array(best), "cycles": cycles, **named}


def alone(settings: Settings, wanted: np.ndarray) -> np.ndarray:
    """Return the MSE of the network that `main.py` would train on this target, with the settings' periods and wiring."""
    task = SequenceGeneration(settings, targets=[wanted])
    return task.evaluate(Loop(task, settings).run().weights)["mse"][0]


def mutated(periods: np.ndarray, rng: np.random.Generator, longest: int) -> np.ndarray:
    """Multiply about a third of the periods [R, g] by random factors around 1, at least by one step; sorted in each row."""
    factors = np.exp(rng.normal(0, 0.7, periods.shape))
    moved = np.where(factors > 1, np.ceil(periods * factors), np.floor(periods * factors))
    changed = np.where(rng.random(periods.shape) < 1 / 3, moved, periods)
    return np.sort(np.clip(changed, 1, longest), axis=1).astype(int)


def trained(settings: Settings, periods: np.ndarray, wanted: np.ndarray, updates: int, seed: int) -> np.ndarray:
    """Return the MSE [R] of networks with these periods [R, g] after so many updates from the same weights.

    All have the wiring of the settings' periods: module i hears itself and those after it, also where periods are equal.
    """
    settings = replace(settings, seed=0)
    task = SequenceGeneration(settings, [seed] * len(periods), [wanted])
    loop = _compiled(settings, len(periods), updates).restart(task, periods=periods).run()
    return ((task.outputs(loop.weights, periods) - wanted.astype(float)) ** 2).mean(axis=1)


@functools.lru_cache(maxsize=1)
def _compiled(settings: Settings, networks: int, updates: int) -> Loop:
    """Return a loop, whose program the generations share."""
    task = SequenceGeneration(settings, [0] * networks)
    return Loop(task, settings, updates, periods=[settings.periods] * networks)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = ("seed", "steps a cycle of the sines", "periods found")
    head += ("MSE, all 7", "MSE, evolved", "MSE, 1, 2, 4, … 256", "evolved : exponential")
    lines = [
        [row["seed"], row["cycles"], row["periods"], *(f"{float(row[name]):.2g}" for name in ROW[3:])] for row in rows
    ]
    within = sum(float(row["ratio"]) <= 2 for row in rows)
    return (
        markdown(head, lines) + f"\n\nWithin a factor of 2 of the exponential periods: {within} of {len(rows)} seeds."
    )


def picture(results: Sequence[Arrays]) -> Figure:
    """Draw the periods of the best candidate over the generations, one panel a seed, and the sines' steps a cycle."""
    curves = [(np.arange(1, len(result["best"]) + 1), result["best"]) for result in results]
    return periods_figure(curves, [result["cycles"] for result in results], "generation")


def periods_figure(
    curves: Sequence[tuple[np.ndarray, np.ndarray]], cycles: Sequence[np.ndarray], progress: str
) -> Figure:
    """Draw how periods change, one panel a seed, and the steps a cycle of the sines.

    Args:
        curves: for each seed the progress [K] and the periods [K, g], in steps.
        cycles: for each seed the steps a cycle [3].
        progress: what the progress is counted in.
    """
    columns = min(5, len(curves))
    with matplotlib.rc_context(STYLE):
        lines = -(-len(curves) // columns)
        figure = Figure(figsize=(7, 0.8 + 1.6 * lines), layout="constrained")
        axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axis in axes.flat[len(curves) :]:
            axis.set_axis_off()
        for seed, (axis, (steps, periods), waves) in enumerate(zip(axes.flat, curves, cycles, strict=False)):
            axis.plot(steps, periods, color="black", linewidth=0.8)
            for wave in waves:
                axis.axhline(wave, color="C0", linewidth=0.8, linestyle=":")
            axis.set(yscale="log", title=f"seed {seed}")
            axis.set_yticks([1, 4, 16, 64, 256], [1, 4, 16, 64, 256])
            axis.minorticks_off()
            axis.xaxis.get_major_locator().set_params(integer=True)
        figure.supxlabel(progress)
        figure.supylabel("period")
    return figure


def run(options: Options) -> None:
    """Evolve what is missing and write the table and the picture."""
    options.check()
    numbers = {name: getattr(options, name) for name in ("generations", "candidates", "updates")}
    cells = [
        Cell(
            str(seed),
            {"settings": recipe("generation", seed=seed, epochs=options.epochs)} | numbers,
            options.candidates,
        )
        for seed in range(options.seeds)
    ]
    results = compute(evolve, cells, options.output_dir / "evolution", options)
    rows = []
    for seed, result in enumerate(results):
        row = {"seed": seed, "cycles": " ".join(f"{cycle:.1f}" for cycle in result["cycles"])}
        row |= {"periods": " ".join(map(str, result["best"][-1]))}
        row |= {name: f"{float(result[name]):.4g}" for name in ("start", "evolved", "exponential")}
        rows.append(row | {"ratio": f"{float(result['evolved'] / result['exponential']):.4g}"})
    write_results(options.output_dir, "evolution", ROW, rows, table(rows), {"evolution": picture(results)})


def main(arguments: list[str]) -> int:
    """Run the experiment; returns the exit status."""
    return command_line.run(run, arguments, Options(), "python -m experiments.evolution")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
