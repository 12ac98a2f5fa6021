"""Which faults of a file system are the storage's own, and so worth waiting for."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

from catalog.errors import StoreUnavailable

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def storage(doing: str) -> Generator[None]:
    """A full disk or a lost mount is a fault of the storage, not of the shot: say so by type.

    A file that is not there stays FileNotFoundError: that is an answer, not a fault.
    """
    try:
        yield
    except (FileNotFoundError, StoreUnavailable):
        raise
    except OSError as error:
        raise unavailable(doing, error) from error


def unavailable(doing: str, error: OSError) -> StoreUnavailable:
    """The same fault told by type: `DISK_FULL` where there is no room, `STORE_UNAVAILABLE` for all others."""
    if error.errno in _NO_ROOM:
        return StoreUnavailable(f"store: {doing}: {error}; free space, then resume", code="DISK_FULL")
    return StoreUnavailable(f"store: {doing}: {error}; bring the storage back, then resume")
