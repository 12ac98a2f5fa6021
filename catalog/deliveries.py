"""Deliveries: the finished files, which of them is current for whom, and where they were put.

A *slot* is what a person waits for: (manifest name, kind, shot key, rendition, preset). One delivery is current per
slot. It stays current through upgrades of code, engines and weights until what was asked changes (`ask_sha256`: the
resolved row and the picture's bytes) or somebody asks for a refresh.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, or_, select, update
from sqlalchemy.orm import aliased

from catalog.claims import Claim, check_claims
from catalog.dialect import one_publisher
from catalog.errors import CatalogError, NotFound
from catalog.failpoints import reach
from catalog.ledger import Ledger, chunks
from catalog.slots import Content, Slot, occupy
from catalog.statements import Lookup, Upsert
from catalog.store import Store
from catalog.tables import Artifact, Delivery, Execution, Rendition, Run, Shot, ShotDelivery


@dataclass(frozen=True)
class Delivered:
    """One delivery, and the store that has its bytes."""

    id: str
    shot_id: str
    manifest: str
    kind: str
    shot_key: str
    rendition: str
    preset: str
    state: str
    ask_sha256: str
    artifact: str
    location: str
    bytes: int
    poster: str | None
    poster_location: str | None
    execution_id: str
    recipe_sha256: str
    created_at: datetime
    store: Store = field(repr=False, compare=False)

    @property
    def path(self) -> Path:
        """The file, fetched first where the store is not on this machine. Raises NotFound, StoreUnavailable."""
        return self.store.path(self.artifact, self.location)

    @property
    def poster_path(self) -> Path | None:
        """Its poster in the same way; None where it has none."""
        return self.store.path(self.poster, self.poster_location or "") if self.poster else None


@dataclass(frozen=True)
class Reuse:
    """A shot's rendition that an older delivery serves as it is."""

    shot_id: str
    rendition: str
    delivery_id: str


@dataclass(frozen=True)
class NewDelivery:
    """A stored file to be delivered: to whom, what it answers, and who made it.

    `refreshed`: somebody asked for it to be made again, so that it supersedes even the same bytes.
    """

    claim: Claim | None
    shot_id: str
    rendition: str
    preset: str
    ask_sha256: str
    artifact: str
    poster: str | None
    execution_id: str
    refreshed: bool = False


_RECIPES = Lookup(select(Execution.id, Execution.recipe_sha256), Execution.id)
_STATES = Lookup(select(Artifact.sha256, Artifact.state), Artifact.sha256)
_PLACES = Lookup(
    select(Shot.id, Rendition.name, Run.name, Run.kind, Shot.key)
    .join(Run, Run.id == Shot.run_id)
    .join(Rendition, Rendition.shot_id == Shot.id),
    Shot.id,
)


class DeliveryLedger(Ledger):
    """Making, reusing and placing deliveries."""

    def deliver(self, wanted: NewDelivery) -> Delivered:
        """`deliver_all` for one; returns it."""
        (delivery_id,) = self.deliver_all([wanted])
        with self.database.read() as connection:
            return self._load(_BY_ID.execute(connection, [delivery_id]))[0]

    def deliver_all(self, wanted: Sequence[NewDelivery]) -> list[str]:
        """Make stored files the current deliveries of their slots; what was current is superseded and stays listed.

        A current delivery of the same ask and the same bytes is kept and only linked, unless `refreshed`. All at once;
        returns the deliveries' ids. Raises StaleClaim, NotFound (unknown shot or rendition), CatalogError
        (`NOT_PRESENT`: a file is not in the store).
        """
        with self.database.write() as connection:
            one_publisher(connection)
            check_claims(connection, [one.claim for one in wanted])
            check_present(connection, {file for one in wanted for file in (one.artifact, one.poster) if file})
            places = _places(connection, list({one.shot_id for one in wanted}))
            makers = _RECIPES.execute(connection, [one.execution_id for one in wanted])
            recipes = {row.id: row.recipe_sha256 for row in makers}
            slots: dict[Slot, Content] = {}
            for one in wanted:
                if (place := places.get((one.shot_id, one.rendition))) is None:
                    raise NotFound(f"shot '{one.shot_id}' has no rendition '{one.rendition}' in this catalog")
                if (recipe := recipes.get(one.execution_id)) is None:
                    raise NotFound(f"no execution '{one.execution_id}' in this catalog")
                slots[Slot(*place, one.preset)] = Content(
                    one.shot_id, one.ask_sha256, one.artifact, one.poster, one.execution_id, recipe, one.refreshed
                )
            occupied = occupy(connection, slots)
            ids = [occupied[Slot(*places[one.shot_id, one.rendition], one.preset)] for one in wanted]
            _serve(
                connection,
                [
                    {"shot_id": one.shot_id, "delivery_id": delivery_id, "made": made}
                    for one, (delivery_id, made) in zip(wanted, ids, strict=True)
                ],
            )
            reach("delivery.marking")
        reach("delivery.done")
        return [delivery_id for delivery_id, _ in ids]

    def reuse_deliveries(self, reuses: Sequence[Reuse]) -> int:
        """Serve shots from deliveries that exist; returns how many. Needs no claim: nothing is made.

        A shot in another slot (the same picture under another id) gets a delivery of its own with the same file.
        """
        if not reuses:
            return 0
        with self.database.write() as connection:
            for part in chunks(reuses):
                serve_again(connection, part)
        return len(reuses)

    def current_delivery(self, ask_sha256: str, preset: str | None = None) -> Delivered | None:
        """The newest current delivery of an ask whose file is in the store, or None."""
        found = self.current_deliveries([ask_sha256])
        matching = [one for one in found.get(ask_sha256, []) if preset in (None, one.preset)]
        return matching[-1] if matching else None

    def current_deliveries(self, ask_sha256s: Sequence[str]) -> dict[str, list[Delivered]]:
        """Current deliveries of many asks whose files are in the store, oldest first; asks without one are missing.

        One that was retired with its row is as good as a current one, and comes before those.
        """
        found: dict[str, list[Delivered]] = {}
        with self.database.read() as connection:
            for part in chunks(ask_sha256s):
                for one in self._load(_USABLE.execute(connection, part)):
                    found.setdefault(one.ask_sha256, []).append(one)
        return found

    def place_all(self, placed: Sequence[tuple[str, str, Path]]) -> None:
        """Write down where deliveries were put for people: (shot, delivery, path), all in one transaction."""
        which = (ShotDelivery.shot_id == bindparam("shot"), ShotDelivery.delivery_id == bindparam("delivery"))
        lines = [{"shot": shot, "delivery": delivery, "put": str(path)} for shot, delivery, path in placed]
        if lines:
            with self.database.write() as connection:
                connection.execute(update(ShotDelivery).where(*which).values(placed_path=bindparam("put")), lines)

    def _load(self, rows: Iterable[Any]) -> list[Delivered]:
        return [delivered(row, self.store) for row in rows]


