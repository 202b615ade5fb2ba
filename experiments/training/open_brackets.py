"""Character models of equal numbers of parameters, and what the state of each module knows of the marks that are open."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.text import load_text
from experiments.equal_parameters import parameters, with_parameters
from experiments.grid import Arrays, Cell
from experiments.linear_probe import Samples, scores
from experiments.open_brackets import ALL, WIRINGS
from experiments.open_marks import BINS, BINS_OF, INSERTED, MARKS, distances, insert_spans, marked
from experiments.training import extensions
from models.clocks import Modules
from running.trained import train_silently
from tasks.character_model import CharacterModel, Settings
from tasks.task import compiled

BASE = extensions.BASES["text"]
HELD_OUT = 0.3  # of the text, its end; probes are fitted on the first half of it and scored on the second
DRAWS = 4  # times that spans are inserted into each half, at other places
LAST = 8  # characters that the probe of the text itself sees


def wirings() -> dict[str, Settings]:
    """Return name → the settings, not yet of equal parameters, of the paper's wiring and of those that are compared with it."""
    known = extensions.variants("text")
    full, fastest = known["wiring", "full"], known["input", "to the fastest only"]
    both = replace(full, input_modules=fastest.input_modules)
    found = known["", "base"], full, known["series", "symmetric"], fastest, both
    return dict(zip(WIRINGS, found, strict=True))


def make_cells(names: Sequence[str], seeds: Sequence[int], epochs: int, characters: int | None) -> Iterator[Cell]:
    """Yield for each wiring the cell that trains and probes its networks, which all have as many parameters."""
    size = len(set("".join(parts(characters)))) + len(INSERTED)
    count = parameters(BASE, size, size)
    for name in names:
        settings = with_parameters(replace(wirings()[name], epochs=epochs), count, size, size)
        arguments = {"settings": settings, "seeds": tuple(seeds), "characters": characters}
        yield Cell(name.replace(" ", "_").replace(",", ""), arguments, len(seeds))


def text_cells(seeds: Sequence[int], characters: int | None) -> list[Cell]:
    """Return the cells that probe the text itself, one a seed."""
    return [Cell("text", {"seed": seed, "characters": characters}, 1) for seed in seeds]


def parts(characters: int | None) -> tuple[str, str, str]:
    """Return the text that ships, or so many characters of it, in three: for training, fitting probes and scoring them."""
    text = load_text(None)
    whole = "".join(text.characters[index] for index in text.indices[:characters])
    trained = round((1 - HELD_OUT) * len(whole))
    half = (trained + len(whole)) // 2
    return whole[:trained], whole[trained:half], whole[half:]


def train_and_probe(settings: Settings, seeds: Sequence[int], characters: int | None) -> Arrays:
    """Train one network for each seed, and probe its states after training and before.

    Returns:
        bits_per_character [seeds]: on the held-out text with inserted spans; infinite if training diverged.
        seconds: of training for each network, without compilation: an equal share of what all took.
        units, parameters: of each network, the latter without periods.
        periods: of the modules, each once, and `ALL` of them.
        trained, initial, shuffled [seeds, marks, periods, bins]: AUC of the probes; in the last, of trained networks, each
            span has the labels of another. That of a network that diverged is 0.5.
    """
    training, *held_out = parts(characters)
    testing = insert_spans("".join(held_out), np.random.default_rng(1))
    task = _task(settings, seeds, insert_spans(training, np.random.default_rng(0)), testing)
    trained = train_silently(task, settings)
    bits = trained.values()["bits_per_character"]
    initial = np.stack([task.network.start(seed).weights for seed in seeds])
    probed = list(_probe_networks(task, (initial, np.nan_to_num(trained.weights)), held_out))
    found = {name: np.stack([own[name] for own in probed]) for name in probed[0]}
    for name in ("trained", "shuffled"):
        found[name][~np.isfinite(bits)] = 0.5
    return found | {
        "bits_per_character": np.where(np.isfinite(bits), bits, np.inf),
        "seconds": trained.loop.progress.seconds[-1] / len(seeds),
        "parameters": np.array(task.network.size),
        "units": np.array(settings.units),
        "periods": np.array(list(by_period(task.network.hidden.modules))),
    }


