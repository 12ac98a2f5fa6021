"""What a name means: ids, digests, and their beginnings."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import select

from catalog.dialect import starts_with
from catalog.errors import NotFound
from catalog.ledger import Ledger
from catalog.tables import Artifact, Delivery, Execution, Run, Shot

Kind = Literal["run", "shot", "execution", "delivery", "artifact"]


def resolve(catalog: Ledger, prefix: str) -> tuple[Kind, str]:
    """What an id, a digest or the beginning of one (from 4 characters) names.

    Raises NotFound if it names nothing, or several things: the message lists them.
    """
    columns: dict[Kind, Any] = {
        "run": Run.id,
        "shot": Shot.id,
        "execution": Execution.id,
        "delivery": Delivery.id,
        "artifact": Artifact.sha256,
    }
    found: list[tuple[Kind, str]] = []
    with catalog.database.read() as connection:
        for kind, column in columns.items():
            if connection.scalar(select(column).where(column == prefix)) is not None:
                return kind, prefix
            if len(prefix) >= 4 and (kind != "shot" or "." in prefix):
                query = select(column).where(starts_with(column, prefix)).order_by(column).limit(3)
                names: list[str] = list(connection.scalars(query))
                found.extend((kind, name) for name in names)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{kind} {name[:24]}" for kind, name in found)
        raise NotFound(f"'{prefix}' begins several names: {listed}; give more of it", code="AMBIGUOUS")
    raise NotFound(f"'{prefix}' is no run, shot, execution, delivery or artifact of this catalog")