def check_present(connection: Connection, files: Collection[str]) -> None:
    """Raises CatalogError (`NOT_PRESENT`) where a file is not in the store."""
    states = {row.sha256: row.state for part in chunks(sorted(files)) for row in _STATES.execute(connection, part)}
    for digest in files:
        if (state := states.get(digest)) != "present":
            raise CatalogError(
                f"cannot deliver artifact {digest[:12]}: it is {state or 'unknown'}, not present; make it again",
                code="NOT_PRESENT",
            )


def serve_again(connection: Connection, reuses: Sequence[Reuse]) -> None:
    """`DeliveryLedger.reuse_deliveries` inside a transaction that does more; at most a chunk of them at once."""
    one_publisher(connection)
    query = select(Delivery).where(Delivery.id.in_([reuse.delivery_id for reuse in reuses]))
    older = {row.id: row for row in connection.execute(query)}
    retired = [row for row in older.values() if row.retired_at is not None]  # they may have been collected meanwhile
    check_present(connection, {file for row in retired for file in (row.artifact_sha256, row.poster_sha256) if file})
    places = _places(connection, [reuse.shot_id for reuse in reuses])
    slots: dict[Reuse, Slot] = {}
    wanted: dict[Slot, Content] = {}
    for reuse in reuses:
        old, place = older.get(reuse.delivery_id), places.get((reuse.shot_id, reuse.rendition))
        if old is None or place is None:
            raise NotFound(f"cannot reuse: no such delivery, shot or rendition: {reuse}")
        slots[reuse] = slot = Slot(*place, old.preset)
        wanted[slot] = Content(
            reuse.shot_id,
            old.ask_sha256,
            old.artifact_sha256,
            old.poster_sha256,
            old.execution_id,
            old.recipe_sha256,
        )
    ids = occupy(connection, wanted)
    _serve(
        connection,
        [{"shot_id": x.shot_id, "delivery_id": ids[slot][0], "made": False} for x, slot in slots.items()],
    )


def _places(connection: Connection, shot_ids: Sequence[str]) -> dict[tuple[str, str], tuple[str, str, str, str]]:
    """(shot, rendition) -> a slot without its preset."""
    return {
        (shot, rendition): (manifest, kind, key, rendition)
        for shot, rendition, manifest, kind, key in _PLACES.execute(connection, shot_ids)
    }


def _serve(connection: Connection, links: Sequence[dict[str, Any]]) -> None:
    if links:
        connection.execute(_SERVE.on(connection), links)


_SERVE = Upsert(ShotDelivery, lambda new: new.on_conflict_do_nothing())


_POSTER = aliased(Artifact)


def select_deliveries() -> Select[*tuple[Any, ...]]:
    """Deliveries with what `delivered` needs; narrow it with `.where`, its file is `Artifact`."""
    return (
        select(Delivery, Artifact.location, Artifact.bytes, _POSTER.location.label("poster_location"))
        .join(Artifact, Artifact.sha256 == Delivery.artifact_sha256)
        .outerjoin(_POSTER, _POSTER.sha256 == Delivery.poster_sha256)
    )


_BY_ID = Lookup(select_deliveries(), Delivery.id)
_USABLE = Lookup(
    # SQLite would rather read every artifact that is present than look up three deliveries, if it could.
    select_deliveries()
    .where(
        or_(Delivery.state == "current", Delivery.retired_at.is_not(None)),
        func.coalesce(Artifact.state, "") == "present",
    )
    .order_by(Delivery.state == "current", Delivery.id),
    Delivery.ask_sha256,
)


def delivered(row: Any, store: Store) -> Delivered:
    """A row of `select_deliveries`, typed."""
    return Delivered(
        id=row.id,
        shot_id=row.shot_id,
        manifest=row.manifest,
        kind=row.kind,
        shot_key=row.shot_key,
        rendition=row.rendition,
        preset=row.preset,
        state=row.state,
        ask_sha256=row.ask_sha256,
        artifact=row.artifact_sha256,
        location=row.location,
        bytes=row.bytes,
        poster=row.poster_sha256,
        poster_location=row.poster_location,
        execution_id=row.execution_id,
        recipe_sha256=row.recipe_sha256,
        created_at=row.created_at,
        store=store,
    )
