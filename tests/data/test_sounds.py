"""Sounds: what is read of a file, and what is refused."""

import os
import resource
import signal
import wave

import numpy as np
import pytest
import soundfile

from data.sounds import read_samples, write_sound
from data.spoken_words import SHIPPED


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_channels_are_averaged_and_a_span_is_cut(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (800, 2)), 8000)
    expected = soundfile.read(path)[0].mean(axis=1)
    for span, part in [(None, slice(None)), ((100, 150), slice(100, 150)), ((700, 9**30), slice(700, None))]:
        samples, rate = read_samples(path, span, dtype="float64")
        assert rate == 8000
        np.testing.assert_array_equal(samples, expected[part])
    assert read_samples(path)[0].dtype == np.float32


@pytest.mark.parametrize(
    "kind, subtype",
    [
        ("ogg", "VORBIS"),
        ("ogg", "OPUS"),
        ("mp3", None),
        ("flac", None),
        ("wav", None),
        ("wav", "GSM610"),
        ("au", "G721_32"),
    ],
)
def test_a_span_near_the_end_is_what_the_whole_file_has_there(tmp_path, kind, subtype):
    """libsndfile was 448 samples late in the last page of an OGG file, and refuses to look for a sample in the last two
    kinds; noise that is summed up tells each place from others."""
    noise = np.cumsum(np.random.default_rng(0).normal(size=160_000))
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, noise / np.abs(noise).max() / 2, 48000, subtype=subtype)
    whole = read_samples(path)[0]
    for start in (1000, 150_000, 159_000):
        np.testing.assert_array_equal(read_samples(path, (start, start + 320))[0], whole[start : start + 320])


def test_integers_in_a_file_of_floats_are_no_mistake(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([-32768.0, 32767.0]), 8000, subtype="FLOAT")
    assert read_samples(tmp_path / "a.wav")[0].tolist() == [-32768, 32767]


def floats(*values):
    return lambda path: soundfile.write(path, np.array(values, float), 8000, subtype="FLOAT")


def cut(path):
    """Write a file that promises 1,000 samples of 16 bits, without the last 100 of them."""
    kinds = {".wav": "WAV", ".aiff": "AIFF", ".au": "AU", ".sph": "NIST"}
    soundfile.write(path, np.sin(np.arange(1000.0)), 8000, subtype="PCM_16", format=kinds[path.suffix])
    path.write_bytes(path.read_bytes()[:-200])


def holed(path):
    """Write an MP3 file with 400 bytes of zeros in its middle."""
    soundfile.write(path, np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000), 16_000, format="MP3")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)


def of_a_pipe(path):
    """Write a FLAC file whose header says 0 samples, which stands for a number that nobody knew."""
    content = bytearray((sorted(SHIPPED.glob("making/*"))[0]).read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)


def claiming(path):
    """Write a FLAC file whose header promises 2³⁶ − 1 samples."""
    content = bytearray((sorted(SHIPPED.glob("making/*"))[0]).read_bytes())
    content[21] |= 15  # the lowest 36 bits of byte 18 to 25, FLAC format, section METADATA_BLOCK_STREAMINFO
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name, write, message",
    [
        ("a.wav", lambda path: None, "not there"),
        ("a.wav", lambda path: path.symlink_to("nowhere"), "not there"),
        ("a.wav", lambda path: path.mkdir(), "not a file"),
        ("a.wav", os.mkfifo, "not a file"),
        ("a.wav", lambda path: path.write_bytes(b""), "Format not recognised"),
        (
            "a.flac",
            lambda path: path.write_bytes((SHIPPED.parent / "music.flac").read_bytes()[:5000]),
            "damaged|lost sync",
        ),
        ("a.raw", lambda path: path.write_bytes(b"abcd"), "raw samples, whose rate is not known"),
        ("a.wav", floats(0, np.nan), "sample 1 is nan, not a number from −2³¹ to 2³¹"),
        ("a.wav", floats(0, 0, -np.inf), "sample 2 is -inf"),
        ("a.wav", floats(1e30), r"sample 0 is 1e\+30"),
        ("a.wav", floats(*[0] * 72001), "longer than 9 s: 9.0 s"),
        *[(f"a.{kind}", cut, "damaged: 900 samples of about 1000") for kind in ("wav", "au", "sph")],
        ("a.aiff", cut, "damaged: 900 samples of about 999"),  # with 8 bytes that are no samples
        ("a.mp3", holed, "damaged: [0-9]+ samples where there are 16000"),
        ("a.flac", of_a_pipe, "its header does not say how long it is"),
        ("a.flac", claiming, "longer than 9 s: 4294967.3 s"),
    ],
)
def test_refuses(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_samples(tmp_path / name, longest=9)


@pytest.mark.parametrize("promised", [0xFFFFFFFF, 0x7FFFF000, 2001])
def test_what_was_written_to_a_pipe_promises_more_than_there_is(tmp_path, promised):
    """Also half a sample more, which is none."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(1000.0)), 8000)
    content = bytearray(path.read_bytes())
    content[40:44] = promised.to_bytes(4, "little")  # bytes of samples, in the head of 44 bytes
    path.write_bytes(content)
    assert len(read_samples(path)[0]) == 1000


def test_what_is_written_is_what_was_asked_for(tmp_path):
    samples = np.sin(np.arange(800) / 7) * 0.9
    write_sound(tmp_path / "a.wav", samples, 8000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        read = np.frombuffer(file.readframes(-1), "<i2")
    np.testing.assert_allclose(read / 2**15, samples, atol=2**-15)


def test_where_no_sound_can_be_written_the_file_is_named_and_the_former_stays(tmp_path):
    path, least = tmp_path / "a.wav", resource.getrlimit(resource.RLIMIT_FSIZE)
    write_sound(path, np.zeros(10), 8000)
    before = path.read_bytes()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, least[1]))
    try:
        with pytest.raises(OSError, match=f"File too large: '{path}'"):
            write_sound(path, np.zeros(8000), 8000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, least)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
