"""Signals that end a run in good order, and at once when they come again."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# TensorFlow asks this file for its context, does not look whether that raised something, and crashes (2.21).
CRASHING = os.path.join("tensorflow", "python", "eager", "context.py")
_came: list[int] = []  # numbers of the signals that were raised
program = "main.py"  # that runs, as messages call it
_holding, _waiting = False, []  # whether signals wait, and the numbers of those that do


class Stopped(KeyboardInterrupt):
    """Somebody or the system asks this process to end."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number

    @property
    def status(self) -> int:
        """The exit status that says so: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.number


def end_quietly() -> None:
    """Let Ctrl-C end the process without a word, while modules are imported and there is nothing to lose."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def raised(name: str = "main.py") -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first signal; at the second one leave at once.

    A signal that is ignored, as SIGHUP is under nohup, stays so. One that comes at the very beginning is raised before the
    body, and has to be caught around the whole; one that comes at the very end comes too late.

    Args:
        name: of the program, for messages.
    """
    global _holding, program
    program = name
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number in SIGNALS if before[number] != signal.SIG_IGN]
    listener, told = os.pipe()
    os.set_blocking(told, False)
    woken = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    thread = threading.Thread(target=_leave_at_the_second, args=(listener, heeded), daemon=True)
    thread.start()
    try:
        for number in heeded:
            signal.signal(number, _raise)
        yield
    finally:
        _holding = True
        signal.set_wakeup_fd(woken)
        os.close(told)
        thread.join()
        os.close(listener)
        for number in heeded:
            signal.signal(number, before[number])
        _holding = False


@contextlib.contextmanager
def by_default() -> Iterator[None]:
    """Let signals end the process at once, by the system alone: around a call in which no Python runs and nothing is lost.

    Behind it the handlers are those of before, whichever were set within.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def as_they_were() -> Iterator[None]:
    """Raise `Stopped` where TensorFlow, in the middle of which it was raised, has made another error of it."""
    before = len(_came)
    try:
        yield
    except Exception as error:
        if len(_came) > before:
            raise Stopped(_came[-1]) from error
        raise


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let signals wait for the end of this; the second one still leaves at once.

    For some seconds of much Python: it loses what is raised in the middle of a weak reference's end, with a traceback.
    """
    global _holding
    _waiting.clear()
    _holding = True
    try:
        yield
    finally:
        _holding = False
        if _waiting:
            _raise(_waiting.pop(), None)


def _raise(number: int, frame: FrameType | None) -> None:
    if _holding:
        _waiting.append(number)
    elif frame and frame.f_code.co_filename.endswith(CRASHING):
        _raise_behind(number, frame)
    else:
        _came.append(number)
        raise Stopped(number)


def _raise_behind(number: int, frame: FrameType) -> None:
    """Raise as soon as another file's line is run than that of the frame."""
    file = frame.f_code.co_filename

    def look(frame: FrameType, event: str, argument: object) -> Callable:
        if frame.f_code.co_filename != file:
            sys.settrace(None)
            _raise(number, frame)
        return look

    while frame and frame.f_code.co_filename == file:
        frame = frame.f_back
    if frame:
        frame.f_trace = look
    sys.settrace(look)


def _leave_at_the_second(listener: int, heeded: list[int]) -> None:
    """Follow the numbers of signals, in a thread: Python's own handlers wait until TensorFlow returns from a long call."""
    seen = 0
    while number := os.read(listener, 1):
        seen += number[0] in heeded
        if seen == 2:
            with contextlib.suppress(OSError):
                os.write(2, f"\n{program}: left at once\n".encode())
            os._exit(128 + number[0])
