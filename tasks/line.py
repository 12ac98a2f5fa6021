"""The line a batch is worked on: three steps side by side, shots handed from one to the next as they become ready.

`prepare` makes stills, `generate` masters and mezzanines, `deliver` files. Each step may run in a thread of its own;
only ids and rows pass between them. One bad shot leaves the line and never stops it; a worker that is leaving finishes
what it has begun and gives the rest back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import Literal

from catalog.claims import Claim
from catalog.errors import StaleClaim, StoreUnavailable
from catalog.queries import ShotRow
from tasks.errors import Verdict, decide
from tasks.planner.plan import ShotPlan
from tasks.tools import Tools
from tasks.waiting import Interrupted, OutOfPatience, Waiting
from tasks.work import Work

ATTEMPTS = 3
"""Tries of one step of a shot whose error says it may pass."""
BACKOFF_SECONDS = 2.0
"""Before the second try; four times as long before the third."""
KILLS = 5
"""Times in a row that a shot's engine may be killed from outside before the shot is given back as dead."""
LOOK_SECONDS = 0.1

log = logging.getLogger("dailies.line")


class Line:
    """The claimed shots of one batch."""

    def __init__(self, tools: Tools, claims: Sequence[Claim], rows: Sequence[ShotRow]) -> None:
        by_id = {row.id: row for row in rows}
        self._run_id = rows[0].run_id if rows else ""
        self._claims = list(claims)
        self._rows = by_id
        self._prepared: SimpleQueue[Work | None] = SimpleQueue()
        self._generated: SimpleQueue[Work | None] = SimpleQueue()
        self._stopped = threading.Event()
        """Nothing more is begun: what this batch needs is away for too long."""
        self._waiting = Waiting(tools, self._run_id, self._stopped.is_set)
        self._tools = replace(tools, patiently=self._waiting.through)

    def prepare(self) -> None:
        """Stills of every shot; shots that turn out to be done leave the line here."""
        try:
            for number, claim in enumerate(self._claims):
                if self._stopped.is_set() or self._tools.leaving() or self._tools.cancelled():
                    self._give_back(*self._claims[number:])
                    return
                row = self._rows[claim.shot_id]
                work = Work(self._tools, claim, row, ShotPlan.model_validate(row.plan))
                if self._step(work, work.prepare):
                    if work.wanted:
                        self._prepared.put(work)
                    else:
                        self._end(work, "done")
        finally:
            self._prepared.put(None)

    def generate(self) -> None:
        """Stored frames, for the renditions whose plan keeps them."""
        try:
            while (work := self._prepared.get()) is not None:
                if self._step(work, work.generate):
                    self._generated.put(work)
        finally:
            self._generated.put(None)

    def deliver(self) -> None:
        """Files. A shot is done when all of its deliveries are."""
        while (work := self._generated.get()) is not None:
            if self._step(work, work.deliver):
                self._end(work, "done")

    def _step(self, work: Work, step: Callable[[], None]) -> bool:
        """Run one step of one shot; False when the shot has left the line."""
        attempt, kills = 1, 0
        while True:
            if self._stopped.is_set() or self._tools.cancelled():
                self._give_back(work.claim)
                return False
            try:
                self._waiting.through(step)
                return True
            except Interrupted:
                self._give_back(work.claim)
                return False
            except OutOfPatience as fault:
                self._give_up(work, fault)
                return False
            except Exception as error:  # noqa: BLE001 - what becomes of it is decided by type
                verdict = decide(error)
                kills = kills + 1 if verdict.action == "again" else 0
                if 0 < kills < KILLS:
                    log.warning("shot %s: %s (kill %d in a row)", work.row.key, verdict.message, kills)
                elif verdict.action in ("retry", "step_down") and attempt < ATTEMPTS:
                    log.warning("shot %s: %s (try %d of %d)", work.row.key, verdict.message, attempt, ATTEMPTS)
                    self._rest(BACKOFF_SECONDS * 4 ** (attempt - 1))
                    attempt += 1
                    work.tries += 1
                else:
                    self._leave(work, verdict, error)
                    return False

    def _leave(self, work: Work, verdict: Verdict, error: Exception) -> None:
        """What becomes of a shot whose step did not end well."""
        if isinstance(error, StaleClaim):
            self._stale(work, verdict.message)
        elif verdict.action == "drop":
            self._give_back(work.claim)
        elif verdict.action == "again":
            why = f"its engine was killed from outside {KILLS} times in a row"
            log.warning("shot %s: %s", work.row.key, why)
            self._surely(lambda: self._tools.catalog.give_back_dead(work.claim, why))
        else:
            if verdict.code == "UNEXPECTED":
                log.error("shot %s", work.row.key, exc_info=error)
            said = verdict.message + (f"; {verdict.remedy}" if verdict.remedy not in verdict.message else "")
            if verdict.action == "quarantine":
                self._end(work, "quarantined", verdict.code, said)
            elif verdict.blames == "shot":
                self._end(work, "failed", verdict.code, said)
            else:
                self._fail(work, verdict.code, said)

    def _end(
        self,
        work: Work,
        state: Literal["done", "quarantined", "failed"],
        code: str | None = None,
        message: str | None = None,
    ) -> None:
        catalog, worker = self._tools.catalog, self._tools.worker_id
        try:
            self._surely(
                lambda: catalog.finish_shot(work.claim, state, code, message, attempts=work.tries, worker_id=worker)
            )
        except StaleClaim as error:
            self._stale(work, str(error))

    def _fail(self, work: Work, code: str, message: str) -> None:
        catalog, worker = self._tools.catalog, self._tools.worker_id
        try:
            self._surely(lambda: catalog.fail_shot(work.claim, code, message, worker_id=worker, attempts=work.tries))
        except StaleClaim as error:
            self._stale(work, str(error))

    def _stale(self, work: Work, message: str) -> None:
        """Another worker has the shot: what this one made of it was refused, and that is written down."""
        log.warning("shot %s: %s", work.row.key, message)
        refused = f"what {self._tools.worker or work.claim.owner} made of shot {work.row.key} was refused: {message}"
        worker = self._tools.worker or work.claim.owner
        self._surely(
            lambda: self._tools.catalog.note_incident(
                "STALE_CLAIM", refused, run_id=self._run_id, shot_id=work.row.id, worker=worker
            )
        )

    def _give_up(self, work: Work, fault: OutOfPatience) -> None:
        """Nothing of this batch can be made now: everything goes back, and the run pauses until a person has looked."""
        self._stopped.set()
        verdict = fault.verdict
        why = f"{fault}; mend that, then `dailies resume {self._run_id}`"
        log.error("shot %s: %s", work.row.key, why)
        try:
            who = self._tools.worker or work.claim.owner
            self._tools.catalog.pause_run(self._run_id, verdict.code, why, who)
            self._tools.catalog.release([work.claim])
        except StoreUnavailable as error:  # it is the database: the leases run out by themselves
            log.error("run %s cannot be paused: %s", self._run_id, error)

    def _give_back(self, *claims: Claim) -> None:
        """Unharmed, and at once: a worker that is told to stop waits for no database; leases run out by themselves."""
        try:
            self._tools.catalog.release(claims)
        except StoreUnavailable as error:
            log.warning("run %s: %d shots cannot be given back now: %s", self._run_id, len(claims), error)

    def _surely(self, call: Callable[[], object]) -> None:
        """Write something down, waiting for a database that is away as long as for anything else."""
        try:
            self._waiting.through(call)
        except (Interrupted, OutOfPatience) as error:
            log.error("run %s: its catalog cannot be told: %s", self._run_id, error)

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._tools.cancelled():
            time.sleep(min(LOOK_SECONDS, left))
