"""Features of a corpus: kept, computed again when a file has changed, and files that cannot be used."""

import os
import time

import numpy as np
import pytest
import soundfile

from data import features, mfcc
from data.features import load_features
from data.spoken_words import Clip


def tone(path, seconds=0.3, rate=16000, hertz=440.0, **kwargs):
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, wave, rate, **kwargs)
    return Clip(path, "tone")


def load(clips, tmp_path):
    return load_features(clips, tmp_path / "cache", longest=3.0)


def test_features_are_those_of_each_clip(tmp_path):
    clips = [tone(tmp_path / f"{n}.wav", seconds=0.1 * (n + 1), hertz=300.0 * (n + 1)) for n in range(3)]
    loaded = load(clips, tmp_path)
    assert loaded.lengths.tolist() == [8, 18, 28]  # 1 + (N − 400) // 160
    padded = loaded.padded([2, 0], steps=30)
    for row, clip in zip(padded, (clips[2], clips[0])):
        expected = mfcc.mfcc(soundfile.read(clip.path, dtype="float32")[0])
        np.testing.assert_array_equal(row[: len(expected)], expected)
        assert not row[len(expected) :].any()


def test_kept_features_are_used_until_a_file_changes(tmp_path, monkeypatch):
    clips = [tone(tmp_path / f"{n}.wav") for n in range(2)]
    first = load(clips, tmp_path).padded([0, 1], 28)

    def fail(*arguments):
        raise AssertionError("computed again")

    with monkeypatch.context() as patch:
        patch.setattr(features.mfcc, "mfcc", fail)
        np.testing.assert_array_equal(load(clips, tmp_path).padded([0, 1], 28), first)
    tone(clips[0].path, hertz=900.0)  # of the same size
    os.utime(clips[0].path, ns=(time.time_ns(), time.time_ns() + 10**9))
    changed = load(clips, tmp_path).padded([0, 1], 28)
    assert (changed[0] != first[0]).any() and (changed[1] == first[1]).all()


def test_other_rates_are_resampled(tmp_path):
    slow, fast = tone(tmp_path / "a.wav", rate=8000), tone(tmp_path / "b.wav", rate=16000)
    loaded = load([slow, fast], tmp_path)
    assert loaded.lengths.tolist() == [28, 28]
    one, other = loaded.padded([0, 1], 28)
    # A tone has nothing above 4 kHz but leakage, so energies agree; away from the ends, where filters ring.
    np.testing.assert_allclose(one[3:-3, 0], other[3:-3, 0], atol=0.05)


def test_several_channels_are_averaged(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, (4800, 2))
    soundfile.write(tmp_path / "stereo.wav", samples, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.wav", samples.mean(axis=1), 16000, subtype="FLOAT")
    one, other = load([Clip(tmp_path / f"{name}.wav", "noise") for name in ("stereo", "mono")], tmp_path).padded(
        [0, 1], 28
    )
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_bad_files_among_good_ones_are_skipped_named_and_counted(tmp_path, capsys):
    clips = [tone(tmp_path / f"{n}.wav") for n in range(3)]
    (tmp_path / "text.wav").write_text("no sound at all")
    (tmp_path / "short.sph").write_bytes(
        b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n" * 20
    )
    tone(tmp_path / "blip.wav", seconds=0.02)
    tone(tmp_path / "long.wav", seconds=3.5)
    bad = [Clip(tmp_path / name, "bad") for name in ("text.wav", "short.sph", "blip.wav", "long.wav")]
    for _ in range(2):  # computed, and kept
        loaded = load([clips[0], *bad, clips[1], clips[2]], tmp_path)
        assert loaded.clips == clips
        assert [message.split(": ")[0] for message in loaded.skipped] == [str(clip.path) for clip in bad]
    for part in ("compressed by shorten", "shorter than one window of 25 ms: 20.0 ms", "longer than 3.0 s: 3.5 s"):
        assert any(part in message for message in loaded.skipped)
    assert "skipped" in capsys.readouterr().out
    assert not [path for path in (tmp_path / "cache").iterdir() if "part" in path.name]


def test_refuses_a_corpus_without_one_usable_file(tmp_path):
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(ValueError, match="`corpus` must hold sounds that can be used. Received: .*text.wav: "):
        load([Clip(tmp_path / "text.wav", "text")], tmp_path)


def test_parts_of_a_file_are_read_alone(tmp_path):
    clip = tone(tmp_path / "a.wav", seconds=1.0)
    part = Clip(clip.path, "tone", span=(4000, 8000))
    assert load([clip, part], tmp_path).lengths.tolist() == [98, 23]


@pytest.mark.slow
def test_three_thousand_clips_take_seconds(tmp_path):
    clips = [tone(tmp_path / f"{n}.wav", seconds=0.5, hertz=200 + n) for n in range(3000)]
    began = time.perf_counter()
    load(clips, tmp_path)
    first = time.perf_counter() - began
    began = time.perf_counter()
    load(clips, tmp_path)
    assert first < 20 and time.perf_counter() - began < 3
