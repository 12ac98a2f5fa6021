"""What every store can do: files named by the SHA-256 of their bytes, staged on a local folder, there whole or not."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from catalog.errors import CatalogError, NotFound, StoreUnavailable
from catalog.store.faults import storage
from catalog.store.naming import BLOCK, clean_suffix


@dataclass(frozen=True)
class Stored:
    """One file that is really there, whatever the catalog says; `modified` is aware, by the store's own clock."""

    sha256: str
    bytes: int
    modified: datetime
    location: str


class Store(ABC):
    """Artifacts by digest. `incoming` is a folder of this machine's: files are written there, then `settle`d.

    The same bytes are one file, and a file appears under its name whole or not at all. Everything here may raise
    StoreUnavailable: the storage is away or full for now.
    """

    lasting: bool
    """Whether `path` gives files that stay: they may be linked to. A cache's files are evicted one day."""
    shared: bool
    """Whether what other machines stage lies in this same `incoming`."""

    def __init__(self, incoming: Path, url: str) -> None:
        self.url, self.incoming = url, incoming
        with storage(f"create '{incoming}'"):
            incoming.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def settle(self, temp: Path, sha256: str) -> str:
        """Give a flushed file its durable name; returns its location. The same bytes again replace themselves.

        Replacing (not keeping) the older file heals one that has been damaged since; its extension stays. Raises
        FileNotFoundError if `temp` is gone: somebody else has settled it.
        """

    @abstractmethod
    def path(self, sha256: str, location: str = "") -> Path:
        """A local file with these bytes, to be read and never written. Raises NotFound; see `verify` for its bytes.

        `location`, where the catalog's row is at hand, saves looking for the extension.
        """

    @abstractmethod
    def find(self, sha256: str, location: str = "") -> str | None:
        """The location of the file of this name, None where there is none; its bytes are not read."""

    @abstractmethod
    def verify(self, sha256: str, location: str = "", *, deep: bool = False) -> None:
        """Check what is really stored. Raises Damaged if the bytes are others or the file is missing.

        `deep` reads every byte; without it the store may believe the checksum that its own side keeps.
        """

    @abstractmethod
    def remove(self, sha256: str) -> int:
        """Remove a file, if it is there; returns the bytes that were freed."""

    @abstractmethod
    def digests(self) -> Iterator[Stored]:
        """Every file that is there, in the order of the digests; strangers among them are left out."""

    @abstractmethod
    def check(self) -> str:
        """Write, see and remove a small file; what was found, for people. Raises CatalogError where that fails."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Room for more artifacts; None where there is no limit to ask for."""

    @abstractmethod
    def used_share(self) -> float | None:
        """How full what it lies on is, 0 to 1, by everything there; None where there is no limit to ask for."""

    def has(self, sha256: str, location: str = "") -> bool:
        """Whether there is a file of this name; its bytes are not read."""
        return self.find(sha256, location) is not None

    def stage_file(self, suffix: str) -> Path:
        """A new temporary name in `incoming`, not yet created; write there, then `publish` or `discard`."""
        return self.incoming / f"{time.time_ns():x}-{secrets.token_hex(4)}{clean_suffix(suffix)}"

    def flush(self, temp: Path) -> None:
        """Make a staged file's bytes durable. Raises NotFound if it is not a regular file of this store."""
        if temp.parent != self.incoming:
            raise CatalogError(
                f"'{temp}' was not staged in this store; take a name from stage_file()", code="NOT_STAGED"
            )
        with storage(f"look at '{temp}'"):
            there = temp.is_file() and not temp.is_symlink()
        if not there:
            self.refuse_absence()
            raise NotFound(f"staged file '{temp}' is not there; write it before it is published")
        with storage(f"flush '{temp}'"), temp.open("rb") as file:
            os.fsync(file.fileno())

    def copy_in(self, source: Path) -> tuple[Path, str]:
        """Copy a file to a temporary name, flushed: (temporary path, SHA-256 of exactly the bytes that were copied)."""
        temp = self.stage_file(source.suffix)
        digest = hashlib.sha256()
        try:
            with source.open("rb", buffering=0) as reader, storage(f"copy '{source}'"), temp.open("wb") as writer:
                while block := reader.read(BLOCK):
                    digest.update(block)
                    writer.write(block)
                writer.flush()
                os.fsync(writer.fileno())
        except BaseException:
            self.discard(temp)
            raise
        return temp, digest.hexdigest()

    def discard(self, temp: Path) -> None:
        """Remove a staged file, or a folder that a stage works in, if it is there."""
        with storage(f"remove '{temp}'"):
            if temp.is_dir() and not temp.is_symlink():
                shutil.rmtree(temp)
            else:
                temp.unlink(missing_ok=True)

    def leftovers(self, older_than_seconds: float) -> list[Path]:
        """Temporary files nobody has written to for so long: their writers are dead."""
        limit = time.time() - older_than_seconds
        old: list[Path] = []
        with storage(f"list '{self.incoming}'"):
            for file in self.incoming.iterdir():
                try:
                    if file.stat().st_mtime < limit:
                        old.append(file)
                except FileNotFoundError:  # settled or discarded by its owner meanwhile
                    continue
        return old

    def refuse_absence(self) -> None:
        """A file that is missing says nothing while the whole folder is: a share that is not mounted has no files.

        Raises StoreUnavailable.
        """
        with storage(f"look at '{self.incoming}'"):
            there = self.incoming.is_dir()
        if not there:
            raise StoreUnavailable(f"store '{self.url}': its folder '{self.incoming}' is gone; mount it again")
