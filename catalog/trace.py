"""Where a file came from: from a delivery back through every stage to the source, and forward to who stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from catalog.errors import NotFound
from catalog.ledger import Ledger, chunks
from catalog.lineage import Node, Tree
from catalog.queries.names import Kind, resolve
from catalog.store import hash_file
from catalog.tables import (
    Artifact,
    Delivery,
    ExecutionInput,
    ExecutionOutput,
    Shot,
    ShotDelivery,
    ShotExecution,
)

__all__ = ["Lineage", "Node", "trace"]


@dataclass(frozen=True)
class Lineage:
    """What was asked about, its trees back to the sources, and the shots and runs that stand on it."""

    kind: Kind
    id: str
    roots: tuple[Node, ...]
    shots: tuple[str, ...]
    runs: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "kind": self.kind,
            "id": self.id,
            "roots": [node.as_dict() for node in self.roots],
            "shots": list(self.shots),
            "runs": list(self.runs),
        }


def trace(catalog: Ledger, what: str) -> Lineage:
    """The lineage of a file (found by its bytes, whatever its name), a digest, or an id; beginnings of names do.

    Raises NotFound if the catalog does not know it.
    """
    kind, name = _identify(catalog, what)
    with catalog.database.read() as connection:
        tree = Tree(connection)
        shots: Sequence[str]
        if kind == "run":
            roots = tree.run(name)
            shots = connection.scalars(select(Shot.id).where(Shot.run_id == name).order_by(Shot.id)).all()
        elif kind == "shot":
            roots, shots = [tree.shot(name)], [name]
        elif kind == "delivery":
            roots = [tree.delivery(name)]
            shots = connection.scalars(select(ShotDelivery.shot_id).where(ShotDelivery.delivery_id == name)).all()
        elif kind == "execution":
            roots = [tree.execution(name, "")]
            shots = _standing_on(connection, {name}, None)
        else:
            made = set[str]()
            for column in (Delivery.artifact_sha256, Delivery.poster_sha256):  # OR would read the whole table
                made |= set(connection.scalars(select(Delivery.id).where(column == name)))
            roots = [tree.delivery(delivery) for delivery in sorted(made)] or [tree.artifact(name, "")]
            shots = _standing_on(connection, set(), name)
        runs: set[str] = set()
        for part in chunks(list(shots)):
            runs |= set(connection.scalars(select(Shot.run_id).where(Shot.id.in_(part)).distinct()))
    return Lineage(kind, name, tuple(roots), tuple(sorted(set(shots))), tuple(sorted(runs)))


def _identify(catalog: Ledger, what: str) -> tuple[Kind, str]:
    path = Path(what)
    if not path.is_file():
        if len(path.parts) > 1 or path.suffix[1:].isalpha():
            raise NotFound(f"there is no file '{what}'; give a file, a digest or an id")
        return resolve(catalog, what)
    sha256 = hash_file(path)
    with catalog.database.read() as connection:
        known = connection.scalar(select(Artifact.sha256).where(Artifact.sha256 == sha256))
    if known is None:
        raise NotFound(
            f"file '{what}' (SHA-256 {sha256[:12]}) is not in this catalog: it was made elsewhere, or changed since"
        )
    return "artifact", sha256


def _standing_on(connection: Connection, executions: set[str], artifact: str | None) -> Sequence[str]:
    """Shots that stand on executions or on an artifact, directly or through later stages."""
    if artifact is not None:
        for edge in (ExecutionOutput, ExecutionInput):
            executions |= set(connection.scalars(select(edge.execution_id).where(edge.artifact_sha256 == artifact)))
    reached: set[str] = set()
    fresh = executions
    while fresh:
        reached |= fresh
        following: set[str] = set()
        for part in chunks(sorted(fresh)):
            files = select(ExecutionOutput.artifact_sha256).where(ExecutionOutput.execution_id.in_(part))
            for used in (ExecutionInput.producer_id.in_(part), ExecutionInput.artifact_sha256.in_(files)):
                following |= set(connection.scalars(select(ExecutionInput.execution_id).where(used)))
        fresh = following - reached
    shots: set[str] = set()
    for part in chunks(sorted(reached)):
        shots |= set(connection.scalars(select(ShotExecution.shot_id).where(ShotExecution.execution_id.in_(part))))
        served = select(ShotDelivery.shot_id).join(Delivery, Delivery.id == ShotDelivery.delivery_id)
        shots |= set(connection.scalars(served.where(Delivery.execution_id.in_(part))))
    return sorted(shots)
