"""Runs and their shots: who asked for what, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Connection, and_, case, func, insert, select, update

from catalog.deaths import reclaim
from catalog.dialect import clock
from catalog.errors import CatalogError, NotFound
from catalog.ids import new_id, shot_id
from catalog.json_text import JsonText
from catalog.keeping import GOING, UNPAUSED
from catalog.ledger import Ledger, chunks, write_audit
from catalog.new_shots import NewShot
from catalog.notices import notice_of_end, notice_of_refused
from catalog.schedules import Scheduled, take_turn
from catalog.shot_order import reopen_awaiting
from catalog.tables import Rendition, Run, Shot, ShotTag

RunState = Literal["planned", "running", "done", "failed", "cancelling", "cancelled"]
Priority = Literal["urgent", "normal", "low"]

ENDED = ("done", "failed", "cancelled")
WRITTEN_AT_ONCE = 500
"""Shots in memory while a run is written down."""


class RunLedger(Ledger):
    """Writes of runs."""

    def submit_run(
        self,
        *,
        name: str,
        kind: str,
        manifest_sha256: str,
        manifest: Mapping[str, Any],
        triggered_by: str,
        out_folder: str,
        shots: Iterable[NewShot],
        flow_run_id: str | None = None,
        priority: Priority = "normal",
        code_version: str | None = None,
        scheduled: Scheduled | None = None,
    ) -> str:
        """Write down a run and all its shots, and return its id. Shots are `<run>.00001` ... in order.

        `shots` are drawn and written some at a time, in one transaction: a reader sees the run whole or not at all.
        Nothing is written where two shots share a key (CatalogError), a reused delivery is unknown (NotFound), or
        another run of the schedule was submitted meanwhile (CatalogError, `SCHEDULE_OVERLAP`).
        """
        run_id = new_id("r")
        with self.database.write() as connection:
            connection.execute(
                insert(Run).values(
                    id=run_id,
                    name=name,
                    kind=kind,
                    state="planned",
                    manifest_sha256=manifest_sha256,
                    manifest=dict(manifest),
                    triggered_by=triggered_by,
                    out_folder=out_folder,
                    flow_run_id=flow_run_id,
                    priority=priority,
                    code_version=code_version,
                    schedule=scheduled.schedule if scheduled else None,
                    done_by=scheduled.done_by if scheduled else None,
                    budget_gpu_seconds=scheduled.budget_gpu_seconds if scheduled else None,
                    budget_bytes=scheduled.budget_bytes if scheduled else None,
                )
            )
            if scheduled:
                take_turn(connection, scheduled, run_id)
            count = _write_shots(connection, run_id, name, shots)
            write_audit(connection, triggered_by, "submit", run_id, {"name": name, "kind": kind, "shots": count})
            notice_of_refused(connection, run_id)
        return run_id

    def set_run_state(
        self,
        run_id: str,
        state: RunState,
        *,
        flow_run_id: str | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Move a run to `state`; its start is stamped once, its end when the state is final. Raises NotFound.

        Only a run that goes on becomes `running`.
        """
        values: dict[str, Any] = {"state": state, "error_code": error_code, "error_message": error_message}
        if flow_run_id is not None:
            values["flow_run_id"] = flow_run_id
        if state == "running":
            # Whoever begins it late must not undo that it was cancelled, or has ended.
            goes_on = case((Run.state.in_(GOING), "running"), else_=Run.state)
            values |= {"state": goes_on, "started_at": func.coalesce(Run.started_at, clock())}
        if state in ENDED:
            values["ended_at"] = clock()
        with self.database.write() as connection:
            before = connection.scalar(select(Run.state).where(Run.id == run_id).with_for_update())
            if before is None:
                raise NotFound(f"no run '{run_id}' in this catalog")
            connection.execute(update(Run).where(Run.id == run_id).values(values))
            if state in ENDED and before not in ENDED:
                notice_of_end(connection, run_id, state)

    def finish_run(self, run_id: str) -> RunState:
        """Close a run by what became of its shots and return its state.

        `done` if every shot is, `failed` if any is failed or quarantined, `cancelled` if that was asked for; a run
        with shots still waiting or claimed is not over: its state is returned unchanged.
        """
        with self.database.write() as connection:
            before = connection.scalar(select(Run.state).where(Run.id == run_id))
            if before is None:
                raise NotFound(f"no run '{run_id}' in this catalog")
            counts = dict[str, int](
                connection.execute(
                    select(Shot.state, func.count()).where(Shot.run_id == run_id).group_by(Shot.state)
                ).all()
            )
            if counts.get("waiting") or counts.get("claimed"):
                return _run_state(before)
            if before in ("cancelling", "cancelled"):
                state = "cancelled"
            else:
                state = "failed" if set(counts) - {"done"} else "done"
            over: dict[str, Any] = {"state": state, "ended_at": func.coalesce(Run.ended_at, clock()), **UNPAUSED}
            # Unless it was cancelled or reopened since it was read: whoever looks next sees that.
            same = and_(Run.id == run_id, Run.state == before)
            ended = connection.execute(update(Run).where(same).values(over).returning(Run.id)).one_or_none()
            if ended is not None and before not in ENDED:
                notice_of_end(connection, run_id, state)
            return _run_state(before if ended is None else state)

    def cancel_run(self, run_id: str, who: str) -> int:
        """Ask a run to stop: waiting shots are cancelled at once, claimed ones when their worker sees it.

        Those whose lease ran out are cancelled too; a pause is over. Returns how many shots were cancelled. A run that
        has ended is left as it is.
        """
        with self.database.write() as connection:
            state = connection.scalar(select(Run.state).where(Run.id == run_id))
            if state is None:
                raise NotFound(f"no run '{run_id}' in this catalog")
            if state in ENDED:
                return 0
            abandoned = and_(Shot.run_id == run_id, Shot.state == "claimed", Shot.lease_expires_at < clock())
            reclaim(connection, abandoned, "the lease of its shot ran out")
            shots = connection.scalars(
                update(Shot)
                .where(Shot.run_id == run_id, Shot.state == "waiting")
                .values(state="cancelled", ended_at=clock())
                .returning(Shot.id)
            ).all()
            going = and_(Run.id == run_id, Run.state.not_in(ENDED))  # it may have ended since it was read
            connection.execute(update(Run).where(going).values(state="cancelling", **UNPAUSED))
            write_audit(connection, who, "cancel", run_id, {"shots": len(shots)})
        return len(shots)

    def reopen_run(self, run_id: str, who: str, *, states: Sequence[str] = ("failed", "cancelled")) -> int:
        """Put a run's shots in `states` back to `waiting`, attempts and deaths forgotten; returns how many.

        A pause is over, and a run that was being cancelled goes on with what it has left. One that so has something to
        do again is reported again once it is over; one that has nothing was reported.
        """
        fresh = {"state": "waiting", "attempts": 0, "deaths": 0, "error_code": None, "error_message": None}
        with self.database.write() as connection:
            shots = connection.scalars(
                update(Shot)
                .where(Shot.run_id == run_id, Shot.state.in_(states))
                .values(fresh | {"ended_at": None, "not_before": None, "failed_on": None})
                .returning(Shot.id)
            ).all()
            if shots:
                reopen_awaiting(connection, [run_id])
            left = select(Shot.id).where(Shot.run_id == run_id, Shot.state.in_(("waiting", "claimed"))).limit(1)
            if shots or connection.scalar(left) is not None:
                again = {"state": "planned", "ended_at": None}
                over = and_(Run.id == run_id, Run.state.not_in(GOING))
                connection.execute(update(Run).where(over).values(again))
                connection.execute(update(Run).where(Run.id == run_id).values(reported_at=None))
            paused = and_(Run.id == run_id, Run.paused_code.is_not(None))
            connection.execute(update(Run).where(paused).values(**UNPAUSED, reported_at=None))
            if shots:
                write_audit(connection, who, "reopen", run_id, {"shots": len(shots), "states": list(states)})
        return len(shots)


