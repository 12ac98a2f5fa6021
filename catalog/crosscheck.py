"""Cross-checks of the catalog against its store and against itself. Nothing is read but names, sizes and rows.

Everything is streamed in the order of an index, so that memory stays flat however much there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, text

from catalog.dialect import clock
from catalog.findings import Finding
from catalog.ledger import Ledger
from catalog.queries.damage import damaged_deliveries
from catalog.queries.usage import SILENT_SECONDS, journalled
from catalog.retention import HELD, PRESENT, Held
from catalog.store import Stored
from catalog.tables import (
    Artifact,
    Delivery,
    Execution,
    ExecutionInput,
    ExecutionOutput,
    Rendition,
    Shot,
    ShotDelivery,
    ShotExecution,
)

YOUNG_SECONDS = 3600.0
"""A file so young may be on its way to a row: it is looked at again before it is called unknown."""

_AGAIN = "`dailies gc --yes` removes it once it is a day old"
_RESTORE = "restore a backup: `dailies restore`"


def files_and_rows(catalog: Ledger) -> Iterator[tuple[Held | None, Stored | None]]:
    """Rows that vouch for a file, and files, side by side by digest; one of the two is None where it is missing."""
    rows, files = _rows(catalog), catalog.store.digests()
    row, file = next(rows, None), next(files, None)
    while row is not None or file is not None:
        if file is None or (row is not None and row.sha256 < file.sha256):
            yield row, None
            row = next(rows, None)
        elif row is None or file.sha256 < row.sha256:
            yield None, file
            file = next(files, None)
        else:
            yield row, file
            row, file = next(rows, None), next(files, None)


def unknown_file(catalog: Ledger, file: Stored) -> Finding | None:
    """What to say of a file that had no row a moment ago; None if it is on its way, or gone."""
    with catalog.database.read() as connection:
        now: datetime = connection.execute(select(clock())).scalar_one()
        state = connection.scalar(select(Artifact.state).where(Artifact.sha256 == file.sha256))
        expected = file.sha256 in journalled(connection)
    if state is not None or expected:
        return None
    if (now - file.modified).total_seconds() < YOUNG_SECONDS and not catalog.store.has(file.sha256):
        return None
    said = f"a file of {file.bytes} bytes that no row knows"
    return Finding("FILE_UNKNOWN", f"file {file.location}", said, "a row for every file", _AGAIN, file.sha256)


def check_rows(catalog: Ledger, run_id: str | None = None) -> Iterator[Finding]:
    """The rows against each other: all of them, or those of a run's shots and deliveries."""
    yield from _deliveries_without_files(catalog, run_id)
    yield from _shots_without_deliveries(catalog, run_id)
    yield from _stuck_publications(catalog, run_id)
    if run_id is None:
        yield from _results_without_files(catalog)
        yield from _done_twice(catalog)
        yield from _dangling(catalog)
        yield from _database(catalog)


def _rows(catalog: Ledger) -> Iterator[Held]:
    last = ""
    while True:
        query = HELD.where(PRESENT, Artifact.sha256 > last).order_by(Artifact.sha256).limit(1_000)
        with catalog.database.read() as connection:
            page = [Held(*row) for row in connection.execute(query)]
        if not page:
            return
        yield from page
        last = page[-1].sha256


