"""Whether bytes are the ones that were meant: by SHA-256, by the id git gives them, or, knowing no better, by size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """What is known of a file's bytes; None where it is not."""

    bytes: int | None = None
    sha256: str | None = None
    git_blob: str | None = None

    def __or__(self, other: Wanted) -> Wanted:
        """This, completed by what `other` knows besides."""
        return Wanted(self.bytes or other.bytes, self.sha256 or other.sha256, self.git_blob or other.git_blob)

    @property
    def by_digest(self) -> bool:
        """Whether more than the size is known."""
        return bool(self.sha256 or self.git_blob)

    def __str__(self) -> str:
        told = (
            f"SHA-256 {self.sha256}" if self.sha256 else "",
            f"git blob {self.git_blob}" if self.git_blob else "",
            f"{self.bytes} bytes" if self.bytes is not None else "",
        )
        return ", ".join(part for part in told if part) or "nothing known beforehand"


@dataclass(frozen=True)
class Sums:
    """What a file's bytes are."""

    bytes: int
    sha256: str
    git_blob: str

    def are(self, wanted: Wanted) -> bool:
        """Whether they agree with everything that is known."""
        pairs = ((wanted.bytes, self.bytes), (wanted.sha256, self.sha256), (wanted.git_blob, self.git_blob))
        return all(known is None or known == found for known, found in pairs)


def sums_of(path: Path, told: Callable[[int, int], None] = lambda done, total: None) -> Sums:
    """Read a file once and sum it up; `told` hears of (bytes read, bytes in all). Raises OSError."""
    size = path.stat().st_size
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)  # as `git hash-object` does
    done = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            blob.update(block)
            done += len(block)
            told(done, size)
    return Sums(done, sha256.hexdigest(), blob.hexdigest())
