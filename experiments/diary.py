"""The diary of 2014 beside its descendants: errors and gradients over training, sounds, sizes, and other starts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.diagram import draw_network
from experiments.experiment import RESULTS, Answer, Experiment
from experiments.grid import Arrays, Cell, Options, compute
from experiments.markdown import markdown, middle
from experiments.pictures import COLOURS, legend, panels, points
from experiments.speech import KINDS, NETWORKS, QUANTITIES
from experiments.statistics import holm, quartiles, sign_p
from experiments.store import Store

WATCHED = {  # network of the page on speech → what its sounds are called, if it has some
    "diary": "diary",
    "diary, clipped and regularised": "",
    "simple RNN, noise": "simple_rnn",
    "LSTM, noise": "lstm",
    "Clockwork RNN, noise": "clockwork_rnn",
}
DRAWN = ("diary", "Clockwork RNN, noise")
OWN_START, SILENCE = "its own", "silence"
STARTS = (OWN_START, "clock", "music", SILENCE)  # the second and third are utterances that ship
EPOCHS = 60  # at most, so that all can be trained in ten minutes
EVERY = 2  # epochs from one look at the networks to the next
RISE = 0.1  # above the smallest error before, as a share of it: what counts as a rise
BACK = 2  # times the late error after its own start: up to that a network comes back after another one
GIVEN_BACK = 0.1  # NMSE up to which an utterance counts as given back, as on the page on speech
MEASURED = tuple(f"{kind}_{quantity}" for kind in KINDS for quantity in QUANTITIES)
COLUMNS = ("network", "model", "window", "units", "parameters", "epochs", "seed", *MEASURED, "seconds")
TRAINING = ("network", "seed", "epoch", "nmse", "gradient_norm", "largest_gradient_norm")
OTHER_STARTS = ("network", "seed", "start", "nmse", "late_nmse")
SIZES = ("network", "window", "phones", "part", "period", "units", "heard")
SIZES += ("input_weights", "recurrent_weights", "biases")


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    networks: tuple[Literal[tuple(WATCHED)], ...] = tuple(WATCHED)
    """Networks to train."""
    seeds: int = 10
    """Networks of each kind, with the seeds from 0 on."""
    epochs: int | None = None
    """Passes over the utterance; without it, 40 for the diary's networks, as in `main.py`, and 60 for the others."""
    seconds: float = 1.2
    """How much of the utterance to use, from its start; 0 is all of it."""
    chunk: int = 4096
    """Samples of one update."""
    start_seconds: float = 0.25
    """How much of another start is heard before a network goes on alone; half of the utterance at most."""

    def check(self) -> None:
        super().check()
        if self.epochs is not None and self.epochs % EVERY:
            raise ValueError(f"`epochs` must be a multiple of {EVERY}. Received: {self.epochs}")


def make_cells(options: Flags) -> Iterator[tuple[str, Cell]]:
    """Yield the name of each network and the cell that trains it with all seeds."""
    from main import recipe

    for name in options.networks:
        settings = recipe("speech", **NETWORKS[name])
        epochs = options.epochs or min(settings.epochs, EPOCHS)
        settings = replace(settings, seconds=options.seconds, chunk=options.chunk, epochs=epochs)
        arguments = {"settings": settings, "seeds": tuple(range(options.seeds)), "start_seconds": options.start_seconds}
        yield name, Cell(name.replace(" ", "_").replace(",", ""), arguments, options.seeds)


def run(options: Flags, store: Store) -> None:
    from data.sounds import write_sound
    from data.speech import RATE
    from experiments.training import diary

    names, cells = zip(*make_cells(options), strict=True)
    results = dict(zip(names, compute(diary.train_networks, cells, store, options), strict=True))
    settings = {name: cell.arguments["settings"] for name, cell in zip(names, cells, strict=True)}
    store.write("diary", [row for name in names for row in networks(name, settings[name], results[name])], COLUMNS)
    store.write("diary_training", [row for name in names for row in curves(name, results[name])], TRAINING)
    store.write("diary_starts", [row for name in names for row in after_starts(name, results[name])], OTHER_STARTS)
    if drawn := [{"network": name} | row for name in names if name in DRAWN for row in diary.sizes(settings[name])]:
        store.write("diary_sizes", drawn, SIZES)
    for name, file in WATCHED.items():
        for kind in KINDS if file and name in results else ():
            sound = np.nan_to_num(results[name][kind]).clip(-1, 1)
            write_sound(store.folder / f"diary_{file}_{kind}.wav", sound, RATE)


