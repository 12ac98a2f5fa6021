"""Durable files, named by the SHA-256 of their bytes: `<root>/ab/cd/<sha256>.<ext>`.

The same bytes are one file. A file appears under its name whole or not at all: it is written under a temporary name on
the same filesystem, flushed, and renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import CatalogError, Damaged, NotFound, StoreUnavailable

_BLOCK = 1 << 20
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits, read in 1 MiB blocks."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def clean_suffix(suffix: str) -> str:
    """`.PNG` -> `.png`; anything that is not a dot and 1-10 letters or digits becomes `.bin`: names are generated."""
    lowered = suffix.lower()
    return lowered if _SUFFIX.fullmatch(lowered) else ".bin"


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _storage(doing: str) -> Generator[None]:
    """A full disk or a lost mount is a fault of the storage, not of the shot: say so by type."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreUnavailable(f"store: {doing}: {error}; free space or bring the storage back, then resume") from error


class Store:
    """A local folder of artifacts."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.incoming = self.root / "incoming"
        with _storage(f"create '{self.incoming}'"):
            self.incoming.mkdir(parents=True, exist_ok=True)

    def stage_file(self, suffix: str) -> Path:
        """A new temporary name on the store's filesystem, not yet created; write there, then `publish` or `discard`."""
        return self.incoming / f"{time.time_ns():x}-{secrets.token_hex(4)}{clean_suffix(suffix)}"

    def location(self, sha256: str, suffix: str) -> str:
        """Where an artifact lies, relative to the root: what the catalog writes down."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"'{sha256}' is no SHA-256: wanted 64 lower-case hex digits")
        return f"{sha256[:2]}/{sha256[2:4]}/{sha256}{clean_suffix(suffix)}"

    def flush(self, temp: Path) -> None:
        """Make a staged file's bytes durable. Raises NotFound if it is not a regular file of this store."""
        if temp.parent != self.incoming:
            raise CatalogError(
                f"'{temp}' was not staged in this store; take a name from stage_file()", code="NOT_STAGED"
            )
        if temp.is_symlink() or not temp.is_file():
            raise NotFound(f"staged file '{temp}' is not there; write it before it is published")
        with _storage(f"flush '{temp}'"), temp.open("rb") as file:
            os.fsync(file.fileno())

    def settle(self, temp: Path, sha256: str) -> Path:
        """Give a flushed file its durable name, read-only. The same bytes again replace themselves.

        Replacing (not keeping) the older file heals one that has been damaged since; its extension stays.
        """
        try:
            final = self.path(sha256)
        except NotFound:
            final = self.root / self.location(sha256, temp.suffix)
        with _storage(f"settle '{final.name}'"):
            if not final.parent.is_dir():
                final.parent.mkdir(parents=True, exist_ok=True)
                _flush_folder(final.parent.parent)
                _flush_folder(self.root)
            temp.chmod(0o444)
            temp.replace(final)
            _flush_folder(final.parent)
        return final

    def path(self, sha256: str) -> Path:
        """The file with these bytes. Raises NotFound; does not re-read it (see `verify`)."""
        folder = (self.root / self.location(sha256, ".bin")).parent
        for found in folder.glob(f"{sha256}.*"):
            return found
        raise NotFound(f"artifact {sha256[:12]} is not in the store '{self.root}'; run again to make it")

    def verify(self, sha256: str) -> Path:
        """Re-hash an artifact and return its path. Raises Damaged if the bytes are others or the file is missing."""
        try:
            path = self.path(sha256)
            with _storage(f"read '{path}'"):
                found = hash_file(path)
        except FileNotFoundError as error:
            raise Damaged(f"artifact {sha256[:12]} vanished from the store while being read", sha256) from error
        except NotFound as error:
            raise Damaged(f"artifact {sha256[:12]} is missing from the store '{self.root}'", sha256) from error
        if found != sha256:
            raise Damaged(f"artifact {sha256[:12]}: the file's bytes now hash to {found[:12]} ('{path}')", sha256)
        return path

    def copy_in(self, source: Path) -> tuple[Path, str]:
        """Copy a file to a temporary name, flushed: (temporary path, SHA-256 of exactly the bytes that were copied)."""
        temp = self.stage_file(source.suffix)
        digest = hashlib.sha256()
        try:
            with source.open("rb", buffering=0) as reader, _storage(f"copy '{source}'"), temp.open("wb") as writer:
                while block := reader.read(_BLOCK):
                    digest.update(block)
                    writer.write(block)
                writer.flush()
                os.fsync(writer.fileno())
        except BaseException:
            self.discard(temp)
            raise
        return temp, digest.hexdigest()

    def discard(self, temp: Path) -> None:
        """Remove a staged file, if it is there."""
        temp.unlink(missing_ok=True)

    def leftovers(self, older_than_seconds: float) -> list[Path]:
        """Temporary files nobody has written to for so long: their writers are dead."""
        limit = time.time() - older_than_seconds
        old: list[Path] = []
        for file in self.incoming.iterdir():
            try:
                if file.stat().st_mtime < limit:
                    old.append(file)
            except FileNotFoundError:  # settled or discarded by its owner meanwhile
                continue
        return old
