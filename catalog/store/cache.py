"""Copies of a bucket's files on this machine: filled once by whoever comes first, dropped when long unused.

Any number of processes share the folder. A file is there whole or not at all, and is hashed before a process hands it
out for the first time: a copy that a bad disk changed is fetched again. What was used lately is never dropped, even
where the cache is then larger than it should be: somebody is reading it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import Damaged, StoreUnavailable
from catalog.failpoints import reach
from catalog.store.faults import storage
from catalog.store.naming import clean_suffix, hash_file, location_of

GRACE_SECONDS = 3600.0
"""A copy handed out less long ago is in use."""
REMEMBERED = 4096
"""Copies a process remembers to have hashed."""


@dataclass(frozen=True)
class _Seen:
    """What a file looks like from outside; a copy that was written to looks different."""

    inode: int
    bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> _Seen:
        found = path.stat()
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


class Cache:
    """Up to about `limit_bytes` of copies under `folder`; `grace_seconds` after its last use one may be dropped."""

    def __init__(self, folder: Path, limit_bytes: int, grace_seconds: float = GRACE_SECONDS) -> None:
        self.folder = folder.absolute()
        self.incoming = self.folder / "incoming"
        self.limit_bytes, self.grace_seconds = limit_bytes, grace_seconds
        self._files, self._locks = self.folder / "files", self.folder / "locks"
        self._hashed: OrderedDict[str, _Seen] = OrderedDict()
        self._hashed_lock = threading.Lock()
        self._added: float = limit_bytes  # so that the first copy looks at what others left
        with storage(f"create '{self.folder}'"):
            for one in (self._files, self._locks, self.incoming):
                one.mkdir(parents=True, exist_ok=True)

    def get(self, sha256: str) -> Path | None:
        """The copy with these bytes, hashed if this process has not done so; None where there is no good one."""
        with storage(f"read the cache '{self.folder}'"):
            try:
                path = next((one for one in self._shelf(sha256).iterdir() if one.stem == sha256), None)
                return path if path is not None and self._good(path, sha256) else None
            except FileNotFoundError:  # nothing there, or evicted while we looked
                return None

    def fill(self, sha256: str, suffix: str, fetch: Callable[[Path], str]) -> Path:
        """The copy with these bytes, by `fetch(path)` where there is none: it writes them and returns their SHA-256.

        One process fetches, the others wait for it. Raises Damaged if what was fetched are other bytes.
        """
        with self._alone(sha256[:2]):
            if (found := self.get(sha256)) is not None:
                return found
            temp = self.incoming / f"{time.time_ns():x}-{os.getpid()}-{sha256[:12]}.part"
            try:
                try:
                    got = fetch(temp)
                except StoreUnavailable as error:
                    if error.code != "DISK_FULL" or not self.evict(0):
                        raise
                    got = fetch(temp)  # the disk is smaller than the limit: what nobody uses has made room
                if got != sha256:
                    raise Damaged(f"artifact {sha256[:12]}: the store's bytes hash to {got[:12]}", sha256)
                reach("cache.fetched")
                return self.adopt(temp, sha256, suffix)
            finally:
                temp.unlink(missing_ok=True)

    def adopt(self, temp: Path, sha256: str, suffix: str) -> Path:
        """Make a file in `incoming`, whose bytes were hashed, the copy. Raises FileNotFoundError if it is gone."""
        path = self._shelf(sha256) / f"{sha256}{clean_suffix(suffix)}"
        with storage(f"keep a copy in '{path.parent}'"):
            path.parent.mkdir(exist_ok=True)
            temp.chmod(0o444)
            os.utime(temp, ns=(time.time_ns(), temp.stat().st_mtime_ns))  # used now: nobody may drop it at once
            seen = _Seen.of(temp)
            temp.replace(path)
        self._remember(sha256, seen)
        self._added += seen.bytes
        if self._added > self.limit_bytes / 64:  # looking at every copy costs time: not for each new one
            self._added = 0
            self.evict(self.limit_bytes)
        return path

    def drop(self, sha256: str) -> None:
        """Forget a copy."""
        if (path := self.get(sha256)) is not None:
            with storage(f"remove '{path}'"):
                path.unlink(missing_ok=True)

    def evict(self, limit_bytes: int) -> int:
        """Drop what was used longest ago until at most 9/10 of `limit_bytes` are left; returns the bytes dropped.

        Nothing happens below the limit. Whoever finds another process at it leaves it to that one.
        """
        with self._alone("evict", wait=False) as alone, storage(f"read the cache '{self.folder}'"):
            copies = sorted(self._copies()) if alone else []
            total, dropped = sum(size for _, size, _ in copies), 0
            if total <= limit_bytes:
                return 0
            in_use = time.time() - self.grace_seconds
            for used, size, path in copies:
                if used > in_use or total - dropped <= limit_bytes * 0.9:
                    break
                Path(path).unlink(missing_ok=True)
                dropped += size
        return dropped

    def size(self) -> int:
        """Bytes of all copies."""
        return sum(size for _, size, _ in self._copies())

    def _shelf(self, sha256: str) -> Path:
        return self._files / location_of(sha256, "").split("/")[0]

    def _good(self, path: Path, sha256: str) -> bool:
        seen = _Seen.of(path)
        if self._hashed.get(sha256) != seen:
            if hash_file(path) != sha256:
                path.unlink(missing_ok=True)
                return False
            self._remember(sha256, seen)
        os.utime(path, ns=(time.time_ns(), seen.modified_ns))  # the time of its last use; most mounts keep none
        return True

    def _remember(self, sha256: str, seen: _Seen) -> None:
        with self._hashed_lock:
            self._hashed[sha256] = seen
            self._hashed.move_to_end(sha256)
            if len(self._hashed) > REMEMBERED:
                self._hashed.popitem(last=False)

    def _copies(self) -> Generator[tuple[float, int, str]]:
        """(last use, bytes, path) of every copy."""
        for shelf in os.scandir(self._files):
            for one in os.scandir(shelf.path):
                try:
                    found = one.stat()
                except FileNotFoundError:  # dropped meanwhile
                    continue
                yield found.st_atime, found.st_size, one.path

    @contextmanager
    def _alone(self, what: str, *, wait: bool = True) -> Generator[bool]:
        """Hold one of the locks; without `wait`, False where another process or thread holds it. A death frees it."""
        with storage(f"lock the cache '{self.folder}'"):
            handle = os.open(self._locks / what, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)
