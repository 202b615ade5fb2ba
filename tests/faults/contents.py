"""Tables, sounds, lists and texts as people have them: to be read as they are meant, or refused in one line that says where."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import wavfile

from tests.faults.fault import Fault
from tests.faults.trainings import flags

ROWS = [f"{x:.3f}" for x in np.sin(np.arange(40))]
TABLES = {  # what is in the file → (its bytes, more words, how it may end, what is said)
    "a byte-order mark": (b"\xef\xbb\xbfa\n" + "\n".join(ROWS).encode(), ("--column", "a"), (0,), ""),
    "UTF-16": ("a\n" + "\n".join(ROWS)).encode("utf-16"),
    "semicolons and decimal commas": (
        "a;b\n" + "\n".join(f"{row};{row}".replace(".", ",") for row in ROWS),
        ("--column", "b"),
        (0,),
        "",
    ),
    "tabs": ("a\tb\n" + "\n".join(f"{row}\t{row}" for row in ROWS), ("--column", "b"), (0,), ""),
    "no header, a column by its number": ("\n".join(f"{row},{row}" for row in ROWS), ("--column", "2"), (0,), ""),
    "$\\frac{$ as a name": (
        "$\\frac{$,b\n" + "\n".join(f"{row},1" for row in ROWS),
        ("--column", "$\\frac{$"),
        (0,),
        "",
    ),
    "a blank line": ("a\n" + "\n".join([*ROWS[:9], "", *ROWS[9:]]), (), (2,), "row"),
    "a gap": ("a,b\n1,2\n,1\n" + "\n".join(f"{row},{row}" for row in ROWS), (), (2,), "row"),
    "NaN": ("a\n" + "\n".join(["NaN", "1", *ROWS]), (), (2,), ""),
    "infinity": ("a\n" + "\n".join(["inf", "1", *ROWS]), (), (2,), ""),
    "1e308": ("a\n" + "\n".join(["1e308", "-1e308", *ROWS]), (), (0, 2), ""),
    "texts": ("a\n" + "\n".join(["x", *ROWS]), (), (2,), ""),
    "always the same": ("a\n" + "\n".join(["5"] * 40), (), (0, 2), ""),
    "a header alone": ("a,b\n", (), (2,), ""),
    "one value": ("a\n1\n", (), (0, 2), ""),
    "rows of unequal length": ("a,b\n1,2\n1,2,3\n" + "\n".join(f"{row},1" for row in ROWS), (), (2,), ""),
    "a quotation mark that stays open": ('a\n"1\n' + "\n".join(ROWS), (), (2,), ""),
    "bytes of zero": (b"a\n1\n\x00\x00\n2\n", (), (2,), ""),
    "one endless line": (b"1," * 300_000, (), (2,), ""),
    "another column's name": ("abc\n" + "\n".join(ROWS), ("--column", "abd"), (2,), "abc"),
    "the same name twice": ("a,a\n" + "\n".join(f"{row},1" for row in ROWS), ("--column", "a"), (0, 2), ""),
    "dates": ("t,a\n" + "\n".join(f"2020-01-{day:02d},{day}" for day in range(1, 29)), ("--column", "a"), (0,), ""),
}
TABLES["UTF-16"] = (TABLES["UTF-16"], (), (0, 2), "")
DAYS = [f"{day:%Y-%m-%d}" for day in pd.date_range("2024-01-01", periods=60)]
WAVE = [f"{x:.3f}" for x in np.sin(np.arange(60)) + np.random.default_rng(0).normal(size=60)]
SERIES = {  # cells of a column of times → (the cells, how it may end, what is said)
    "days": (DAYS, (0,), ""),
    "days without signs": ([day.replace("-", "") for day in DAYS], (0,), ""),
    "days of a zone, one of 23 hours": ([str(day) for day in pd.date_range("2024-03-01", periods=60, tz="Europe/Berlin")], (0,), ""),
    "quarters on the fifteenth": ([f"{2000 + place // 4}-{2 + 3 * (place % 4):02d}-15" for place in range(60)], (0,), ""),
    "working hours": ([f"{DAYS[place // 8]} {10 + place % 8}:00" for place in range(60)], (2,), "even steps"),
    "a zone in some": ([f"{day}T00:00" + "Z" * (place > 30) for place, day in enumerate(DAYS)], (2,), "zone"),
    "a total below": ([*map(str, range(59)), "Total"], (2,), "Total"),
    "days that may be months": ([f"{place % 12 + 1}/{place % 12 + 1}/2024" for place in range(60)], (2,), ""),
    "a day twice": ([DAYS[0], *DAYS[:-1]], (2,), "increase"),
    "backwards": (DAYS[::-1], (2,), "increase"),
    "a gap": ([*DAYS[:30], "", *DAYS[31:]], (2,), "row 32"),
    "the thirtieth of February": ([*DAYS[:30], "2024-02-30", *DAYS[31:]], (2,), "2024-02-30"),
    "an epoch of its own": ([str(1.7e9 + 60 * place) for place in range(60)], (0,), ""),
}  # fmt: skip
SENSORS = {  # cells of a second column → (the cells, how it may end, what is said)
    "one decimal comma": ([*WAVE[:30], '"0,5"', *WAVE[31:]], (2,), "0,5"),
    "signs for thousands": ([f'"{1000 + place:,}.5"' for place in range(60)], (2,), "1,000.5"),
    "texts": (["up"] * 60, (0,), ""),
}
TIMIT = {  # what was done to its files → (samples, their rate, what is written where, how it may end, what is said)
    "whole": (16000, 16000, "SA1.WAV", (0,), ""),
    "in another case": (16000, 16000, "sa1.wav", (0,), ""),
    "in other samples a second": (8000, 8000, "SA1.WAV", (2,), "16000"),
    "cut in the middle of a word": (3000, 16000, "SA1.WAV", (2,), "ends before its word"),
    "without its sounds": (16000, 16000, "SA2.WAV", (2,), "not there"),
}
PREDICTED = {  # what a run is to go on from → (its cells, how it may end, what is said)
    "two seasons": (WAVE[:20], (0,), ""),
    "too few rows": (WAVE[:5], (2,), "rows or more"),
    "other units": ([f"{1e4 * float(cell)}" for cell in WAVE], (2,), "units"),
    "no values": ([""] * 30, (2,), ""),
    "the same value": (["5"] * 30, (0,), ""),
}
INK = {  # what is in the file → (its name, its content, what is said)
    "times of another name": ("b.csv", "stroke,x,y,timestamp\n1,0,0,0\n1,1,1,1\n", "times"),
    "a gap": ("b.csv", "stroke,x,y\n1,0,\n1,1,1\n", "row 2"),
    "no strokes": ("b.json", "[]", ""),
    "texts": ("b.json", '[[["a", 0, 0]]]', "numbers|points"),
    "times that run backwards": ("b.json", "[[[0, 0, 1], [1, 1, 0]]]", ""),
    "entities": ("b.inkml", '<!DOCTYPE a [<!ENTITY b "c">]><ink><trace>&b;</trace></ink>', "entities"),
    "another root": ("b.inkml", "<html/>", "InkML"),
    "another ending": ("b.png", "x", "--read"),
}
SOUNDS: dict[str, Callable[[Path], object]] = {
    "of no samples": lambda path: wavfile.write(path, 16000, np.zeros(0, np.int16)),
    "silent": lambda path: wavfile.write(path, 16000, np.zeros(4000, np.int16)),
    "with a NaN": lambda path: wavfile.write(path, 16000, _sound(np.nan)),
    "with 1e38": lambda path: wavfile.write(path, 16000, _sound(1e38)),
    "of one sample a second": lambda path: wavfile.write(path, 1, np.ones(4, np.int16)),
    "of 2³¹ samples a second": lambda path: path.write_bytes(_with(_wav(path), 24, 2**31)),
    "of nine channels": lambda path: wavfile.write(path, 16000, np.ones((4000, 9), np.int16)),
    "cut": lambda path: path.write_bytes(_wav(path)[:1000]),
    "its header only": lambda path: path.write_bytes(_wav(path)[:44]),
    "whose header lies about its length": lambda path: path.write_bytes(_with(_wav(path), 40, 2**32 - 1)),
    "a FLAC by the name of WAV": lambda path: path.write_bytes(b"fLaC" + bytes(2000)),
}


def faults() -> Iterator[Fault]:
    for what, (content, more, statuses, says) in TABLES.items():
        content = content.encode() if isinstance(content, str) else content
        yield Fault(
            "tables",
            what,
            "generation",
            flags("generation", "--target", "table.csv", "--length", "20", *more),
            lambda folder, content=content: folder.joinpath("table.csv").write_bytes(content) and None,
            statuses=statuses,
            says=says,
        )
    for what, (cells, *ends) in SERIES.items():
        yield _series(f"times, {what}", ("--time", "time"), "time,a", (cells, WAVE), *ends)
    for what, (cells, *ends) in SENSORS.items():
        yield _series(f"another sensor, {what}", (), "a,b", (WAVE, cells), *ends)
    for what, (samples, rate, name, statuses, says) in TIMIT.items():
        words = tuple(word.replace("--corpus", "--timit") for word in flags("words", "--batch-size", "1"))
        make = partial(_timit, samples=samples, rate=rate, name=name)
        yield Fault("sounds", f"TIMIT {what}", "words", words, make, statuses=statuses, says=says)
    for what, (cells, statuses, says) in PREDICTED.items():
        yield Fault(
            "tables",
            f"to go on from, {what}",
            "series",
            (*flags("series")[:-2], "--run", "a", "--predict", "b.csv"),
            lambda folder, cells=cells: (
                folder.joinpath("b.csv").write_text("a,b\n" + "".join(f"{cell},1\n" for cell in cells)) and None
            ),
            statuses=statuses,
            says=says,
            trained=True,
        )
    for what, (name, content, says) in INK.items():
        yield Fault(
            "texts and lists",
            f"ink, {what}",
            "handwriting",
            (*flags("handwriting")[:-2], "--run", "a", "--read", name),
            lambda folder, name=name, content=content: folder.joinpath(name).write_text(content) and None,
            statuses=(2,),
            says=says,
            trained=True,
        )
    for what, make in SOUNDS.items():
        target = flags("generation", "--target", "b.wav", "--length", "20")
        yield _sounds(f"a target {what}", "generation", target, "b.wav", make, (0, 2))
        yield _sounds(f"an utterance {what}", "speech", flags("speech"), "a.wav", make, (0, 2))
        yield _sounds(f"one clip {what}", "words", flags("words"), "corpus/making/0_x.wav", make, (0,))
        yield _sounds(
            f"all clips {what}", "words", flags("words"), "corpus", lambda path, make=make: _all(path, make), (0, 2)
        )
    yield from _texts()


def _texts() -> Iterator[Fault]:
    """Yield faults in texts, lists and phones."""
    texts = {"one letter": b"a" * 2000, "empty": b"", "latin-1": b"\xe9" * 3000, "short": b"abc", "lines": b"\n" * 3000}
    texts |= {"beyond 16 bits": "\N{GRINNING FACE}a".encode() * 1500, "bytes of zero": bytes(3000)}
    texts |= {"a byte-order mark": b"\xef\xbb\xbf" + b"ab " * 1000, "a surrogate": b"\xed\xa0\x80" * 1000}
    for what, content in texts.items():
        make = lambda folder, content=content: (folder / "a.txt").write_bytes(content) and None  # noqa: E731
        yield Fault("texts and lists", f"a text, {what}", "text", flags("text"), make, statuses=(0, 2))
        listed = lambda folder, content=content: (folder / "corpus" / "test.txt").write_bytes(content) and None  # noqa: E731
        yield Fault("texts and lists", f"test.txt, {what}", "words", flags("words"), listed, statuses=(0, 2))
    phones = {
        "empty": "",
        "letters": "a b c\n",
        "backwards": "2000 0 h#\n",
        "beyond": "0 99999999999 h#\n",
        "gap": "0 5 h#\n",
    }
    phones |= {
        "negative": "-5 4000 h#\n",
        "huge": f"0 {10**30} h#\n",
        "two fields": "0 4000\n",
        "not of the run": "0 4000 zz\n",
    }
    for what, content in phones.items():
        make = lambda folder, content=content: (folder / "a.PHN").write_text(content) and None  # noqa: E731
        yield Fault("texts and lists", f"phones, {what}", "speech", flags("speech"), make, statuses=(0, 2))
        said = (*flags("speech")[:-2], "--run", "a", "--generate", "--phones", "a.PHN")
        yield Fault("texts and lists", f"phones to speak, {what}", "speech", said, make, statuses=(0, 2), trained=True)
    for what, prime in {"empty": "", "unknown": "Ж", "long": "the " * 9000}.items():
        said = (*flags("text")[:-2], "--run", "a", "--sample", "--prime", prime)
        yield Fault("texts and lists", f"a beginning, {what}", "text", said, statuses=(0, 2), trained=True)
    odd = {"a folder x.wav": lambda folder: (folder / "corpus" / "making" / "x.wav").mkdir()}
    odd |= {"a link to nothing": lambda folder: (folder / "corpus" / "making" / "x.wav").symlink_to("nowhere")}
    odd |= {"a pipe": lambda folder: os.mkfifo(folder / "corpus" / "making" / "x.wav")}
    odd |= {
        "a word named $\\frac{$": lambda folder: (
            (folder / "corpus" / "making").rename(folder / "corpus" / "$\\frac{$") and None
        )
    }
    for what, make in odd.items():
        yield Fault("texts and lists", f"a corpus with {what}", "words", flags("words"), make, statuses=(0,))


def _series(what: str, more: tuple, names: str, columns: tuple, statuses: tuple, says: str) -> Fault:
    content = "\n".join([names, *map(",".join, zip(*columns, strict=True))]) + "\n"
    make = lambda folder: folder.joinpath("a.csv").write_text(content) and None  # noqa: E731
    return Fault("tables", what, "series", flags("series", *more), make, statuses=statuses, says=says)


def _sounds(what: str, task: str, words: tuple, name: str, make: Callable, statuses: tuple) -> Fault:
    return Fault("sounds", what, task, words, lambda folder: make(folder / name) and None, statuses=statuses)


def _all(corpus: Path, make: Callable[[Path], object]) -> None:
    for path in list(corpus.glob("*/*")):
        path.unlink()
        make(path.with_suffix(".wav"))


def _timit(folder: Path, samples: int, rate: int, name: str) -> None:
    """Put TIMIT's layout in the place of the corpus: three speakers, who say two words each within 0.5 s."""
    shutil.rmtree(folder / "corpus")
    for number in range(3):
        speaker = folder / "corpus" / f"FCJ{number}"
        speaker.mkdir(parents=True)
        sound = np.random.default_rng(number).normal(0, 3000, samples).astype(np.int16)
        wavfile.write(speaker / name, rate, sound)
        (speaker / "SA1.WRD").write_text("0 4000 making\n4000 8000 subway\n")


def _sound(odd: float) -> np.ndarray:
    sound = np.sin(np.arange(4000, dtype=np.float32))
    sound[100] = odd
    return sound


def _wav(path: Path) -> bytes:
    wavfile.write(path, 16000, np.ones(4000, np.int16))
    return path.read_bytes()


def _with(wav: bytes, place: int, number: int) -> bytes:
    """Return a sound file with another number in its header."""
    return wav[:place] + number.to_bytes(4, "little") + wav[place + 4 :]
