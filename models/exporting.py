"""Whether a model is on its way into a file for another runtime."""

import sys

import tensorflow as tf

LITERT = ("keras.src.export.litert", "tensorflow.lite")
# Keras traces a signature of any batch size besides the one that is asked for: here.
SIGNATURE = "keras.src.backend.tensorflow.layer"
EXPORTERS = ("keras.src.export", "tf2onnx", *LITERT)


def being_exported(sequences: tf.Tensor) -> bool:
    """Return whether the model is being traced by an exporter, none of which understands a program of XLA inside it.

    Raises:
        ValueError: the exporter is LiteRT's, whose loops need lengths that are known, and these are not.
    """
    frame, names = sys._getframe(), []
    while frame is not None:
        names.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    known = sequences.shape.is_fully_defined() or SIGNATURE in names
    if any(name.startswith(LITERT) for name in names) and not known:
        raise ValueError(
            "A model for LiteRT needs a batch size and a length that are known: export with "
            '`input_signature=[keras.InputSpec(shape=(1, T, features), dtype="float32")]`. '
            f"Received: sequences of shape {sequences.shape}"
        )
    return any(name.startswith(EXPORTERS) for name in names)
