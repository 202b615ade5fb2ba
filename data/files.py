"""Files that are there whole or not at all."""

import contextlib
import csv
import functools
import glob
import hashlib
import json
import os
import platform
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Bytes of a file that is read at once: of many more, what is made of them fills the memory of most machines.
MOST = 2**30


class DamagedError(ValueError):
    """A file is not as this project wrote it; the message names it."""


@contextlib.contextmanager
def write_whole(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give a path beside the wanted one to write to, and move it there when all went well.

    Raises:
        OSError: names the wanted path, also where what was full or forbidden did not.
    """
    begin = f".{path.name}.{platform.node()}."
    for old in path.parent.glob(f"{glob.escape(begin)}*.part*"):
        process = re.match(r"(\d+)\.part", old.name.removeprefix(begin))
        if process and not _lives(int(process[1])):  # it left in the middle
            old.unlink(missing_ok=True)
    part = path.with_name(f"{begin}{os.getpid()}.part{suffix}")
    try:
        yield part
        with open(part, "rb") as file:
            os.fsync(file)  # or after a loss of power the name might be there without the content
        os.replace(part, path)
    except OSError as error:
        if error.filename in (None, str(part)):
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):  # the error that led here says more, as that the name is too long
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def write_about(path: Path, argument: str, source: Path | str) -> Iterator[Path]:
    """Do the same for what was made of a file and is named after it, as others of its name would be.

    A hidden file beside it remembers of which, from where it is, so that both can be moved together.

    Raises:
        ValueError: there is already something else of that name; names the argument that gave the file.
    """
    memory, own = path.with_name(f".{path.name}.made_of"), os.path.relpath(source, path.parent)
    with write_whole(path) as part:
        yield part
        made_of = read_json(memory, "made_of")["made_of"] if memory.exists() else None
        if path.exists() and made_of != own:
            with reading(path):
                if part.read_bytes() != path.read_bytes():
                    raise ValueError(
                        f"`{argument}` must not replace what was made of another file. Received: {source}, for {path}; "
                        "move that away first"
                    )
            own = made_of or own  # of which it still is
        write_json(memory, {"made_of": own})


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as a CSV file, whole or not at all."""
    with write_whole(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    with write_whole(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let every OSError name the file, as those of opening it do by themselves."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Do the same, and raise a ValueError that names what is no file, or too large to be read at once."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for
        raise ValueError(f"{path} must be a file. Received: {'a folder' if path.is_dir() else 'another thing'}")
    if (size := about.st_size) > MOST:
        raise ValueError(f"{path} must have at most {MOST / 2**30:g} GiB. Received: {size / 2**30:.3g} GiB")
    with naming(path):
        yield


def read_json(path: Path, *names: str) -> dict[str, Any]:
    """Return what a JSON file holds; raises a ValueError that names it where it is damaged or lacks one of the names."""
    found = read_any_json(path)
    if not isinstance(found, dict) or not found.keys() >= set(names):
        wanted = f" with {', '.join(names)}" * bool(names)
        raise ValueError(f"{path} must be a JSON object{wanted}. Received: {str(found)[:80]}")
    return found


def read_any_json(path: Path) -> Any:
    """Return what a JSON file holds, an object or not; raises a ValueError that names it where it is damaged."""
    with reading(path):
        try:
            return json.loads(path.read_text(encoding="utf-8-sig"))
        except ValueError as error:  # no JSON, or no text
            raise ValueError(f"{path} must be JSON. Received: {error}") from None
        except RecursionError:
            raise ValueError(f"{path} must be JSON. Received: brackets in brackets without end") from None


def is_utf8(path: Path | str) -> bool:
    """Return whether a path, or a word, is in UTF-8: other bytes name a file, but cannot be written into one or into a message."""
    return str(path).encode(errors="replace").decode() == str(path)


def in_a_line(error: Exception) -> str:
    """Return what another library has to say, cut to one line of a message."""
    return " ".join(str(error).replace("`", "").split())[:120] or type(error).__name__


@functools.lru_cache
def digest(path: str) -> str:
    """Return what stands for the content of a file, or of the files in a folder; nothing where there is none."""
    inside = glob.iglob(f"{glob.escape(path)}/**", recursive=True)
    there = [path] if os.path.isfile(path) else sorted(filter(os.path.isfile, inside))
    found = hashlib.sha256()
    for file in there:
        found.update(os.path.relpath(file, path).encode(errors="surrogateescape"))
        with contextlib.suppress(OSError), open(file, "rb") as stream:  # of one that cannot be read nothing is used
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest() if there else ""


def _lives(process: int) -> bool:
    """Return whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of someone else
        return True
    return True
