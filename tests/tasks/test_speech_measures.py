"""How good predicted speech is: by hand."""

import numpy as np
import pytest

from tasks.speech_measures import LEAST, compare


def test_compare_measures_what_it_says():
    truth = np.random.default_rng(0).normal(size=16000)
    same = compare(truth, truth)
    assert (same["mse"], same["log_spectral_distance"], same["seconds"]) == (0, 0, 1.0)
    half = compare(truth, 0.5 * truth)
    assert half["nmse"] == pytest.approx(0.25, rel=1e-2)
    assert half["log_spectral_distance"] == pytest.approx(20 * np.log10(2), rel=1e-2)  # amplitudes halved are 6 dB
    silent_late = np.where(np.arange(16000) < 8000, truth, 0)
    late = compare(truth, silent_late)
    assert late["first_nmse"] == 0 and late["nmse"] == pytest.approx(0.5, rel=0.05)
    # Silence adds an error of 1 a sample: a tenth on average after 8000 / 9 samples more.
    assert late["seconds"] == pytest.approx((8000 + 8000 / 9) / 16000, rel=0.02)
    assert compare(truth, np.full(16000, np.nan))["seconds"] == 0
    least = truth[:LEAST]
    assert compare(least, 0.5 * least)["log_spectral_distance"] == pytest.approx(20 * np.log10(2))
