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

    def __str__(self) -> str:
        return self.url

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

    @classmethod
    def of(cls, where: StoreAddress | str | Path) -> StoreAddress:
        """The same, of what is one already or only a URL or folder."""
        return where if isinstance(where, StoreAddress) else cls(str(where))

    def is_missing(self) -> bool:
        """Whether there is no store yet: nobody has opened this folder, or the share with it is not mounted."""
        folder = self.folder
        return folder is not None and not (folder / "incoming").is_dir()


def open_store(where: StoreAddress | str | Path) -> Store:
    """Open a store, making its folders on this machine first; a bucket is not asked for anything yet.

    Raises StoreUnavailable, CatalogError (`STORE_UNKNOWN`, `STORE_REFUSED`, `CACHE_MISSING`, `DRIVER_MISSING`).
    """
    address = StoreAddress.of(where)
    if (folder := address.folder) is not None:
        return FolderStore(folder)
    parts = urlsplit(address.url)
    if "@" in parts.netloc:
        raise CatalogError(
            "the store's URL carries credentials, which would be shown and logged; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY instead",
            code="STORE_UNKNOWN",
        )
    if not parts.netloc or parts.query or parts.fragment:
        raise CatalogError(f"store '{address.url}': wanted s3://bucket/prefix", code="STORE_UNKNOWN")
    if address.cache is None:
        raise CatalogError(
            f"store '{address.url}' needs a folder of this machine for its copies: set DAILIES_CACHE_DIR",
            code="CACHE_MISSING",
        )
    try:
        from catalog.store.bucket import BucketStore
        from catalog.store.cache import Cache
        from catalog.store.s3 import Bucket
    except ModuleNotFoundError as error:
        raise CatalogError(
            f"store '{address.url}' needs a package that is not installed ({error.name}); pip install 'dailies[s3]'",
            code="DRIVER_MISSING",
        ) from error
    return BucketStore(Bucket(parts.netloc, parts.path.strip("/")), Cache(address.cache, address.cache_bytes))
