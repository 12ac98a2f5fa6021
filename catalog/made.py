"""Executions as they stand in the catalog: read whole, found by their recipe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from catalog.errors import NotFound
from catalog.ledger import chunks
from catalog.statements import Lookup
from catalog.store import Store
from catalog.tables import Artifact, Execution, ExecutionOutput


@dataclass(frozen=True)
class Output:
    """One durable file of an execution. Only where `state` is `present` may `path` be opened."""

    role: str
    sha256: str
    kind: str
    state: str
    bytes: int
    location: str
    media: Mapping[str, Any]
    store: Store = field(repr=False, compare=False)

    @property
    def path(self) -> Path:
        """The file, fetched first where the store is not on this machine. Raises NotFound, StoreUnavailable."""
        return self.store.path(self.sha256, self.location)


@dataclass(frozen=True)
class Made:
    """An execution as it stands in the catalog."""

    id: str
    stage: str
    version: int
    state: str
    recipe_sha256: str
    recipe: Mapping[str, Any]
    engine: str
    engine_versions: Mapping[str, str]
    weights: Mapping[str, str]
    ran: Mapping[str, Any]
    host: str
    device: str
    seconds: float | None
    work: float | None
    outputs: tuple[Output, ...]

    @property
    def whole(self) -> bool:
        """Every file it made is in the store (true for a streamed execution, which makes none)."""
        return all(output.state == "present" for output in self.outputs)

    def output(self, role: str) -> Output:
        """The output with this role. Raises NotFound."""
        for output in self.outputs:
            if output.role == role:
                return output
        has = ", ".join(output.role for output in self.outputs) or "none"
        raise NotFound(f"execution '{self.id}' ({self.stage}) has no output '{role}'; it has: {has}")


_DONE = Lookup(select(Execution.id).where(Execution.state == "done"), Execution.recipe_sha256)
_OUTPUTS = Lookup(
    select(
        ExecutionOutput.execution_id,
        ExecutionOutput.role,
        Artifact.sha256,
        Artifact.kind,
        Artifact.state,
        Artifact.bytes,
        Artifact.location,
        Artifact.media,
    )
    .join(Artifact, Artifact.sha256 == ExecutionOutput.artifact_sha256)
    .order_by(ExecutionOutput.execution_id, ExecutionOutput.role),
    ExecutionOutput.execution_id,
)
_EXECUTIONS = Lookup(
    select(*(getattr(Execution, fact.name) for fact in fields(Made) if fact.name != "outputs")).order_by(Execution.id),
    Execution.id,
)


def done(connection: Connection, recipes: Sequence[str]) -> Sequence[str]:
    """The finished executions of these recipes."""
    return _DONE.execute(connection, recipes).scalars().all()


def load_executions(connection: Connection, ids: Sequence[str], store: Store) -> list[Made]:
    """Executions by id, with their outputs, in the order of their ids."""
    outputs: defaultdict[str, list[Output]] = defaultdict(list)
    loaded: list[Made] = []
    for part in chunks(ids):
        for row in _OUTPUTS.execute(connection, part):
            outputs[row.execution_id].append(
                Output(row.role, row.sha256, row.kind, row.state, row.bytes, row.location, row.media, store)
            )
        for row in _EXECUTIONS.execute(connection, part).mappings():
            loaded.append(Made(**row, outputs=tuple(outputs[row["id"]])))
    return loaded
