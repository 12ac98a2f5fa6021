"""What damage means for people: which deliveries lost their files, and who waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from catalog.ledger import Ledger
from catalog.tables import Artifact, Delivery, Shot, ShotDelivery


@dataclass(frozen=True)
class DamagedDelivery:
    """A current delivery of which the store has no whole file (`sha256`: its own, or its poster's)."""

    delivery_id: str
    shot_id: str
    manifest: str
    shot_key: str
    rendition: str
    preset: str
    sha256: str
    state: str


@dataclass(frozen=True)
class Served:
    """Whom a file serves: `slot` is a current delivery in words, `run_id` the latest run that was served with it."""

    slot: str
    run_id: str


def damaged_deliveries(catalog: Ledger, run_id: str | None = None) -> list[DamagedDelivery]:
    """Current deliveries (that serve a run) whose file or poster is not in the store whole, as the catalog knows it."""
    with catalog.database.read() as connection:
        return [DamagedDelivery(*row) for row in connection.execute(_damaged(run_id))]


def damaged_shots(catalog: Ledger, run_id: str) -> Sequence[str]:
    """A run's shots that such deliveries serve."""
    return sorted({one.shot_id for one in damaged_deliveries(catalog, run_id)})


def served_by(catalog: Ledger, sha256: str) -> list[Served]:
    """The current deliveries that are this file, or have it as their poster."""
    found: list[Served] = []
    latest = func.max(Shot.run_id)
    query = (
        select(Delivery.shot_key, Delivery.rendition, Delivery.preset, Delivery.manifest, latest)
        .join(ShotDelivery, ShotDelivery.delivery_id == Delivery.id)
        .join(Shot, Shot.id == ShotDelivery.shot_id)
        .where(Delivery.state == "current")
        .group_by(Delivery.id, Delivery.shot_key, Delivery.rendition, Delivery.preset, Delivery.manifest)
        .order_by(Delivery.id)
    )
    with catalog.database.read() as connection:
        for column in (Delivery.artifact_sha256, Delivery.poster_sha256):
            for key, rendition, preset, manifest, run_id in connection.execute(query.where(column == sha256)):
                found.append(Served(f"{key} {rendition} {preset} of '{manifest}'", run_id))
    return found


def _damaged(run_id: str | None) -> Select[*tuple[Any, ...]]:
    poster = aliased(Artifact)
    lost = or_(Artifact.state != "present", poster.state != "present")
    first = Artifact.state != "present"
    query = (
        select(
            Delivery.id,
            ShotDelivery.shot_id if run_id else Delivery.shot_id,
            Delivery.manifest,
            Delivery.shot_key,
            Delivery.rendition,
            Delivery.preset,
            case((first, Artifact.sha256), else_=poster.sha256),
            case((first, Artifact.state), else_=poster.state),
        )
        .join(Artifact, Artifact.sha256 == Delivery.artifact_sha256)
        .outerjoin(poster, poster.sha256 == Delivery.poster_sha256)
        .where(Delivery.state == "current", lost)
        .order_by(Delivery.id)
    )
    if run_id is None:
        return query
    served = query.join(ShotDelivery, ShotDelivery.delivery_id == Delivery.id)
    return served.join(Shot, Shot.id == ShotDelivery.shot_id).where(Shot.run_id == run_id)


PAGE = 500
"""Files in out folders that are asked for at once."""


@dataclass(frozen=True)
class Placed:
    """A current delivery's file where people look for it; `run_id` put it there."""

    path: str
    sha256: str
    bytes: int
    run_id: str


def placed_files(catalog: Ledger, run_id: str | None = None) -> Iterator[Placed]:
    """Where current deliveries that are in the store were put, the latest of each place, in the order of paths."""
    place: Any = ShotDelivery.placed_path
    key = (place, Shot.run_id, ShotDelivery.shot_id)
    query = (
        select(*key, Delivery.artifact_sha256, Artifact.bytes)
        .join(Delivery, Delivery.id == ShotDelivery.delivery_id)
        .join(Artifact, Artifact.sha256 == Delivery.artifact_sha256)
        .join(Shot, Shot.id == ShotDelivery.shot_id)
        .where(place.is_not(None), Delivery.state == "current", Artifact.state == "present")
        .order_by(*key)
        .limit(PAGE)
    )
    if run_id is not None:
        query = query.where(Shot.run_id == run_id)
    last: Placed | None = None
    after: tuple[str, str, str] | None = None
    while True:  # no transaction stays open while whoever asks reads the files
        with catalog.database.read() as connection:
            rows = connection.execute(query if after is None else query.where(tuple_(*key) > tuple_(*after))).all()
        for path, run, shot, sha256, size in rows:
            if last is not None and last.path != path:
                yield last
            last, after = Placed(path, sha256, size, run), (path, run, shot)
        if len(rows) < PAGE:
            break
    if last is not None:
        yield last
