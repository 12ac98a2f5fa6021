"""The child process as its parent holds it: started, listened to, ended, and nothing left behind."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from models.host.channel import DEPTH, Channel

TAIL_BYTES = 8192


class Child:
    """One child process and all that is shared with it."""

    def __init__(self, factory: str) -> None:
        self._owner = os.getpid()
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        outgoing, incoming = ([os.memfd_create("frames") for _ in range(DEPTH)] for _ in range(2))
        self._beat = os.memfd_create("beat")
        os.pwrite(self._beat, struct.pack("d", time.monotonic()), 0)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        numbers = {"socket": theirs.fileno(), "lifeline": lifeline, "beat": self._beat}
        numbers |= {"outgoing": incoming, "incoming": outgoing}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "models.host.child", json.dumps(numbers)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # a terminal's Ctrl-C is the parent's to judge
            pass_fds=(theirs.fileno(), lifeline, self._beat, *outgoing, *incoming),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        )
        theirs.close()
        os.close(lifeline)
        self.channel = Channel(Connection(ours.detach()), outgoing, incoming)
        self.factory = factory
        self._cpu = (0, time.monotonic())

    def silent_seconds(self) -> float:
        """How long the child has neither beaten nor used the processor.

        The beat alone stands still in native code that holds the interpreter: that is work, and the deadline's case.
        """
        now = time.monotonic()
        beat: float = struct.unpack("d", os.pread(self._beat, 8, 0))[0]
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # it ended; `poll` says so
            return 0.0
        used = int(fields[11]) + int(fields[12])  # utime and stime of all its threads, proc(5)
        if used != self._cpu[0]:
            self._cpu = (used, now)
        return now - max(beat, self._cpu[1])

    def tail(self) -> str:
        """The end of what the child printed."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")

    def end(self) -> None:
        """Kill the child, collect it and free what was shared. Nothing happens in a forked copy of the owner."""
        if os.getpid() != self._owner:
            return
        self.process.kill()
        self.process.wait()
        self.channel.close()
        self._log.close()
        os.close(self._lifeline)
        os.close(self._beat)
