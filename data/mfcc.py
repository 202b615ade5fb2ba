"""Mel-frequency cepstral coefficients, as the Clockwork RNN paper's spoken words are described (section 4.2)."""

import functools

import numpy as np
import tensorflow as tf

RATE = 16000  # samples a second
WINDOW, HOP = 400, 160  # samples: 25 ms every 10 ms
FFT = 512
BANDS = 26
PRE_EMPHASIS = 0.97
CHANNELS = 13  # log energy, then coefficients 1 to 12


def mfcc(samples: np.ndarray) -> np.ndarray:
    """Return log energy and 12 mel-frequency cepstral coefficients every 10 ms.

    Windows of 25 ms (Hamming) of x(t) − 0.97 x(t−1); 26 triangular bands from 0 to 8 kHz, equally wide on HTK's mel scale;
    the type-2 discrete cosine transform of their log energies. The log energy is that of the whole windowed spectrum.

    Args:
        samples: at 16 kHz, at least one window of 400 [N].

    Returns:
        float32 [frames, 13], one frame for each whole window.

    Raises:
        ValueError: the samples are fewer than one window.
    """
    if len(samples) < WINDOW:
        raise ValueError(f"shorter than one window of {1000 * WINDOW // RATE} ms: {1000 * len(samples) / RATE:.1f} ms")
    return _mfcc(tf.constant(samples, tf.float32)).numpy()


@tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
def _mfcc(samples: tf.Tensor) -> tf.Tensor:
    samples = tf.concat([samples[:1], samples[1:] - PRE_EMPHASIS * samples[:-1]], 0)
    window = functools.partial(tf.signal.hamming_window, periodic=False)
    spectrum = tf.abs(tf.signal.stft(samples, WINDOW, HOP, FFT, window)) ** 2 / FFT  # [frames, FFT / 2 + 1]
    tiny = tf.constant(np.finfo(np.float32).tiny)
    energy = tf.math.log(tf.reduce_sum(spectrum, 1, keepdims=True) + tiny)  # [frames, 1]
    bands = tf.signal.linear_to_mel_weight_matrix(BANDS, FFT // 2 + 1, RATE, 0.0, RATE / 2)  # [FFT / 2 + 1, BANDS]
    log_bands = tf.math.log(spectrum @ bands + tiny)  # [frames, BANDS]
    cepstrum = tf.signal.mfccs_from_log_mel_spectrograms(log_bands)
    return tf.concat([energy, cepstrum[:, 1:CHANNELS]], 1)  # [frames, CHANNELS]