def networks(name: str, settings: Any, result: Arrays) -> Iterator[dict]:
    """Yield what is measured of each network of a kind in the end."""
    known = {"network": name, "parameters": int(result["parameters"]), "seconds": float(result["seconds"])}
    known |= {column: getattr(settings, column) for column in ("model", "window", "units", "epochs")}
    for seed in range(result["errors"].shape[1]):
        yield known | {"seed": seed} | {quantity: float(result[quantity][seed]) for quantity in MEASURED}


def curves(name: str, result: Arrays) -> Iterator[dict]:
    """Yield the error of each network of a kind at each look at it, and the norms of its gradients since the one before."""
    before = np.full_like(result["norms"][:1], np.nan)  # of training there are no gradients
    values = [result["errors"], *(np.concatenate([before, result[of]]) for of in ("norms", "largest"))]
    for place, of_seeds in enumerate(np.stack(values, -1)):  # [R, 3]
        for seed, measured in enumerate(of_seeds):
            yield dict(zip(TRAINING, (name, seed, EVERY * place, *measured), strict=True))


def after_starts(name: str, result: Arrays) -> Iterator[dict]:
    """Yield the error of each network of a kind after each start."""
    for start, (errors, late) in zip(STARTS, result["starts"], strict=True):
        for seed, (error, late_error) in enumerate(zip(errors, late, strict=True)):
            yield {"network": name, "seed": seed, "start": start, "nmse": error, "late_nmse": late_error}


def rises(curve: np.ndarray) -> tuple[float, bool]:
    """Return the largest rise of an error over training above its smallest value before, as a share of that; and whether the
    error then fell below that value again.

    >>> rises(np.array([4.0, 2.0, 3.0, 1.0, 1.1]))
    (0.5, True)
    """
    least = np.minimum.accumulate(curve)
    share = np.where(np.isfinite(curve), curve / least - 1, np.inf)
    top = int(share.argmax())
    return float(share[top]), bool((curve[top:] < least[top]).any())


def risen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network and seed: its largest `rise`, and whether that was made `good`."""
    found = []
    for (name, seed), own in rows.groupby(["network", "seed"], sort=False):
        found.append((name, seed, *rises(own.nmse.to_numpy())))
    return pd.DataFrame(found, columns=["network", "seed", "rise", "good"])


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each network and start: errors of its seeds, and against its own start how many are `worse` and `p` of
    the exact two-sided sign test over seeds, adjusted for all rows; the starts differ, the networks are the same."""
    errors = rows.groupby(["network", "start"], sort=False).agg(nmse=("nmse", np.array), late=("late_nmse", np.array))
    found = errors.reset_index()
    own = [errors.nmse[name, OWN_START] for name in found.network]
    found["worse"] = [int((other > base).sum()) for other, base in zip(found.nmse, own, strict=True)]
    better = [int((other < base).sum()) for other, base in zip(found.nmse, own, strict=True)]
    others = found.start != OWN_START
    pairs = [pair for pair, other in zip(zip(found.worse, better, strict=True), others, strict=True) if other]
    found.loc[others, "p"] = holm([sign_p(worse, more) for worse, more in pairs])
    return found


def late_ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each network and seed its late error after its own start, and those after other starts over that."""
    late = rows.pivot(index=["network", "seed"], columns="start", values="late_nmse")[list(STARTS)]
    others = late.drop(columns=OWN_START).div(late[OWN_START], axis=0)
    return others.fillna(np.inf).assign(**{OWN_START: late[OWN_START]})  # none where both are infinite


def answers(store: Store) -> list[Answer]:
    """Return how many networks' errors rise while they learn, and which networks come back after another start."""
    networks, found = store["diary"], risen(store["diary_training"])
    windowed = found.network.isin(networks[networks.window > 1].network)
    diary, others = found.rise[windowed], found.rise[~windowed]
    said = [f"{(values > RISE).sum()} of {len(values)}" for values in (diary, others)]
    effect = f"largest rise in %, one sample: {middle(100 * others, '.0f').replace('(', '(quartiles ')}"
    answer = "Not here: in {} of its networks; in {} of those that see one sample".format(*said)
    return [
        Answer("Does the diary's error rise by more than 10 % while it learns?", answer, effect, len(networks)),
        _who_comes_back(store["diary_starts"], len(networks)),
    ]


