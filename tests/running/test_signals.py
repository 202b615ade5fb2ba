"""Signals: the first ends in good order, the second at once, wherever the program is."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from running import signals

ROOT = Path(__file__).parents[2]
LONG = f"""
import hashlib, sys
sys.path.insert(0, {str(ROOT)!r})
from running import signals

with signals.raised("python -m experiments x"):
    try:
        print("ready", flush=True)
        hashlib.pbkdf2_hmac("sha512", b"", b"", 10**9)  # in C for minutes, as compiling is
    finally:
        print("in good order", flush=True)
"""


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_first_signal_is_raised_with_its_exit_status(number, status):
    before = signal.getsignal(number)
    with pytest.raises(signals.Stopped) as caught, signals.raised():
        signal.raise_signal(number)
    assert caught.value.status == status
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.raised():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("value", [1.0, b"bytes", [1, 2]])
def test_a_signal_where_tensorflow_would_crash_is_raised_behind_it(value, monkeypatch):
    """TensorFlow would go on with a context that it has not got, which ends the process."""
    names = {"signal": signal}
    code = "def handle(self):\n    signal.raise_signal(signal.SIGTERM)\n    return self._context_handle"
    exec(compile(code, context.__file__, "exec"), names)
    tf.constant(0)  # so that there is a context
    monkeypatch.setattr(context.Context, "_handle", property(names["handle"]))
    with pytest.raises(signals.Stopped) as caught, signals.raised():
        tf.constant(value)
        pytest.fail("it was not raised")
    assert caught.value.status == 143 and sys.gettrace() is None


def test_a_signal_that_waits_is_raised_also_where_something_fails():
    with pytest.raises(signals.Stopped), signals.raised(), signals.held():
        signal.raise_signal(signal.SIGTERM)
        raise ValueError


def interrupted_twice(errors):
    """Start a process that computes for long, and send it two signals, the second while it computes."""
    process = subprocess.Popen([sys.executable, "-c", LONG], text=True, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    return process


def test_the_second_signal_ends_the_process_at_once_even_within_a_long_call():
    process = interrupted_twice(subprocess.PIPE)
    output, errors = process.communicate(timeout=5)
    assert (process.returncode, output, errors) == (130, "", "\npython -m experiments x: left at once\n")


def test_the_second_signal_ends_the_process_also_where_nothing_can_be_said():
    with open("/dev/full", "w") as errors:
        process = interrupted_twice(errors)
    assert process.wait(timeout=5) == 130


def test_signals_by_default_end_the_process_and_behind_them_the_handlers_are_those_of_before():
    code = LONG.replace(
        'with signals.raised("python -m experiments x"):', "with signals.raised(), signals.by_default():"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert (process.wait(timeout=5), process.stdout.read()) == (-signal.SIGTERM, b"")
    with pytest.raises(signals.Stopped), signals.raised():
        with signals.by_default():
            ctypes.CDLL(None).signal(signal.SIGTERM, 1)  # ignored, which Python does not learn of
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_comes_while_they_are_set_is_raised(monkeypatch):
    before, set_one = signal.getsignal(signal.SIGINT), signal.signal

    def interrupted(number, handler):
        monkeypatch.setattr(signal, "signal", set_one)
        set_one(number, handler)
        signal.raise_signal(number)

    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(signals.Stopped), signals.raised():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_comes_when_all_is_done_is_too_late(monkeypatch):
    join = threading.Thread.join
    monkeypatch.setattr(threading.Thread, "join", lambda thread: (signal.raise_signal(signal.SIGINT), join(thread)))
    with signals.raised():
        pass


def test_what_a_library_has_made_of_a_signal_is_the_signal_again():
    with pytest.raises(signals.Stopped) as caught, signals.raised(), signals.as_they_were():
        try:
            signal.raise_signal(signal.SIGTERM)
        except signals.Stopped:
            raise RuntimeError("MISMATCH of original and normalized active exception types") from None
    assert caught.value.status == 143


def test_errors_without_a_signal_are_left_alone():
    with pytest.raises(RuntimeError, match="another"), signals.as_they_were():
        raise RuntimeError("another")


def test_a_signal_that_is_held_is_raised_at_the_end():
    done = []
    with pytest.raises(signals.Stopped) as caught, signals.raised(), signals.held():
        signal.raise_signal(signal.SIGHUP)
        done.append("all")
    assert done == ["all"] and caught.value.status == 129
