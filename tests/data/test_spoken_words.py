"""Corpora of spoken words: what ships, one's own folders, and trees laid out like TIMIT."""

import errno
import hashlib
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from data import make_words
from data.spoken_words import SHIPPED, Split, load_folder, load_timit

RANDOM = Split(test_list=None, test_speakers=(), test_share=0.25, seed=0)


def test_what_ships_is_what_the_script_made():
    digest = hashlib.sha256()
    for word in (word for words in make_words.VOCABULARY.values() for word in words):
        for path in sorted((SHIPPED / word).iterdir()):
            digest.update(soundfile.read(path, dtype="int16")[0].tobytes())
    assert digest.hexdigest() == make_words.SHA256


def test_shipped_split_is_the_papers():
    """Koutník et al. 2014, section 4.2: 25 words, seven speakers each, five for training and two for testing."""
    clips = load_folder(SHIPPED, Split(SHIPPED / "test.txt", (), 0.2, 0))
    assert Counter(clip.word for clip in clips if not clip.test) == dict.fromkeys({clip.word for clip in clips}, 5)
    assert (sum(clip.test for clip in clips), len(clips)) == (50, 175)
    for word in {clip.word for clip in clips}:
        assert len({clip.path.stem.split("_")[1] for clip in clips if clip.word == word}) == 7  # a voice each


def record(path: Path, seconds=0.1, rate=16000, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, round(seconds * rate)), rate, **kwargs)


@pytest.fixture
def folder(tmp_path):
    for word in ("yes", "no"):
        for speaker in ("ann", "bob"):
            for take in range(4):
                record(tmp_path / word / f"{speaker}_{take}.wav")
    (tmp_path / "yes" / "notes.txt").write_text("no sound")
    (tmp_path / "no" / "._ann_0.wav").write_text("what a Mac knows of a file")
    record(tmp_path / "_background_noise_" / "hum.wav")
    return tmp_path


def test_folder_is_split_by_share_of_each_word(folder):
    clips = load_folder(folder, RANDOM)
    assert Counter((clip.word, clip.test) for clip in clips) == {
        **{("yes", False): 6, ("yes", True): 2},
        **{("no", False): 6, ("no", True): 2},
    }
    assert clips == load_folder(folder, RANDOM) != load_folder(folder, Split(None, (), 0.25, seed=1))


def test_folder_is_split_by_speaker(folder):
    clips = load_folder(folder, Split(None, ("bob",), 0.25, 0))
    assert all(clip.test == clip.path.name.startswith("bob") for clip in clips)
    for word in ("yes", "no"):
        (folder / word / "bob_0.wav").rename(folder / word / "eve.wav")
    assert {clip.path.name for clip in load_folder(folder, Split(None, ("eve",), 0.25, 0)) if clip.test} == {"eve.wav"}


def test_folder_is_split_by_list(folder):
    (folder / "test.txt").write_text("yes/ann_0.wav\nno/bob_3.wav\n")
    clips = load_folder(folder, Split(folder / "test.txt", (), 0.25, 0))
    assert [f"{clip.word}/{clip.path.name}" for clip in clips if clip.test] == ["no/bob_3.wav", "yes/ann_0.wav"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(None, ("eve",), 0.2, 0), "`test_speakers` must be among ann, bob. Received: eve"),
        (Split(None, ("ann", "bob"), 0.2, 0), "`test_speakers` must leave clips for training"),
        (Split(None, (), 1.5, 0), "`test_share` must be between 0 and 1. Received: 1.5"),
        (Split(None, (), 0.01, 0), "`test_share` must leave clips for testing. Received: all 16 for the other"),
        (Split(Path("none.txt"), (), 0.2, 0), "`test_list` must be a file. Received: none.txt"),
    ],
)
def test_refuses_splits(folder, split, message):
    with pytest.raises(ValueError) as error:
        load_folder(folder, split)
    assert message in str(error.value)


def test_refuses_a_word_that_is_only_for_testing(folder):
    (folder / "test.txt").write_text("".join(f"yes/{who}_{take}.wav\n" for who in ("ann", "bob") for take in range(4)))
    with pytest.raises(
        ValueError, match="`test_list` must leave clips of each word for training. Received: none of yes"
    ):
        load_folder(folder, Split(folder / "test.txt", (), 0.2, 0))


def test_refuses_a_list_with_a_file_that_is_not_there(folder):
    (folder / "test.txt").write_text("yes/eve_0.wav\n")
    with pytest.raises(ValueError, match="yes/eve_0.wav, which is not there"):
        load_folder(folder, Split(folder / "test.txt", (), 0.2, 0))


def test_refuses_a_list_that_is_no_text_by_name(folder):
    (folder / "test.txt").write_bytes(b"yes/ann_0.wav\n\xff\n")
    with pytest.raises(ValueError, match="test.txt must be text in UTF-8. Received: other bytes from byte 14 on"):
        load_folder(folder, Split(folder / "test.txt", (), 0.2, 0))