def probe_text(seed: int, characters: int | None) -> Arrays:
    """Probe the last characters of the texts themselves that the network of a seed is probed on.

    Returns:
        last [marks, bins]: AUC.
        open, closed [marks, bins]: how many spans are that, on average, at distances of the bin, of those scored on.
    """
    _, *held_out = parts(characters)
    texts = drawn_texts(held_out, seed)
    known = np.array(sorted(set("".join(held_out)) | set(INSERTED)))

    def look(number: int, steps: np.ndarray) -> np.ndarray:  # the last characters as vectors with a single one
        return (texts[number][steps[:, None] - np.arange(LAST), None] == known).reshape(len(steps), -1)

    def probe(fitted: Samples, scored: Samples) -> list[float]:
        count = len(np.unique(scored.group))
        return [
            *scores(fitted, scored, [slice(None)]),
            scored.label.sum() / count,
            (~scored.label).sum() / count,
        ]

    return dict(zip(("last", "open", "closed"), np.moveaxis(_each_bin(texts, look, probe), 1, 0), strict=True))


def by_period(modules: Modules) -> dict[str, slice]:
    """Return period → the units of all modules that have it, and `ALL` → all units."""
    found: dict[str, slice] = {}
    for period, own in zip(modules.periods, modules.slices, strict=True):
        found[str(period)] = slice(found.get(str(period), own).start, own.stop)
    return found | {ALL: slice(None)}


def drawn_texts(held_out: Sequence[str], seed: int) -> list[np.ndarray]:
    """Return the texts that probes of a seed's network are fitted and scored on, in turn, arrays of characters of one length."""
    rng = np.random.default_rng([2, seed])
    drawn = [insert_spans(part, rng) for part in list(held_out) * DRAWS]
    return [np.array(list(text[: min(map(len, drawn))])) for text in drawn]


def _probe_networks(
    task: CharacterModel, weights: Sequence[np.ndarray], held_out: Sequence[str]
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the AUC [marks, periods, bins] of the probes of each seed's network, from its weights [P] before and after training."""
    columns = list(by_period(task.network.hidden.modules).values())
    place = {character: index for index, character in enumerate(task.text.characters)}
    states = compiled(lambda own, read: task.network.states_and_outputs(task.network.split(own), read)[0][0, 0])

    def probe(fitted: Samples, scored: Samples) -> list[float]:
        return scores(fitted, scored, columns)

    for seed, *own in zip(task.seeds, *weights, strict=True):
        texts = drawn_texts(held_out, seed)
        read = [np.array([[place[character] for character in text]], np.int32) for text in texts]
        before, after = ([states(one[None], text).numpy() for text in read] for one in own)  # [texts][T, n]
        rng = np.random.default_rng([3, seed])
        yield {
            "initial": _each_bin(texts, lambda number, steps, known=before: known[number][steps], probe),
            "trained": _each_bin(texts, lambda number, steps, known=after: known[number][steps], probe),
            "shuffled": _each_bin(texts, lambda number, steps, known=after: known[number][steps], probe, rng),
        }


def _each_bin(
    texts: Sequence[np.ndarray],
    look: Callable[[int, np.ndarray], np.ndarray],
    probe: Callable[[Samples, Samples], Sequence[float]],
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Return what is probed [marks, ..., bins]; not a number in bins that a mark does not have.

    Args:
        texts: to fit on and to score on, in turn.
        look: number of a text and steps in it [N] → features [N, n].
        probe: samples to fit on and to score on → numbers.
        rng: what shuffles the spans of each text, if their labels are not to be their own.
    """
    found = []
    for name, marks in MARKS.items():
        bins = []
        for low, high in BINS_OF[name]:
            samples = [
                _samples(texts, range(first, len(texts), 2), look, marks, distances(low, high), rng) for first in (0, 1)
            ]
            bins.append(probe(*samples))
        missing = [[np.nan] * len(bins[0])] * (len(BINS) - len(bins))
        found.append(np.transpose(bins + missing))
    return np.array(found)


def _samples(
    texts: Sequence[np.ndarray],
    numbers: Sequence[int],
    look: Callable[[int, np.ndarray], np.ndarray],
    marks: tuple[str, str],
    distance: np.ndarray,
    rng: np.random.Generator | None,
) -> Samples:
    """Return what is seen in these texts at distances from opening marks, whether it is open, and the distances as groups."""
    features, label, group = [], [], []
    for number in numbers:
        spans = marked(texts[number], *marks, distance)
        places = spans.places if rng is None else rng.permutation(spans.places)
        features.append(look(number, (places[:, None] + distance)[spans.counted]))
        label.append(spans.open[spans.counted])
        group.append(np.broadcast_to(distance, spans.counted.shape)[spans.counted])
    return Samples(*map(np.concatenate, (features, label, group)))


def _task(settings: Settings, seeds: Sequence[int], training: str, testing: str) -> CharacterModel:
    """Return the task of the networks of these seeds on two texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        path.write_text(training + testing, encoding="utf-8", newline="")
        share = len(testing) / len(training + testing)
        task = CharacterModel(replace(settings, text=str(path), test_share=share), seeds)
    task.epoch_quantity = ""  # there is nothing to look at on the way
    return task
