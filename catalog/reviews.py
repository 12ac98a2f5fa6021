"""Reviews: what a person says of deliveries, for all renditions and presets of a shot at once.

A verdict is on deliveries: whatever is delivered anew has none and waits for one (a trigger sees to that). Opened
again, deliveries wait too; what was said stays listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, exists, insert, select, update

from catalog.dialect import clock, one_publisher
from catalog.errors import CatalogError, NotFound
from catalog.ledger import CHUNK, Ledger, write_audit
from catalog.tables import Delivery, Review, ReviewEntry, Run, Shot
from catalog.tables.results import VERDICTS

VerdictWord = Literal["approved", "rejected", "redo"]

_KEY: tuple[Any, ...] = (Delivery.manifest, Delivery.kind, Delivery.shot_key)
_ENTRY_KEY: tuple[Any, ...] = (ReviewEntry.manifest, ReviewEntry.kind, ReviewEntry.shot_key)


@dataclass(frozen=True)
class Covered:
    """A shot that was judged, and its current deliveries."""

    shot_id: str
    key: tuple[str, str, str]
    deliveries: tuple[str, ...]


class ReviewLedger(Ledger):
    """Writes of verdicts."""

    def review(
        self,
        who: str,
        verdict: VerdictWord,
        *,
        deliveries: Sequence[str] = (),
        shots: Sequence[str] = (),
        note: str = "",
    ) -> list[Covered]:
        """Say what `who` thinks of deliveries, or of what some shots are served with; all in one transaction.

        Each covers every current delivery of the same shot key. The same again by the same person writes nothing new.
        Raises NotFound, and CatalogError: `SUPERSEDED` (a delivery has been replaced since it was looked at),
        `BAD_VERDICT`.
        """
        if verdict not in VERDICTS:
            raise CatalogError(f"verdict '{verdict}': wanted one of {', '.join(VERDICTS)}", code="BAD_VERDICT")
        with self.database.write() as connection:
            one_publisher(connection)
            covered = _covered(connection, deliveries, shots)
            for one in covered:
                if _said_before(connection, one, who, verdict, note):
                    continue
                said = {"verdict": verdict, "note": note, "reviewer": who}
                connection.execute(insert(Review), [{"delivery_id": delivery} | said for delivery in one.deliveries])
                _stamp(connection, one, verdict)
                facts = {"verdict": verdict, "note": note, "deliveries": list(one.deliveries)}
                write_audit(connection, who, "review", one.shot_id, facts)
        return covered

    def reopen_review(
        self, who: str, *, deliveries: Sequence[str] = (), shots: Sequence[str] = (), note: str = ""
    ) -> list[Covered]:
        """Have deliveries wait for a verdict again. Raises as `review` does."""
        with self.database.write() as connection:
            one_publisher(connection)
            covered = _covered(connection, deliveries, shots)
            for one in covered:
                stands = and_(Review.delivery_id.in_(one.deliveries), Review.withdrawn_at.is_(None))
                withdrawn = connection.execute(
                    update(Review).where(stands).values(withdrawn_at=clock()).returning(Review.id)
                ).all()
                _stamp(connection, one, None)
                if withdrawn:
                    facts = {"note": note, "deliveries": list(one.deliveries)}
                    write_audit(connection, who, "reopen review", one.shot_id, facts)
        return covered


def _covered(connection: Connection, deliveries: Sequence[str], shots: Sequence[str]) -> list[Covered]:
    if (not deliveries and not shots) or len(deliveries) + len(shots) > CHUNK:
        raise CatalogError(
            f"{len(deliveries) + len(shots)} deliveries and shots; give one to {CHUNK} of them", code="BAD_VERDICT"
        )
    keys: dict[tuple[str, str, str], str] = {}
    given = select(Delivery.id, Delivery.state, Delivery.shot_id, *_KEY).where(Delivery.id.in_(deliveries))
    rows = {row.id: row for row in connection.execute(given)}
    for name in deliveries:
        if (row := rows.get(name)) is None:
            raise NotFound(f"no delivery '{name}' in this catalog")
        if row.state != "current":
            raise CatalogError(
                f"delivery '{name}' was superseded since it was looked at; look at the one in its place",
                code="SUPERSEDED",
            )
        keys[row.manifest, row.kind, row.shot_key] = row.shot_id
    served = select(Shot.id, Run.name, Run.kind, Shot.key).join(Run, Run.id == Shot.run_id).where(Shot.id.in_(shots))
    found = {row.id: row for row in connection.execute(served)}
    for name in shots:
        if (row := found.get(name)) is None:
            raise NotFound(f"no shot '{name}' in this catalog")
        keys.setdefault((row.name, row.kind, row.key), name)
    return [_current(connection, key, shot_id) for key, shot_id in sorted(keys.items())]


def _current(connection: Connection, key: tuple[str, str, str], shot_id: str) -> Covered:
    same = [column == value for column, value in zip(_KEY, key, strict=True)]
    ids = connection.scalars(select(Delivery.id).where(*same, Delivery.state == "current").order_by(Delivery.id)).all()
    if not ids:
        raise NotFound(f"shot '{shot_id}' has no delivery to review; it is made first")
    return Covered(shot_id, key, tuple(ids))


def _said_before(connection: Connection, one: Covered, who: str, verdict: str, note: str) -> bool:
    query = select(Review.delivery_id, Review.reviewer, Review.verdict, Review.note).where(
        Review.delivery_id.in_(one.deliveries), Review.withdrawn_at.is_(None)
    )
    last = {row.delivery_id: tuple(row)[1:] for row in connection.execute(query.order_by(Review.id))}
    return all(last.get(delivery) == (who, verdict, note) for delivery in one.deliveries)


def _stamp(connection: Connection, one: Covered, verdict: str | None) -> None:
    same = [column == value for column, value in zip(_ENTRY_KEY, one.key, strict=True)]
    connection.execute(update(ReviewEntry).where(*same).values(verdict=verdict))


def settle(connection: Connection) -> None:
    """Give every entry the verdict that its reviews come to: for entries that were made anew."""
    same = and_(*(mine == theirs for mine, theirs in zip(_ENTRY_KEY, _KEY, strict=True)), Delivery.state == "current")
    stands = and_(Review.delivery_id == Delivery.id, Review.withdrawn_at.is_(None))
    last = select(Review.verdict).join(Delivery, stands).where(same).order_by(Review.id.desc()).limit(1)
    said = exists().where(stands).correlate(Delivery)
    unsaid = select(Delivery.id).where(same, ~said).correlate(ReviewEntry).exists()
    verdict = last.correlate(ReviewEntry).scalar_subquery()
    connection.execute(update(ReviewEntry).where(~unsaid).values(verdict=verdict))
