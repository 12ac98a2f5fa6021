"""The catalog, opened: every write in one class, each part of it in a file of its own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from sqlalchemy import select

from catalog.batches import BatchLedger
from catalog.by_hand import HandLedger
from catalog.claims import ClaimLedger
from catalog.collection import CollectionLedger
from catalog.database import Database
from catalog.deliveries import DeliveryLedger
from catalog.duties import DutyLedger
from catalog.errors import StoreUnavailable
from catalog.failures import FailureLedger
from catalog.incidents import IncidentLedger
from catalog.keeping import KeepLedger
from catalog.knowledge import KnowledgeLedger
from catalog.licences import LicenceLedger
from catalog.migrate import migrate
from catalog.notices import NoticeLedger
from catalog.outbox import OutboxLedger
from catalog.patience import Told
from catalog.publication import PublicationLedger
from catalog.retirement import RetirementLedger
from catalog.reviews import ReviewLedger
from catalog.rollups import RollupLedger
from catalog.runs import RunLedger
from catalog.schedules import ScheduleLedger
from catalog.store import StoreAddress, open_store
from catalog.tables import Artifact
from catalog.verification import VerificationLedger
from catalog.workers import WorkerLedger


class Catalog(
    RunLedger,
    KeepLedger,
    BatchLedger,
    WorkerLedger,
    ClaimLedger,
    FailureLedger,
    HandLedger,
    IncidentLedger,
    PublicationLedger,
    CollectionLedger,
    VerificationLedger,
    DutyLedger,
    DeliveryLedger,
    KnowledgeLedger,
    LicenceLedger,
    NoticeLedger,
    OutboxLedger,
    ReviewLedger,
    RollupLedger,
    ScheduleLedger,
    RetirementLedger,
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
            where = StoreAddress.of(store)
            if where.is_missing() and _knows_files(database):
                raise StoreUnavailable(
                    f"store '{where}' is not there, and the catalog knows files in it; mount it, or, if they are lost, "
                    f"begin a new one: mkdir -p '{where.folder}/incoming', then run again"
                )
            return cls(database, open_store(where))
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


def _knows_files(database: Database) -> bool:
    with database.read() as connection:
        return connection.scalar(select(Artifact.sha256).where(Artifact.state == "present").limit(1)) is not None
