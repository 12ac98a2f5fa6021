"""What becomes of a shot that leaves the line: done, given back, refused, failed; and how the catalog is told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from catalog.claims import Claim, Ending, stale
from catalog.errors import StaleClaim, StoreUnavailable
from tasks.errors import OutOfPatience, Verdict
from tasks.pace import TOGETHER_SECONDS
from tasks.tools import Tools
from tasks.waiting import Interrupted, Waiting
from tasks.work import Work

log = logging.getLogger("dailies.line")


class Endings:
    """The ends of one batch's shots; called from all steps of its line."""

    def __init__(self, tools: Tools, run_id: str, waiting: Waiting) -> None:
        self._tools, self._run_id, self._waiting = tools, run_id, waiting
        self._lock = threading.Lock()
        self._done: list[Work] = []
        self._written = 0.0

    def done(self, work: Work) -> None:
        """Every delivery of it stands. Shots that take long are written down one by one, short ones together."""
        log.info("shot %s: done", work.row.key, extra={"run_id": self._run_id, "shot_id": work.row.id})
        with self._lock:
            self._done.append(work)
            if time.monotonic() - self._written < TOGETHER_SECONDS:
                return
        self.write_down()

    def write_down(self) -> None:
        """Tell the catalog of every shot that is done; what it cannot be told now, it is told the next time."""
        with self._lock:
            done, self._done = self._done, []
            if not done:
                return
            self._written = time.monotonic()
        endings = [Ending(work.claim, "done", attempts=work.tries) for work in done]
        by_shot = {work.claim.shot_id: work for work in done}

        def tell() -> None:
            for lost in self._tools.catalog.finish_shots(endings, worker_id=self._tools.worker_id):
                self._stale(by_shot[lost.shot_id], str(stale(lost)))

        if not self._surely(tell):
            with self._lock:
                self._done = done + self._done

    def ended_by(self, work: Work, verdict: Verdict, error: Exception) -> None:
        """A step of it ended with `error`, and another try is of no use."""
        self.write_down()  # first: a shot that is done ends a streak of failures, and came before this one
        if isinstance(error, StaleClaim):
            self._stale(work, verdict.message)
        elif verdict.action == "drop":
            self.give_back(work.claim)
        else:
            if verdict.code == "UNEXPECTED":
                log.error("shot %s", work.row.key, exc_info=error)
            log.info("shot %s: %s: %s", work.row.key, verdict.code, verdict.message)
            said = verdict.message + (f"; {verdict.remedy}" if verdict.remedy not in verdict.message else "")
            if verdict.action == "quarantine":
                self._end(work, "quarantined", verdict.code, said)
            elif verdict.blames == "shot":
                self._end(work, "failed", verdict.code, said)
            else:
                self._fail(work, verdict.code, said)

    def killed(self, work: Work, times: int) -> None:
        """Its engine was killed from outside, so many times in a row."""
        why = f"its engine was killed from outside {times} times in a row"
        log.warning("shot %s: %s", work.row.key, why)
        self._surely(lambda: self._tools.catalog.give_back_dead(work.claim, why))

    def give_back(self, *claims: Claim) -> None:
        """Unharmed, and at once: a worker that is told to stop waits for no database; leases run out by themselves."""
        try:
            self._tools.catalog.release(claims)
        except StoreUnavailable as error:
            log.warning("run %s: %d shots cannot be given back now: %s", self._run_id, len(claims), error)

    def give_up(self, works: Sequence[Work], fault: OutOfPatience) -> None:
        """Nothing of this batch can be made now: it goes back, and the run pauses until a person has looked."""
        verdict = fault.verdict
        why = f"{fault}; mend that, then `dailies resume {self._run_id}`"
        log.error("shot %s: %s", ", ".join(work.row.key for work in works), why)
        try:
            self._tools.catalog.pause_run(self._run_id, verdict.code, why, self._who(works[0]))
            self._tools.catalog.release([work.claim for work in works])
        except StoreUnavailable as error:  # it is the database: the leases run out by themselves
            log.error("run %s cannot be paused: %s", self._run_id, error)

    def _end(self, work: Work, state: Literal["quarantined", "failed"], code: str, message: str) -> None:
        catalog, worker = self._tools.catalog, self._tools.worker_id
        self._unless_stale(
            work,
            lambda: catalog.finish_shot(work.claim, state, code, message, attempts=work.tries, worker_id=worker),
        )

    def _fail(self, work: Work, code: str, message: str) -> None:
        catalog, worker = self._tools.catalog, self._tools.worker_id
        self._unless_stale(
            work, lambda: catalog.fail_shot(work.claim, code, message, worker_id=worker, attempts=work.tries)
        )

    def _unless_stale(self, work: Work, call: Callable[[], object]) -> None:
        try:
            self._surely(call)
        except StaleClaim as error:
            self._stale(work, str(error))

    def _stale(self, work: Work, message: str) -> None:
        """Another worker has the shot: what this one made of it was refused, and that is written down."""
        log.warning("shot %s: %s", work.row.key, message)
        who = self._who(work)
        refused = f"what {who} made of shot {work.row.key} was refused: {message}"
        self._surely(
            lambda: self._tools.catalog.note_incident(
                "STALE_CLAIM", refused, run_id=self._run_id, shot_id=work.row.id, worker=who
            )
        )

    def _who(self, work: Work) -> str:
        return self._tools.worker or work.claim.owner

    def _surely(self, call: Callable[[], object]) -> bool:
        """Write something down, waiting for a database that is away as long as for anything else; whether it is."""
        try:
            self._waiting.through(call)
        except (Interrupted, OutOfPatience) as error:
            log.error("run %s: its catalog cannot be told: %s", self._run_id, error)
            return False
        return True
