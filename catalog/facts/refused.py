"""Rows that were refused as their run was planned: they never began, so no hour counts their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from catalog.facts.runs import REFUSED
from catalog.ledger import Ledger
from catalog.tables import Run, Shot

MOST = 50


@dataclass(frozen=True)
class RefusedRows:
    """One run: how many of its `shots` were `refused` as it was planned."""

    run_id: str
    name: str
    refused: int
    shots: int


def refused_rows(catalog: Ledger, *, since: datetime) -> Sequence[RefusedRows]:
    """Of the newest run of each name that was submitted `since`, where any row was refused; the most refused first."""
    newest = select(func.max(Run.id)).where(Run.created_at >= since).group_by(Run.name)
    refused = (
        select(Shot.run_id, func.count())
        .where(Shot.run_id.in_(newest), REFUSED, Shot.ended_at.is_(None))
        .group_by(Shot.run_id)
        .order_by(func.count().desc(), Shot.run_id)
        .limit(MOST)
    )
    with catalog.database.read() as connection:
        counts = dict[str, int](connection.execute(refused).all())
        whole = (
            select(Run.id, Run.name, func.count(Shot.id))
            .join(Shot, Shot.run_id == Run.id)
            .where(Run.id.in_(list(counts)))
            .group_by(Run.id, Run.name)
        )
        rows = [RefusedRows(run_id, name, counts[run_id], shots) for run_id, name, shots in connection.execute(whole)]
    return sorted(rows, key=lambda row: (-row.refused, row.run_id))
