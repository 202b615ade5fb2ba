"""The features of all clips of a corpus, computed once and kept in a file."""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data import mfcc
from data.files import write_whole
from data.spoken_words import Clip


@dataclass(frozen=True)
class Features:
    """Sequences of features, one after another in one array, which may lie on disk.

    Args:
        clips: the N clips that could be read.
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


def load_features(clips: Sequence[Clip], cache: Path, longest: float) -> Features:
    """Return the features of clips, from the cache if neither clips nor files have changed.

    Args:
        clips: what to read.
        cache: a folder; one file is kept for each set of clips.
        longest: seconds; a longer clip is skipped.

    Raises:
        ValueError: not one clip can be used; says why the first cannot.
    """
    path = cache / f"features-{_fingerprint(clips, longest)}.npy"
    index = path.with_suffix(".json")
    if not index.exists():  # written last
        cache.mkdir(parents=True, exist_ok=True)
        _compute(clips, path, index, longest)
    kept = json.loads(index.read_text(encoding="utf-8"))
    if not kept["clips"]:
        raise ValueError(f"`corpus` must hold sounds that can be used. Received: {kept['skipped'][0]}")
    frames = np.load(path, mmap_mode="r")
    return Features([clips[place] for place in kept["clips"]], frames, np.array(kept["ends"]), kept["skipped"])


def read_samples(path: Path, span: tuple[int, int] | None = None) -> tuple[np.ndarray, int]:
    """Return the samples of a sound file, or of a span of it, its channels averaged [N], and how many there are a second.

    Raises:
        ValueError: says why the file is no sound that can be read.
    """
    import soundfile

    start, stop = span or (0, None)
    try:
        samples, rate = soundfile.read(path, start=start, stop=stop, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(_reason(path, error.error_string)) from None
    return samples.mean(axis=1), rate


def read_features(clip: Clip, longest: float) -> np.ndarray:
    """Return the features of one clip [frames, 13]; raises a ValueError that names the file and what is wrong."""
    from scipy import signal

    try:
        samples, rate = read_samples(clip.path, clip.span)
        if len(samples) > longest * rate:
            raise ValueError(f"longer than {longest} s: {len(samples) / rate:.1f} s")
        common = np.gcd(mfcc.RATE, rate)
        return mfcc.mfcc(signal.resample_poly(samples, mfcc.RATE // common, rate // common))
    except ValueError as error:
        raise ValueError(f"{clip.path}: {error}") from None


def _reason(path: Path, error: str) -> str:
    with open(path, "rb") as file:
        head = file.read(1024)
    if head.startswith(b"NIST_1A") and b"shorten" in head:
        return "compressed by shorten, which cannot be read; decompress it (sph2pipe does)"
    return error.rstrip(".")


def _compute(clips: Sequence[Clip], path: Path, index: Path, longest: float) -> None:
    """Write the features of clip after clip, so that memory holds one of them."""
    used, ends, skipped = [], [], []
    with write_whole(path) as part:
        raw = part.with_name(part.name + ".raw")
        try:
            with open(raw, "wb") as file:
                for place, clip in enumerate(tqdm(clips, "clips", file=sys.stdout, dynamic_ncols=True)):
                    try:
                        frames = read_features(clip, longest)
                    except ValueError as error:
                        skipped.append(str(error))
                    else:
                        frames.tofile(file)
                        used.append(place)
                        ends.append(len(frames) + (ends[-1] if ends else 0))
            shape = (ends[-1] if ends else 0, mfcc.CHANNELS)
            with open(part, "wb") as file, open(raw, "rb") as source:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                while block := source.read(2**24):
                    file.write(block)
        finally:
            raw.unlink(missing_ok=True)
    for message in skipped[:10]:
        print(f"skipped {message}")
    if len(skipped) > 10:
        print(f"skipped {len(skipped) - 10} more; {index} names them all")
    with write_whole(index) as part:
        part.write_text(json.dumps({"clips": used, "ends": ends, "skipped": skipped}), encoding="utf-8")


def _fingerprint(clips: Sequence[Clip], longest: float) -> str:
    """Return a text that changes whenever a clip, its file or the features do."""
    settings = [getattr(mfcc, name) for name in ("RATE", "WINDOW", "HOP", "FFT", "BANDS", "PRE_EMPHASIS", "CHANNELS")]
    digest = hashlib.sha256(repr((settings, longest)).encode())
    for clip in clips:
        status = clip.path.stat()
        digest.update(repr((str(clip.path), clip.span, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:16]
