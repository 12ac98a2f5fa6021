"""Files that are there whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from manifests.errors import InputError, Problem

_CHUNK_BYTES = 1 << 20


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` when the block ends well, else it is removed."""
    temporary = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write `data` to `path`; a reader sees the old file or the new one, also after the power went.

    `mode`: its permissions, else those of any new file. Raises OSError, and leaves the old one.
    """
    with _flushed(path) as file:
        file.write(data)
        if mode is not None:
            os.fchmod(file.fileno(), mode)


def copy_whole(source: Path, path: Path, largest_bytes: int) -> None:
    """Copy a file, as `write_whole` writes. Raises InputError: UNREADABLE_FILE, NOT_A_FILE or FILE_TOO_LARGE."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold us
    except OSError as error:
        found = f"'{source.name}' cannot be read: {error.strerror}"
        raise InputError(Problem("UNREADABLE_FILE", found, "check that it is there")) from error
    with os.fdopen(descriptor, "rb") as wanted:
        status = os.fstat(wanted.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputError(Problem("NOT_A_FILE", f"'{source.name}' is not a regular file", "name a file"))
        if status.st_size > largest_bytes:
            found = f"'{source.name}' has {status.st_size} bytes, the limit is {largest_bytes}"
            raise InputError(Problem("FILE_TOO_LARGE", found, "use a smaller file"))
        with _flushed(path) as file:
            left = status.st_size
            while left and (data := wanted.read(min(left, _CHUNK_BYTES))):
                file.write(data)
                left -= len(data)


def sha256_of(path: Path) -> str:
    """Digest of the file's bytes, "" where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def _flushed(path: Path) -> Iterator[IO[bytes]]:
    with beside(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
