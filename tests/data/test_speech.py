"""Utterances and their phones: what ships, TIMIT's layout, and what is refused."""

import hashlib

import numpy as np
import pytest
import soundfile

from data import make_speech, speech
from data.speech import PHONES, RATE, SHIPPED, find_utterance, load_times, load_utterance, phones_at_samples


def write(folder, name="a", samples=1600, rate=RATE, phones="0 600 h#\n600 1600 aa\n", suffix=".WAV"):
    path = folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).uniform(-0.5, 0.5, samples)
    soundfile.write(path, values, rate, format="NIST" if suffix == ".WAV" else "WAV")
    if phones is not None:
        path.with_suffix(".PHN").write_text(phones)
    return path


def test_phones_are_the_61_of_timit_and_silence():
    assert len(PHONES) == len(set(PHONES)) == 61 + 1  # TIMIT's phoncode.doc, and "sil"


def test_what_ships_is_what_the_script_makes():
    digest = hashlib.sha256()
    for name in make_speech.SENTENCES:
        samples, rate = soundfile.read(SHIPPED / f"{name}.WAV", dtype="int16")
        digest.update(samples.tobytes() + (SHIPPED / f"{name}.PHN").read_bytes())
        assert rate == RATE and 2 < len(samples) / rate < 3
        utterance = load_utterance(SHIPPED / f"{name}.WAV")
        assert len(utterance.phones) == len(utterance.samples) == len(samples)
        assert utterance.times[0] == (0, 320, "pau") and utterance.times[-1][2] == "pau"
    assert digest.hexdigest() == make_speech.SHA256


def test_phones_at_samples():
    phones = phones_at_samples([(0, 2, "h#"), (2, 5, "aa")])
    assert [PHONES[phone] for phone in phones] == ["h#", "h#", "aa", "aa", "aa"]


def test_timit_utterances_are_found_by_name(tmp_path):
    for name in ("TRAIN/DR1/FCJF0/SA1", "TRAIN/DR1/FCJF0/SA2", "TEST/DR1/FAKS0/SA1"):
        write(tmp_path, name)
    write(tmp_path, "TRAIN/no-phones", phones=None)
    assert find_utterance(None, str(tmp_path)) == tmp_path / "TEST/DR1/FAKS0/SA1.WAV"
    path = find_utterance("dr1/fcjf0/sa1", str(tmp_path))
    assert path == tmp_path / "TRAIN/DR1/FCJF0/SA1.WAV"
    assert len(load_utterance(path).samples) == 1600  # NIST SPHERE, as the LDC distributes it
    with pytest.raises(ValueError, match="`utterance` must name one of the 3 utterances .* SA1, which names 2"):
        find_utterance("SA1", str(tmp_path))


@pytest.mark.parametrize("name", ["fcjf0/SA1", "DR1/FCJF0/SA1"])
def test_an_utterance_of_the_working_folder_is_found_by_the_name_that_is_shown(tmp_path, monkeypatch, name):
    path = write(tmp_path, "TRAIN/DR1/FCJF0/SA1")
    for folder, timit in [(path.parent, "."), (path.parents[1], "."), (path.parents[2], "DR1/FCJF0")]:
        monkeypatch.chdir(folder)
        assert find_utterance(name, timit).resolve() == path
        with pytest.raises(ValueError, match="as FCJF0/SA1. Received: SA2, which names 0"):
            find_utterance("SA2", timit)


def test_the_last_phone_may_miss_the_end_a_little_as_in_timit(tmp_path):
    utterance = load_utterance(write(tmp_path, samples=1700))
    assert utterance.times[-1] == (600, 1700, "aa") and len(utterance.phones) == 1700


@pytest.mark.parametrize(
    "made, message",
    [
        ({"phones": ""}, "a.PHN must hold lines of start, end and phone. Received: none"),
        ({"phones": "0 600 h#\n500 1600 aa\n"}, "must go on at sample 600. Received: 500 1600 aa, which overlaps"),
        ({"phones": "0 600 h#\n700 1600 aa\n"}, "must go on at sample 600. Received: 700 1600 aa, which leaves a gap"),
        ({"phones": "100 1600 h#\n"}, "must go on at sample 0. Received: 100 1600 h#, which leaves a gap"),
        ({"phones": "0 1600 zzz\n"}, "must name phones of TIMIT .* Received: zzz"),
        (
            {"phones": "0 1600\n"},
            "must have lines of start, end and label, by numbers of up to nine digits. Received: '0 1600' in line 1",
        ),
        ({"phones": "0 1000 h#\n"}, "must end where the sound ends, at sample 1600. Received: 1000"),
        ({"phones": "0 9000 h#\n"}, "must end where the sound ends, at sample 1600. Received: 9000"),
        ({"phones": "0 1650 h#\n1650 1700 aa\n"}, "must end where the sound ends, at sample 1600. Received: 1700"),
        (
            {"phones": "0 1600000000000 h#\n"},
            "must have lines of start, end and label, by numbers of up to nine digits. Received: '0 1600000000000 h#'",
        ),
        ({"phones": None}, "`utterance` must have a .PHN file beside it. Received: .*a.WAV without"),
        ({"rate": 8000}, "`utterance` must have 16000 samples a second. Received: .*a.WAV with 8000"),
    ],
)
def test_refuses(made, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_utterance(write(tmp_path, **made))


def test_refuses_a_sound_that_is_not_finite(tmp_path):
    path = write(tmp_path, suffix=".wav")
    soundfile.write(path, np.r_[np.zeros(1599), np.nan], RATE, subtype="FLOAT")
    with pytest.raises(ValueError, match="must be a sound that can be read. Received: .*a.wav: sample 1599 is nan"):
        load_utterance(path)


def test_refuses_a_sound_that_would_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "LONGEST", 0.05)
    with pytest.raises(
        ValueError, match="must be a sound that can be read. Received: .*a.WAV: longer than 0.05 s: 0.1 s"
    ):
        load_utterance(write(tmp_path))


def test_refuses_phones_of_more_than_an_hour(tmp_path):
    (tmp_path / "a.PHN").write_text(f"0 {3600 * RATE + 1} h#\n")
    with pytest.raises(ValueError, match="a.PHN must end within 3600 s. Received: 3600.0 s"):
        load_times(tmp_path / "a.PHN")


def test_what_is_beside_a_sound_must_be_a_file(tmp_path):
    path = write(tmp_path)
    phones = path.with_suffix(".PHN")
    phones.unlink()
    for make in (phones.mkdir, lambda: phones.rmdir() or phones.symlink_to("nowhere")):
        make()
        with pytest.raises(ValueError, match="`utterance` must have a .PHN file beside it. Received: .*WAV with a.PHN"):
            load_utterance(path)


def test_refuses_what_is_not_there(tmp_path):
    for call, message in [
        (lambda: find_utterance("a.wav", None), "`utterance` must be a sound file that exists. Received: a.wav"),
        (lambda: find_utterance(None, str(tmp_path)), "`timit` must be a folder with .WAV and .PHN files"),
        (lambda: find_utterance(None, "nowhere"), "`timit` must be a folder with .WAV and .PHN files"),
        (lambda: load_times(tmp_path / "a.PHN"), "`phones` must be a file that exists"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    path = write(tmp_path)
    path.write_text("no sound")
    with pytest.raises(ValueError, match="`utterance` must be a sound that can be read. Received: .*a.WAV: "):
        load_utterance(path)
