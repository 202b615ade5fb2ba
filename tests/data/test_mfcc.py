"""MFCC against an independent implementation, and against the definition on signals whose answer is known."""

import numpy as np
import pytest
import python_speech_features
import soundfile

from data import mfcc
from data.spoken_words import SHIPPED


def normalised(features):
    return (features - features.mean(axis=0)) / features.std(axis=0)


def test_equals_python_speech_features_after_normalisation():
    """Bands there are cut at whole bins of the spectrum, here not, so the two correlate and are not equal."""
    samples, rate = soundfile.read(sorted(SHIPPED.glob("making/*"))[0])
    assert rate == mfcc.RATE
    theirs = python_speech_features.mfcc(
        samples * 2**15, rate, nfft=512, preemph=0.97, ceplifter=0, winfunc=np.hamming, lowfreq=0, highfreq=8000
    )
    ours = mfcc.mfcc(samples * 2**15)
    frames = min(len(ours), len(theirs))  # theirs pads the end with zeros to one more
    assert len(theirs) - len(ours) in (0, 1)
    one, other = normalised(ours[:frames]), normalised(theirs[:frames])
    correlations = (one * other).mean(axis=0)
    assert correlations[0] > 0.9999  # the energy has no bands
    assert correlations.min() > 0.95 and np.median(correlations) > 0.98


def test_energy_is_that_of_the_window_by_parseval():
    """Σ|X|² over half of the spectrum is near half of N Σ x² for noise."""
    noise = np.random.default_rng(0).normal(size=4000).astype("float32")
    emphasised = np.append(noise[0], noise[1:] - 0.97 * noise[:-1])
    frames = np.stack([emphasised[start : start + 400] * np.hamming(400) for start in range(0, 3601, 160)])
    spectrum = np.abs(np.fft.rfft(frames, 512)) ** 2 / 512
    np.testing.assert_allclose(mfcc.mfcc(noise)[:, 0], np.log(spectrum.sum(axis=1)), atol=1e-4)


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16000, 98)])
def test_one_frame_for_each_whole_window(samples, frames):
    assert mfcc.mfcc(np.ones(samples, "float32")).shape == (frames, 13)


def test_silence_is_finite():
    assert np.isfinite(mfcc.mfcc(np.zeros(1000, "float32"))).all()


def test_refuses_less_than_a_window():
    with pytest.raises(ValueError, match="shorter than one window of 25 ms: 20.0 ms"):
        mfcc.mfcc(np.zeros(320, "float32"))