def _stream(catalog: Ledger, query: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    with catalog.database.read() as connection:
        yield from connection.execute(query.execution_options(yield_per=500))


def _deliveries_without_files(catalog: Ledger, run_id: str | None) -> Iterator[Finding]:
    for one in damaged_deliveries(catalog, run_id):
        run = run_id or one.shot_id.partition(".")[0]
        yield Finding(
            "DELIVERY_LOST",
            f"delivery {one.delivery_id} ({one.shot_key} {one.rendition} {one.preset} of '{one.manifest}')",
            f"its file {one.sha256[:12]} {one.state}",
            "every current delivery's file in the store",
            f"`dailies resume {run}` makes it again",
            one.sha256,
            run,
        )


def _shots_without_deliveries(catalog: Ledger, run_id: str | None) -> Iterator[Finding]:
    served = exists().where(
        ShotDelivery.shot_id == Rendition.shot_id,
        ShotDelivery.delivery_id == Delivery.id,
        Delivery.rendition == Rendition.name,
    )
    query = (
        select(Shot.id, Shot.key, Rendition.name)
        .join(Rendition, Rendition.shot_id == Shot.id)
        .where(Shot.state == "done", not_(served), *([Shot.run_id == run_id] if run_id else []))
        .order_by(Shot.id, Rendition.name)
    )
    for shot, key, rendition in _stream(catalog, query):
        yield Finding(
            "SHOT_UNSERVED",
            f"shot {shot} ({key})",
            f"done without a delivery of {rendition}",
            "a delivery of every rendition of a shot that is done",
            "`dailies run` the manifest again",
            run_id=shot.partition(".")[0],
        )


def _stuck_publications(catalog: Ledger, run_id: str | None) -> Iterator[Finding]:
    """Publications whose publisher's claim no longer holds, or which nobody has touched for a day."""
    held = exists().where(
        Shot.id == Execution.shot_id,
        Shot.lease_token == Execution.lease_token,
        Shot.state == "claimed",
        Shot.lease_expires_at > clock(),
    )
    gone = or_(
        and_(Execution.shot_id.is_not(None), not_(held)),
        and_(Execution.shot_id.is_(None), Execution.touched_at < clock(-SILENT_SECONDS)),
    )
    query = select(Execution.id, Execution.stage).where(Execution.state == "publishing", gone).order_by(Execution.id)
    if run_id:
        query = query.where(Execution.shot_id.in_(select(Shot.id).where(Shot.run_id == run_id)))
    for execution, stage in _stream(catalog, query):
        yield Finding(
            "PUBLICATION_STUCK",
            f"execution {execution} ({stage})",
            "publishing, and its publisher is gone",
            "done or failed",
            "the next `dailies run` or `dailies resume` finishes it or takes it back",
        )


def _results_without_files(catalog: Ledger) -> Iterator[Finding]:
    query = (
        select(Execution.id, Execution.stage, Artifact.sha256, Artifact.state)
        .join(ExecutionOutput, ExecutionOutput.execution_id == Execution.id)
        .join(Artifact, Artifact.sha256 == ExecutionOutput.artifact_sha256)
        .where(Artifact.state == "damaged", Execution.state == "done")
        .order_by(Execution.id)
    )
    for execution, stage, sha256, state in _stream(catalog, query):
        yield Finding(
            "RESULT_LOST",
            f"execution {execution} ({stage})",
            f"done, its file {sha256[:12]} {state}",
            "a result that is void once its file is damaged",
            "it was taken back just now: it is made again when something needs it",
            sha256,
        )


def _done_twice(catalog: Ledger) -> Iterator[Finding]:
    query = (
        select(Execution.recipe_sha256, func.count())
        .where(Execution.state == "done")
        .group_by(Execution.recipe_sha256)
        .having(func.count() > 1)
    )
    for recipe, count in _stream(catalog, query):
        said = f"{count} executions are done"
        yield Finding("DONE_TWICE", f"recipe {recipe[:12]}", said, "one result per recipe", _RESTORE)


_EDGES: tuple[tuple[str, Any, Any], ...] = (
    ("execution_outputs.artifact_sha256", ExecutionOutput.artifact_sha256, Artifact.sha256),
    ("execution_outputs.execution_id", ExecutionOutput.execution_id, Execution.id),
    ("execution_inputs.artifact_sha256", ExecutionInput.artifact_sha256, Artifact.sha256),
    ("execution_inputs.producer_id", ExecutionInput.producer_id, Execution.id),
    ("deliveries.artifact_sha256", Delivery.artifact_sha256, Artifact.sha256),
    ("deliveries.poster_sha256", Delivery.poster_sha256, Artifact.sha256),
    ("deliveries.execution_id", Delivery.execution_id, Execution.id),
    ("shot_deliveries.delivery_id", ShotDelivery.delivery_id, Delivery.id),
    ("shot_deliveries.shot_id", ShotDelivery.shot_id, Shot.id),
    ("shot_executions.execution_id", ShotExecution.execution_id, Execution.id),
)


def _dangling(catalog: Ledger) -> Iterator[Finding]:
    """References to rows that are not there: a database copied while it was written, or mended by hand."""
    for name, reference, target in _EDGES:
        missing: ColumnElement[bool] = not_(exists().where(target == reference))
        for (value,) in _stream(catalog, select(reference).where(reference.is_not(None), missing).distinct()):
            yield Finding("DANGLING", name, f"'{value}', of which there is no row", "rows that exist", _RESTORE)


def _database(catalog: Ledger) -> Iterator[Finding]:
    """SQLite's own check of its pages; PostgreSQL has checksums of its own."""
    if catalog.database.engine.dialect.name != "sqlite":
        return
    with catalog.database.read() as connection:
        for (said,) in connection.execute(text("PRAGMA quick_check(20)")):
            if said != "ok":
                yield Finding("DATABASE_DAMAGED", "the catalog's database", str(said), "whole pages", _RESTORE)
