"""Files people write, as text: size, encoding and line ends are told, not guessed around."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

from manifests.errors import Problem

LARGEST = 64 * 1024 * 1024
"""Bytes of a manifest or a file of rows."""


class UnreadableError(ValueError):
    """The file cannot be read as text."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def read_text(path: Path, file: str, largest: int = LARGEST) -> str:
    """The file's text, decoded from UTF-8 (with or without BOM) or from UTF-16 with BOM.

    Raises:
        UnreadableError: `FILE_MISSING`, `NOT_A_FILE`, `TOO_LARGE` or `BAD_ENCODING`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(Problem("NOT_A_FILE", f"{file} is no regular file", "name a file", file))
        if status.st_size > largest:
            found = f"{file} has {status.st_size / 2**20:.1f} MiB, at most {largest // 2**20} MiB are read"
            raise UnreadableError(Problem("TOO_LARGE", found, "cut it into several manifests", file))
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableError(Problem("FILE_MISSING", f"{file} is not there", "check the path", file)) from error
    except OSError as error:
        what = error.strerror or str(error)
        raise UnreadableError(
            Problem("NOT_A_FILE", f"{file} cannot be read: {what}", "check its rights", file)
        ) from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte {data[error.start]:#04x} at offset {error.start} is no UTF-8"
        raise UnreadableError(
            Problem("BAD_ENCODING", found, "save it as UTF-8 (Excel: CSV UTF-8)", file, line)
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError(Problem("BAD_ENCODING", "a NUL character", "save it as UTF-8 text", file, line))
    return text
