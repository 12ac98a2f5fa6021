"""Who stands for a recipe: executions that end are done, or step back for one that was done before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, insert, null, update

from catalog.artifacts import vouch, write_figures
from catalog.dialect import clock
from catalog.journal import Journal
from catalog.made import load_executions, standings
from catalog.store import Store
from catalog.tables import Execution, ExecutionOutput

_OUTPUTS: Any = ExecutionOutput.__table__
_EXECUTIONS: Any = Execution.__table__
SET = update(_EXECUTIONS).where(_EXECUTIONS.c.id == bindparam("execution"))
"""Columns of one execution, by `execute_alike`."""
_STAND = SET.values(state="done", progress=1.0, pending=null(), ended_at=clock(), touched_at=clock())
_KEEP = insert(_OUTPUTS)


def stand(
    connection: Connection,
    store: Store,
    figures: Mapping[str, dict[str, Any]],
    vouch_for: Callable[[Sequence[str]], object],
) -> dict[str, str]:
    """End executions, with their figures: id -> who stands for its recipe, itself or one that was done before.

    `vouch_for` writes down the files of those that had not ended yet.
    """
    stands: dict[str, str] = {}
    left: list[str] = list(figures)
    while left:
        found = standings(connection, left)
        first_of = {found[one].recipe_sha256: one for one in reversed(left)}
        now, left = list(first_of.values()), [one for one in left if first_of[found[one].recipe_sha256] != one]
        open_ones = [one for one in now if found[one].ended_as is None]
        # Those that have ended: by `recover`, or by an earlier call whose answer was lost.
        stands |= {one: found[one].ended_as or one for one in now}
        if not open_ones:
            continue
        vouch_for(open_ones)
        adopted = {
            one: winner
            for one in open_ones
            if (winner := found[one].winner) and _steps_back(connection, store, one, winner, figures[one])
        }
        stands |= adopted
        rows = [{"execution": one} | figures[one] for one in open_ones if one not in adopted]
        execute_alike(connection, _STAND, rows)
    return stands


def _steps_back(connection: Connection, store: Store, execution_id: str, winner: str, figures: dict[str, Any]) -> bool:
    """Whether an execution is void in favour of one that was done before; else that one is, its files are gone."""
    if load_executions(connection, [winner], store)[0].whole:
        told = {"error_code": "ADOPTED", "error_message": f"'{winner}' with the same recipe was done first"}
        lost = {"state": "void", "adopted_id": winner, "pending": None, "ended_at": clock()}
        connection.execute(update(Execution).where(Execution.id == execution_id).values(figures | told | lost))
        return True
    # The first one's files were collected, and this time the recipe gave other bytes: another class of host.
    told = {"error_code": "REPLACED", "error_message": f"its files are gone; made again by '{execution_id}'"}
    lost = {"state": "void", "adopted_id": execution_id}
    connection.execute(update(Execution).where(Execution.id == winner).values(told | lost))
    return False


def vouch_for(connection: Connection, journals: Mapping[str, Journal], locations: Mapping[str, str]) -> None:
    """Write down the settled files of executions, what they are of, and what was measured on them."""
    lines = {line.sha256: line for journal in journals.values() for line in journal.files}
    vouch(connection, [line.artifact | {"location": locations[line.sha256]} for line in lines.values()])
    outputs = [
        {"execution_id": execution_id, "role": line.role, "artifact_sha256": line.sha256}
        for execution_id, journal in journals.items()
        for line in journal.files
    ]
    connection.execute(_KEEP, outputs)
    measured = [(journal.files[0].sha256, journal.figures, one) for one, journal in journals.items()]
    write_figures(connection, measured)


def execute_alike(connection: Connection, statement: Executable, rows: Sequence[dict[str, Any]]) -> None:
    """One statement for many rows: those that name the same columns together."""
    by_columns: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_columns[tuple(sorted(row))].append(row)
    for alike in by_columns.values():
        connection.execute(statement, alike)
