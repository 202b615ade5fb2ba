"""Sound files as arrays of finite samples, and samples as a sound file."""

import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from data.files import is_utf8, naming, write_whole

LOUDEST = 2.0**31  # a sample of 32 bits, where a file of floats holds integers; the squares of far louder ones overflow
INEXACT = ("OGG", "MP3")  # kinds of files in which libsndfile does not find a sample exactly
UNKNOWN = 2**62  # samples at least, as libsndfile says, where a file does not say how many
# In what libsndfile says of the head of a WAV, AIFF or AU file: how many bytes it promises, and how many there are.
PROMISED = r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)"
STREAMED = 2**31 - 2**16  # bytes at least that a file promises which was written to a pipe


def read_samples(
    path: Path, span: tuple[int, int] | None = None, longest: float = math.inf, dtype: str = "float32"
) -> tuple[np.ndarray, int]:
    """Read a sound file, or a span of it as far as it goes.

    Args:
        path: of any kind of file that libsndfile reads.
        span: first sample, and the one after the last; None is the whole file.
        longest: seconds that are not refused.
        dtype: "float32" or "float64".

    Returns:
        The samples, the channels averaged [N], and how many there are a second.

    Raises:
        ValueError: says why the file is no sound that can be used; the file is for the caller to name.
        OSError: it cannot be opened.
    """
    import soundfile

    if not path.is_file():  # a pipe would be waited for
        raise ValueError("not a file" if path.exists() else "not there")
    if not is_utf8(path):
        raise ValueError("not named in UTF-8")
    if path.suffix.lower() == ".raw":
        raise ValueError("raw samples, whose rate is not known")
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            if file.frames >= UNKNOWN:  # then libsndfile cannot read it
                raise ValueError(
                    "its header does not say how long it is, as of one written to a pipe; convert it once more"
                )
            _refuse_cut(path, file)
            start, stop, _ = slice(*span or (None, None)).indices(file.frames)
            if stop - start > longest * rate:
                raise ValueError(f"longer than {longest} s: {(stop - start) / rate:.1f} s")
            # Samples that are read to get past them: not every kind of file can be read from elsewhere.
            before = start if file.format in INEXACT or not file.seekable() else 0
            if start > before:
                file.seek(start)
            wanted = max(before + stop - start, 0)
            read = file.read(wanted, dtype, always_2d=True)  # [N, channels]
    except soundfile.LibsndfileError as error:
        raise ValueError(_reason(path, error.error_string)) from None
    if len(read) < wanted:  # of which libsndfile says nothing in an MP3
        raise ValueError(f"damaged: {len(read)} samples where there are {wanted}")
    samples = read[before:].mean(axis=1)
    if len(loud := np.flatnonzero(~(np.abs(samples) <= LOUDEST))):
        raise ValueError(f"sample {start + loud[0]} is {samples[loud[0]]:g}, not a number from −2³¹ to 2³¹")
    return samples, rate


def _refuse_cut(path: Path, file: Any) -> None:
    """Raise a ValueError if a file has fewer samples than its head promises: libsndfile reads what there is."""
    promised = there = file.frames
    if file.format == "NIST":
        with open(path, "rb") as content:
            found = re.search(rb"^sample_count -i (\d+)", content.read(1024), re.MULTILINE)
        promised = int(found[1]) if found else there
    elif (found := re.search(PROMISED, file.extra_info)) and int(found[1]) < STREAMED:
        promised = there * int(found[1]) // max(int(found[2]), 1)
    if promised > there:
        raise ValueError(f"damaged: {there} samples of about {promised}")


def _reason(path: Path, error: str) -> str:
    with naming(path), open(path, "rb") as file:
        head = file.read(1024)
    if head.startswith(b"NIST_1A") and b"shorten" in head:
        return "compressed by shorten, which cannot be read; decompress it (sph2pipe does)"
    return error.rstrip(".") or "damaged, or no sound"


def write_sound(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write samples from −1 to 1 as a WAV file, whole or not at all."""
    with write_whole(path) as part:
        part.write_bytes(as_wav(samples, rate))


def as_wav(samples: np.ndarray, rate: int) -> bytes:
    """Return what a WAV file of samples holds, 16 bits each; libsndfile itself would not say why it cannot write one."""
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="WAV")
    return content.getvalue()
