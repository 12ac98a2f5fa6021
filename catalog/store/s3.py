"""One bucket behind obstore: five requests, short retries, and faults told by type.

Endpoint, region and credentials come from the standard variables (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID ...), which
obstore reads itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from catalog.errors import CatalogError, StoreUnavailable

PART_BYTES = 8 << 20
"""Larger files are sent in parts of this size: what the slowest line must move within READ_SECONDS."""
PARTS_AT_ONCE = 4
CONNECT_SECONDS = 5
READ_SECONDS = 30
RETRY_SECONDS = 6
"""obstore's own patience; longer faults are told, and whoever works a shot waits."""

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_TRY_LATER = {408, 425, 429}
_WANTED = "wanted s3:ListBucket, GetObject, PutObject and DeleteObject with these credentials"
_REMEDY = "check DAILIES_STORE_URL and the variables AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID"


@dataclass(frozen=True)
class Head:
    """What a bucket says about an object: `attributes` is its metadata, empty in a listing."""

    key: str
    bytes: int
    modified: datetime
    etag: str
    attributes: dict[str, str]


class Bucket:
    """Objects under one prefix. Everything raises StoreUnavailable (away for now) or CatalogError (`STORE_REFUSED`)."""

    def __init__(self, name: str, prefix: str) -> None:
        self.url = f"s3://{name}/{prefix}".rstrip("/")
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        insecure = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes")
        if endpoint.startswith("http://") and not insecure:
            raise self._refused(
                f"AWS_ENDPOINT_URL '{endpoint}' is not encrypted", "set AWS_ALLOW_HTTP=true if it may be"
            )
        try:
            self._store = S3Store(
                name,
                prefix=prefix or None,
                checksum_algorithm=os.environ.get("AWS_CHECKSUM_ALGORITHM", "sha256"),
                client_options={
                    "allow_http": insecure,
                    "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                    "read_timeout": timedelta(seconds=READ_SECONDS),
                    "timeout": timedelta(hours=6),
                },
                retry_config={
                    "max_retries": 5,
                    "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=100),
                        "max_backoff": timedelta(seconds=2),
                        "base": 2,
                    },
                },
            )
        except (BaseError, ValueError) as error:
            raise self._refused(_first_line(error), _REMEDY) from error
        self._answered = False

    def put(self, key: str, file: Path, attributes: dict[str, str]) -> None:
        """Upload a file; it appears whole or not at all. Checksums go with it, and the bucket refuses other bytes."""
        with self._asking(f"upload '{key}'"):
            try:
                obstore.put(
                    self._store,
                    key,
                    file,
                    attributes=attributes,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
            except FileNotFoundError as error:  # the file's absence is the caller's; here it is the bucket's
                if not file.exists():
                    raise
                raise self._refused(f"upload '{key}': {_first_line(error)}", _REMEDY) from error

    def head(self, key: str) -> Head | None:
        """What there is under a key; None where there is nothing."""
        with self._asking(f"look at '{key}'"):
            try:
                found = obstore.get(self._store, key, options={"head": True})
            except FileNotFoundError:
                return None
            attributes = {str(name): str(value) for name, value in found.attributes.items()}
            return _head(found.meta, attributes)

    def read(self, key: str) -> Iterator[bytes]:
        """An object's bytes, piece by piece. Raises FileNotFoundError if it is not there."""
        with self._asking(f"read '{key}'"):
            yield from obstore.get(self._store, key).stream(min_chunk_size=1 << 20)

    def list(self, folder: str = "") -> Iterator[Head]:
        """Every object below a folder, in the order of the keys."""
        with self._asking(f"list '{folder}'"):
            for page in obstore.list(self._store, folder or None):  # pyright: ignore[reportUnknownMemberType]
                for one in page:
                    yield _head(one, {})

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._asking(f"remove '{key}'"):
            obstore.delete(self._store, key)

    @contextmanager
    def _asking(self, doing: str) -> Generator[None]:
        try:
            yield
            self._answered = True
        except FileNotFoundError:
            self._answered = True
            raise
        except BaseError as error:
            raise self._told(doing, error) from error

    def _told(self, doing: str, error: BaseError) -> CatalogError:
        said = str(error)
        status = _STATUS.search(said)
        if "169.254." in said and not self._answered:  # nobody gave credentials, so it asked the cloud for some
            return self._refused(
                f"{doing}: no credentials", f"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; {_REMEDY}"
            )
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or (status and status[1] in ("401", "403")):
            return self._refused(f"{doing}: {_first_line(error)}; {_WANTED}", _REMEDY)
        wrong = status is not None and 300 <= int(status[1]) < 500 and int(status[1]) not in _TRY_LATER
        if wrong or "redirect" in said or "BadScheme" in said:
            return self._refused(f"{doing}: {_first_line(error)}", _REMEDY)
        return StoreUnavailable(f"store '{self.url}' is away: {doing}: {_first_line(error)}; try again when it is back")

    def _refused(self, found: str, remedy: str) -> CatalogError:
        return CatalogError(f"store '{self.url}': {found}; {remedy}", code="STORE_REFUSED")


def _head(meta: obstore.ObjectMeta, attributes: dict[str, str]) -> Head:
    etag = (meta["e_tag"] or "").removeprefix("W/").strip('"')
    return Head(meta["path"], meta["size"], meta["last_modified"], etag, attributes)


def _first_line(error: Exception) -> str:
    text = str(error)
    code = _CODE.search(text)
    return text.splitlines()[0][:300] + (f" ({code[1]})" if code else "")
