"""What a person decides about single shots: to try them again, or to set them aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, select, update

from catalog.dialect import clock
from catalog.errors import CatalogError, NotFound
from catalog.keeping import GOING, UNPAUSED
from catalog.ledger import Ledger, chunks, write_audit
from catalog.notices import notice_of_quarantine
from catalog.shot_order import reopen_awaiting
from catalog.tables import Run, Shot

RETRIED = ("failed", "quarantined", "cancelled")
SET_ASIDE = ("waiting", "failed", "cancelled")
BY_HAND = "QUARANTINED_BY_HAND"
_FRESH: dict[str, Any] = {
    "state": "waiting",
    "attempts": 0,
    "deaths": 0,
    "error_code": None,
    "error_message": None,
    "ended_at": None,
    "not_before": None,
    "failed_on": None,
}


class HandLedger(Ledger):
    """Writes of a person's decisions."""

    def retry_shots(self, shot_ids: Sequence[str], who: str) -> list[str]:
        """Put shots back to `waiting`, and their runs to `planned`; the others of those runs stay. Returns the runs.

        All of them or none; a run that was reported is so again once it is over. Raises NotFound, and CatalogError for
        a shot that is not over (`NOT_OVER`) or was never planned (`NEVER_PLANNED`): its picture or row has to be mended
        first.
        """
        with self.database.write() as connection:
            runs: set[str] = set()
            for part in chunks(sorted(set(shot_ids))):
                for row in _found(connection, part):
                    if row.state not in RETRIED:
                        raise CatalogError(f"shot '{row.id}' is {row.state}, not over: wait for it", code="NOT_OVER")
                    if not row.plan:
                        raise CatalogError(
                            f"shot '{row.id}' was never planned: {row.error_message}; mend that and submit its "
                            "manifest again",
                            code="NEVER_PLANNED",
                        )
                    runs.add(row.run_id)
                connection.execute(update(Shot).where(Shot.id.in_(part)).values(_FRESH))
            over = and_(Run.id.in_(runs), Run.state.not_in(GOING))
            connection.execute(update(Run).where(over).values(state="planned", ended_at=None))
            connection.execute(update(Run).where(Run.id.in_(runs)).values(**UNPAUSED, reported_at=None))
            reopen_awaiting(connection, runs)
            for shot_id in sorted(set(shot_ids)):
                write_audit(connection, who, "retry", shot_id, {})
        return sorted(runs)

    def set_aside(self, shot_ids: Sequence[str], who: str, why: str) -> int:
        """Quarantine shots nobody works and that are not made; returns how many. All of them or none.

        Raises NotFound, and CatalogError (`NOT_IDLE`) for a shot that is in work or done.
        """
        told = f"set aside by {who}: {why}" if why else f"set aside by {who}"
        with self.database.write() as connection:
            for part in chunks(sorted(set(shot_ids))):
                for row in _found(connection, part):
                    if row.state not in SET_ASIDE:
                        raise CatalogError(
                            f"shot '{row.id}' is {row.state}: only what waits or failed can be set aside",
                            code="NOT_IDLE",
                        )
                aside = {"state": "quarantined", "error_code": BY_HAND, "error_message": told, "ended_at": clock()}
                connection.execute(update(Shot).where(Shot.id.in_(part)).values(aside))
            for shot_id in sorted(set(shot_ids)):
                write_audit(connection, who, "quarantine", shot_id, {"why": why})
            notice_of_quarantine(connection, shot_ids)
        return len(set(shot_ids))


def _found(connection: Any, shot_ids: Sequence[str]) -> Sequence[Any]:
    """These shots, held until the transaction ends. Raises NotFound for one that is not there."""
    query = select(Shot.id, Shot.run_id, Shot.state, Shot.plan, Shot.error_message).where(Shot.id.in_(shot_ids))
    rows = connection.execute(query.order_by(Shot.id).with_for_update()).all()
    if missing := set(shot_ids) - {row.id for row in rows}:
        raise NotFound(f"no shot '{min(missing)}' in this catalog")
    return rows
