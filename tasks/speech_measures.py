"""How good predicted speech is."""

import numpy as np

from data.speech import RATE

WITHIN = 0.1  # NMSE up to which speech counts as given back
FIRST = RATE // 4  # samples of the beginning that are judged by themselves
LEAST = 3  # samples; the window of a frame of two is zero
QUANTITIES = {  # of `compare`: in words, and the unit
    "nmse": ("MSE / variance", ""),
    "mse": ("mean squared error", ""),
    "first_nmse": (f"MSE / variance of the first {FIRST / RATE:g} s", ""),
    "seconds": (f"time until the error exceeds {WITHIN:g} of the variance", "s"),
    "log_spectral_distance": ("log-spectral distance", "dB"),
}


def compare(truth: np.ndarray, said: np.ndarray) -> dict[str, float | None]:
    """Measure speech [T] against the truth [T], both normalised.

    Returns:
        mse, and nmse = MSE / variance of the truth; first_nmse: the same of the first quarter of a second alone, None if
        that is silence; seconds: of the longest beginning whose mean squared error is within a tenth of the truth's variance;
        log_spectral_distance: the mean over frames (25 ms every 10 ms) of the root mean squared difference of log
        spectra, in dB, where what lies 60 dB below the truth's strongest component counts as so much.
    """
    from scipy import signal

    squares = (said.astype(float) - truth) ** 2
    so_far = np.cumsum(squares) / np.arange(1, len(truth) + 1)
    within = np.flatnonzero(so_far <= WITHIN * np.var(truth))
    window = signal.windows.hann(min(RATE // 40, len(truth)))
    frames = signal.ShortTimeFFT(window, RATE // 100, RATE)
    powers = [frames.spectrogram(values) for values in (truth, said)]
    levels = [10 * np.log10(np.maximum(power, 1e-6 * powers[0].max())) for power in powers]  # dB
    return {
        "mse": float(squares.mean()),
        "nmse": float(squares.mean() / np.var(truth)),
        "first_nmse": float(squares[:FIRST].mean() / np.var(truth[:FIRST])) if truth[:FIRST].std() else None,
        "seconds": float((within[-1] + 1 if len(within) else 0) / RATE),
        "log_spectral_distance": float(np.sqrt(((levels[1] - levels[0]) ** 2).mean(axis=0)).mean()),
    }
