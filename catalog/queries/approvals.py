"""Which deliveries a person has approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import aliased

from catalog.ledger import Ledger, chunks
from catalog.tables import Delivery, Review


@dataclass(frozen=True)
class Approval:
    """Who approved a delivery, when, and what they noted; `slot`: its manifest, kind, shot key and preset.

    `ended`: it was superseded, and nothing is in its place.
    """

    reviewer: str
    at: datetime
    note: str
    ended: bool
    slot: tuple[str, str, str, str]


def approvals(catalog: Ledger, deliveries: Sequence[str]) -> Mapping[str, Approval]:
    """Those of `deliveries`, current or superseded, whose last verdict, not taken back since, is `approved`."""
    after = aliased(Delivery)
    slot = (Delivery.manifest, Delivery.kind, Delivery.shot_key, Delivery.preset)
    same = [getattr(after, column.key) == column for column in slot]
    ended = and_(Delivery.state != "current", ~exists().where(*same, after.state == "current"))
    query = (
        select(
            Review.delivery_id,
            Review.verdict,
            Review.reviewer,
            Review.reviewed_at,
            Review.note,
            ended.label("ended"),
            *slot,
        )
        .join(Delivery, Delivery.id == Review.delivery_id)
        .where(Review.withdrawn_at.is_(None))
        .order_by(Review.id)
    )
    found: dict[str, Approval] = {}
    with catalog.database.read() as connection:
        for chunk in chunks(deliveries):
            last = {row.delivery_id: row for row in connection.execute(query.where(Review.delivery_id.in_(chunk)))}
            found |= {
                name: Approval(
                    row.reviewer,
                    row.reviewed_at,
                    row.note,
                    bool(row.ended),
                    (row.manifest, row.kind, row.shot_key, row.preset),
                )
                for name, row in last.items()
                if row.verdict == "approved"
            }
    return found
