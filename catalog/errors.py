"""What the catalog and its store may raise. Whether to retry is decided by these types, in `tasks/errors.py`."""

from __future__ import annotations


class CatalogError(RuntimeError):
    """The catalog was asked for something it cannot do; `code` is stable."""

    code = "CATALOG_FAILED"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class StoreUnavailable(CatalogError, ConnectionError):
    """Storage or the database is away for now: try again later."""

    code = "STORE_UNAVAILABLE"


class StaleClaim(CatalogError, PermissionError):
    """The lease ran out and another worker holds the shot: nothing of this publication became visible."""

    code = "STALE_CLAIM"


class Damaged(CatalogError):
    """A stored file no longer has the bytes its name promises; `sha256` is that name."""

    code = "ARTIFACT_DAMAGED"

    def __init__(self, message: str, sha256: str) -> None:
        super().__init__(message)
        self.sha256 = sha256


class NotFound(CatalogError, LookupError):
    """No such run, shot, execution, artifact or file in this catalog."""

    code = "NOT_FOUND"
