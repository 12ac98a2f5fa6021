"""How a stage of one recipe went when it was last tried: what ran, what it measured, or why it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, select

from catalog.ledger import Ledger
from catalog.tables import Execution, Measurement


@dataclass(frozen=True)
class Attempt:
    """One execution that has ended. `seconds` is None where it failed at once; `evidence` and the error where it did.

    `figures` are its measurements by name.
    """

    id: str
    state: str
    ran: Mapping[str, Any]
    seconds: float | None
    error_code: str | None
    error_message: str | None
    evidence: str | None
    figures: Mapping[str, float]


def attempt(catalog: Ledger, recipe_sha256: str) -> Attempt | None:
    """The execution that stands for the recipe, else the latest that did not make it; None if it was never tried."""
    wanted = (Execution.recipe_sha256 == recipe_sha256) & Execution.state.in_(("done", "failed"))
    order = (case((Execution.state == "done", 0), else_=1), Execution.started_at.desc(), Execution.id.desc())
    with catalog.database.read() as connection:
        row = connection.execute(select(Execution).where(wanted).order_by(*order).limit(1)).one_or_none()
        if row is None:
            return None
        measured = select(Measurement.name, Measurement.value).where(Measurement.execution_id == row.id)
        figures = {one.name: one.value for one in connection.execute(measured)}
    seconds = row.seconds
    if seconds is None and row.ended_at is not None:
        seconds = (row.ended_at - row.started_at).total_seconds()
    return Attempt(row.id, row.state, row.ran or {}, seconds, row.error_code, row.error_message, row.evidence, figures)
