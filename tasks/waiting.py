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
from tasks.errors import Cancelled, Verdict, decide
from tasks.tools import Tools

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
LOOK_SECONDS = 0.1
"""Between two looks at whether a person cancelled."""

T = TypeVar("T")
log = logging.getLogger("dailies.line")


class OutOfPatience(Exception):
    """It was away for longer than anybody wants to wait; `verdict` says what."""

    def __init__(self, verdict: Verdict, seconds: float) -> None:
        super().__init__(f"waited {seconds:.0f} s: {verdict.message}")
        self.verdict = verdict


class Interrupted(Cancelled):
    """The waiting was called off: the run was cancelled, the worker is leaving, or another step gave up."""


@dataclass
class _Episode:
    """What is waited for, since when (monotonic seconds), and by how many so far."""

    verdict: Verdict
    began: float
    waited: int = 0
    gave_up: bool = False


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
        began: float | None = None
        pause = FIRST_PAUSE_SECONDS
        given_up = False
        try:
            while True:
                try:
                    return call()
                except Exception as error:
                    verdict = decide(error)
                    if verdict.action != "wait":
                        raise
                    if began is None:
                        began = time.monotonic()
                        self._enter(verdict, began)
                    left = self._tools.patience_seconds - (time.monotonic() - began)
                    if left <= 0:
                        given_up = True
                        raise OutOfPatience(verdict, time.monotonic() - began) from error
                self._sleep(min(pause * random.uniform(0.5, 1.0), left))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            if began is not None:
                self._leave(given_up)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._tools.cancelled() or self._tools.leaving() or self._stopped():
                raise Interrupted
            time.sleep(min(LOOK_SECONDS, left))

    def _enter(self, verdict: Verdict, began: float) -> None:
        log.warning("run %s waits: %s", self._run_id, verdict.message)
        with self._lock:
            self._now += 1
            self._episode = self._episode or _Episode(verdict, began)
            self._episode.waited += 1

    def _leave(self, given_up: bool) -> None:
        with self._lock:
            self._now -= 1
            episode = self._episode
            if episode is None:
                return
            episode.gave_up |= given_up
            if self._now:
                return
            self._episode = None
        self._tell(episode)

    def _tell(self, episode: _Episode) -> None:
        verdict, seconds = episode.verdict, time.monotonic() - episode.began
        end = "gave up" if episode.gave_up else "went on"
        message = f"waited {seconds:.0f} s and {end}: {verdict.message}"
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
