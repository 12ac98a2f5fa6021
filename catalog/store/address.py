"""Where a store is, and which kind that makes it: a folder, `file:///folder`, or `s3://bucket/prefix`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from catalog.errors import CatalogError
from catalog.store.folder import FolderStore
from catalog.store.store import Store

CACHE_BYTES = 50_000_000_000


@dataclass(frozen=True)
class StoreAddress:
    """A store's URL, and the folder of this machine that keeps copies of a bucket's files, up to `cache_bytes`."""

    url: str
    cache: Path | None = None
    cache_bytes: int = CACHE_BYTES

    @property
    def folder(self) -> Path | None:
        """The folder it is; None for a bucket. Raises CatalogError (`STORE_UNKNOWN`) for any other kind."""
        parts = urlsplit(self.url)
        if parts.scheme == "s3":
            return None
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return Path(unquote(parts.path))
        if "://" in self.url or not self.url:
            raise CatalogError(
                f"store '{self.url}' is no place we know; wanted a folder, file:///folder or s3://bucket/prefix",
                code="STORE_UNKNOWN",
            )
        return Path(self.url).expanduser().absolute()


def open_store(where: StoreAddress | str | Path) -> Store:
    """Open a store, making its folder first. Raises StoreUnavailable, CatalogError (`STORE_UNKNOWN`)."""
    address = where if isinstance(where, StoreAddress) else StoreAddress(str(where))
    folder = address.folder
    if folder is None:
        raise CatalogError(f"store '{address.url}' is a bucket", code="STORE_UNKNOWN")
    return FolderStore(folder)
