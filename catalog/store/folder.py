"""A folder of artifacts, on this machine or on a file system that many machines share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from catalog.connection import filesystem_of
from catalog.errors import Damaged, NotFound
from catalog.store.faults import storage
from catalog.store.naming import hash_file, is_digest, location_of, names
from catalog.store.store import Store, Stored


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FolderStore(Store):
    """`<root>/ab/cd/<sha256>.<ext>`; staged in `<root>/incoming`, so that settling is a rename on every machine."""

    lasting = shared = True

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._durable: set[str] = set()
        """Outer folders whose names this process has made durable."""
        super().__init__(self.root / "incoming", str(self.root))

    def settle(self, temp: Path, sha256: str) -> str:
        """Rename a flushed file to its digest, read-only, and flush the folder."""
        final = self._found(sha256) or self.root / location_of(sha256, temp.suffix)
        with storage(f"settle '{final.name}'"):
            if not final.parent.is_dir():
                self._make(final.parent)
            temp.chmod(0o444)
            temp.replace(final)
            flush_folder(final.parent)
        return str(final.relative_to(self.root))

    def path(self, sha256: str, location: str = "") -> Path:
        """The file itself."""
        if (found := self.find(sha256, location)) is not None:
            return self.root / found
        raise NotFound(f"artifact {sha256[:12]} is not in the store '{self.root}'; run again to make it")

    def find(self, sha256: str, location: str = "") -> str | None:
        """One look at the file, or at its folder."""
        if (found := self._found(sha256, location)) is not None:
            return str(found.relative_to(self.root))
        self.refuse_absence()
        return None

    def verify(self, sha256: str, location: str = "", *, deep: bool = False) -> None:
        """Re-hash the file: a folder keeps no checksum that could be believed instead."""
        try:
            path = self.path(sha256, location)
            with storage(f"read '{path}'"):
                found = hash_file(path)
        except FileNotFoundError as error:
            raise Damaged(f"artifact {sha256[:12]} vanished from the store while being read", sha256) from error
        except NotFound as error:
            raise Damaged(f"artifact {sha256[:12]} is missing from the store '{self.root}'", sha256) from error
        if found != sha256:
            raise Damaged(f"artifact {sha256[:12]}: the file's bytes now hash to {found[:12]} ('{path}')", sha256)

    def remove(self, sha256: str) -> int:
        """Unlink it."""
        if (path := self._found(sha256)) is None:
            self.refuse_absence()
            return 0
        with storage(f"remove '{path.name}'"):
            try:
                size = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                return 0
        return size

    def digests(self) -> Iterator[Stored]:
        """Folder by folder, so that memory stays flat with millions of files."""
        self.refuse_absence()
        with storage(f"list '{self.root}'"):
            for outer in _folders(self.root):
                for inner in _folders(outer):
                    for file in sorted(inner.iterdir()):
                        location = str(file.relative_to(self.root))
                        if not is_digest(file.stem) or not names(location, file.stem):
                            continue
                        try:
                            found = file.stat()
                        except FileNotFoundError:  # removed meanwhile
                            continue
                        yield Stored(file.stem, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), location)

    def check(self) -> str:
        """In `incoming`."""
        temp = self.stage_file(".check")
        try:
            with storage(f"write '{temp}'"):
                temp.write_bytes(b"dailies")
            self.flush(temp)
        finally:
            self.discard(temp)
        return f"a folder on {filesystem_of(self.root) or 'an unknown file system'}"

    def free_bytes(self) -> int:
        """What its file system has left for us."""
        with storage(f"ask '{self.root}' for its free space"):
            return shutil.disk_usage(self.root).free

    def used_share(self) -> float:
        """Of its file system; what is kept for root counts for neither side, as `df` has it."""
        with storage(f"ask '{self.root}' for its free space"):
            usage = shutil.disk_usage(self.root)
        return usage.used / ((usage.used + usage.free) or 1)

    def _make(self, inner: Path) -> None:
        """Make `ab/cd`, to last: each name is flushed by the folder that lists it."""
        inner.mkdir(parents=True, exist_ok=True)
        outer = inner.parent
        flush_folder(outer)
        if outer.name not in self._durable:
            flush_folder(self.root)
            self._durable.add(outer.name)

    def _found(self, sha256: str, location: str = "") -> Path | None:
        folder = (self.root / location_of(sha256, ".bin")).parent
        with storage(f"look for '{sha256}'"):
            if names(location, sha256) and (known := self.root / location).is_file():
                return known
            try:
                # Opening the folder makes an NFS client ask its server again; a mere look-up may believe an old "no".
                return next((found for found in folder.iterdir() if found.stem == sha256), None)
            except FileNotFoundError:
                return None


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if len(one.name) == 2 and one.is_dir())
