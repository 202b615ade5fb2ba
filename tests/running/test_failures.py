"""Failures in one line, whoever they come from."""

import os
import sys

import pytest
import tensorflow as tf

from running import signals
from running.failures import in_words, output_may_fail


def test_words_of_the_system_of_memory_and_of_tensorflow():
    assert in_words(OSError(28, "No space left on device", "results/a")) == "results/a: No space left on device"
    assert in_words(BrokenPipeError(32, "Broken pipe")) == "standard output: Broken pipe"
    assert in_words(OSError("several\nlines")) == "several lines"
    assert in_words(MemoryError()) == in_words(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))
    for why in ("No space left on device", "Disk quota exceeded", "Too many open files"):
        disk = tf.errors.ResourceExhaustedError(None, None, f"log/events.v2; {why}")
        assert in_words(disk) == disk.message
    inner = "{{function_node __wrapped__FlushSummaryWriter_device_/job:localhost/replica:0}} log/events.v2; File too large\n[Op:"
    assert in_words(tf.errors.UnknownError(None, None, inner)) == "log/events.v2; File too large"


def full():
    return open("/dev/full", "w")


def without_a_reader():
    ours, theirs = os.pipe()
    os.close(ours)
    return os.fdopen(theirs, "w")


@pytest.mark.parametrize(("stream", "why"), [(full, "No space left on device"), (without_a_reader, "Broken pipe")])
def test_a_computation_does_not_end_with_its_output(stream, why, monkeypatch, capsys):
    """A training stopped with its progress bar, where the terminal or the disk of its log had gone."""
    monkeypatch.setattr(signals, "program", "main.py")  # whatever program another test has run
    with stream() as output:
        monkeypatch.setattr(sys, "stdout", output)
        with output_may_fail() as said:
            for number in range(3):
                print(number, flush=True)
    assert said.failed
    assert capsys.readouterr().err == f"main.py: standard output: {why}; what follows is not shown\n"


def test_nor_with_the_stream_that_would_say_so(monkeypatch):
    with full() as output, open("/dev/full", "w", buffering=1) as errors:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", errors)
        with output_may_fail():
            print("lost", flush=True)
        os.dup2(output.fileno(), errors.fileno())  # which is nowhere by now, for what still waits to be written
