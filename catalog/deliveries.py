"""Deliveries: the finished files, which of them is current for whom, and where they were put.

A *slot* is what a person waits for: (manifest name, kind, shot key, rendition, preset). One delivery is current per
slot. It stays current through upgrades of code, engines and weights until what was asked changes (`ask_sha256`: the
resolved row and the picture's bytes) or somebody asks for a refresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, or_, select, tuple_, update
from sqlalchemy.orm import aliased

from catalog.claims import Claim, check_claim
from catalog.errors import CatalogError, NotFound
from catalog.failpoints import reach
from catalog.ids import new_id
from catalog.ledger import Ledger, chunks
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


_NEW = insert(Delivery)
_RECIPE = select(Execution.recipe_sha256).where(Execution.id == bindparam("execution"))
_STATES = select(Artifact.sha256, Artifact.state).where(
    or_(Artifact.sha256 == bindparam("file"), Artifact.sha256 == bindparam("poster"))
)
_PLACES = Lookup(
    select(Shot.id, Rendition.name, Run.name, Run.kind, Shot.key)
    .join(Run, Run.id == Shot.run_id)
    .join(Rendition, Rendition.shot_id == Shot.id),
    Shot.id,
)


class DeliveryLedger(Ledger):
    """Making, reusing and placing deliveries."""

    def deliver(
        self,
        claim: Claim | None,
        *,
        shot_id: str,
        rendition: str,
        preset: str,
        ask_sha256: str,
        artifact: str,
        poster: str | None,
        execution_id: str,
        refreshed: bool = False,
    ) -> Delivered:
        """Make a stored file the current delivery of its slot; what was current is superseded and stays listed.

        A current delivery of the same ask and the same bytes is kept and only linked, unless `refreshed`. Raises
        StaleClaim, NotFound (unknown shot or rendition), CatalogError (`NOT_PRESENT`: the file is not in the store).
        """
        with self.database.write() as connection:
            if claim is not None:
                check_claim(connection, claim)
            self._check_present(connection, artifact, poster or artifact)
            place = _places(connection, [shot_id]).get((shot_id, rendition))
            if place is None:
                raise NotFound(f"shot '{shot_id}' has no rendition '{rendition}' in this catalog")
            recipe = connection.scalar(_RECIPE, {"execution": execution_id})
            if recipe is None:
                raise NotFound(f"no execution '{execution_id}' in this catalog")
            slot = _Slot(*place, preset)
            content = _Content(ask_sha256, artifact, poster, execution_id, recipe)
            delivery_id, made = _occupy(connection, {slot: (shot_id, content)}, refreshed=refreshed)[slot]
            _serve(connection, [{"shot_id": shot_id, "delivery_id": delivery_id, "made": made}])
            reach("delivery.marking")
            delivered = self._load(_BY_ID.execute(connection, [delivery_id]))[0]
        reach("delivery.done")
        return delivered

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
        """Current deliveries of many asks whose files are in the store, oldest first; asks without one are missing."""
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

    @staticmethod
    def _check_present(connection: Connection, file: str, poster: str) -> None:
        rows = connection.execute(_STATES, {"file": file, "poster": poster})
        states = {row.sha256: row.state for row in rows}
        for digest in (file, poster):
            if (state := states.get(digest)) != "present":
                raise CatalogError(
                    f"cannot deliver artifact {digest[:12]}: it is {state or 'unknown'}, not present; make it again",
                    code="NOT_PRESENT",
                )


@dataclass(frozen=True)
class _Slot:
    manifest: str
    kind: str
    shot_key: str
    rendition: str
    preset: str


_SLOT_COLUMNS = (Delivery.manifest, Delivery.kind, Delivery.shot_key, Delivery.rendition, Delivery.preset)
_CURRENT = select(Delivery).where(Delivery.state == "current")
_TAKEN = _CURRENT.where(*(column == bindparam(column.name) for column in _SLOT_COLUMNS))


@dataclass(frozen=True)
class _Content:
    ask_sha256: str
    artifact_sha256: str
    poster_sha256: str | None
    execution_id: str
    recipe_sha256: str


def serve_again(connection: Connection, reuses: Sequence[Reuse]) -> None:
    """`DeliveryLedger.reuse_deliveries` inside a transaction that does more; at most a chunk of them at once."""
    query = select(Delivery).where(Delivery.id.in_([reuse.delivery_id for reuse in reuses]))
    older = {row.id: row for row in connection.execute(query)}
    places = _places(connection, [reuse.shot_id for reuse in reuses])
    slots: dict[Reuse, _Slot] = {}
    wanted: dict[_Slot, tuple[str, _Content]] = {}
    for reuse in reuses:
        old, place = older.get(reuse.delivery_id), places.get((reuse.shot_id, reuse.rendition))
        if old is None or place is None:
            raise NotFound(f"cannot reuse: no such delivery, shot or rendition: {reuse}")
        slots[reuse] = slot = _Slot(*place, old.preset)
        content = _Content(*(getattr(old, column.name) for column in fields(_Content)))
        wanted[slot] = (reuse.shot_id, content)
    ids = _occupy(connection, wanted, refreshed=False)
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


def _taken(connection: Connection, slots: Sequence[_Slot]) -> Iterable[Any]:
    if len(slots) == 1:
        return connection.execute(_TAKEN, asdict(slots[0]))
    return connection.execute(_CURRENT.where(tuple_(*_SLOT_COLUMNS).in_([astuple(slot) for slot in slots])))


def _occupy(
    connection: Connection, wanted: Mapping[_Slot, tuple[str, _Content]], *, refreshed: bool
) -> dict[_Slot, tuple[str, bool]]:
    """Put a delivery (first shot, content) into each slot; its id, and False where the one there is as good."""
    old = {
        _Slot(row.manifest, row.kind, row.shot_key, row.rendition, row.preset): row
        for row in _taken(connection, list(wanted))
    }
    ids: dict[_Slot, tuple[str, bool]] = {}
    for slot, (shot, content) in wanted.items():
        here = old.get(slot)
        same = here is not None and all(
            getattr(here, name) == getattr(content, name) for name in ("ask_sha256", "artifact_sha256", "poster_sha256")
        )
        # A refresh whose answer was lost comes again with the same execution: it is there already.
        again = here is not None and (here.shot_id, here.execution_id) == (shot, content.execution_id)
        kept = here is not None and same and (again or not refreshed)
        ids[slot] = (here.id, False) if here is not None and kept else (new_id("d"), True)
    new = [slot for slot, (_, made) in ids.items() if made]
    gone = [{"gone": old[slot].id, "by": ids[slot][0]} for slot in new if slot in old]
    which = update(Delivery).where(Delivery.id == bindparam("gone"))
    if gone:  # first, for only one may be current; its successor's name afterwards, for that must exist
        connection.execute(which.values(state="superseded"), [{"gone": line["gone"]} for line in gone])
    if new:
        rows = [
            {"id": ids[slot][0], "shot_id": wanted[slot][0], "state": "current"}
            | asdict(slot)
            | asdict(wanted[slot][1])
            for slot in new
        ]
        connection.execute(_NEW, rows)
    if gone:
        connection.execute(which.values(superseded_by=bindparam("by")), gone)
    return ids


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
    select_deliveries().where(Delivery.state == "current", Artifact.state == "present").order_by(Delivery.id),
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
