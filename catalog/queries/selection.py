"""Deliveries of a run or of any selection, with what an index of them needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import Select, func, select

from catalog.deliveries import Delivered, delivered, select_deliveries
from catalog.ledger import Ledger
from catalog.queries.runs import pages_of
from catalog.tables import Artifact, Delivery, Rendition, Shot, ShotDelivery, ShotTag


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery as it serves one shot, with the row's own columns for an index."""

    delivery: Delivered
    run_id: str
    shot_id: str
    item: str
    variant: str
    meta: Mapping[str, Any]
    width: int
    height: int
    rate: str
    frames: int
    made: bool
    placed_path: str | None

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return float(self.frames / Fraction(self.rate))


def deliveries_of(
    catalog: Ledger,
    *,
    run_id: str | None = None,
    manifest: str | None = None,
    item: str | None = None,
    preset: str | None = None,
    tag: str | None = None,
    superseded: bool = False,
) -> list[DeliveryRow]:
    """Deliveries of a selection, as they serve its shots, in the order of the manifest.

    Without `run_id` each current delivery comes once, with the shot that first made it. A run lists what it was served
    with even if a later run has superseded that; elsewhere `superseded=True` lists those too. Files that are not in the
    store are left out.
    """
    query = _served(in_run=run_id is not None)
    if run_id is not None:
        query = query.where(Shot.run_id == run_id)
    elif not superseded:
        query = query.where(Delivery.state == "current")
    for column, value in ((Delivery.manifest, manifest), (Shot.item, item), (Delivery.preset, preset)):
        if value is not None:
            query = query.where(column == value)
    if tag is not None:
        query = query.where(Shot.id.in_(select(ShotTag.shot_id).where(ShotTag.tag == tag)))
    return _rows(catalog, query)


def each_delivery(catalog: Ledger, run_id: str) -> Iterator[DeliveryRow]:
    """`deliveries_of` a whole run, drawn from the catalog a page at a time: memory does not grow with the run."""
    for shots in pages_of(catalog, run_id):
        yield from _rows(catalog, _served(in_run=True).where(Shot.id.in_(shots)))


def delivery_count(catalog: Ledger, run_id: str) -> int:
    """How many `deliveries_of` a run there are."""
    query = _served(in_run=True).where(Shot.run_id == run_id).order_by(None).subquery()
    with catalog.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(query)) or 0


def version_of(catalog: Ledger, one: Delivered) -> int:
    """The how manieth file of its shot a delivery is, from 1, of whatever size and preset: what came before counts."""
    same = [getattr(Delivery, name) == getattr(one, name) for name in ("manifest", "kind", "shot_key")]
    with catalog.database.read() as connection:
        return connection.scalar(select(func.count()).where(*same, Delivery.id <= one.id)) or 1


def _served(*, in_run: bool) -> Select[*tuple[Any, ...]]:
    """Deliveries with the shots they serve: all of a run's, or each delivery once, with the shot that first made it."""
    serving = (ShotDelivery.delivery_id == Delivery.id) & (
        ShotDelivery.shot_id == (Shot.id if in_run else Delivery.shot_id)
    )
    return (
        select_deliveries()
        .add_columns(
            Shot.run_id,
            Shot.id.label("served_shot"),
            Shot.item,
            Shot.variant,
            Shot.meta,
            Rendition.width,
            Rendition.height,
            Rendition.rate,
            Rendition.frames,
            ShotDelivery.made,
            ShotDelivery.placed_path,
        )
        .join(ShotDelivery, ShotDelivery.delivery_id == Delivery.id)
        .join(Shot, Shot.id == ShotDelivery.shot_id)
        .join(Rendition, (Rendition.shot_id == Shot.id) & (Rendition.name == Delivery.rendition))
        .where(serving, Artifact.state == "present")
        .order_by(Shot.run_id, Shot.position, Delivery.rendition, Delivery.preset, Delivery.id)
    )


def _rows(catalog: Ledger, query: Select[*tuple[Any, ...]]) -> list[DeliveryRow]:
    with catalog.database.read() as connection:
        return [
            DeliveryRow(
                delivery=delivered(row, catalog.store),
                run_id=row.run_id,
                shot_id=row.served_shot,
                item=row.item,
                variant=row.variant,
                meta=row.meta,
                width=row.width,
                height=row.height,
                rate=row.rate,
                frames=row.frames,
                made=row.made,
                placed_path=row.placed_path,
            )
            for row in connection.execute(query)
        ]
