"""Synthesise `data/words/`: 25 words, seven recordings each, by a speaker of its own for every recording.

`pip install espeakng-loader` brings espeak-ng, which only this script needs; `python -m data.make_words` then writes the
corpus again, to the bit with the version named below, and says whether it is the same. The words are those of Koutník et
al. 2014, section 4.2. The recipe was fixed before any network was trained on it:

- For each recording a voice (no voice twice for one word), a pitch of 50 ± 10 and a rate of 155 to 200 words a minute.
- Silence before and after the word is cut off, as a corpus with word boundaries has none.
- White noise 40 dB below the word, because digital silence is not speech.
- 16 kHz, 16 bit, FLAC; the first five recordings of a word are for training, the last two for testing.

Speech is synthesised in a fixed order in one process and from a fixed seed: what the engine says depends on both.
"""

import ctypes
import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import soundfile

WORDS = Path(__file__).parent / "words"
RATE = 16000  # samples a second
RECORDINGS, TEST = 7, 2  # a word; the last ones are for testing
VOCABULARY = {
    "-king": ("making", "walking", "cooking", "looking", "working"),
    "-ical": ("biblical", "cyclical", "technical", "classical", "critical"),
    "-ition": ("tradition", "addition", "audition", "recognition", "competition"),
    "-ions": ("musicians", "discussions", "regulations", "accusations", "conditions"),
    "-way": ("subway", "leeway", "freeway", "highway", "hallway"),
}
# The voices of espeak-ng 1.52 that are numbered, and those with a plain first name that are English.
VOICES = [f"m{k}" for k in range(1, 9)] + [f"f{k}" for k in range(1, 6)]
VOICES += [
    "adam",
    "Alex",
    "Alicia",
    "Andrea",
    "Andy",
    "Annie",
    "belinda",
    "benjamin",
    "david",
    "ed",
    "edward",
    "Gene",
    "ian",
    "john",
    "Lee",
    "linda",
]
VOICES += ["Michael", "Mike", "paul", "quincy", "Reed", "rob", "robert", "shelby", "steph", "travis", "victor", "zac"]
SHA256 = "668f9e7792a55fe7d79a1a5f70d0e454c6bc092b69584bbd5a3e5f6bbc57c9e1"  # by espeak-ng 1.52.0

# Of espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS, CHARS_UTF8 = 2, 1
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Engine:
    """espeak-ng, which speaks words into arrays."""

    def __init__(self):
        import espeakng_loader

        self.espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        self.chunks: list[np.ndarray] = []
        self.callback = CALLBACK(self._take)  # kept alive as long as the engine may call it
        folder = str(Path(espeakng_loader.get_data_path()).parent).encode()
        self.rate = self.espeak.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, folder, 0)
        if self.rate <= 0:
            raise RuntimeError(f"espeak-ng could not be started with the data in {folder}")
        self.espeak.espeak_SetSynthCallback(self.callback)
        self.espeak.espeak_ng_SetRandSeed(ctypes.c_long(2014))

    def speak(self, word: str, voice: str, pitch: int, rate: int) -> np.ndarray:
        """Return a word as floats within [−1, 1], at the engine's own rate."""
        self.chunks.clear()
        if self.espeak.espeak_SetVoiceByName(f"en-us+{voice}".encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice en-us+{voice}")
        self.espeak.espeak_SetParameter(PARAMETER_RATE, rate, 0)
        self.espeak.espeak_SetParameter(PARAMETER_PITCH, pitch, 0)
        text = word.encode() + b"\0"
        self.espeak.espeak_Synth(text, len(text), 0, 0, 0, CHARS_UTF8, None, None)
        self.espeak.espeak_Synchronize()
        return np.concatenate(self.chunks) / 2**15

    def _take(self, samples, count: int, events) -> int:
        if samples and count:
            self.chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def trimmed(wave: np.ndarray) -> np.ndarray:
    """Cut off what is 50 dB below the peak, before and after."""
    loud = np.flatnonzero(np.abs(wave) > 10 ** (-50 / 20) * np.abs(wave).max())
    return wave[loud[0] : loud[-1] + 1]


def record(engine: Engine, word: str, voice: str, rng: np.random.Generator) -> np.ndarray:
    """Return one recording at 16 kHz, its peak at half of full scale."""
    from scipy import signal

    pitch, rate = int(rng.integers(40, 61)), int(rng.integers(155, 201))
    wave = trimmed(engine.speak(word, voice, pitch, rate))
    common = np.gcd(RATE, engine.rate)
    wave = signal.resample_poly(wave, RATE // common, engine.rate // common)
    wave = 0.5 * wave / np.abs(wave).max()
    return wave + 10 ** (-40 / 20) * np.sqrt(np.mean(wave**2)) * rng.normal(size=len(wave))


def main() -> None:
    if importlib.util.find_spec("espeakng_loader") is None:
        sys.exit("data.make_words needs the package espeakng-loader (pip install espeakng-loader)")
    engine, rng = Engine(), np.random.default_rng(2014)
    test, digest = [], hashlib.sha256()
    for word in (word for words in VOCABULARY.values() for word in words):
        (WORDS / word).mkdir(parents=True, exist_ok=True)
        for number, voice in enumerate(rng.permutation(VOICES)[:RECORDINGS]):
            path = WORDS / word / f"{number}_{voice}.flac"
            samples = np.round(record(engine, word, voice, rng) * (2**15 - 1)).astype(np.int16)
            soundfile.write(path, samples, RATE)
            digest.update(samples.tobytes())
            if number >= RECORDINGS - TEST:
                test.append(f"{word}/{path.name}\n")
    (WORDS / "test.txt").write_text("".join(test), encoding="utf-8")
    same = "the same as" if digest.hexdigest() == SHA256 else "other than"
    print(f"wrote {WORDS}: {same} the corpus that ships ({digest.hexdigest()})")


if __name__ == "__main__":
    main()
