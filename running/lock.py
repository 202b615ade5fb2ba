"""A lock that a run holds while it is trained, and that dies with its process."""

import contextlib
import fcntl
import os
import platform
from pathlib import Path
from typing import NoReturn

from data.files import naming

HOLDER = "process "  # what a lock begins with


class LockedError(ValueError):
    """Another process holds the lock."""


class Lock:
    """A file that one process at a time holds; the system lets go of it when the process ends, however it ends.

    Args:
        path: of the file, in a folder that is there.
        what: is locked, for the message.

    Raises:
        LockedError: another process holds it; names the process and its host.
        ValueError: there is something of that name that is no lock.
    """

    def __init__(self, path: Path, what: str):
        self.path = path
        while True:
            if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
                self._refuse(what)
            self.file = open(path, "a+", encoding="utf-8", errors="replace")  # noqa: SIM115 (held as long as the lock)
            try:
                with naming(path):  # some network drives have no locks
                    fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._said() or "another process"
                self.file.close()
                raise LockedError(f"{what} must not be in progress elsewhere. Received: one of {holder}") from None
            except OSError:
                self.file.close()
                raise
            if path.exists() and self._is_there():
                break
            self.file.close()  # whoever held it has removed the file in between
        if (said := self._said()) and not said.startswith(HOLDER):
            self.file.close()
            self._refuse(what)
        try:
            with naming(path):
                self.file.truncate(0)
                os.write(self.file.fileno(), _mark())
        except OSError:
            self.release()
            raise

    def _is_there(self) -> bool:
        """Return whether the file of this name is still this one."""
        return os.path.samestat(self.path.stat(), os.fstat(self.file.fileno()))

    def _said(self) -> str:
        self.file.seek(0)
        return self.file.read()

    def _refuse(self, what: str) -> NoReturn:
        raise ValueError(f"{what} needs a lock. Received: {self.path}, which is something else; move it away")

    def release(self) -> None:
        """Let go of the lock and remove its file, which locks nothing where that cannot be; once more does nothing."""
        if not self.file.closed:
            with contextlib.suppress(OSError):
                if self._is_there() or self.path.read_bytes() == _mark():  # a copy of it, as of the whole folder
                    self.path.unlink()
            self.file.close()


def _mark() -> bytes:
    """Return what a lock of this process holds."""
    return f"{HOLDER}{os.getpid()} on {platform.node()}".encode()
