"""A lock that a run holds while it is trained, and that dies with its process."""

import fcntl
import os
import platform
from pathlib import Path


class LockedError(ValueError):
    """Another process holds the lock."""


class Lock:
    """A file that one process at a time holds; the system lets go of it when the process ends, however it ends.

    Args:
        path: of the file, in a folder that is there.
        what: is locked, for the message.

    Raises:
        LockedError: another process holds it; names the process and its host.
    """

    def __init__(self, path: Path, what: str):
        self.path = path
        while True:
            self.file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (held as long as the lock)
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.file.seek(0)
                holder = self.file.read() or "another process"
                self.file.close()
                raise LockedError(f"{what} must not be in progress elsewhere. Received: one of {holder}") from None
            except OSError as error:  # some network drives have no locks
                self.file.close()
                error.filename = str(path)
                raise
            if path.exists() and os.path.samestat(path.stat(), os.fstat(self.file.fileno())):
                break
            self.file.close()  # whoever held it has removed the file in between
        self.file.truncate(0)
        self.file.write(f"process {os.getpid()} on {platform.node()}")
        self.file.flush()

    def release(self) -> None:
        """Let go of the lock and remove its file; once more does nothing."""
        if not self.file.closed:
            self.path.unlink(missing_ok=True)
            self.file.close()
