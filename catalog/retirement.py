"""Retirement: what a schedule's runs delivered of rows that are gone is current no longer.

A retired delivery is superseded by nothing. Its file stays as long as superseded ones do, and while it does the row
that comes back is served with it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, or_, select, update
from sqlalchemy.orm import aliased

from catalog.dialect import clock, one_publisher
from catalog.ledger import Ledger, chunks, write_audit
from catalog.tables import Delivery, ReviewEntry, Run, Shot, ShotDelivery


@dataclass(frozen=True)
class Retired:
    """A delivery that was retired; `places`: where its file was put for people, its poster beside it."""

    id: str
    shot_key: str
    item: str
    preset: str
    artifact: str
    poster: str | None
    places: tuple[str, ...]


class RetirementLedger(Ledger):
    """Retiring deliveries."""

    def retire_vanished(self, run_id: str) -> int:
        """Retire what earlier runs of this run's schedule delivered and this one's manifest no longer asks for.

        A row that was refused is there all the same, and so are all rows where one of them has lost its id. Once a
        later run of the schedule was submitted, that one's manifest counts, and this retires nothing. Returns how many
        deliveries; repeated, it finds none.
        """
        with self.database.write() as connection:
            one_publisher(connection)
            facts = select(Run.schedule, Run.name, Run.kind, Run.created_at).where(Run.id == run_id)
            run = connection.execute(facts).one_or_none()
            if run is None or run.schedule is None or _outdated(connection, run) or _nameless(connection, run_id):
                return 0
            gone = connection.execute(_vanished(run_id, run)).all()
            for part in chunks([one.id for one in gone]):
                retired = update(Delivery).where(Delivery.id.in_(part))
                connection.execute(retired.values(state="superseded", retired_at=clock()))
            for keys in chunks(sorted({one.shot_key for one in gone})):
                entry = (ReviewEntry.manifest == run.name, ReviewEntry.kind == run.kind, ReviewEntry.shot_key.in_(keys))
                connection.execute(delete(ReviewEntry).where(*entry, ~_current(ReviewEntry)))
            if gone:
                shots = sorted({one.shot_key for one in gone})
                write_audit(connection, f"schedule {run.schedule}", "retire", run_id, {"shots": shots[:100]})
        return len(gone)


def retired_since(catalog: Ledger, run_id: str) -> Sequence[Retired]:
    """Of a run's manifest, what was retired since the run was submitted and whose rows have not come back."""
    query = (
        select(Delivery, Shot.item)
        .join(Shot, Shot.id == Delivery.shot_id)
        .join(Run, and_(Run.name == Delivery.manifest, Run.kind == Delivery.kind))
        .where(Run.id == run_id, Delivery.retired_at >= Run.created_at, ~_current(Delivery))
        .order_by(Delivery.shot_key, Delivery.rendition, Delivery.preset)
    )
    places: dict[str, list[str]] = {}
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
        for part in chunks([row.id for row in rows]):
            put = select(ShotDelivery.delivery_id, ShotDelivery.placed_path)
            put = put.where(ShotDelivery.delivery_id.in_(part), ShotDelivery.placed_path.is_not(None))
            for delivery_id, path in connection.execute(put.order_by(ShotDelivery.shot_id)):
                places.setdefault(delivery_id, []).append(path or "")
    return [
        Retired(
            id=row.id,
            shot_key=row.shot_key,
            item=row.item,
            preset=row.preset,
            artifact=row.artifact_sha256,
            poster=row.poster_sha256,
            places=tuple(dict.fromkeys(places.get(row.id, ()))),
        )
        for row in rows
    ]


def _vanished(run_id: str, run: Any) -> Any:
    here, served, earlier = aliased(Shot), aliased(Shot), aliased(Run)
    asked = exists().where(
        here.run_id == run_id,
        or_(here.key == Delivery.shot_key, and_(here.item == Shot.item, here.state == "quarantined")),
    )
    of_schedule = exists().where(
        ShotDelivery.delivery_id == Delivery.id,
        served.id == ShotDelivery.shot_id,
        earlier.id == served.run_id,
        earlier.schedule == run.schedule,
    )
    mine = (Delivery.manifest == run.name, Delivery.kind == run.kind, Delivery.state == "current")
    query = select(Delivery.id, Delivery.shot_key).join(Shot, Shot.id == Delivery.shot_id)
    return query.where(*mine, ~asked, of_schedule)


def _outdated(connection: Connection, run: Any) -> bool:
    """Whether the run's manifest is not the schedule's latest."""
    later = select(Run.id).where(Run.schedule == run.schedule, Run.created_at > run.created_at)
    return connection.scalar(later.limit(1)) is not None


def _nameless(connection: Connection, run_id: str) -> bool:
    """Whether a row was refused that nobody can tell which one it is."""
    told = select(Shot.id).where(Shot.run_id == run_id, Shot.state == "quarantined", Shot.item.like("line %"))
    return connection.scalar(told.limit(1)) is not None


def _current(of: Any) -> ColumnElement[bool]:
    """The shot of `of` has a current delivery."""
    now = aliased(Delivery)
    same = (now.manifest == of.manifest, now.kind == of.kind, now.shot_key == of.shot_key)
    return exists().where(*same, now.state == "current")