def _who_comes_back(rows: pd.DataFrame, networks: int) -> Answer:
    """Return those that are below the mean after their own start, and at most twice as high after any other one."""
    late = late_ratios(rows)
    medians = late.groupby("network", sort=False).median()
    near = medians.drop(columns=OWN_START).max(axis=1) <= BACK
    back = medians.index[near & (medians[OWN_START] < 1)]
    ratios = late.loc["Clockwork RNN, noise"].drop(columns=OWN_START)
    each = "; ".join(f"{start} ×{middle(ratios[start], '.3f')}" for start in ratios)
    effect = f"Clockwork RNN's late NMSE over that after its own start, with quartiles: {each}"
    said = f"Only {' and '.join(name.split(',')[0] for name in back) or 'none'}"
    return Answer("Do phones bring networks back below the mean after another start?", said, effect, networks)


def tables(store: Store) -> dict[str, str]:
    """Return how errors went over training, what the networks say in the end, and how they go on after other starts."""
    return {
        "diary-training": _training(store["diary_training"]),
        "diary-sounds": _sounds(store),
        "diary-starts": _starts(store["diary_starts"]),
    }


def _training(rows: pd.DataFrame) -> str:
    head = ("network", "NMSE at its smallest", "at the end", "largest rise of the median", "largest rise of a seed")
    head += ("more than 10 %", "of these made good", "gradient's norm", "largest", "diverged")
    found, lines = risen(rows), []
    for name, own in rows.groupby("network", sort=False):
        curves = own.pivot(index="epoch", columns="seed", values="nmse").to_numpy()  # [epochs + 1, R]
        seeds = found[found.network == name]
        up = seeds[seeds.rise > RISE]
        line = [name, middle(curves.min(axis=0)), middle(curves[-1])]
        line += [f"{100 * rises(quartiles(curves, [50], 1)[0])[0]:.0f} %"]
        line += [f"{100 * quartiles(seeds.rise)[1]:.0f} % ({100 * seeds.rise.max():.0f} %)"]
        line += [f"{len(up)} of {len(seeds)}", f"{up.good.sum()} of {len(up)}" if len(up) else "–"]
        norms = own.dropna(subset="gradient_norm").groupby("seed")
        line += [middle(norms.gradient_norm.median()), middle(norms.largest_gradient_norm.max())]
        lines.append([*line, f"{np.isinf(curves[-1]).sum()} of {len(seeds)}"])
    return markdown(head, lines)


def _sounds(store: Store) -> str:
    rows, measured = store["diary"], {}
    where = "../../results" if store.folder == RESULTS else store.folder  # as seen from the page that shows the table
    for kind, words in KINDS.items():
        measured |= {f"{kind}_nmse": f"{words}: NMSE", f"{kind}_log_spectral_distance": "log-spectral distance (dB)"}
    head = ("network", "window", "units", "parameters", *measured.values(), "seconds", "sounds of seed 0")
    lines = []
    for name, own in rows.groupby("network", sort=False):
        first = own.iloc[0]
        said = [f"{middle(own[quantity])}; {first[quantity]:.2g}" for quantity in measured]
        links = (f"[{words}]({where}/diary_{WATCHED[name]}_{kind}.wav)" for kind, words in KINDS.items())
        line = [name, first.window, first.units, first.parameters, *said, f"{first.seconds:.2g}"]
        lines.append([*line, ", ".join(links) if WATCHED[name] else ""])
    return markdown(head, lines)


def _starts(rows: pd.DataFrame) -> str:
    head = (
        "network",
        "start",
        "NMSE after it",
        "of the second half of that",
        "given back",
        "worse than its own start",
        "p",
    )
    lines = []
    for row in compared(rows).itertuples():
        back = f"{(row.nmse <= GIVEN_BACK).sum()} of {len(row.nmse)}"
        against = [f"{row.worse} of {len(row.nmse)}", f"{row.p:.1g}"] if row.start != OWN_START else ["", ""]
        lines.append([row.network, row.start, middle(row.nmse), middle(row.late), back, *against])
    return markdown(head, lines)


