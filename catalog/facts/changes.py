"""Whether anything has changed, for whoever shows it live."""

from __future__ import annotations

from catalog.ledger import Ledger


def version(catalog: Ledger) -> str:
    """Text that changes with everything a page shows, and sometimes without: a heartbeat is a write too.

    One statement that reads no table. It is to be compared with what this process was told before; another process,
    or this one started again, is told something else, so that its viewers ask once more.
    """
    return catalog.database.version()
