"""The catalog, opened: every write in one class, each part of it in a file of its own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from catalog.batches import BatchLedger
from catalog.claims import ClaimLedger
from catalog.database import Database
from catalog.deliveries import DeliveryLedger
from catalog.failures import FailureLedger
from catalog.incidents import IncidentLedger
from catalog.keeping import KeepLedger
from catalog.knowledge import KnowledgeLedger
from catalog.licences import LicenceLedger
from catalog.migrate import migrate
from catalog.patience import Told
from catalog.publication import PublicationLedger
from catalog.runs import RunLedger
from catalog.store import StoreAddress, open_store
from catalog.workers import WorkerLedger


class Catalog(
    RunLedger,
    KeepLedger,
    BatchLedger,
    WorkerLedger,
    ClaimLedger,
    FailureLedger,
    IncidentLedger,
    PublicationLedger,
    DeliveryLedger,
    KnowledgeLedger,
    LicenceLedger,
):
    """What happened, and the files it left. Safe to use from many threads; open one per process."""

    @classmethod
    def open(
        cls,
        database_url: str,
        store: StoreAddress | str | Path,
        *,
        patience_seconds: float = 5.0,
        told: Told | None = None,
    ) -> Catalog:
        """Open a catalog, making or upgrading its tables first.

        `database_url` is `sqlite:///path` or `postgresql+psycopg://...`; `store` a folder or `s3://bucket/prefix`,
        with its cache where it is a StoreAddress. A transaction waits `patience_seconds` for a database that is away,
        `told` of every try. Raises UnsafeDatabase, DatabaseRefused, StoreUnavailable, and CatalogError
        (`CATALOG_NEWER`: a newer Dailies has taken away what this one needs; `CATALOG_OLDER`: this one would do so).
        """
        database = Database(database_url, patience_seconds, told)
        try:
            migrate(database)
            return cls(database, open_store(store))
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
