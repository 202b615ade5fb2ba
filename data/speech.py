"""Utterances with the times of their phones, in TIMIT's layout: a sound file and, beside it, a `.PHN` file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.sounds import read_samples
from data.timit import RATE, Times, beside, files_below, read_times

SHIPPED = Path(__file__).parent / "speech"
# The 61 labels of TIMIT (its documentation, phoncode.doc).
TIMIT_PHONES = """
    b d g p t k dx q bcl dcl gcl pcl tcl kcl jh ch s sh z zh f th v dh m n ng em en eng nx l r w y hh hv el
    iy ih eh ey ae aa aw ay ah ao oy ow uh uw ux er ax ix axr ax-h pau epi h#
"""
PHONES = (*TIMIT_PHONES.split(), "sil")  # the last as forced aligners write silence
LONGEST = 3600.0  # seconds of an utterance
SLACK = RATE // 50  # samples by which the last phone may miss the end of the sound, as TIMIT's do


@dataclass(frozen=True)
class Utterance:
    """A recording and what is said in it.

    Args:
        name: of the sound file, without its suffix.
        samples: within [−1, 1], at `RATE` [N].
        times: first sample, sample after the last, and label of each phone.
        phones: the index in `PHONES` of the phone at each sample [N].
    """

    name: str
    samples: np.ndarray
    times: Times
    phones: np.ndarray


def find_utterance(utterance: str | None, timit: str | None) -> Path:
    """Return the sound file that is meant: one of its own, one of a TIMIT folder (the first by name), or one that ships.

    Raises:
        ValueError: there is none; names the argument, what was expected and what came.
    """
    if timit is None:
        path = SHIPPED / "wheel.WAV" if utterance is None else Path(utterance)
        if not path.is_file():
            raise ValueError(f"`utterance` must be a sound file that exists. Received: {path}")
        return path
    sounds = [path for path in files_below(Path(timit), ".wav") if beside(path, ".phn")]
    if not sounds:
        raise ValueError(f"`timit` must be a folder with .WAV and .PHN files somewhere below. Received: {timit}")
    if utterance is None:
        return sounds[0]
    names = {path: path.absolute().with_suffix("").as_posix() for path in sounds}
    named = [path for path in sounds if names[path].lower().endswith("/" + utterance.lower())]
    if len(named) != 1:
        raise ValueError(
            f"`utterance` must name one of the {len(sounds)} utterances of `timit`, as "
            f"{'/'.join(names[sounds[0]].split('/')[-2:])}. Received: {utterance}, which names {len(named)}"
        )
    return named[0]


def load_utterance(path: Path) -> Utterance:
    """Read a sound file and the `.PHN` file beside it.

    Raises:
        ValueError: they cannot be read or do not fit each other; names the file, what was expected and what came.
    """
    try:
        samples, rate = read_samples(path, longest=LONGEST)
    except ValueError as problem:
        raise ValueError(f"`utterance` must be a sound that can be read. Received: {path}: {problem}") from None
    if rate != RATE:
        raise ValueError(f"`utterance` must have {RATE} samples a second. Received: {path} with {rate}")
    phone_file = beside(path, ".phn")
    if phone_file is None or not phone_file.is_file():
        came = "without" if phone_file is None else f"with {phone_file.name}, which is no file"
        raise ValueError(f"`utterance` must have a .PHN file beside it. Received: {path} {came}")
    times = load_times(phone_file)
    end = times[-1][1]
    if abs(len(samples) - end) > SLACK or times[-1][0] >= len(samples):
        raise ValueError(
            f"{phone_file} must end where the sound ends, at sample {len(samples)}. Received: {end} as its last one"
        )
    times[-1] = (times[-1][0], len(samples), times[-1][2])
    return Utterance(path.stem, samples.astype(np.float32), times, phones_at_samples(times))


def load_times(path: Path) -> Times:
    """Read a `.PHN` file: lines of first sample, sample after the last, and phone, without gaps.

    Raises:
        ValueError: names the file, what was expected and what came.
    """
    if not path.is_file():
        raise ValueError(f"`phones` must be a file that exists. Received: {path}")
    times = read_times(path)
    if not times:
        raise ValueError(f"{path} must hold lines of start, end and phone. Received: none")
    before = 0
    for start, end, phone in times:
        if start != before:
            problem = "overlaps what is before it" if start < before else "leaves a gap before it"
            raise ValueError(f"{path} must go on at sample {before}. Received: {start} {end} {phone}, which {problem}")
        if phone not in PHONES:
            raise ValueError(f"{path} must name phones of TIMIT ({', '.join(PHONES)}). Received: {phone}")
        before = end
    if before > LONGEST * RATE:
        raise ValueError(f"{path} must end within {LONGEST:g} s. Received: {before / RATE:.1f} s")
    return times


def phones_at_samples(times: Times) -> np.ndarray:
    """Return the index in `PHONES` of the phone at each sample, int32 [N]."""
    indices = [PHONES.index(phone) for _, _, phone in times]
    return np.repeat(indices, [end - start for start, end, _ in times]).astype(np.int32)
