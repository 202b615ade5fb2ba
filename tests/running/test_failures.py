"""Failures in one line, whoever they come from."""

import tensorflow as tf

from running.failures import in_words


def test_words_of_the_system_of_memory_and_of_tensorflow():
    assert in_words(OSError(28, "No space left on device", "results/a")) == "results/a: No space left on device"
    assert in_words(OSError("several\nlines")) == "several lines"
    assert in_words(MemoryError()) == in_words(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"))
    disk = tf.errors.ResourceExhaustedError(None, None, "log/events.v2; No space left on device")
    assert in_words(disk) == disk.message
    inner = "{{function_node __wrapped__FlushSummaryWriter_device_/job:localhost/replica:0}} log/events.v2; File too large\n[Op:"
    assert in_words(tf.errors.UnknownError(None, None, inner)) == "log/events.v2; File too large"
