"""The features of all clips of a corpus, computed once and kept in a file."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data import mfcc, timit
from data.files import write_whole
from data.sounds import read_samples
from data.spoken_words import Clip

FORMAT = 3  # of the file; another one is made anew
HIGHEST_RATE = 768_000  # samples a second; the filters for far higher ones do not fit into memory


@dataclass(frozen=True)
class Features:
    """Sequences of features, one after another in one array.

    Args:
        clips: the N clips that could be used.
        frames: [frames of all clips, 13].
        ends: where each clip's frames end [N].
        skipped: why which file could not be used.
    """

    clips: list[Clip]
    frames: np.ndarray
    ends: np.ndarray
    skipped: list[str]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.ends, prepend=0)

    def padded(self, chosen: Sequence[int], steps: int) -> np.ndarray:
        """Return the features of the chosen clips, with zeros up to so many steps [clips, steps, 13]."""
        batch = np.zeros((len(chosen), steps, mfcc.CHANNELS), np.float32)
        for row, clip in zip(batch, chosen, strict=True):
            sequence = self.frames[self.ends[clip - 1] if clip else 0 : self.ends[clip]]
            row[: len(sequence)] = sequence
        return batch


def load_features(clips: Sequence[Clip], cache: Path, longest: float, corpus: str = "corpus") -> Features:
    """Return the features of clips, from the cache if neither clips nor files have changed.

    Args:
        clips: what to read.
        cache: a folder; one file is kept for each set of clips, if it can be written.
        longest: seconds; a longer clip is skipped.
        corpus: name of the setting that says where they are.

    Raises:
        ValueError: not one clip can be used, and says why the first cannot; or all are silent.
    """
    path = cache / f"features-{_fingerprint(clips, longest)}.npz"
    kept = _load(path)
    if kept is None:
        kept = _compute(clips, longest)
        _save(path, kept)
    frames, skipped = kept["frames"], kept["skipped"].tolist()
    for message in skipped:
        print(f"skipped {message}")
    if not len(frames):
        raise ValueError(f"`{corpus}` must hold sounds that can be used. Received: {skipped[0]}")
    if (frames == frames[0]).all():
        raise ValueError(f"`{corpus}` must not be silent. Received: nothing else in {len(kept['places'])} clips")
    return Features([clips[place] for place in kept["places"]], frames, kept["ends"], skipped)


def read_features(clip: Clip, longest: float) -> np.ndarray:
    """Return the features of one clip [frames, 13]; raises a ValueError that names the file and what is wrong."""
    from scipy import signal

    try:
        samples, rate = read_samples(clip.path, clip.span, longest)
        if rate > HIGHEST_RATE:
            raise ValueError(f"{rate} samples a second, more than {HIGHEST_RATE}")
        if clip.span and rate != timit.RATE:
            raise ValueError(f"{rate} samples a second, where the times of its words count {timit.RATE}")
        if clip.span and len(samples) < clip.span[1] - clip.span[0]:
            raise ValueError(f"ends before its word, {clip.word}, that is said up to sample {clip.span[1]}")
        common = np.gcd(mfcc.RATE, rate)
        return mfcc.mfcc(signal.resample_poly(samples, mfcc.RATE // common, rate // common))
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        name = str(clip.path).encode(errors="backslashreplace").decode()
        raise ValueError(f"{name}: {reason}") from None


def _compute(clips: Sequence[Clip], longest: float) -> dict[str, np.ndarray]:
    """Return what the cache keeps: the features, of which clips they are and where each one's end, and why others have none."""
    frames, places, skipped = [np.zeros((0, mfcc.CHANNELS), np.float32)], [], []
    for place, clip in enumerate(tqdm(clips, "clips", file=sys.stdout, dynamic_ncols=True)):
        try:
            frames.append(read_features(clip, longest))
        except ValueError as error:
            skipped.append(str(error))
        else:
            places.append(place)
    ends = np.cumsum([len(own) for own in frames[1:]], dtype=int)
    return {
        "format": np.array(FORMAT),
        "frames": np.concatenate(frames),
        "places": np.array(places, int),
        "ends": ends,
        "skipped": np.array(skipped, str),
    }


def _load(path: Path) -> dict[str, np.ndarray] | None:
    """Return what is kept in a file; None if there is none, or if it cannot be used, which is said."""
    if not os.path.isfile(path):  # which raises nothing
        return None
    with contextlib.suppress(Exception), np.load(path) as archive:  # a flipped bit can raise anything
        kept = {name: archive[name] for name in ("format", "frames", "places", "ends", "skipped")}  # checks their sums
        if kept["format"] == FORMAT:
            return kept
    print(f"{path} is damaged, or of another version, and is made anew")
    return None


def _save(path: Path, kept: dict[str, np.ndarray]) -> None:
    """Keep features in a file, or say why not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as part, open(part, "wb") as file:
            np.savez(file, **kept)
    except OSError as error:
        print(f"the features are not kept: {error.filename or path}: {error.strerror}")


def _fingerprint(clips: Sequence[Clip], longest: float) -> str:
    """Return a text that changes whenever a clip, its file or the features do."""
    settings = [getattr(mfcc, name) for name in ("RATE", "WINDOW", "HOP", "FFT", "BANDS", "PRE_EMPHASIS", "CHANNELS")]
    digest = hashlib.sha256(repr((settings, longest)).encode())
    for clip in clips:
        status = clip.path.stat() if os.access(clip.path, os.R_OK) else None  # of a file that is skipped
        about = status and (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        digest.update(repr((str(clip.path), clip.span, about)).encode())
    return digest.hexdigest()[:16]
