"""Corpora of spoken words: which clip says which word, and which clips are for testing.

Three sources, one result: the words that ship, a folder of one's own with a folder for each word, and TIMIT.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.files import is_utf8
from data.make_words import VOCABULARY
from data.text import read_text
from data.timit import beside, files_below, read_times

SHIPPED = Path(__file__).parent / "words"
SOUNDS = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64", ".sph"}  # fmt: skip
UNREAD = {".m4a", ".wma"}  # sounds that libsndfile cannot read, so that they are named
TIMIT_SPEAKERS, TIMIT_TEST = 7, 2  # a word, in Koutník et al. 2014, section 4.2


@dataclass(frozen=True)
class Clip:
    """One recording of one word.

    Args:
        path: the sound file.
        word: what it says.
        test: whether it is kept for testing.
        span: first sample, and the one after the last, at TIMIT's rate; None is the whole file.
    """

    path: Path
    word: str
    test: bool = False
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Split:
    """How clips are chosen for testing; the first of these that is given, in this order.

    Args:
        test_list: a file that names the test clips, one a line, relative to the folder.
        test_speakers: speakers whose clips all are for testing, where file names start with `<speaker>_`.
        test_share: share of each word's clips, drawn by the seed.
        seed: of the draw.
    """

    test_list: Path | None
    test_speakers: Sequence[str]
    test_share: float
    seed: int

    def said(self) -> str:
        """Return the name of what says it."""
        return "test_list" if self.test_list is not None else "test_speakers" if self.test_speakers else "test_share"


def load_folder(folder: Path, split: Split) -> list[Clip]:
    """Return the clips of `<folder>/<word>/<anything>.wav`, or of other sound files, sorted by path.

    Raises:
        ValueError: names the argument or file, what was expected and what came.
        OSError: a word's folder cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"`corpus` must be a folder with a folder for each word. Received: {folder}")
    clips = [
        Clip(path, word.name)
        for word in sorted(folder.iterdir())
        if not word.name.startswith(("_", "."))
        and (word.is_dir() or not word.exists())  # a link to nowhere is an error
        for path in sorted(word.iterdir())
        if not path.name.startswith(".") and path.suffix.lower() in SOUNDS | UNREAD
    ]
    _check_words("corpus", folder, clips)
    said = split.said()
    if said == "test_list":
        clips = _by_list(folder, clips, split.test_list)
    elif said == "test_speakers":
        clips = _by_speaker(clips, split.test_speakers)
    else:
        clips = _by_draw(clips, split.test_share, split.seed)
    for kind, test in (("training", False), ("testing", True)):
        if not any(clip.test == test for clip in clips):
            raise ValueError(f"`{said}` must leave clips for {kind}. Received: all {len(clips)} for the other")
    if alone := {clip.word for clip in clips} - {clip.word for clip in clips if not clip.test}:
        raise ValueError(f"`{said}` must leave clips of each word for training. Received: none of {min(alone)}")
    return clips


def load_timit(folder: Path, seed: int) -> list[Clip]:
    """Return the paper's 25 words from TIMIT as the LDC distributes it, or as NLTK unpacks its sample.

    Words are cut out by their times in the `.WRD` files. Of each word's speakers seven are taken, in an order drawn by
    the seed, the last two for testing; words that fewer than two speakers say are left out.

    Raises:
        ValueError: there is no `.WRD` file, or fewer than two of the words; names what was expected and what came.
    """
    transcripts = files_below(folder, ".wrd")
    if not transcripts:
        raise ValueError(f"`timit` must be a folder with .WRD files somewhere below. Received: {folder}")
    vocabulary = {word for words in VOCABULARY.values() for word in words}
    said: dict[str, dict[str, Clip]] = {}
    for transcript in transcripts:
        sound = beside(transcript, ".wav") or transcript.with_suffix(".WAV")  # which is not there, and will be named
        for start, end, word in read_times(transcript):
            if word in vocabulary:
                speaker = transcript.parent.name.lower()
                said.setdefault(word, {}).setdefault(speaker, Clip(sound, word, span=(start, end)))
    clips = []
    for word, speakers in sorted(said.items()):
        chosen = sorted(speakers)
        random.Random(f"{seed} {word}").shuffle(chosen)
        chosen = chosen[:TIMIT_SPEAKERS]
        tests = max(1, round(len(chosen) * TIMIT_TEST / TIMIT_SPEAKERS))
        if len(chosen) > 1:
            clips += [replace(speakers[s], test=place >= len(chosen) - tests) for place, s in enumerate(chosen)]
    _check_words("timit", folder, clips)
    return clips


def _check_words(argument: str, folder: Path, clips: Sequence[Clip]) -> None:
    words = sorted({clip.word for clip in clips})
    if odd := [word for word in words if not is_utf8(word)]:
        raise ValueError(f"`{argument}` must have folders that are named in UTF-8. Received: {ascii(odd[0])}")
    if len(words) < 2:
        came = f"{len(clips)} sound files" + (f", all of {words[0]}" if words else "")
        raise ValueError(f"`{argument}` must hold sound files of at least two words. Received: {folder} with {came}")


def _by_list(folder: Path, clips: Sequence[Clip], test_list: Path) -> list[Clip]:
    if not test_list.is_file():
        raise ValueError(f"`test_list` must be a file. Received: {test_list}")
    named = {folder / line.strip() for line in read_text(test_list).splitlines() if line.strip()}
    if missing := named - {clip.path for clip in clips}:
        raise ValueError(f"`test_list` must name sound files of {folder}. Received: {min(missing)}, which is not there")
    return [replace(clip, test=clip.path in named) for clip in clips]


def _by_speaker(clips: Sequence[Clip], speakers: Sequence[str]) -> list[Clip]:
    known = {clip.path.stem.split("_")[0] for clip in clips}
    if unknown := set(speakers) - known:
        shown = ", ".join(sorted(known)[:20])
        raise ValueError(f"`test_speakers` must be among {shown}. Received: {', '.join(sorted(unknown))}")
    return [replace(clip, test=clip.path.stem.split("_")[0] in speakers) for clip in clips]


def _by_draw(clips: Sequence[Clip], share: float, seed: int) -> list[Clip]:
    if not 0 < share < 1:
        raise ValueError(f"`test_share` must be between 0 and 1. Received: {share}")
    tests: set[Clip] = set()
    for word in sorted({clip.word for clip in clips}):
        of_word = [clip for clip in clips if clip.word == word]
        tests |= set(random.Random(f"{seed} {word}").sample(of_word, round(share * len(of_word))))
    return [replace(clip, test=clip in tests) for clip in clips]
