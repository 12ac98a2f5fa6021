"""Random SIGKILLs in a house that is at work, until there have been enough of them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.faults.house import House, Kind

SHARES: dict[Kind, float] = {"child": 0.35, "flow": 0.35, "worker": 0.15, "server": 0.05, "group": 0.10}
"""How often each kind of process is the one."""


SOON_SECONDS = 6.0
"""For how long one of a kind that is not there is waited for: engine children come and go."""


@dataclass
class KillLoop:
    """`gap_seconds`: between two kills on average, as chance has it; the same `seed` draws the same lots."""

    house: House
    kills: int
    gap_seconds: float = 3.0
    seed: int = 1
    told: Callable[[str], None] = print
    done: Counter[str] = field(default_factory=Counter[str])

    def run(self, over: Callable[[], bool]) -> None:
        """Kill until `kills` are done or the run is `over`, and start again what a service manager would."""
        lots = random.Random(self.seed)
        while self.done.total() < self.kills and not over():
            until = time.monotonic() + lots.expovariate(1 / self.gap_seconds)
            while time.monotonic() < until and not over():
                self.house.keep_up()
                time.sleep(0.05)
            kind = lots.choices(list(SHARES), list(SHARES.values()))[0]
            killed = self._kill(kind, lots)
            if killed:
                self.done[kind] += 1
                self.told(f"{self.done.total():4} of {self.kills}: {kind:6} {killed}")
        self.house.keep_up()

    def _kill(self, kind: Kind, lots: random.Random) -> str:
        until = time.monotonic() + SOON_SECONDS
        while not (found := self.house.of_kind(kind)):
            if time.monotonic() > until:
                return ""
            self.house.keep_up()
            time.sleep(0.05)
        chosen: list[psutil.Process] = found if kind == "group" else [lots.choice(found)]
        pids = [_killed(process) for process in chosen]
        return ", ".join(pid for pid in pids if pid)

    def as_facts(self) -> dict[str, Any]:
        """What was killed, for the end's report."""
        return {"kills": self.done.total(), **self.done}


def _killed(process: psutil.Process) -> str:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return ""
    return str(process.pid)
