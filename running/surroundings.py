"""What a shell or other programs leave for ours, made fit before anything else is imported."""

import os
import sys
import tempfile

SETTINGS = {
    "KERAS_BACKEND": "tensorflow",  # whatever ~/.keras/keras.json or a notebook says: the layers are TensorFlow's
    "KERAS_HOME": os.devnull,  # that file may also ask for half precision
    "MPLBACKEND": "agg",  # pictures go into files, and one that is not there is an error
    "MATPLOTLIBRC": os.devnull,  # whatever somebody's own says of fonts and sizes
}


def prepare() -> None:
    """Have files for input and output, an encoding that never fails, and the backends that this program is made for."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except (
            OSError
        ):  # closed, as by `2>&-`: the next file that is opened, perhaps a checkpoint, would take its place
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # which Python makes of a closed one, and progress bars do not take
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open to the end)
        getattr(sys, name).reconfigure(errors="backslashreplace")  # what the terminal's encoding lacks is spelt out
    try:
        tempfile.gettempdir()
    except OSError:  # no disk has room, or there is no folder for it: TensorFlow wants to know of one, and uses none
        tempfile.tempdir = os.curdir
    os.environ.update(SETTINGS)
