"""Searches: shots by the words of their item, title, tags, `meta` and run; files and everything else by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
)

from catalog.dialect import starts_with
from catalog.errors import CatalogError
from catalog.facts.runs import REFUSED
from catalog.ledger import Ledger
from catalog.migrations.triggers_0006 import FOLDS
from catalog.tables import Artifact, Card, Delivery, Execution, Run, RunWeights, Shot, ShotExecution, StageHour

LONGEST = 200
"""Characters of a search that are looked at."""
MOST_WORDS = 12
NARROWED = 2_000
"""Of more shots that have the words, the newest are looked at where engine, weights, error or dates narrow them."""
_BEGINNINGS = 5

_FULL_TEXT = table("shot_words", column("rowid"))
_FOLDED = str.maketrans(FOLDS)


@dataclass(frozen=True)
class Hit:
    """A shot that was found, or something by its name: a run, a delivery, an artifact (then a shot that has it).

    `cursor` goes on after it; "" where it was found by name.
    """

    kind: Literal["shot", "run", "delivery", "artifact"]
    id: str
    run_id: str
    run_name: str
    shot_id: str
    item: str
    title: str
    state: str
    engine: str
    error_code: str | None
    created_at: datetime | None
    poster_sha256: str | None
    cursor: str


def search(
    catalog: Ledger,
    words: str,
    *,
    engine: str | None = None,
    weights: str | None = None,
    error: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Sequence[Hit]:
    """What has all these words, or words that begin with them (from three letters), the newest first.

    Whatever is typed is only ever looked up. `engine` is one that worked, or will; `weights` the name of a file or the
    beginning of its digest; dates are those of the run's submission. `after` is a cursor; raises CatalogError
    (`BAD_CURSOR`).
    """
    said = _said(words)
    narrowed = _narrowed(engine, error)
    with catalog.database.read() as connection:
        narrowed += _of_dates(connection, since, until)
        if weights is not None:
            narrowed.append(_has_weights(connection, weights))
        plain = not narrowed and after is None
        hits = _by_name(connection, words.strip().lower()) if plain else []
        if said or narrowed or not words.strip():
            hits += _by_words(connection, said, narrowed, until, after, limit)
    return hits[:limit]


def _said(words: str) -> list[str]:
    """The words, as both databases cut them: at spaces and punctuation."""
    parts = re.split(r"[\s!-/:-@\[-`{-~\x00-\x1f\x7f]+", words[:LONGEST].translate(_FOLDED).lower())
    return [part for part in parts if any(letter.isalnum() for letter in part)][:MOST_WORDS]


def _matches(connection: Connection, said: Sequence[str]) -> ColumnElement[bool]:
    """Cards that have the words; each is quoted, so that none of them is read as an operator."""
    if connection.dialect.name == "sqlite":
        asked = " AND ".join(f'"{word}"{"*" if len(word) > 2 else ""}' for word in said)
        return literal_column("shot_words").op("MATCH", is_comparison=True)(asked)
    asked = " & ".join(f"'{word}'{':*' if len(word) > 2 else ''}" for word in said)
    text = func.to_tsvector(literal_column("'simple'"), Card.words)
    return text.op("@@", is_comparison=True)(func.to_tsquery(literal_column("'simple'"), asked))


def _by_words(
    connection: Connection,
    said: Sequence[str],
    narrowed: Sequence[ColumnElement[bool]],
    until: datetime | None,
    after: str | None,
    limit: int,
) -> list[Hit]:
    wanted: list[ColumnElement[bool]] = []
    if said and connection.dialect.name == "sqlite":
        number: Any = _FULL_TEXT.c.rowid
        found = select(number.label("id")).select_from(_FULL_TEXT)
    else:
        number = Card.id
        found = select(Card.id)
    if said:
        wanted.append(_matches(connection, said))
    if after is not None:
        wanted.append(number < _number(after))
    if until is not None and (last := _last_before(connection, until)) is not None:
        wanted.append(number <= last)  # lest the newest be looked through for the old
    newest = found.where(*wanted).order_by(number.desc())
    # What is narrowed may be looked through in vain: that has an end. The rest ends with the page.
    newest = newest.limit(NARROWED if narrowed else limit)
    query = _hits().where(*narrowed).order_by(Card.id.desc()).limit(limit)
    if said or not narrowed:
        part = newest.subquery()
        query = query.join(part, part.c.id == Card.id)
    elif after is not None:
        query = query.where(Card.id < _number(after))
    return [_shot(row) for row in connection.execute(query)]


def _last_before(connection: Connection, until: datetime) -> int | None:
    """The last card of the last run that was submitted before."""
    last = select(Run.id).where(Run.created_at < until).order_by(Run.created_at.desc(), Run.id.desc()).limit(1)
    return connection.scalar(select(func.max(Card.id)).where(Card.run_id == last.scalar_subquery()))


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 18:
        raise CatalogError(f"'{cursor[:40]}' is no place in a search; begin it again", code="BAD_CURSOR")
    return int(cursor)


def _hits() -> Select[*tuple[Any, ...]]:
    poster = select(func.min(Delivery.poster_sha256)).where(Delivery.shot_id == Shot.id, Delivery.state == "current")
    return (
        select(
            Card.id.label("number"),
            Shot.id,
            Shot.run_id,
            Run.name.label("run_name"),
            Shot.item,
            Card.title,
            Shot.state,
            Card.engine,
            Shot.error_code,
            Shot.created_at,
            poster.correlate(Shot).scalar_subquery().label("poster"),
        )
        .select_from(Card)
        .join(Shot, Shot.id == Card.shot_id)
        .join(Run, Run.id == Shot.run_id)
    )


def _shot(row: Any, kind: Literal["shot", "delivery", "artifact"] = "shot", name: str = "") -> Hit:
    return Hit(
        kind=kind,
        id=name or row.id,
        run_id=row.run_id,
        run_name=row.run_name,
        shot_id=row.id,
        item=row.item,
        title=row.title,
        state=row.state,
        engine=row.engine,
        error_code=row.error_code,
        created_at=row.created_at,
        poster_sha256=row.poster,
        cursor="" if name else str(row.number),
    )


def _narrowed(engine: str | None, error: str | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if engine is not None:
        runs = select(StageHour.run_id).where(StageHour.engine == engine)
        worked = and_(Card.run_id.in_(runs), _stands_on(Execution.engine == engine))
        wanted.append(or_(Card.engine == engine, worked))
    if error is not None:
        wanted += [Shot.error_code == error, REFUSED]
    return wanted


def _of_dates(connection: Connection, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Shots of the runs that were submitted then."""
    dates = [Run.created_at >= since] if since is not None else []
    dates += [Run.created_at < until] if until is not None else []
    return [Card.run_id.in_(select(Run.id).where(*dates))] if dates else []


