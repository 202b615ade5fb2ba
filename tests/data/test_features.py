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


def test_a_word_that_its_sound_does_not_hold_is_skipped_and_named(tmp_path):
    """A sound that was cut, and one that was resampled while the times of its words still count TIMIT's samples."""
    cut, whole = (tone(tmp_path / f"{name}.wav").path for name in ("cut", "whole"))  # 4800 samples
    slow = tone(tmp_path / "slow.wav", rate=8000, seconds=0.6).path
    clips = [Clip(path, "making", span=(1000, end)) for path in (cut, whole, slow) for end in (4000, 4801)]
    loaded = load([*clips, Clip(cut, "subway", span=(5000, 6000))], tmp_path)
    assert loaded.clips == [clips[0], clips[2]]
    assert loaded.skipped == [
        f"{cut}: ends before its word, making, that is said up to sample 4801",
        f"{whole}: ends before its word, making, that is said up to sample 4801",
        *[f"{slow}: 8000 samples a second, where the times of its words count 16000"] * 2,
        f"{cut}: ends before its word, subway, that is said up to sample 6000",
    ]


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


def test_files_that_are_none_are_skipped_named_and_counted(tmp_path, capsys):
    """A link to nothing, a folder, no bytes, samples that are no numbers or too many a second, a name that is no text."""
    good = [tone(tmp_path / f"{n}.wav", hertz=300.0 * (n + 1)) for n in range(2)]
    (tmp_path / "link.wav").symlink_to("nowhere")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "nan.wav", np.r_[np.zeros(9), np.nan], 16000, subtype="FLOAT")
    tone(tmp_path / "fast.wav", seconds=1e-4, rate=2**31 - 1)
    odd = Clip(tmp_path / os.fsdecode(b"caf\xe9.wav"), "bad")
    odd.path.write_bytes(good[0].path.read_bytes())
    bad = [Clip(tmp_path / f"{name}.wav", "bad") for name in ("link", "folder", "empty", "nan", "fast")] + [odd]
    loaded = load([good[0], *bad, good[1]], tmp_path)
    assert loaded.clips == good and len(loaded.skipped) == 6
    printed = capsys.readouterr().out
    for reason in (
        "link.wav: not there",
        "folder.wav: not a file",
        "empty.wav: Format not recognised",
        "nan.wav: sample 9 is nan",
        "fast.wav: 2147483647 samples a second",
        r"caf\udce9.wav: not named in UTF-8",
    ):
        assert f"skipped {tmp_path}/{reason}" in printed
    (tmp_path / "link.wav").unlink()  # and now it is there
    assert len(load([*good, tone(tmp_path / "link.wav")], tmp_path).clips) == 3


def test_refuses_a_silent_corpus(tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(4000), 16000)
    with pytest.raises(ValueError, match="`corpus` must not be silent. Received: nothing else in 2 clips"):
        load([Clip(tmp_path / f"{name}.wav", name) for name in "ab"], tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"junk",
        lambda whole: whole[:-100],
        lambda whole: whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
        lambda whole: b"\x80\x04K\x01.",  # a pickle
        lambda whole: whole.replace(b"format.npy", b"farmot.npy"),
    ],
)
def test_a_damaged_cache_is_made_anew_with_a_line(tmp_path, capsys, damage):
    clips = [tone(tmp_path / f"{n}.wav") for n in range(2)]
    first = load(clips, tmp_path).padded([0, 1], 28)
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    capsys.readouterr()
    np.testing.assert_array_equal(load(clips, tmp_path).padded([0, 1], 28), first)
    assert f"{path} is damaged, or of another version, and is made anew\n" in capsys.readouterr().out
    assert path.read_bytes() == whole
    load(clips, tmp_path)
    assert capsys.readouterr().out == ""


def test_a_cache_of_another_version_is_made_anew(tmp_path, monkeypatch, capsys):
    clips = [tone(tmp_path / "a.wav")]
    with monkeypatch.context() as patch:
        patch.setattr(features, "FORMAT", 1)
        load(clips, tmp_path)
    load(clips, tmp_path)
    assert "of another version" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["/proc/none", "file", "n" * 300])
def test_without_a_cache_that_can_be_written_it_goes_on(tmp_path, capsys, folder):
    clips = [tone(tmp_path / f"{n}.wav") for n in range(2)]
    (tmp_path / "file").write_text("in the way")
    loaded = load_features(clips, tmp_path / folder, longest=3.0)
    assert loaded.lengths.tolist() == [28, 28]
    assert f"the features are not kept: {tmp_path / folder}: " in capsys.readouterr().out


def test_two_processes_may_make_the_same_cache(tmp_path, monkeypatch):
    """While one computes, the other has finished."""
    clips = [tone(tmp_path / f"{n}.wav") for n in range(2)]
    compute = features._compute

    def slowly(*arguments):
        monkeypatch.setattr(features, "_compute", compute)
        load(clips, tmp_path)
        return compute(*arguments)

    monkeypatch.setattr(features, "_compute", slowly)
    np.testing.assert_array_equal(load(clips, tmp_path).frames, load(clips, tmp_path).frames)
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.slow
def test_three_thousand_clips_take_seconds(tmp_path):
    clips = [tone(tmp_path / f"{n}.wav", seconds=0.5, hertz=200 + n) for n in range(3000)]
    began = time.perf_counter()
    load(clips, tmp_path)
    first = time.perf_counter() - began
    began = time.perf_counter()
    load(clips, tmp_path)
    assert first < 20 and time.perf_counter() - began < 3