def _run_state(state: str) -> RunState:
    match state:
        case "planned" | "running" | "done" | "failed" | "cancelling" | "cancelled":
            return state
        case _:
            raise CatalogError(f"a run is in the unknown state '{state}'; this catalog was written by a newer version")


def _write_shots(connection: Connection, run_id: str, name: str, shots: Iterable[NewShot]) -> int:
    """All shots of a run with what hangs on them, a few hundred at a time; returns how many."""
    from catalog.deliveries import Reuse, serve_again  # deliveries know claims, and claims know runs

    keys: set[str] = set()
    reuses: list[Reuse] = []
    rest = enumerate(shots, start=1)
    while part := list(islice(rest, WRITTEN_AT_ONCE)):
        twice = [shot.key for _, shot in part if shot.key in keys or keys.add(shot.key)]
        if twice:
            raise CatalogError(f"run '{name}': shots share a key: {', '.join(sorted(twice)[:5])}; give each its own")
        named = [(shot_id(run_id, position), position, shot) for position, shot in part]
        values: list[tuple[Any, list[dict[str, Any]]]] = [
            (Shot, [_shot_row(run_id, *one) for one in named]),
            (ShotTag, [{"shot_id": of, "tag": tag} for of, _, shot in named for tag in dict.fromkeys(shot.tags)]),
            (Rendition, [{"shot_id": of, **asdict(one)} for of, _, shot in named for one in shot.renditions]),
        ]
        for table, rows in values:
            if rows:
                connection.execute(insert(table), rows)
        reuses += [Reuse(of, rendition, delivery) for of, _, shot in named for rendition, delivery in shot.reuses]
    for some in chunks(reuses):  # at the end: until the transaction is over nobody else publishes
        serve_again(connection, some)
    return len(keys)


def _shot_row(run_id: str, of: str, position: int, shot: NewShot) -> dict[str, Any]:
    return {
        "id": of,
        "run_id": run_id,
        "position": position,
        "key": shot.key,
        "item": shot.item,
        "variant": shot.variant,
        "line": shot.line,
        "ask": _as_json(shot.ask),
        "plan": _as_json(shot.plan),
        "meta": dict(shot.meta),
        "state": shot.state,
        "error_code": shot.error_code,
        "error_message": shot.error_message,
        "awaits": shot.awaits,
    }


def _as_json(value: Mapping[str, Any] | JsonText) -> Any:
    return value if isinstance(value, JsonText) else dict(value)
