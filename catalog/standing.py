"""Who stands for a recipe: executions that end are done, or step back for one that was done before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, null, select, update
from sqlalchemy.orm import aliased

from catalog.dialect import clock
from catalog.errors import CatalogError, NotFound
from catalog.ledger import chunks
from catalog.made import load_executions
from catalog.statements import Lookup, execute_alike
from catalog.store import Store
from catalog.tables import Execution

_EXECUTIONS: Any = Execution.__table__
UPDATE_ONE = update(_EXECUTIONS).where(_EXECUTIONS.c.id == bindparam("execution"))
"""Columns of one execution, by `execute_alike`."""
_STAND = UPDATE_ONE.values(state="done", progress=1.0, pending=null(), ended_at=clock(), touched_at=clock())
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


def stand(
    connection: Connection,
    store: Store,
    figures: Mapping[str, dict[str, Any]],
    keep: Callable[[Sequence[str]], object],
) -> dict[str, str]:
    """End executions, with their figures: id -> who stands for its recipe, itself or one that was done before.

    `keep` writes down the files of those that had not ended yet.
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
        keep(open_ones)
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
