"""The child process as its parent holds it: started, listened to, ended, and nothing left behind."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from models.errors import DeviceLost, Killed
from models.host.board import Board
from models.host.channel import DEPTH, Channel
from models.host.kills import oom_kills

TAIL_BYTES = 8192
KILL_SECONDS = 10.0
"""A killed process is gone at once, unless the kernel waits for a device on its behalf."""

log = logging.getLogger("dailies.host")


class Child:
    """One child process and all that is shared with it."""

    def __init__(self, factory: str) -> None:
        self._owner = os.getpid()
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        outgoing, incoming = ([os.memfd_create("frames") for _ in range(DEPTH)] for _ in range(2))
        self.board = Board()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        numbers = {"socket": theirs.fileno(), "lifeline": lifeline, "board": self.board.file}
        numbers |= {"outgoing": incoming, "incoming": outgoing}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "models.host.child", json.dumps(numbers)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # a terminal's Ctrl-C is the parent's to judge
            pass_fds=(theirs.fileno(), lifeline, self.board.file, *outgoing, *incoming),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        )
        theirs.close()
        os.close(lifeline)
        self.channel = Channel(Connection(ours.detach()), outgoing, incoming)
        self.factory = factory
        self._cpu = (0, time.monotonic())
        self._oom_kills = oom_kills()
        self._ended_here = False

    def kill(self) -> None:
        """End it at once."""
        self._ended_here = True
        self.process.kill()

    def death(self, status: int) -> tuple[type[DeviceLost], str]:
        """What the exit status of the ended process means: the error to raise, and in words how it went."""
        if status >= 0:
            return DeviceLost, f"ended with status {status}"
        words = f"was ended by {signal.Signals(-status).name}"
        if status != -signal.SIGKILL or self._ended_here:
            return DeviceLost, words
        if oom_kills() > self._oom_kills:
            return DeviceLost, f"{words}, by the kernel: the machine, or its cgroup, had no memory left,"
        return Killed, f"{words} from outside"

    def silent_seconds(self) -> float:
        """How long the child has neither beaten nor used the processor.

        The beat alone stands still in native code that holds the interpreter: that is work, and the deadline's case.
        """
        now = time.monotonic()
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # it ended; `poll` says so
            return 0.0
        used = int(fields[11]) + int(fields[12])  # utime and stime of all its threads, proc(5)
        if used != self._cpu[0]:
            self._cpu = (used, now)
        return now - max(self.board.beaten, self._cpu[1])

    def printed(self) -> int:
        """How many bytes the child has printed so far."""
        return os.fstat(self._log.fileno()).st_size

    def tail(self, most: int = TAIL_BYTES, after: int = 0) -> str:
        """The end of what the child printed: `most` bytes, and only what came later than the first `after` ones."""
        start = max(after, self.printed() - most)
        return os.pread(self._log.fileno(), most, start).decode(errors="replace")

    def end(self) -> None:
        """Kill the child, collect it and free what was shared. Nothing happens in a forked copy of the owner."""
        if os.getpid() != self._owner:
            return
        self.kill()
        try:
            self.process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("engine process %d is killed but does not end: a driver call holds it", self.process.pid)
        self.channel.close()
        self._log.close()
        os.close(self._lifeline)
        self.board.close()
