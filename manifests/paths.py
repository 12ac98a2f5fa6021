"""Where pictures may lie: resolved, inside the manifest's roots, regular readable files."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from manifests.errors import Problem

# One slash is enough: a Path has already made one of two.
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/|data:", re.IGNORECASE)


class Pictures:
    """Finds pictures inside a few folders; every answer is kept, so a picture of many rows is looked up once."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self._inside = tuple(os.path.join(root, "") for root in self.roots)  # noqa: PTH118 - keeps the closing /
        self._found: dict[str, Path | Problem] = {}

    def find(self, path: str) -> Path | Problem:
        """The absolute, resolved file `path` names (relative: in the first root that has it), or why there is none.

        Codes: `PICTURE_MISSING`, `PATH_OUTSIDE`, `NOT_A_FILE`, `URL_REFUSED`. Without file and line: the caller knows.
        """
        if path not in self._found:
            self._found[path] = self._look(path)
        return self._found[path]

    def _look(self, path: str) -> Path | Problem:
        if _URL.match(path):
            return Problem(
                "URL_REFUSED",
                f"{_told(re.sub(':/+', '://', path, count=1))} is a URL",
                "download it first and name the file",
            )
        if not path or "\0" in path:
            return Problem("PICTURE_MISSING", f"{_told(path)} names no file", "write the picture's path")
        outside: Problem | None = None
        for root in self.roots:
            resolved = os.path.realpath(root / path)
            if not resolved.startswith(self._inside):
                outside = outside or Problem(
                    "PATH_OUTSIDE",
                    f"{_told(path)} leads to {_told(resolved)}, outside {self._told_roots()}",
                    "move the picture there, or add its folder to roots:",
                )
                continue
            try:
                status = os.stat(resolved)  # noqa: PTH116 - thousands of rows; a Path costs ten times the call
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode) or not os.access(resolved, os.R_OK):
                kind = "is not readable" if stat.S_ISREG(status.st_mode) else f"is {_kind(status.st_mode)}"
                return Problem("NOT_A_FILE", f"{_told(path)} {kind}", "name a regular, readable picture file")
            return Path(resolved)
        if outside:
            return outside
        remedy = "write folders with /" if "\\" in path else "check the name, its case, and roots:"
        return Problem("PICTURE_MISSING", f"{_told(path)} is not in {self._told_roots()}", remedy)

    def _told_roots(self) -> str:
        return " or ".join(map(str, self.roots))


def _told(path: str) -> str:
    text = path if path.isprintable() else path.encode("unicode_escape").decode()
    return f"'{text if len(text) < 200 else text[:199] + '…'}'"


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