def _stands_on(wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    # Not by EXISTS: PostgreSQL would rather read every execution there is, and then look for these shots.
    linked = select(func.min(Execution.id)).join(ShotExecution, Execution.id == ShotExecution.execution_id)
    first = linked.where(ShotExecution.shot_id == Card.shot_id, wanted).correlate(Card).scalar_subquery()
    return first.is_not(None)


def _has_weights(connection: Connection, weights: str) -> ColumnElement[bool]:
    """Shots made with weights of this name or digest, in the runs that are known to have used them."""
    named = or_(RunWeights.name == weights, starts_with(RunWeights.sha256, weights.lower()))
    used = connection.execute(select(RunWeights.sha256, RunWeights.run_id).where(named)).all()
    text: Any = cast(Execution.weights, String)
    digests = [text.contains(sha256) for sha256 in sorted({row.sha256 for row in used})[:_BEGINNINGS]]
    if not digests:
        return literal_column("1 = 0")
    return and_(Card.run_id.in_(sorted({row.run_id for row in used})), _stands_on(or_(*digests)))


def _by_name(connection: Connection, name: str) -> list[Hit]:
    """A run, shot or delivery by the beginning of its id, a file by that of its digest."""
    if re.fullmatch(r"r\d{6}-[\w-]*", name):
        runs = select(Run.id, Run.name, Run.state, Run.error_code, Run.created_at).where(starts_with(Run.id, name))
        found = connection.execute(runs.order_by(Run.id.desc()).limit(_BEGINNINGS))
        return [
            Hit("run", r.id, r.id, r.name, "", "", "", r.state, "", r.error_code, r.created_at, None, "") for r in found
        ]
    if re.fullmatch(r"r\d{6}-[\w-]+\.\d+", name):
        shots = _hits().where(starts_with(Shot.id, name)).order_by(Shot.id).limit(_BEGINNINGS)
        return [_shot(row, "shot", row.id) for row in connection.execute(shots)]
    if re.fullmatch(r"d\d{6}-[\w-]*", name):
        return _of_deliveries(connection, starts_with(Delivery.id, name), "delivery")
    if re.fullmatch(r"[0-9a-f]{4,64}", name):
        hits: list[Hit] = []
        known = select(Artifact.sha256).where(starts_with(Artifact.sha256, name)).order_by(Artifact.sha256)
        for sha256 in connection.scalars(known.limit(_BEGINNINGS)).all():
            named = or_(Delivery.artifact_sha256 == sha256, Delivery.poster_sha256 == sha256)
            hits += _of_deliveries(connection, named, "artifact", sha256)[:1] or [_stray(sha256)]
        return hits
    return []


def _of_deliveries(
    connection: Connection, wanted: ColumnElement[bool], kind: Literal["delivery", "artifact"], name: str = ""
) -> list[Hit]:
    found = select(Delivery.id, Delivery.shot_id).where(wanted).order_by(Delivery.id.desc()).limit(_BEGINNINGS)
    shots = {row.id: row.shot_id for row in connection.execute(found)}
    rows = {row.id: row for row in connection.execute(_hits().where(Shot.id.in_(shots.values())))}
    return [_shot(rows[shot], kind, name or delivery) for delivery, shot in shots.items() if shot in rows]


def _stray(sha256: str) -> Hit:
    """A file that is no delivery's: pictures, stills, masters."""
    return Hit("artifact", sha256, "", "", "", "", "", "", "", None, None, None, "")
