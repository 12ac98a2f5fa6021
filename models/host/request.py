"""One request to an engine child, watched from the worker: its messages, its steps, and the end of waiting."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from typing import Any, NoReturn

from models.errors import DeviceLost
from models.host.channel import Message
from models.host.faults import Fault
from models.host.process import Child

Progress = Callable[[int, int], None]
"""(steps done, of how many)."""

LOOK_SECONDS = 0.1
STOP_SECONDS = 5.0
"""How long a child nobody waits for may take to its next step, item or result before it is killed."""

_LAST = ("ready", "result", "end", "error")
"""Words after which the child waits for the next request."""
_PERCENT = re.compile(r"^(\d{1,3}\.\d\d)%$", re.MULTILINE)
"""What the ncnn bindings print per tile; their only way to tell a step."""


class Request:
    """`ended` once the child is ready for another request, or gone."""

    def __init__(
        self,
        child: Child,
        method: str,
        *,
        deadline: float,
        heartbeat_seconds: float,
        progress: Progress | None,
        end: Callable[[Child], None],
    ) -> None:
        self.child = child
        self.ended = False
        self._method = method
        self._deadline = deadline
        self._heartbeat_seconds = heartbeat_seconds
        self._progress = progress
        self._end = end
        self._step = (0, 0)
        self._printed = child.printed()
        child.board.clear()

    def send(self, kind: str, value: Any = None, slot: int = 0) -> None:
        """A word to the child. Raises DeviceLost where it is gone."""
        try:
            self.child.channel.send(kind, value, slot)
        except (BrokenPipeError, ConnectionResetError):
            self._lost("ended")

    def receive(self) -> Message:
        """The child's next message, `deadline` seconds after the call or the last new step at the latest.

        Raises the error the child sent, DeviceLost when nothing more will come, and what `progress` raises.
        """
        until = time.monotonic() + self._deadline
        try:
            while not self.child.channel.waiting(LOOK_SECONDS):
                if self._stepped():
                    until = time.monotonic() + self._deadline
                elif time.monotonic() > until:
                    self._lost(f"gave no answer and told no step for {self._deadline:g} s (its deadline)")
                if self.child.silent_seconds() > self._heartbeat_seconds:
                    self._lost(f"neither beat nor used the processor for {self._heartbeat_seconds:g} s")
            self._stepped()
            message = self.child.channel.receive()
        except EOFError:
            self._lost("ended")
        self.ended = message.kind in _LAST
        if message.kind == "error":
            self._raise(self.child.channel.open(message))
        return message

    def stop(self) -> None:
        """Nobody waits any more: the child leaves the request at its next step, item or result, or is killed."""
        if self.ended:
            return
        self.ended = True
        until = time.monotonic() + STOP_SECONDS
        try:
            self.child.board.want_stop()
            self.child.channel.send("stop")
            while self.child.channel.waiting(max(0.0, until - time.monotonic())):
                if self.child.channel.receive().kind in _LAST:
                    return
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass  # it is gone, as nobody waits for it
        self._end(self.child)

    def _stepped(self) -> bool:
        """Hand a step that was not seen yet to `progress`; whether there was one."""
        step = self.child.board.step
        if step == (0, 0) and (told := _PERCENT.findall(self.child.tail(64, self._printed))):
            step = (round(float(told[-1])), 100)
        if step == self._step:
            return False
        self._step = step
        if self._progress is not None:
            self._progress(*step)
        return True

    def _raise(self, fault: Fault) -> NoReturn:
        if fault.kind != "DeviceLost":
            raise fault.error()
        self._lost(f"lost its device: {fault.message};", fault.evidence)

    def _lost(self, what: str, evidence: str = "") -> NoReturn:
        """End the child and say how it went."""
        try:
            status: int | None = self.child.process.wait(1.0 if what == "ended" else 0.0)
        except subprocess.TimeoutExpired:
            status = None
        error = DeviceLost
        if status is not None and not evidence:
            error, what = self.child.death(status)
        printed = "\n".join(line for line in self.child.tail().splitlines() if not _PERCENT.match(line))
        self.ended = True
        self._end(self.child)
        raise error(
            f"{self.child.factory}: its process {what} during {self._method}",
            remedy="it is started again with the next request; if it dies again, use a smaller tile or device: cpu",
            evidence="\n".join(part for part in (evidence, printed) if part) or "it printed nothing",
        )
