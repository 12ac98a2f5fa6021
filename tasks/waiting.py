"""Waiting is not failing: while storage or database is away or full, the work of a batch waits, charging nothing.

However many steps wait at once, it is one episode of the batch: one incident, written when the last of them goes on or
gives up.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from catalog.errors import StoreUnavailable
from tasks.errors import Cancelled, OutOfPatience, Verdict, decide
from tasks.tools import Tools

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
LOOK_SECONDS = 0.1
"""Between two looks at whether a person cancelled."""

T = TypeVar("T")
log = logging.getLogger("dailies.line")


class Interrupted(Cancelled):
    """The waiting was called off: the run was cancelled, the worker is leaving, or another step gave up."""


@dataclass
class _Episode:
    """What is waited for, since when and until when so far (monotonic seconds), and how that ended."""

    verdict: Verdict
    began: float
    until: float
    end: str = "went on"


class Waiting:
    """The waits of one batch, in as many threads as it has."""

    def __init__(self, tools: Tools, run_id: str, stopped: Callable[[], bool]) -> None:
        self._tools, self._run_id, self._stopped = tools, run_id, stopped
        self._lock = threading.Lock()
        self._now = 0
        self._episode: _Episode | None = None

    def through(self, call: Callable[[], T]) -> T:
        """`call()`, repeated while what it needs is away, for up to the tools' patience.

        Raises OutOfPatience, Interrupted, and whatever else `call` raises. Only for calls that may be repeated.
        """
        waits, waited = False, 0.0
        pause = FIRST_PAUSE_SECONDS
        end = "went on"
        try:
            while True:
                began = time.monotonic()
                try:
                    return call()
                except Exception as error:
                    verdict = decide(error)
                    if verdict.action != "wait":
                        raise
                    if not waits:
                        waits = True
                        self._enter(verdict)
                    # A try that found nothing there is waiting too; one that worked for long before is not.
                    waited += min(time.monotonic() - began, pause)
                    left = self._tools.patience_seconds - waited
                    if left <= 0:
                        end = "gave up"
                        raise OutOfPatience(verdict, waited) from error
                waited += self._sleep(min(pause * random.uniform(0.5, 1.0), left))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        except Interrupted:
            end = "was called off"
            raise
        finally:
            if waits:
                self._leave(end)

    def _sleep(self, seconds: float) -> float:
        """Wait, and say so; the seconds it took. Raises Interrupted."""
        began = time.monotonic()
        until = began + seconds
        try:
            while (left := until - time.monotonic()) > 0:
                if self._tools.cancelled() or self._tools.leaving() or self._stopped():
                    raise Interrupted
                time.sleep(min(LOOK_SECONDS, left))
        finally:
            with self._lock:
                if self._episode is not None:
                    self._episode.until = time.monotonic()
        return time.monotonic() - began

    def _enter(self, verdict: Verdict) -> None:
        log.warning("run %s waits: %s", self._run_id, verdict.message)
        now = time.monotonic()
        with self._lock:
            self._now += 1
            self._episode = self._episode or _Episode(verdict, now, now)

    def _leave(self, end: str) -> None:
        with self._lock:
            self._now -= 1
            episode = self._episode
            if episode is None:
                return
            if episode.end != "gave up" and end != "went on":
                episode.end = end
            if self._now:
                return
            self._episode = None
        self._tell(episode)

    def _tell(self, episode: _Episode) -> None:
        verdict, seconds = episode.verdict, episode.until - episode.began
        message = f"waited {seconds:.0f} s and {episode.end}: {verdict.message}"
        log.warning("run %s %s", self._run_id, message)
        try:
            self._tools.catalog.note_incident(
                verdict.code,
                message,
                run_id=self._run_id,
                worker=self._tools.worker or None,
                seconds=seconds,
            )
        except StoreUnavailable as error:  # it is the database that is still away; the log has it
            log.warning("run %s: the incident cannot be written: %s", self._run_id, error)
