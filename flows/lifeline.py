"""Processes that do not outlive who started them: `python -m flows.lifeline PID COMMAND...` runs COMMAND as such a one.

The kernel tells a process that its parent died, however it died (prctl(2), PR_SET_PDEATHSIG). The wish outlives exec,
but no fork: so `DAILIES_LIFELINE` names the process that was started here, and what that starts joins by `hold_on`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
VARIABLE = "DAILIES_LIFELINE"
GRACE_SECONDS = 15.0
_held = False


def on_a_lifeline(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` as a process killed as soon as this one is dead.

    Start it from a thread that lasts: the kernel watches the thread that forked.
    """
    return [sys.executable, "-m", "flows.lifeline", str(os.getpid()), *command]


def hold_on() -> None:
    """End with the worker this process was started by: by SIGTERM, and 15 seconds later by force; at once, if that is
    gone already.

    Does nothing in a process that no supervised worker started, nor the second time.
    """
    global _held
    named = os.environ.get(VARIABLE, "")
    if not named.isdecimal() or int(named) == os.getpid() or _held:
        return
    _held = True
    _die_with_parent(signal.SIGTERM)
    if os.getppid() != int(named):  # it was our parent, and died before we asked
        raise SystemExit(f"the worker of this process (pid {named}) is gone, so nobody waits for it")
    threading.Thread(target=_end_after, args=(int(named),), name="lifeline", daemon=True).start()


@dataclass(frozen=True)
class Kin:
    """A process someone started. `start`, in ticks since boot, tells it from a later one with its number."""

    pid: int
    parent: int
    start: str

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return (found := _kin(self.pid)) is not None and found.start == self.start

    def tell(self, what: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.lives:
            with suppress(ProcessLookupError):  # a moment later
                os.kill(self.pid, what)


def descendants(pid: int) -> list[Kin]:
    """Processes that `pid` started, and those that they started, that have not ended."""
    children: dict[int, list[Kin]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if (kin := _kin(int(folder.name))) is not None:
            children.setdefault(kin.parent, []).append(kin)
    found: list[Kin] = []
    asked = [pid]
    while asked:
        these = children.get(asked.pop(), [])
        found += these
        asked += [one.pid for one in these]
    return found


def _kin(pid: int) -> Kin | None:
    """Fields 3, 4 and 22 of /proc/PID/stat (proc(5)); the name before them may hold anything. None: it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Kin(pid, int(fields[1]), fields[19])


def main() -> None:
    """Run the command of the command line in place of this process."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    _die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return
    os.environ[VARIABLE] = str(os.getpid())
    os.execvp(command[0], command)


def _end_after(parent: int) -> None:
    """Prefect tells its server how a flow run ended, and asks for minutes where that is gone too."""
    while os.getppid() == parent:
        time.sleep(1.0)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _die_with_parent(with_signal: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, with_signal) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")


if __name__ == "__main__":
    main()
