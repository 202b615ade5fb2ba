"""Synthesise `data/speech/`: three utterances with the times of their phones, in TIMIT's layout.

`python -m data.make_speech` writes them again and says whether they are the same. Only this needs the program flite
(Debian package `flite`, version 2.2), whose voice slt speaks and names its phones as TIMIT does. The silence in front is
cut to 20 ms, so that the first quarter of a second is speech, and the silence behind to 100 ms.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

SPEECH = Path(__file__).parent / "speech"
SENTENCES = {
    "clock": "The slow clock keeps what the fast one forgets.",
    "music": "We heard the music long before we saw the band.",
    "wheel": "A wheel that turns in time will turn again.",
}
RATE = 16000  # samples a second, the voice's own
FRONT, BEHIND = RATE // 50, RATE // 10  # samples of silence
SHA256 = "7bc97841cff6b255e6c09e4566a7ffc3d11cfa2022c0d1bd0767001e61f7efe8"


def speak(sentence: str) -> tuple[list[int], list[tuple[int, int, str]]]:
    """Return the samples, 16 bit, and (first sample, sample after the last, phone) for each phone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        command = ["flite", "-voice", "slt", "-psdur", "-t", sentence, "-o", str(path)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        samples, _ = soundfile.read(path, dtype="int16")
    pairs = [word.split(":") for word in printed.split()]
    phones, ends = [phone for phone, _ in pairs], [round(RATE * float(end)) for _, end in pairs]
    first, last = ends[0] - FRONT, ends[-2] + BEHIND
    ends[-1] = last
    starts = [first, *ends[:-1]]
    times = [(start - first, end - first, phone) for start, end, phone in zip(starts, ends, phones, strict=True)]
    return samples[first:last], times


def main() -> None:
    if shutil.which("flite") is None:
        sys.exit("data.make_speech needs the program flite (Debian package flite)")
    SPEECH.mkdir(exist_ok=True)
    digest = hashlib.sha256()
    for name, sentence in SENTENCES.items():
        samples, times = speak(sentence)
        soundfile.write(SPEECH / f"{name}.WAV", samples, RATE, format="WAV")
        lines = "".join(f"{start} {end} {phone}\n" for start, end, phone in times)
        (SPEECH / f"{name}.PHN").write_text(lines, encoding="utf-8")
        digest.update(samples.tobytes() + lines.encode())
    same = "the same as" if digest.hexdigest() == SHA256 else "other than"
    print(f"wrote {SPEECH}: {same} the utterances that ship ({digest.hexdigest()})")


if __name__ == "__main__":
    main()