@given(lines=st.lists(st.sampled_from(["yes/ann_0.wav", "no/bob_1.wav", "", " "]) | st.text(max_size=5), max_size=4))
def test_lists_name_the_test_clips_or_are_refused_in_one_line(tmp_path_factory, lines):
    folder = tmp_path_factory.getbasetemp() / "listed"
    for name in ("yes/ann_0.wav", "yes/ann_1.wav", "no/bob_0.wav", "no/bob_1.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "test.txt").write_text("\n".join(lines), encoding="utf-8")
    try:
        clips = load_folder(folder, Split(folder / "test.txt", (), 0.2, 0))
    except ValueError as error:
        assert re.match("`test_list` must (name sound files|leave clips (for testing|of each word))", str(error))
    else:
        read = {line.strip() for line in "\n".join(lines).splitlines() if line.strip()}
        assert {str(clip.path.relative_to(folder)) for clip in clips if clip.test} == {
            os.path.normpath(x) for x in read
        }


@pytest.mark.parametrize("name, error", [(b"m\xe4h", ValueError), (b"link", FileNotFoundError)])
def test_refuses_a_words_folder_that_is_none(folder, name, error):
    """One whose name is no text, and a link to nothing; a file beside the words is none of them."""
    path = folder / os.fsdecode(name)
    if name == b"link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
        (path / "a.wav").touch()
    (folder / "README").write_text("two words")
    with pytest.raises(error, match=r"must have folders that are named in UTF-8. Received: 'm.udce4h'|link"):
        load_folder(folder, RANDOM)


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "at least two words. Received: .* with 0 sound files"), (("yes",), "with 1 sound files, all of yes")],
)
def test_refuses_folders_with_fewer_than_two_words(tmp_path, words, message):
    for word in words:
        record(tmp_path / word / "a.wav")
    with pytest.raises(ValueError, match=message):
        load_folder(tmp_path, RANDOM)


def test_refuses_a_folder_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="`corpus` must be a folder with a folder for each word"):
        load_folder(tmp_path / "nowhere", RANDOM)


def timit(folder: Path, layout: str, speakers=7):
    """Fabricate a corpus: each speaker says "she", "making" and "subway" in one sentence."""
    for number in range(speakers):
        if layout == "ldc":
            stem = folder / "TRAIN" / f"DR{number % 3 + 1}" / f"FCJ{number}" / "SA1"
            sound, words = stem.with_suffix(".WAV"), stem.with_suffix(".WRD")
        else:  # lower case, and region and speaker in one name, as NLTK unpacks its sample
            stem = folder / f"dr1-fcj{number}" / "sa1"
            sound, words = stem.with_suffix(".wav"), stem.with_suffix(".wrd")
        record(sound, seconds=1.0, format="NIST")
        words.write_text("1000 4000 she\n4000 9000 making\n9000 15000 subway\n")
    return folder


@pytest.mark.parametrize("layout", ["ldc", "nltk"])
def test_timit_words_are_cut_by_their_times_and_split_by_speaker(tmp_path, layout):
    clips = load_timit(timit(tmp_path, layout, speakers=9), seed=0)
    assert Counter((clip.word, clip.test) for clip in clips) == {
        **{("making", False): 5, ("making", True): 2},  # seven of the nine speakers
        **{("subway", False): 5, ("subway", True): 2},
    }
    assert {clip.span for clip in clips if clip.word == "subway"} == {(9000, 15000)}
    assert len({clip.path.parent for clip in clips if clip.word == "making"}) == 7


def test_refuses_timit_without_transcripts(tmp_path):
    record(tmp_path / "TRAIN" / "DR1" / "FCJF0" / "SA1.WAV", format="NIST")
    with pytest.raises(ValueError, match="`timit` must be a folder with .WRD files somewhere below"):
        load_timit(tmp_path, 0)


def test_transcripts_are_found_beside_sounds_whatever_their_names(tmp_path):
    for number in range(2):
        record(tmp_path / f"s{number}" / "SA[1].WAV", format="NIST")
        (tmp_path / f"s{number}" / "SA[1].WRD").write_text("0 400 making\n400 900 subway\n")
    assert len(load_timit(tmp_path, 0)) == 4


def test_a_folder_that_cannot_be_read_is_not_left_out(tmp_path, monkeypatch):
    """Who runs this may be allowed to read everything, so that the system is told to refuse."""
    timit(tmp_path, "ldc")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("FCJ3"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="FCJ3"):
        load_timit(tmp_path, 0)


def test_a_transcript_without_a_sound_is_not_left_out(tmp_path):
    timit(tmp_path, "ldc", speakers=2)
    sound = tmp_path / "TRAIN" / "DR1" / "FCJ0" / "SA1.WAV"
    sound.rename(sound.with_name("sa1.wav"))  # whatever its case
    assert {clip.path for clip in load_timit(tmp_path, 0)} >= {sound.with_name("sa1.wav")}
    sound.with_name("sa1.wav").unlink()
    assert {clip.path for clip in load_timit(tmp_path, 0)} >= {sound}  # which will be named as not there