def pictures(store: Store) -> dict[str, Figure]:
    """Draw errors and gradients over training, what two networks consist of, and errors after other starts."""
    rows = store["diary"]
    found = {
        "diary": training_figure(store["diary_training"], rows),
        "diary_starts": starts_figure(store["diary_starts"], rows),
    }
    drawn = rows.network.isin(DRAWN).any()
    return found | ({"diary_networks": networks_figure(store["diary_sizes"])} if drawn else {})


def training_figure(rows: pd.DataFrame, known: pd.DataFrame) -> Figure:
    """Draw the error over training and the gradient's norm below it, a column a network: seeds, and their median."""
    models = known.groupby("network", sort=False).model.first()
    with panels(2, len(models), 2.2 * len(models) + 1, 4.6, sharex=True, sharey="row") as (figure, grid):
        for (name, model), upper, lower in zip(models.items(), *grid, strict=True):
            own = rows[rows.network == name]
            for axis, quantity in ((upper, "nmse"), (lower, "gradient_norm")):
                draw_curves(axis, own.pivot(index="epoch", columns="seed", values=quantity), COLOURS[model])
            upper.axhline(1, color="0.35", linestyle="--", linewidth=1, label="the mean")
            upper.set_title(name.replace(", ", ",\n").replace("and ", "and\n"), fontsize=9)
            lower.set_xlabel("epochs")
        grid[0][0].set(yscale="log", ylabel="NMSE, from the truth")
        grid[1][0].set(yscale="log", ylabel="norm of the gradient")
        legend(figure, grid[0][0])
    return figure


def draw_curves(axis: Axes, curves: pd.DataFrame, colour: str) -> None:
    """Draw a curve for each seed [epochs × seeds], and their median."""
    shown = curves.replace(np.inf, np.nan)
    single = "." if len(shown.dropna(how="all")) == 1 else None  # where there would be no line
    axis.plot(shown.index, shown, color=colour, alpha=0.35, linewidth=0.7, marker=single)
    axis.plot([], [], color="0.5", alpha=0.6, linewidth=0.7, label="a seed")
    axis.plot(shown.index, shown.median(axis=1), color="black", linewidth=1.4, label="median")


def networks_figure(rows: pd.DataFrame) -> Figure:
    """Draw what each network consists of, with its sizes."""
    names = list(rows.network.unique())
    widths = [2 if (rows.network == name).sum() == 2 else 3 for name in names]  # one module, or many
    with panels(1, len(names), 2.2 * sum(widths), 5, width_ratios=widths) as (figure, (axes,)):
        for axis, name in zip(axes, names, strict=True):
            draw_network(axis, rows[rows.network == name])
            axis.set_title(name)
    return figure


def starts_figure(rows: pd.DataFrame, known: pd.DataFrame) -> Figure:
    """Draw the NMSE after each start, a panel a network, a dot a seed."""
    models = known.groupby("network", sort=False).model.first()
    with panels(1, len(models), 2.2 * len(models) + 1, 2.6, sharex=True, sharey=True) as (figure, (axes,)):
        for axis, (name, model) in zip(axes, models.items(), strict=True):
            for place, start in enumerate(STARTS):
                own = rows[(rows.network == name) & (rows.start == start)]
                points(axis, own.nmse.replace(np.inf, np.nan), place, COLOURS[model], "median")
            axis.axvline(1, color="0.35", linestyle="--", linewidth=1)
            axis.set_title(name.replace(", ", ",\n").replace("and ", "and\n"), fontsize=9)
            axis.set(xscale="log", xlabel="NMSE after the start", ylim=(len(STARTS) - 0.5, -0.5))
        axes[0].set_yticks(range(len(STARTS)), STARTS)
        axes[0].set_ylabel("heard first")
    return figure


EXPERIMENT = Experiment(
    name="diary",
    question="Does the diary's error rise while it learns, how do such networks sound, and do phones bring them back after "
    "another start?",
    options=Flags(),
    run=run,
    tables=tables,
    answers=answers,
    pictures=pictures,
    quick={"networks": DRAWN, "seeds": 2, "epochs": 2, "seconds": 0.03, "chunk": 100, "start_seconds": 0.015},
)
