"""Artifacts in an S3-compatible bucket: uploaded, read back, and only then believed.

The layout is a folder's (`<prefix>/ab/cd/<sha256>.<ext>`), so the one can be copied to the other. Each object says in
its metadata which ETag its bytes must have (MD5, or MD5 of the parts' MD5): one HEAD then tells whether they are still
those bytes. Where a bucket's ETags are something else (encryption by KMS) or an object came from elsewhere, its bytes
are read and hashed instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from catalog.errors import Damaged, NotFound, StoreUnavailable
from catalog.failpoints import reach
from catalog.store.cache import Cache
from catalog.store.faults import storage
from catalog.store.naming import is_digest, location_of, names
from catalog.store.s3 import PART_BYTES, Bucket, Head
from catalog.store.store import Store, Stored

_ETAG = "dailies-etag"


def etag_of(path: Path) -> str:
    """The ETag that S3 gives these bytes when they are sent as `Bucket.put` sends them."""
    parts: list[bytes] = []
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            parts.append(hashlib.md5(part, usedforsecurity=False).digest())
    if len(parts) > 1:
        return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"
    return hashlib.md5(usedforsecurity=False).hexdigest() if not parts else parts[0].hex()


class BucketStore(Store):
    """A bucket, staged and cached on this machine's own disk."""

    lasting = shared = False

    def __init__(self, bucket: Bucket, cache: Cache) -> None:
        self.bucket, self.cache = bucket, cache
        super().__init__(cache.incoming, bucket.url)

    def settle(self, temp: Path, sha256: str) -> str:
        """Upload a flushed file, read back what the bucket has now, and keep the file as its first copy."""
        etag = etag_of(temp)
        found = self.find(sha256)
        location = found or location_of(sha256, temp.suffix)
        if found is None or not self._holds(location, etag):
            self.bucket.put(location, temp, {_ETAG: etag})
            reach("store.uploaded")
            if not self._holds(location, etag) and self._hash(location) != sha256:
                raise StoreUnavailable(f"store '{self.url}': '{location}' was not stored as it was sent; try again")
        self.cache.adopt(temp, sha256, PurePosixPath(location).suffix)
        return location

    def path(self, sha256: str, location: str = "") -> Path:
        """The copy on this machine, fetched and hashed first where there is none."""
        if (kept := self.cache.get(sha256)) is not None:
            return kept
        known = location if names(location, sha256) else self.find(sha256)
        if known is None:
            raise self._missing(sha256)

        def fetch(target: Path) -> str:
            try:
                return self._fetch(known, target)
            except FileNotFoundError as error:
                raise self._missing(sha256) from error

        return self.cache.fill(sha256, PurePosixPath(known).suffix, fetch)

    def find(self, sha256: str, location: str = "") -> str | None:
        """One HEAD, or a listing of the few objects beside it.

        The listing also tells a bucket that is not there from a file that is not: a HEAD says 404 for both.
        """
        if names(location, sha256) and self.bucket.head(location) is not None:
            return location
        folder = str(PurePosixPath(location_of(sha256, "")).parent)
        return next((one.key for one in self.bucket.list(folder) if PurePosixPath(one.key).stem == sha256), None)

    def verify(self, sha256: str, location: str = "", *, deep: bool = False) -> None:
        """Ask the bucket, never the cache: for the checksum that it keeps, or with `deep` for every byte."""
        known = self.find(sha256, location)
        head = self.bucket.head(known) if known is not None else None
        if head is None:
            raise Damaged(f"artifact {sha256[:12]} is missing from the store '{self.url}'", sha256)
        if not deep and _true_to_itself(head):
            return
        try:
            found = self._hash(head.key)
        except FileNotFoundError as error:
            raise Damaged(f"artifact {sha256[:12]} vanished from the store while being read", sha256) from error
        if found != sha256:
            raise Damaged(f"artifact {sha256[:12]}: the object's bytes now hash to {found[:12]} ('{head.key}')", sha256)

    def remove(self, sha256: str) -> int:
        """Remove the object, and this machine's copy."""
        self.cache.drop(sha256)
        location = self.find(sha256)
        head = self.bucket.head(location) if location is not None else None
        if head is None:
            return 0
        self.bucket.delete(head.key)
        return head.bytes

    def digests(self) -> Iterator[Stored]:
        """One listing, a thousand objects per request."""
        for one in self.bucket.list():
            name = PurePosixPath(one.key)
            if is_digest(name.stem) and names(one.key, name.stem):
                yield Stored(name.stem, one.bytes, one.modified, one.key)

    def check(self) -> str:
        """Under a name that is no artifact's."""
        temp = self.stage_file(".check")
        try:
            with storage(f"write '{temp}'"):
                temp.write_bytes(b"dailies")
            self.bucket.put(f"check/{temp.name}", temp, {})
            try:
                self.bucket.head(f"check/{temp.name}")
                list(self.bucket.list("check"))
            finally:
                self.bucket.delete(f"check/{temp.name}")
        finally:
            self.discard(temp)
        used, limit = self.cache.size() / 1e9, self.cache.limit_bytes / 1e9
        return f"a bucket that can be written, {used:.3g} of {limit:.3g} GB cached in '{self.cache.folder}'"

    def free_bytes(self) -> int | None:
        """A bucket has no limit to ask for."""
        return None

    def used_share(self) -> float | None:
        """A bucket is never full."""
        return None

    def _holds(self, location: str, etag: str) -> bool:
        head = self.bucket.head(location)
        return head is not None and head.etag == etag and _true_to_itself(head)

    def _hash(self, location: str) -> str:
        digest = hashlib.sha256()
        for piece in self.bucket.read(location):
            digest.update(piece)
        return digest.hexdigest()

    def _fetch(self, location: str, target: Path) -> str:
        digest = hashlib.sha256()
        with storage(f"fetch '{location}' to '{target.parent}'"), target.open("wb") as file:
            for piece in self.bucket.read(location):
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()

    def _missing(self, sha256: str) -> NotFound:
        return NotFound(f"artifact {sha256[:12]} is not in the store '{self.url}'; run again to make it")


def _true_to_itself(head: Head) -> bool:
    """Whether an object has the ETag that its metadata promises."""
    return bool(head.etag) and head.attributes.get(_ETAG) == head.etag
