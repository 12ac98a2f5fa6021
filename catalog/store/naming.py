"""How files are named: by the SHA-256 of their bytes, `ab/cd/<sha256>.<ext>`, the same in every kind of store."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

BLOCK = 1 << 20
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits, read in 1 MiB blocks."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def clean_suffix(suffix: str) -> str:
    """`.PNG` -> `.png`; anything that is not a dot and 1-10 letters or digits becomes `.bin`: names are generated."""
    lowered = suffix.lower()
    return lowered if _SUFFIX.fullmatch(lowered) else ".bin"


def is_digest(text: str) -> bool:
    """Whether this is a SHA-256 as we write it."""
    return _SHA256.fullmatch(text) is not None


def names(location: str, sha256: str) -> bool:
    """Whether this is where an artifact lies: a row that leads anywhere else is not followed."""
    return bool(location) and location == location_of(sha256, PurePosixPath(location).suffix)


def location_of(sha256: str, suffix: str) -> str:
    """Where an artifact lies, relative to the root of its store: what the catalog writes down."""
    if not is_digest(sha256):
        raise ValueError(f"'{sha256}' is no SHA-256: wanted 64 lower-case hex digits")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}{clean_suffix(suffix)}"
