"""Times of starts: what is measured in a process of its own, and what is said where it dies."""

import pytest

from benchmarks import starts


def test_the_last_word_of_a_process_is_the_number():
    assert starts._printed("-c", "print('compiled'); print(1.5)") == 1.5


@pytest.mark.parametrize(
    "code, said",
    [
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("raise MemoryError('no')", "ended with 1 MemoryError: no"),
    ],
)
def test_a_process_that_dies_is_an_error_of_one_line(code, said):
    with pytest.raises(ChildProcessError, match=said):
        starts._printed("-c", code)
