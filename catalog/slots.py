"""Slots: what a person waits for, and which delivery is current there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from catalog.ids import new_id
from catalog.tables import Delivery

_NEW = insert(Delivery)


@dataclass(frozen=True)
class Slot:
    """Manifest, kind, shot, rendition and preset."""

    manifest: str
    kind: str
    shot_key: str
    rendition: str
    preset: str


_SLOT_COLUMNS = (Delivery.manifest, Delivery.kind, Delivery.shot_key, Delivery.rendition, Delivery.preset)
_CURRENT = select(Delivery).where(Delivery.state == "current")
_TAKEN = _CURRENT.where(*(column == bindparam(column.name) for column in _SLOT_COLUMNS))
_AMONG = _CURRENT.where(
    Delivery.manifest.in_(bindparam("manifests", expanding=True)),
    Delivery.kind.in_(bindparam("kinds", expanding=True)),
    Delivery.shot_key.in_(bindparam("keys", expanding=True)),
)


@dataclass(frozen=True)
class Content:
    """What is to be current in a slot. `refreshed`: it supersedes even the same bytes."""

    shot_id: str
    ask_sha256: str
    artifact_sha256: str
    poster_sha256: str | None
    execution_id: str
    recipe_sha256: str
    refreshed: bool = False


def _taken(connection: Connection, slots: Collection[Slot]) -> dict[Slot, Any]:
    """The current deliveries of these slots."""
    if len(slots) == 1:
        rows = connection.execute(_TAKEN, asdict(next(iter(slots))))
    else:
        # Column by column, which finds some more: SQLite looks a list of tuples up by no index.
        rows = connection.execute(
            _AMONG,
            {
                "manifests": list({slot.manifest for slot in slots}),
                "kinds": list({slot.kind for slot in slots}),
                "keys": list({slot.shot_key for slot in slots}),
            },
        )
    found = {Slot(row.manifest, row.kind, row.shot_key, row.rendition, row.preset): row for row in rows}
    return {slot: found[slot] for slot in slots if slot in found}


def occupy(connection: Connection, wanted: Mapping[Slot, Content]) -> dict[Slot, tuple[str, bool]]:
    """Put a delivery into each slot; its id, and False where the one there is as good."""
    old = _taken(connection, wanted.keys())
    ids: dict[Slot, tuple[str, bool]] = {}
    for slot, content in wanted.items():
        here = old.get(slot)
        same = here is not None and all(
            getattr(here, name) == getattr(content, name) for name in ("ask_sha256", "artifact_sha256", "poster_sha256")
        )
        # A refresh whose answer was lost comes again with the same execution: it is there already.
        again = here is not None and (here.shot_id, here.execution_id) == (content.shot_id, content.execution_id)
        kept = here is not None and same and (again or not content.refreshed)
        ids[slot] = (here.id, False) if here is not None and kept else (new_id("d"), True)
    new = [slot for slot, (_, made) in ids.items() if made]
    gone = [{"gone": old[slot].id, "by": ids[slot][0]} for slot in new if slot in old]
    which = update(Delivery).where(Delivery.id == bindparam("gone"))
    if gone:  # first, for only one may be current; its successor's name afterwards, for that must exist
        connection.execute(which.values(state="superseded"), [{"gone": line["gone"]} for line in gone])
    if new:
        connection.execute(_NEW, [_row(ids[slot][0], slot, wanted[slot]) for slot in new])
    if gone:
        connection.execute(which.values(superseded_by=bindparam("by")), gone)
    return ids


def _row(delivery_id: str, slot: Slot, content: Content) -> dict[str, Any]:
    columns = {name: value for name, value in asdict(content).items() if name != "refreshed"}
    return {"id": delivery_id, "state": "current"} | asdict(slot) | columns
