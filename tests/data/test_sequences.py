"""Targets: what is read, how it is scaled, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from data import make_music
from data.sequences import load_target, sine_mixture

DATA = Path(__file__).parents[2] / "data"


def test_sines_have_the_periods_that_they_are_said_to_have():
    spectrum = np.abs(np.fft.rfft(sine_mixture(0, 160 * 61 * 23 * 8)))
    peaks = np.sort(np.argsort(spectrum)[-4:])
    assert (160 * 61 * 23 * 8 / peaks).tolist() == [160, 61, 23, 8]


def test_targets_reach_from_minus_1_to_1():
    for target in (None, str(DATA / "music.flac"), str(DATA / "koutnik2014_figure5_targets.csv")):
        values = load_target(target, 0, 320, None).values
        assert (values.min(), values.max(), values.shape, values.dtype) == (-1, 1, (320,), np.float32)


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_sound_channels_are_averaged_and_the_excerpt_is_cut(tmp_path, kind):
    rng = np.random.default_rng(0)
    sound = np.cumsum(rng.normal(size=(500, 2)), axis=0) / 100
    path = tmp_path / f"sound.{kind}"
    soundfile.write(path, sound, 8000)
    target = load_target(str(path), 100, 50, None)
    expected = sound.mean(axis=1)[100:150]
    expected = 2 * (expected - expected.min()) / np.ptp(expected) - 1
    assert target.rate == 8000
    np.testing.assert_allclose(target.values, expected, atol=0.35 if kind == "ogg" else 1e-3)  # Vorbis loses


def test_csv_columns_by_name_and_by_default_the_first(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n0,5\n1,3\n2,4\n")
    assert load_target(str(path), 0, 3, None).values.tolist() == [-1, 0, 1]
    assert load_target(str(path), 0, 3, "b").values.tolist() == [1, -1, 0]
    assert load_target(str(path), 1, 2, "b").values.tolist() == [-1, 1]


def test_csv_columns_by_number_where_none_is_named_so(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("0,5\n1,3\n2.5,4\n")
    target = load_target(str(path), 0, 3, "2")
    assert target.values.tolist() == [1, -1, 0] and target.source == "table.csv 2, steps 0 to 2"


@pytest.mark.parametrize("low, high", [(-1e308, 1e308), (1e308, 1.7e308), (0.0, 1e-323), (-3.0, 5.0)])
def test_values_of_any_size_are_scaled_and_scaled_back(tmp_path, low, high):
    path = tmp_path / "table.csv"
    middle = low / 2 + high / 2
    path.write_text(f"a\n{low}\n{middle}\n{high}\n")
    target = load_target(str(path), 0, 3, None)
    assert target.values.tolist() == [-1, 0, 1]
    assert target.in_units(target.values).tolist() == [low, middle, high]


def test_the_papers_targets_are_there():
    """320 samples of five targets, each scaled to [-1, 1] (Koutník et al. 2014, section 4.1 and Figure 5)."""
    table = np.loadtxt(DATA / "koutnik2014_figure5_targets.csv", delimiter=",", skiprows=1)
    assert table.shape == (320, 5)
    np.testing.assert_allclose(table.min(axis=0), -1, atol=2e-3)
    np.testing.assert_allclose(table.max(axis=0), 1, atol=2e-3)


def test_the_shipped_music_is_what_its_script_makes():
    samples, rate = soundfile.read(make_music.MUSIC)
    assert rate == 44100
    np.testing.assert_allclose(samples, make_music.music(), atol=1.5 / 32768)  # 16 bits


def silence(path):
    soundfile.write(path, np.zeros(400), 8000)


def not_finite(path):
    soundfile.write(path, np.r_[np.zeros(100), np.nan, np.ones(299)], 8000, subtype="FLOAT")


def truncated(path):
    path.write_bytes((DATA / "music.flac").read_bytes()[:30])


@pytest.mark.parametrize(
    "name, write, arguments, message",
    [
        ("none.wav", None, {}, "`target` must be a file that exists. Received: .*none.wav"),
        ("empty.wav", lambda path: path.write_bytes(b""), {}, "`target` must be a sound file. Received: .*empty.wav"),
        ("cut.flac", truncated, {}, "`target` must be a sound file. Received: .*cut.flac"),
        ("text.wav", lambda path: path.write_text("hello"), {}, "`target` must be a sound file"),
        (
            "silence.wav",
            silence,
            {},
            "`target` must vary, or there is nothing to scale. Received: only 0.0 in .*silence",
        ),
        ("nan.wav", not_finite, {}, "must be a sound file. Received: .*nan.wav .sample 100 is nan, not a number from"),
        (
            "s.wav",
            silence,
            {"start": 81},
            "`target` must hold the 320 steps that are trained, from `start` 81 on. Received: 400 steps in .*s.wav",
        ),
        ("s.wav", silence, {"start": -1}, "`start` must be at least 0. Received: -1"),
        ("s.wav", silence, {"length": 1}, "`length` must be at least 2. Received: 1"),
        ("s.wav", silence, {"column": "a"}, "`column` needs a `target` that is a CSV file. Received: .*s.wav"),
        (
            "sines",
            None,
            {"target": None, "start": 10**30},
            f"`start` . `length` must be at most 2147483647. .*: 1{'0' * 27}320",
        ),
        ("sines", None, {"target": None, "length": 10**12}, "`start` . `length` must be at most 2147483647"),
        (
            "t.csv",
            "a\n1\n2\n",
            {"length": 3},
            "`target` must hold the 3 steps that are trained, from `start` 0 on. Received: 2 steps in .*t.csv",
        ),
        (
            "t.csv",
            "a\n1\nx\n",
            {},
            "t.csv must hold a finite number in each row, .* Received: 'x' in row 3 of column 'a'",
        ),
        (
            "t.csv",
            "0.\n1\n1e308",
            {"length": 2, "further": 1},
            "must not leave its range by so much. Received: 1e.308 at step 2",
        ),
    ],
)
def test_refuses(tmp_path, name, write, arguments, message):
    path = tmp_path / name
    if isinstance(write, str):
        path.write_text(write)
    elif write:
        write(path)
    with pytest.raises(ValueError, match=message):
        load_target(**({"target": str(path), "start": 0, "length": 320, "column": None} | arguments))
