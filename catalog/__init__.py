"""What happened: tables, artifact store, ledger (writes) and queries (reads)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalog.catalog import Catalog

__all__ = ["Catalog"]


def __getattr__(name: str) -> Any:
    # Late, so that whoever needs `catalog.errors` alone does not load SQLAlchemy and Alembic (0.4 s).
    if name == "Catalog":
        from catalog.catalog import Catalog

        return Catalog
    raise AttributeError(name)
