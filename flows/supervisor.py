"""Programs kept running: started again with backoff when they die, stopped gracefully, their logs rotated."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flows.lifeline import Kin, descendants, on_a_lifeline

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""Pauses before a dead program is started again: doubling from the first to the longest."""
STEADY_SECONDS = 60.0
"""A program that ran so long is thought well: its next pause is the first again."""
LOG_BYTES, LOGS_KEPT = 10_000_000, 5

State = Literal["waiting", "running", "ended"]


@dataclass(frozen=True)
class Program:
    """One program. `environment` is laid over this process's. `log`: where its output goes.

    `restart_on_success`: also an end with status 0 is one to recover from. `stop_seconds` until a program that was told
    to stop is killed. `soft`: on stopping, its children are told first, and have as long. `pass_fds`: open files that
    it inherits.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    restart_on_success: bool = True
    stop_seconds: float = 10.0
    soft: bool = False
    pass_fds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something that happened to a program, for people and for machines."""

    program: str
    what: Literal["started", "died", "ended"]
    text: str
    pid: int | None = None


class Child:
    """One program as a process of ours. Use it from one thread that lasts."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.state: State = "waiting"
        self._process: subprocess.Popen[bytes] | None = None
        self._due = 0.0
        self._pause = FIRST_SECONDS
        self._since = 0.0
        self._told = False
        self._left: set[Kin] = set()
        """What it had started when it was told to stop."""

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process is not None and self.state == "running" else None

    @property
    def status(self) -> int | None:
        """How the last process ended; None while one runs or none was started."""
        return None if self._process is None or self.state == "running" else self._process.returncode

    def tend(self) -> Event | None:
        """Start it where that is due, notice that it died: call this a few times a second."""
        now = time.monotonic()
        if self.state == "waiting" and now >= self._due:
            return self._start(now)
        if self.state == "running" and self._process is not None:
            if (status := self._process.poll()) is not None:
                return self._over(status, now)
            rotate(self.program.log)
        return None

    def revive(self) -> None:
        """Start a program that ended for good again, at the next `tend`."""
        if self.state == "ended":
            self.state, self._due, self._pause = "waiting", 0.0, FIRST_SECONDS

    @property
    def family(self) -> list[Kin]:
        """Processes that it started, and those that they started, that still run."""
        return descendants(self.pid) if self.pid is not None else []

    def stop(self) -> None:
        """Have it end: its children first where it is soft, then itself, by force in the end. All are gone then."""
        if self.program.soft:
            begun = [one for one in self.family if one.parent == self.pid]
            for one in begun:
                one.tell(signal.SIGTERM)
            _await_end(begun, self.program.stop_seconds)
        self.tell_to_stop()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=self.program.stop_seconds)
        self.kill()

    def tell_to_stop(self) -> None:
        """Send it SIGTERM, once: a second one means `at once` to many programs."""
        if self._process is not None and self.state == "running" and not self._told:
            self._told = True
            self._left |= {*self.family}  # once it is gone, nobody can say any more whose they were
            self._process.terminate()

    def kill(self) -> None:
        """End it and all it started at once."""
        self._left |= {*self.family}
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for one in self._left:
            one.tell(signal.SIGKILL)
        self._left = set()
        self.state = "ended"

    def _start(self, now: float) -> Event:
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(
                on_a_lifeline(self.program.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self.program.environment,
                pass_fds=self.program.pass_fds,
                start_new_session=True,  # a terminal's Ctrl-C is for us to pass on, in order
            )
        self.state, self._since, self._told = "running", now, False
        return Event(self.program.name, "started", f"runs as process {self._process.pid}", self._process.pid)

    def _over(self, status: int, now: float) -> Event:
        how = f"ended with {status}" if status >= 0 else f"was killed by {signal.Signals(-status).name}"
        if status == 0 and not self.program.restart_on_success:
            self.state = "ended"
            return Event(self.program.name, "ended", how)
        if now - self._since >= STEADY_SECONDS:
            self._pause = FIRST_SECONDS
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_SECONDS)
        self.state, self._due = "waiting", now + pause
        return Event(self.program.name, "died", f"{how} ({self.program.log}); starts again in {pause:g} s")


def stop_all(children: Sequence[Child], hurry: Callable[[], bool]) -> None:
    """Stop several side by side, in the time of the slowest; at once as soon as `hurry` says so."""

    def stop() -> None:
        for child in children:
            if not child.program.soft:
                child.tell_to_stop()
        for child in children:
            child.stop()

    stopping = threading.Thread(target=stop, name="stop", daemon=True)
    stopping.start()
    while stopping.is_alive() and not hurry():
        stopping.join(0.1)
    for child in children:
        child.kill()


def rotate(log: Path, largest: int = LOG_BYTES, kept: int = LOGS_KEPT) -> None:
    """Move a log that has grown large to `.1`, that to `.2` and so on. Its writer appends, and notices nothing."""
    try:
        if log.stat().st_size < largest:
            return
    except FileNotFoundError:
        return
    for number in range(kept - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    with suppress(OSError):  # without room for it the old text goes, and the log stays small
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def _await_end(those: Sequence[Kin], seconds: float) -> None:
    until = time.monotonic() + seconds
    while any(one.lives for one in those) and time.monotonic() < until:
        time.sleep(0.1)
