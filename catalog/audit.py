"""The audit: who did what to what, as people read it. `catalog.ledger.write_audit` writes it beside what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from catalog.dialect import shots_of_run
from catalog.ledger import Ledger
from catalog.tables import Audit


@dataclass(frozen=True)
class AuditRow:
    """One line; `id` only grows."""

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    detail: Mapping[str, Any]


def audit_rows(
    catalog: Ledger, *, subject: str | None = None, before: int | None = None, limit: int = 100
) -> Sequence[AuditRow]:
    """The newest lines first: all, or those about a subject; about a run are those about its shots too.

    `before` is the id of the last line of the page before.
    """
    query = select(Audit.id, Audit.at, Audit.who, Audit.what, Audit.subject, Audit.detail)
    if subject is not None:
        query = query.where(or_(Audit.subject == subject, shots_of_run(Audit.subject, subject)))
    if before is not None:
        query = query.where(Audit.id < before)
    with catalog.database.read() as connection:
        return [AuditRow(*row) for row in connection.execute(query.order_by(Audit.id.desc()).limit(limit))]
