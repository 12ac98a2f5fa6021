"""One stored file by its digest."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from catalog.ledger import Ledger
from catalog.tables import Artifact


@dataclass(frozen=True)
class StoredFile:
    """A file as the catalog knows it; `state` is present, collected or damaged."""

    sha256: str
    kind: str
    state: str
    bytes: int
    location: str


def stored_file(catalog: Ledger, sha256: str) -> StoredFile | None:
    """The file of this whole digest; None where the catalog knows none."""
    query = select(Artifact.sha256, Artifact.kind, Artifact.state, Artifact.bytes, Artifact.location)
    with catalog.database.read() as connection:
        row = connection.execute(query.where(Artifact.sha256 == sha256)).one_or_none()
    return None if row is None else StoredFile(*row)
