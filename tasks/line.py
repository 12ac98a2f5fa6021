"""The line a batch is worked on: three steps side by side, shots handed from one to the next as they become ready.

`prepare` makes stills, `generate` masters and mezzanines, `deliver` files. Each step may run in a thread of its own;
only ids and rows pass between them. One bad shot leaves the line and never stops it; a worker that is leaving finishes
what it has begun and gives the rest back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, SimpleQueue

from catalog.claims import Claim
from catalog.queries import ShotRow
from tasks import steps
from tasks.endings import Endings
from tasks.errors import OutOfPatience, Verdict, decide
from tasks.pace import TOGETHER_SECONDS, Pace
from tasks.planner.scene import is_scene
from tasks.steps import Step
from tasks.told_of import telling_of
from tasks.tools import Tools
from tasks.waiting import Interrupted, Waiting
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
        self._endings = Endings(self._tools, self._run_id, self._waiting)

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        """What its shots go through, each to be run in a thread of its own."""
        if any(is_scene(row.plan) for row in self._rows.values()):  # no batch holds others beside them
            return (self.assemble,)
        return self.prepare, self.generate, self.deliver

    def prepare(self) -> None:
        """Stills of every shot; shots that turn out to be done leave the line here."""
        pace, left = Pace(), list(self._claims)
        with self._to_the_end(self._prepared):
            while left:
                if self._stopped.is_set() or self._tools.leaving() or self._tools.cancelled():
                    self._endings.give_back(*left)
                    return
                taken, left = left[: pace.shots], left[pace.shots :]
                works = [Work(self._tools, claim, self._rows[claim.shot_id]) for claim in taken]
                for work in self._step(works, steps.prepare, pace):
                    if work.wanted:
                        self._prepared.put(work)
                    else:
                        self._endings.done(work)

    def generate(self) -> None:
        """Stored frames, for the renditions whose plan keeps them."""
        with self._to_the_end(self._generated):
            while works := self._next(self._prepared, 1):  # one takes minutes where another takes nothing
                for work in self._step(works, steps.generate, Pace()):
                    self._generated.put(work)

    def deliver(self) -> None:
        """Files. A shot is done when all of its deliveries are."""
        pace = Pace()
        with self._to_the_end(None):
            while works := self._next(self._generated, pace.shots):
                for work in self._step(works, steps.deliver, pace):
                    self._endings.done(work)

    def assemble(self) -> None:
        """Scenes, one after the other: what they are made of is there."""
        with self._to_the_end(None):
            for place, claim in enumerate(self._claims):
                if self._tools.leaving():
                    self._endings.give_back(*self._claims[place:])
                    return
                for work in self._step([Work(self._tools, claim, self._rows[claim.shot_id])], steps.assemble, Pace()):
                    self._endings.done(work)

    @contextmanager
    def _to_the_end(self, into: SimpleQueue[Work | None] | None) -> Generator[None]:
        """However a step ends: the next one hears of it, done shots are written down, and an error stops the others."""
        try:
            yield
        except BaseException:
            self._stopped.set()
            raise
        finally:
            if into is not None:
                into.put(None)
            self._endings.write_down()

    def _next(self, queue: SimpleQueue[Work | None], shots: int) -> list[Work]:
        """The next shots of a step, those of them that are there, none after the last; meanwhile what is done is
        written down."""
        works: list[Work] = []
        while len(works) < shots:
            try:
                work = queue.get(block=not works, timeout=TOGETHER_SECONDS)
            except Empty:
                if works:
                    break
                self._endings.write_down()
                continue
            if work is None:
                if works:
                    queue.put(None)  # for the next call
                break
            works.append(work)
        return works

    def _step(self, works: Sequence[Work], step: Step, pace: Pace) -> list[Work]:
        """Run one step of these shots; those that are still on the line."""
        innocent = [work for work in works if not work.row.deaths]
        suspects = [[work] for work in works if work.row.deaths]
        staying: list[Work] = []
        for some in (innocent, *suspects):
            if self._stopped.is_set() or self._tools.cancelled():
                self._endings.give_back(*(work.claim for work in some))
            elif some:
                staying += self._together(some, step, pace)
        return staying

    def _together(self, works: Sequence[Work], step: Step, pace: Pace) -> list[Work]:
        """Run it for all of them at once; those it went well for, at once or alone."""
        began = time.monotonic()
        try:
            with telling_of(run_id=self._run_id, shot_id=works[0].row.id if len(works) == 1 else ""):
                outcomes = self._waiting.through(lambda: step(self._tools, works))
        except Interrupted:
            self._endings.give_back(*(work.claim for work in works))
            return []
        except OutOfPatience as fault:
            self._stopped.set()
            self._endings.give_up(works, fault)
            return []
        except Exception as error:  # noqa: BLE001 - what becomes of it is decided by type
            if len(works) > 1:  # what ended all of them may be the fault of one: each says alone what is wrong with it
                return [work for work in works if self._again(work, step, None)]
            outcomes = [error]
        pace.took(sum(bool(work.wanted) for work in works), time.monotonic() - began)
        return [
            work
            for work, outcome in zip(works, outcomes, strict=True)
            if outcome is None or self._again(work, step, outcome)
        ]

    def _again(self, work: Work, step: Step, outcome: Exception | None) -> bool:
        with telling_of(run_id=self._run_id, shot_id=work.row.id):
            return self._once_more(work, step, outcome)

    def _once_more(self, work: Work, step: Step, outcome: Exception | None) -> bool:
        """What becomes of a shot whose step came to this, with more tries of it alone; False when it left the line.

        Without an outcome nobody knows yet what is wrong with it.
        """
        first = [outcome] if outcome is not None else []

        def once() -> None:
            error = first.pop() if first else step(self._tools, [work])[0]
            if error is not None:
                raise error

        attempt, kills = 1, 0
        while True:
            if not first and (self._stopped.is_set() or self._tools.cancelled()):
                self._endings.give_back(work.claim)
                return False
            try:
                self._waiting.through(once)
                return True
            except Interrupted:
                self._endings.give_back(work.claim)
                return False
            except OutOfPatience as fault:
                self._stopped.set()
                self._endings.give_up([work], fault)
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
        if verdict.action == "again":
            self._endings.killed(work, KILLS)
        else:
            self._endings.ended_by(work, verdict, error)

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._tools.cancelled():
            time.sleep(min(LOOK_SECONDS, left))
