"""Synthesise `data/music.flac`: nine seconds of plucked chords, bass, bells and soft brushes, 44.1 kHz mono.

`python -m data.make_music` writes it again. All of it is made here from sines and filtered noise, so it may be used
freely; its excerpts hold several time scales at once, from the fundamental of the bass to the partials of the bells.
"""

from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

MUSIC = Path(__file__).parent / "music.flac"
RATE = 44100  # samples a second
BEAT = 0.5  # seconds
# Roman numerals I–vi–IV–V in C, a bar of two beats each, all of them twice: bass note, chord and bell, as MIDI note numbers.
BARS = [
    (36, (60, 64, 67, 72), 84),
    (33, (57, 60, 64, 69), 88),
    (41, (57, 60, 65, 69), 81),
    (43, (59, 62, 67, 71), 86),
] * 2


def frequency(note: int) -> float:
    """Return the frequency of a MIDI note in Hz, equal temperament with A4 (69) at 440 Hz."""
    return 440.0 * 2 ** ((note - 69) / 12)


def tone(note: int, seconds: float, partials: list[tuple[float, float, float]]) -> np.ndarray:
    """Return a sum of decaying sines; each partial is (multiple of the fundamental, amplitude, decay in seconds)."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave = np.zeros_like(t)
    for index, (multiple, amplitude, decay) in enumerate(partials):
        phase = 2.4 * index  # spread, so that the partials do not peak together
        wave += amplitude * np.exp(-t / decay) * np.sin(2 * np.pi * multiple * frequency(note) * t + phase)
    return wave * np.minimum(1, t / 0.002)  # a soft attack of 2 ms


def pluck(note: int) -> np.ndarray:
    return tone(note, 1.0, [(k, 0.5 / k**0.8, 0.5 / k**0.5) for k in range(1, 17)])


def bass(note: int) -> np.ndarray:
    return tone(note, 1.0, [(k, 0.9 / k, 0.9 / k**0.5) for k in range(1, 9)])


def bell(note: int) -> np.ndarray:
    # The inharmonic partials of a struck bar, relative to its fundamental (Fletcher and Rossing 1998, section 19.1).
    return tone(note, 1.0, [(1.0, 0.3, 0.8), (2.756, 0.2, 0.5), (5.404, 0.1, 0.3)])


def brush(rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(size=round(0.12 * RATE)) * np.exp(-np.arange(round(0.12 * RATE)) / (0.03 * RATE))
    return 0.06 * signal.sosfilt(signal.butter(4, 6000, "highpass", fs=RATE, output="sos"), noise)


def music() -> np.ndarray:
    """Return the piece as float samples within [-0.9, 0.9]."""
    rng = np.random.default_rng(2014)
    wave = np.zeros(round((2 * len(BARS) * BEAT + 1.0) * RATE))

    def play(sound: np.ndarray, beat: float) -> None:
        start = round(beat * BEAT * RATE)
        wave[start : start + len(sound)] += sound

    for bar, (low, chord, high) in enumerate(BARS):
        play(bass(low), 2 * bar)
        play(bell(high), 2 * bar + 1.5)
        for beat in (2 * bar, 2 * bar + 1):
            play(brush(rng), beat + 0.5)
            for string, note in enumerate(chord):
                play(pluck(note), beat + 0.03 * string)  # strummed
    wave = wave[round(0.1 * RATE) :]  # begin within the first chord
    return 0.9 * wave / np.abs(wave).max()


if __name__ == "__main__":
    soundfile.write(MUSIC, music(), RATE, subtype="PCM_16")
    print(f"wrote {MUSIC}: {MUSIC.stat().st_size / 1024:.0f} KiB")
