"""Executions: what ran, what it used, what it made; found again by the hash of its recipe."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from catalog.claims import Claim, check_claim
from catalog.dialect import clock, upsert
from catalog.errors import CatalogError, NotFound
from catalog.failpoints import reach
from catalog.ids import new_id
from catalog.ledger import Ledger, chunks, write_audit
from catalog.store import Store
from catalog.tables import Artifact, Execution, ExecutionInput, ExecutionOutput, ShotExecution


@dataclass(frozen=True)
class Used:
    """One input: a stored file (`artifact`, its SHA-256) or the execution whose frames stream in (`producer`)."""

    role: str
    artifact: str | None = None
    producer: str | None = None


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


class ExecutionLedger(Ledger):
    """Beginning, watching and ending executions that are not (yet) publications."""

    def find_done(self, recipe_sha256: str) -> Made | None:
        """The finished execution with this recipe, or None. Look at `.whole` before using its files."""
        return self.find_done_many([recipe_sha256]).get(recipe_sha256)

    def find_done_many(self, recipe_sha256s: Sequence[str]) -> dict[str, Made]:
        """The finished executions of many recipes, by recipe hash."""
        with self.database.read() as connection:
            found: list[Made] = []
            for part in chunks(recipe_sha256s):
                rows = select(Execution.id).where(Execution.recipe_sha256.in_(part), Execution.state == "done")
                found += load_executions(connection, connection.scalars(rows).all(), self.store)
        return {made.recipe_sha256: made for made in found}

    def execution(self, execution_id: str) -> Made:
        """One execution by id, in whatever state. Raises NotFound."""
        with self.database.read() as connection:
            for made in load_executions(connection, [execution_id], self.store):
                return made
        raise NotFound(f"no execution '{execution_id}' in this catalog")

    def begin(
        self,
        *,
        stage: str,
        version: int,
        recipe: Mapping[str, Any],
        recipe_sha256: str,
        engine: str,
        engine_versions: Mapping[str, str],
        weights: Mapping[str, str],
        inputs: Sequence[Used],
        device: str,
        work: float | None = None,
        claim: Claim | None = None,
        host: str | None = None,
        grant_id: str | None = None,
    ) -> str:
        """Write down that a stage starts; returns the execution's id. Raises StaleClaim if `claim` no longer holds.

        `weights` maps file names to SHA-256; `grant_id` is the acceptance of their licence that they are used under. A
        streamed input names an execution that may still be running.
        """
        execution_id = new_id("x")
        with self.database.write() as connection:
            if claim is not None:
                check_claim(connection, claim)
            connection.execute(
                insert(Execution).values(
                    id=execution_id,
                    stage=stage,
                    version=version,
                    state="running",
                    recipe_sha256=recipe_sha256,
                    recipe=dict(recipe),
                    engine=engine,
                    engine_versions=dict(engine_versions),
                    weights=dict(weights),
                    grant_id=grant_id,
                    ran={},
                    host=host or platform.node(),
                    device=device,
                    work=work,
                    shot_id=claim.shot_id if claim else None,
                    lease_token=claim.token if claim else None,
                )
            )
            if inputs:
                rows = [
                    {
                        "execution_id": execution_id,
                        "position": position,
                        "role": used.role,
                        "artifact_sha256": used.artifact,
                        "producer_id": used.producer,
                    }
                    for position, used in enumerate(inputs)
                ]
                connection.execute(insert(ExecutionInput), rows)
        reach("execution.begun")
        return execution_id

    def progress(self, execution_id: str, share: float) -> None:
        """Say how far a running execution is, 0 to 1. A durable write: once a second is enough for people."""
        with self.database.write() as connection:
            connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state == "running")
                .values(progress=min(1.0, max(0.0, share)), touched_at=clock())
            )

    def fail(self, execution_id: str, code: str, message: str, evidence: str = "") -> None:
        """End a running execution that did not make it, with what is known about why."""
        with self.database.write() as connection:
            connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state.in_(("running", "publishing")))
                .values(
                    state="failed", error_code=code, error_message=message, evidence=evidence or None, ended_at=clock()
                )
            )

    def void(self, execution_id: str, who: str, why: str) -> None:
        """Take back a finished execution: it is listed for ever, never reused, and made again when needed."""
        with self.database.write() as connection:
            changed = connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state == "done")
                .values(state="void", error_code="VOIDED", error_message=why)
                .returning(Execution.id)
            ).all()
            if not changed:
                raise NotFound(f"no finished execution '{execution_id}' in this catalog")
            write_audit(connection, who, "void", execution_id, {"why": why})

    def link(self, shot_id: str, rendition: str, execution_id: str, made: bool) -> None:
        """A shot stands on an execution: `made` by it now, or there before. `rendition` "": it serves all of them."""
        with self.database.write() as connection:
            self.link_within(connection, [(shot_id, rendition, execution_id, made)])

    def link_many(self, links: Sequence[tuple[str, str, str, bool]]) -> None:
        """`link` for many (shot, rendition, execution, made) at once."""
        with self.database.write() as connection:
            self.link_within(connection, links)

    @staticmethod
    def link_within(connection: Connection, links: Sequence[tuple[str, str, str, bool]]) -> None:
        """`link` inside a transaction; a link that exists stays as it was first written."""
        if not links:
            return
        connection.execute(
            upsert(connection, ShotExecution).on_conflict_do_nothing(),
            [{"shot_id": s, "rendition": r, "execution_id": x, "made": made} for s, r, x, made in links],
        )


def load_executions(connection: Connection, ids: Sequence[str], store: Store) -> list[Made]:
    """Executions by id, with their outputs, in the order of their ids."""
    outputs: defaultdict[str, list[Output]] = defaultdict(list)
    loaded: list[Made] = []
    for part in chunks(ids):
        edges = (
            select(ExecutionOutput.execution_id, ExecutionOutput.role, Artifact)
            .join(Artifact, Artifact.sha256 == ExecutionOutput.artifact_sha256)
            .where(ExecutionOutput.execution_id.in_(part))
            .order_by(ExecutionOutput.execution_id, ExecutionOutput.role)
        )
        for row in connection.execute(edges):
            outputs[row.execution_id].append(
                Output(row.role, row.sha256, row.kind, row.state, row.bytes, row.location, row.media, store)
            )
        for row in connection.execute(select(Execution).where(Execution.id.in_(part)).order_by(Execution.id)):
            loaded.append(
                Made(
                    id=row.id,
                    stage=row.stage,
                    version=row.version,
                    state=row.state,
                    recipe_sha256=row.recipe_sha256,
                    recipe=row.recipe,
                    engine=row.engine,
                    engine_versions=row.engine_versions,
                    weights=row.weights,
                    ran=row.ran,
                    host=row.host,
                    device=row.device,
                    seconds=row.seconds,
                    work=row.work,
                    outputs=tuple(outputs[row.id]),
                )
            )
    return loaded


def still_running(connection: Connection, execution_id: str) -> str:
    """The recipe hash of an execution that may still be ended. Raises CatalogError if it has ended already."""
    row = connection.execute(
        select(Execution.state, Execution.recipe_sha256, Execution.error_message).where(Execution.id == execution_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no execution '{execution_id}' in this catalog")
    if row.state not in ("running", "publishing"):
        raise CatalogError(
            f"execution '{execution_id}' has ended already: {row.state} ({row.error_message or 'no error'}); "
            "begin another one",
            code="EXECUTION_ENDED",
        )
    return row.recipe_sha256
