"""Executions: what ran, what it used, what it made; found again by the hash of its recipe."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack

from sqlalchemy import Connection, bindparam, insert, select, update

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


class NewExecution(TypedDict):
    """What a stage is about to do, or did.

    `weights` maps file names to SHA-256; `grant_id` is the acceptance of their licence that they are used under.
    `worker` names who runs it; `host` is this machine where it is not given.
    """

    stage: str
    version: int
    recipe: Mapping[str, Any]
    recipe_sha256: str
    engine: str
    engine_versions: Mapping[str, str]
    weights: Mapping[str, str]
    inputs: Sequence[Used]
    device: str
    work: NotRequired[float | None]
    host: NotRequired[str | None]
    worker: NotRequired[str | None]
    grant_id: NotRequired[str | None]


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


# Statements of the way every shot goes are built once: building them costs more than running them.
_EXECUTIONS: Any = Execution.__table__
_INPUTS: Any = ExecutionInput.__table__
_NAMED = Execution.recipe_sha256.in_(bindparam("recipes", expanding=True))
DONE = select(Execution.id).where(_NAMED, Execution.state == "done")
"""The finished executions of some `recipes`."""
_OUTPUTS_OF = (
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
    .where(ExecutionOutput.execution_id.in_(bindparam("ids", expanding=True)))
    .order_by(ExecutionOutput.execution_id, ExecutionOutput.role)
)
_EXECUTIONS_OF = (
    select(*(getattr(Execution, fact.name) for fact in fields(Made) if fact.name != "outputs"))
    .where(Execution.id.in_(bindparam("ids", expanding=True)))
    .order_by(Execution.id)
)
_STATE_OF = select(Execution.state, Execution.recipe_sha256, Execution.error_message).where(
    Execution.id == bindparam("execution")
)


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
                found += load_executions(connection, connection.scalars(DONE, {"recipes": part}).all(), self.store)
        return {made.recipe_sha256: made for made in found}

    def execution(self, execution_id: str) -> Made:
        """One execution by id, in whatever state. Raises NotFound."""
        with self.database.read() as connection:
            for made in load_executions(connection, [execution_id], self.store):
                return made
        raise NotFound(f"no execution '{execution_id}' in this catalog")

    @contextmanager
    def together(self) -> Generator[None]:
        """What this thread writes inside is one transaction: all of it or nothing. Nothing slow belongs in here."""
        with self.database.write():
            yield

    def begin(self, *, claim: Claim | None = None, **facts: Unpack[NewExecution]) -> str:
        """Write down that a stage starts; returns the execution's id. Raises StaleClaim if `claim` no longer holds.

        A streamed input names an execution that may still be running.
        """
        execution_id = new_id("x")
        with self.database.write() as connection:
            if claim is not None:
                check_claim(connection, claim)
            connection.execute(insert(_EXECUTIONS), _row(execution_id, claim, facts) | {"state": "running", "ran": {}})
            _use(connection, execution_id, facts["inputs"])
        reach("execution.begun")
        return execution_id

    def record(
        self, *, claim: Claim | None = None, ran: Mapping[str, Any], seconds: float, **facts: Unpack[NewExecution]
    ) -> tuple[str, bool]:
        """Write down a stage that has run and left no file; returns who stands for its recipe, and if that is this one.

        Where another was done first nothing is written. Raises StaleClaim.
        """
        execution_id = new_id("x")
        with self.database.write() as connection:
            if claim is not None:
                check_claim(connection, claim)
            row = _row(execution_id, claim, facts) | {"state": "done", "ran": dict(ran), "seconds": seconds}
            done = upsert(connection, Execution).on_conflict_do_nothing(
                index_elements=["recipe_sha256"], index_where=Execution.state == "done"
            )
            written = connection.execute(
                done.values(progress=1.0, ended_at=clock()).returning(Execution.id), row
            ).one_or_none()
            if written is None:
                same = (Execution.recipe_sha256 == facts["recipe_sha256"], Execution.state == "done")
                return connection.execute(select(Execution.id).where(*same)).scalar_one(), False
            _use(connection, execution_id, facts["inputs"])
        return execution_id, True

    def progress(self, execution_id: str, share: float) -> None:
        """Say how far a running execution is, 0 to 1. A durable write: once a second is enough for people."""
        with self.database.write() as connection:
            connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state == "running")
                .values(progress=min(1.0, max(0.0, share)), touched_at=clock())
            )

    def fail(self, execution_id: str, code: str, message: str, evidence: str = "") -> None:
        """End a running execution that did not make it, with what is known about why.

        One that is `publishing` is made already: `recover` finishes it, or takes it back.
        """
        with self.database.write() as connection:
            connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state == "running")
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


def _row(execution_id: str, claim: Claim | None, facts: NewExecution) -> dict[str, Any]:
    return {
        "id": execution_id,
        "stage": facts["stage"],
        "version": facts["version"],
        "recipe_sha256": facts["recipe_sha256"],
        "recipe": dict(facts["recipe"]),
        "engine": facts["engine"],
        "engine_versions": dict(facts["engine_versions"]),
        "weights": dict(facts["weights"]),
        "grant_id": facts.get("grant_id"),
        "host": facts.get("host") or platform.node(),
        "device": facts["device"],
        "worker": facts.get("worker") or None,
        "work": facts.get("work"),
        "shot_id": claim.shot_id if claim else None,
        "lease_token": claim.token if claim else None,
    }


def _use(connection: Connection, execution_id: str, inputs: Sequence[Used]) -> None:
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
    if rows:
        connection.execute(insert(_INPUTS), rows)


def load_executions(connection: Connection, ids: Sequence[str], store: Store) -> list[Made]:
    """Executions by id, with their outputs, in the order of their ids."""
    outputs: defaultdict[str, list[Output]] = defaultdict(list)
    loaded: list[Made] = []
    for part in chunks(ids):
        for row in connection.execute(_OUTPUTS_OF, {"ids": part}):
            outputs[row.execution_id].append(
                Output(row.role, row.sha256, row.kind, row.state, row.bytes, row.location, row.media, store)
            )
        for row in connection.execute(_EXECUTIONS_OF, {"ids": part}).mappings():
            loaded.append(Made(**row, outputs=tuple(outputs[row["id"]])))
    return loaded


def still_running(connection: Connection, execution_id: str) -> str:
    """The recipe hash of an execution that may still be ended. Raises CatalogError if it has ended already."""
    row = connection.execute(_STATE_OF, {"execution": execution_id}).one_or_none()
    if row is None:
        raise NotFound(f"no execution '{execution_id}' in this catalog")
    if row.state not in ("running", "publishing"):
        raise CatalogError(
            f"execution '{execution_id}' has ended already: {row.state} ({row.error_message or 'no error'}); "
            "begin another one",
            code="EXECUTION_ENDED",
        )
    return row.recipe_sha256
