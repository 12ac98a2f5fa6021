"""Executions as they stand in the catalog: read whole, found by their recipe, asked whether they may still be ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, select
from sqlalchemy.orm import aliased

from catalog.errors import CatalogError, NotFound
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
_WINNER = aliased(Execution)
_STATE_OF = Lookup(
    select(
        Execution.id,
        Execution.recipe_sha256,
        Execution.state,
        Execution.error_message,
        Execution.adopted_id,
        _WINNER.id.label("winner_id"),
    ).outerjoin(_WINNER, and_(_WINNER.recipe_sha256 == Execution.recipe_sha256, _WINNER.state == "done")),
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


@dataclass(frozen=True)
class Standing:
    """How an execution that has not come to nothing stands.

    `ended_as`: itself, or the one it stepped back for; None while it may be ended. `winner`: who is done with the same
    recipe, if anybody is.
    """

    ended_as: str | None
    winner: str | None
    recipe_sha256: str


def standings(connection: Connection, ids: Sequence[str]) -> dict[str, Standing]:
    """How executions stand. Raises NotFound, CatalogError (`EXECUTION_ENDED`: one has come to nothing)."""
    found = {row.id: row for part in chunks(ids) for row in _STATE_OF.execute(connection, part)}
    standing: dict[str, Standing] = {}
    for execution_id in ids:
        if (row := found.get(execution_id)) is None:
            raise NotFound(f"no execution '{execution_id}' in this catalog")
        ended_as: str | None = None
        if row.state == "done" or row.adopted_id is not None:
            ended_as = row.adopted_id or execution_id
        elif row.state not in ("running", "publishing"):
            raise CatalogError(
                f"execution '{execution_id}' has ended already: {row.state} ({row.error_message or 'no error'}); "
                "begin another one",
                code="EXECUTION_ENDED",
            )
        standing[execution_id] = Standing(ended_as, row.winner_id, row.recipe_sha256)
    return standing
