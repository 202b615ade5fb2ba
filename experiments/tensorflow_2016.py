"""The table of an earlier TensorFlow project, which had one run for each entry, over 100 runs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from experiments.experiment import Answer, Experiment
from experiments.grid import ROOT, Options, compute
from experiments.markdown import ahead, markdown, mean, times
from experiments.pictures import NAMES
from experiments.published import TENSORFLOW_2016_MSE
from experiments.statistics import ratio
from experiments.store import Store

COLUMNS = ("target", "method", "parameters", "units", "seed", "mse", "diverged", "seconds")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    targets: tuple[str, ...] = (str(ROOT / "data" / "music.flac"),)
    """Sound files, of which the first 320 samples are generated."""
    seeds: int = 100
    """Networks of each kind for each target, with the seeds from 0 on."""
    epochs: int = 1000
    """Updates of each network."""


def networks(options: Flags) -> Iterator[tuple[dict, object]]:
    """Yield (method, settings) of each network."""
    from main import recipe

    for method, sizes in TENSORFLOW_2016_MSE.items():
        for units in sizes:
            settings = recipe("generation", recipe="tensorflow-2016", model=method, units=units)
            yield {"method": method}, replace(settings, epochs=options.epochs)


def run(options: Flags, store: Store) -> None:
    from experiments.training import generation

    targets = generation.load_targets(options.targets)
    keys, cells = zip(*generation.make_cells(networks(options), targets, options.seeds), strict=True)
    results = compute(generation.train_networks, cells, store, options)
    rows = [
        row | {"parameters": row["parameters_with_periods"]}
        for key, result in zip(keys, results, strict=True)
        for row in generation.make_rows(key, result, targets)
    ]
    store.write("tensorflow_2016", rows, COLUMNS)


def answers(store: Store) -> list[Answer]:
    """Return how much less the error of the largest Clockwork RNN is than that of the largest LSTM."""
    frame = store["tensorflow_2016"]
    own, lstm = (
        frame[(frame.method == method) & (frame.units == max(TENSORFLOW_2016_MSE[method]))].mse
        for method in ("clockwork_rnn", "lstm")
    )
    factor = ratio(lstm, own)
    effect = f"LSTM : Clockwork RNN {times(factor)}, 800 parameters"
    asked = "Is the Clockwork RNN ahead of the LSTM in the earlier project's setting?"
    return [Answer(asked, ahead(factor), effect, len(frame))]


def tables(store: Store) -> dict[str, str]:
    """Return the MSE over all networks that did not diverge, beside the single run."""
    lines = []
    for (target, method, units), cell in store["tensorflow_2016"].groupby(["target", "method", "units"], sort=False):
        done = cell[cell.diverged == 0]
        lost = f"{len(cell) - len(done)} of {len(cell)}"
        single = TENSORFLOW_2016_MSE[method][units]
        lines.append((target, NAMES[method], units, cell.parameters.iloc[0], mean(done.mse), lost, f"{single:.2g}"))
    head = (
        "target",
        "network",
        "units",
        "parameters",
        "MSE, mean ± std",
        "diverged",
        "single run of 2016, other music",
    )
    return {"tensorflow-2016": markdown(head, lines)}


EXPERIMENT = Experiment(
    name="tensorflow-2016",
    question="Does the table of an earlier TensorFlow project hold over 100 seeds?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    quick={"seeds": 2, "epochs": 20},
)
