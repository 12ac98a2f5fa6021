"""Executions: what ran, what it used, what it made; found again by the hash of its recipe."""

from __future__ import annotations

import platform
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NotRequired, TypedDict, Unpack

from sqlalchemy import Connection, bindparam, insert, select, text, update

from catalog.claims import Claim, check_claims
from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.failpoints import reach
from catalog.ids import new_id
from catalog.ledger import Ledger, chunks
from catalog.made import Made, done, load_executions
from catalog.statements import Upsert
from catalog.tables import Execution, ExecutionInput, ShotExecution


@dataclass(frozen=True)
class Used:
    """One input: a stored file (`artifact`, its SHA-256) or the execution whose frames stream in (`producer`)."""

    role: str
    artifact: str | None = None
    producer: str | None = None


class NewExecution(TypedDict):
    """What a stage is about to do, or did.

    `id` is its name, given where another one that begins with it reads its frames (catalog/ids.py: letter x).
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
    id: NotRequired[str]
    work: NotRequired[float | None]
    host: NotRequired[str | None]
    worker: NotRequired[str | None]
    grant_id: NotRequired[str | None]


@dataclass(frozen=True)
class Recorded:
    """A stage that has run and left no file: its facts, what ran, and how long it took."""

    claim: Claim | None
    facts: NewExecution
    ran: Mapping[str, Any]
    seconds: float


# Statements of the way every shot goes are built once: building them costs more than running them.
_EXECUTIONS: Any = Execution.__table__
_INPUTS: Any = ExecutionInput.__table__
_BEGIN = insert(_EXECUTIONS)
_USE = insert(_INPUTS)
_RECORD = Upsert(
    Execution,
    lambda new: (
        new.on_conflict_do_nothing(index_elements=["recipe_sha256"], index_where=text("state = 'done'"))
        .values(progress=1.0, ended_at=clock())
        .returning(Execution.id)
    ),
)
_STANDS = select(Execution.recipe_sha256, Execution.id).where(
    Execution.recipe_sha256.in_(bindparam("recipes", expanding=True)), Execution.state == "done"
)
_LINK = Upsert(ShotExecution, lambda new: new.on_conflict_do_nothing())


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
                found += load_executions(connection, done(connection, part), self.store)
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
        return self.begin_all([(claim, facts)])[0]

    def begin_all(self, stages: Sequence[tuple[Claim | None, NewExecution]]) -> list[str]:
        """`begin` for several that start together, all at once; a later one may read the frames of an earlier one."""
        rows = [_row(claim, facts, state="running", ran={}) for claim, facts in stages]
        with self.database.write() as connection:
            check_claims(connection, [claim for claim, _ in stages])
            connection.execute(_BEGIN, rows)
            _use(connection, {row["id"]: facts["inputs"] for row, (_, facts) in zip(rows, stages, strict=True)})
        reach("execution.begun")
        return [row["id"] for row in rows]

    def record(
        self, *, claim: Claim | None = None, ran: Mapping[str, Any], seconds: float, **facts: Unpack[NewExecution]
    ) -> tuple[str, bool]:
        """Write down a stage that has run and left no file; returns who stands for its recipe, and if that is this one.

        Where another was done first nothing is written. Raises StaleClaim.
        """
        return self.record_all([Recorded(claim, facts, ran, seconds)])[0]

    def record_all(self, stages: Sequence[Recorded]) -> list[tuple[str, bool]]:
        """`record` for several, all at once."""
        rows = [_row(one.claim, one.facts, state="done", ran=dict(one.ran), seconds=one.seconds) for one in stages]
        with self.database.write() as connection:
            check_claims(connection, [one.claim for one in stages])
            made = set(connection.execute(_RECORD.on(connection), rows).scalars())
            inputs = {row["id"]: one.facts["inputs"] for row, one in zip(rows, stages, strict=True)}
            _use(connection, {one: used for one, used in inputs.items() if one in made})
            earlier = [row["recipe_sha256"] for row in rows if row["id"] not in made]
            stands = dict(connection.execute(_STANDS, {"recipes": earlier}).all()) if earlier else {}
        return [(row["id"], True) if row["id"] in made else (stands[row["recipe_sha256"]], False) for row in rows]

    def progress(self, execution_id: str, share: float) -> None:
        """Say how far a running execution is, 0 to 1. A durable write: once a second is enough for people."""
        with self.database.write() as connection:
            connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state == "running")
                .values(progress=min(1.0, max(0.0, share)), touched_at=clock())
            )

    def fail(
        self,
        execution_id: str,
        code: str,
        message: str,
        evidence: str = "",
        ran: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """End a running execution that did not make it, with what is known about why, and what ran until then.

        One that is `publishing` is made already: `recover` finishes it, or takes it back.
        """
        with self.database.write() as connection:
            connection.execute(
                update(Execution)
                .where(Execution.id == execution_id, Execution.state == "running")
                .values(
                    state="failed",
                    error_code=code,
                    error_message=message,
                    evidence=evidence or None,
                    ran=dict(ran),
                    ended_at=clock(),
                )
            )

    def link(self, shot_id: str, rendition: str, execution_id: str, made: bool) -> None:
        """A shot stands on an execution: `made` by it now, or there before. `rendition` "": it serves all of them."""
        with self.database.write() as connection:
            self.link_within(connection, [(shot_id, rendition, execution_id, made)])

    def link_many(self, links: Sequence[tuple[str, str, str, bool]]) -> None:
        """`link` for many (shot, rendition, execution, made) at once."""
        if links:
            with self.database.write() as connection:
                self.link_within(connection, links)

    @staticmethod
    def link_within(connection: Connection, links: Sequence[tuple[str, str, str, bool]]) -> None:
        """`link` inside a transaction; a link that exists stays as it was first written."""
        if not links:
            return
        rows = [{"shot_id": s, "rendition": r, "execution_id": x, "made": made} for s, r, x, made in links]
        connection.execute(_LINK.on(connection), rows)


def _row(claim: Claim | None, facts: NewExecution, **more: Any) -> dict[str, Any]:
    return more | {
        "id": facts.get("id") or new_id("x"),
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


def _use(connection: Connection, inputs_of: Mapping[str, Sequence[Used]]) -> None:
    rows = [
        {
            "execution_id": execution_id,
            "position": position,
            "role": used.role,
            "artifact_sha256": used.artifact,
            "producer_id": used.producer,
        }
        for execution_id, inputs in inputs_of.items()
        for position, used in enumerate(inputs)
    ]
    if rows:
        connection.execute(_USE, rows)
