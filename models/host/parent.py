"""The worker's side: starts the child, watches it, and turns its death into DeviceLost."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from models.errors import DeviceLost, EngineError
from models.host.channel import DEPTH, Message
from models.host.process import Child

LOOK_SECONDS = 0.2
_PERCENT = re.compile(r"^(\d{1,3}\.\d\d)%$", re.MULTILINE)
"""What the ncnn bindings print per tile."""


class Host:
    """`factory` ("module:callable") called with `kwargs` in a child process; its methods are called from here.

    The child starts with the first request (or `start`), answers one request at a time and is kept. When it dies or
    is killed the request raises DeviceLost with the end of its log, and the next request starts another.
    It is killed when an answer (of a stream: the next frame) takes more than `deadline` seconds, when making the
    engine takes more than `start_seconds`, and when it neither beats nor uses the processor for `heartbeat_seconds`.
    Errors in the child come back with their type (EngineMissing, OutOfMemory, EngineError; others as EngineError) and
    leave it alive. `progress` gets the share (0..1) an ncnn engine prints while it works on one frame.
    Safe to use from several threads, which then wait for each other. Linux.
    """

    def __init__(
        self,
        factory: str,
        kwargs: Mapping[str, Any] | None = None,
        *,
        heartbeat_seconds: float = 30.0,
        deadline: float = 600.0,
        start_seconds: float = 300.0,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self.factory = factory
        self._kwargs = dict(kwargs or {})
        self._heartbeat_seconds = heartbeat_seconds
        self._deadline = deadline
        self._start_seconds = start_seconds
        self._progress = progress
        self._child: Child | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._lock = threading.Lock()
        self._streaming: int | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None where there is none."""
        return None if self._child is None else self._child.process.pid

    def start(self) -> None:
        """Make the engine now instead of with the first request. Raises what its constructor raises."""
        with self._lock:
            self._ready()

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """`engine.method(*args, **kwargs)`; arrays cross in shared memory, the answer's are copies of one's own."""
        self._not_in_own_stream(method)
        with self._lock:
            child = self._ready()
            self._send(child, "call", (method, args, kwargs))
            return child.channel.open(self._receive(child, method, self._deadline))

    def stream(self, method: str, items: Iterator[Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        """`engine.method(items, ...)` as a generator: items go in and results come out, DEPTH of each on their way.

        Closing the generator early stops the method at its next item or result; the child stays.
        """
        self._not_in_own_stream(method)
        with self._lock:
            child = self._ready()
            self._streaming = threading.get_ident()
            finished, sent = False, 0
            try:
                self._send(child, "stream", (method, args, kwargs))
                while True:
                    try:
                        message = self._receive(child, method, self._deadline)
                    except EngineError:  # the method raised, or the child is gone; not an error of `items`
                        finished = True
                        raise
                    if message.kind == "need":
                        for item in items:
                            self._send(child, "item", item, sent % DEPTH)
                            sent += 1
                            break
                        else:
                            self._send(child, "end")
                    elif message.kind == "end":
                        finished = True
                        return
                    else:
                        made = child.channel.open(message)
                        self._send(child, "credit")
                        yield made
            finally:
                self._streaming = None
                if not finished:
                    self._stop(child, method)

    def _stop(self, child: Child, method: str) -> None:
        if self._child is not child:
            return
        try:
            self._send(child, "stop")
            while self._receive(child, method, self._deadline).kind != "end":
                pass
        except EngineError:  # it failed or died on the way out: nobody waits for its answer, and DeviceLost ended it
            return

    def _not_in_own_stream(self, method: str) -> None:
        if self._streaming == threading.get_ident():
            raise EngineError(
                f"{self.factory}: {method} was asked for inside its own stream; wanted one request at a time",
                remedy="finish or close the stream first",
            )

    def _ready(self) -> Child:
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        if self._child is not None:
            self._end(self._child)
        child = self._child = Child(self.factory)
        self._finalizer = weakref.finalize(self, child.end)
        self._send(child, "start", (self.factory, self._kwargs))
        try:
            self._receive(child, "start", self._start_seconds)
        except EngineError:
            self._end(child)
            raise
        return child

    def _send(self, child: Child, kind: str, value: Any = None, slot: int = 0) -> None:
        try:
            child.channel.send(kind, value, slot)
        except (BrokenPipeError, ConnectionResetError):
            self._lost(child, kind, "ended")

    def _receive(self, child: Child, method: str, seconds: float) -> Message:
        """The child's next message; raises the error it sent, or DeviceLost when none will come."""
        until = time.monotonic() + seconds
        try:
            while not child.channel.waiting(LOOK_SECONDS):
                if time.monotonic() > until:
                    self._lost(child, method, f"gave no answer for {seconds:g} s (its deadline)")
                if child.silent_seconds() > self._heartbeat_seconds:
                    self._lost(child, method, f"neither beat nor used the processor for {self._heartbeat_seconds:g} s")
                if self._progress is not None and (told := _PERCENT.findall(child.tail()[-64:])):
                    self._progress(float(told[-1]) / 100)
            message = child.channel.receive()
        except EOFError:
            self._lost(child, method, "ended")
        if message.kind == "error":
            raise child.channel.open(message)
        return message

    def _lost(self, child: Child, method: str, what: str) -> NoReturn:
        """End the child and say how it went."""
        try:
            status: int | None = child.process.wait(1.0 if what == "ended" else 0.0)
        except subprocess.TimeoutExpired:
            status = None
        if status is not None:
            what = f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"
        evidence = "\n".join(line for line in child.tail().splitlines() if not _PERCENT.match(line))
        self._end(child)
        raise DeviceLost(
            f"{self.factory}: its process {what} during {method}",
            remedy="it is started again with the next request; if it dies again, use a smaller tile or device: cpu",
            evidence=evidence or "it printed nothing",
        )

    def _end(self, child: Child) -> None:
        if self._child is child and self._finalizer is not None:
            self._child = None
            self._finalizer()

    def close(self) -> None:
        """End the child; a request another thread waits for raises DeviceLost. The next request starts a new one."""
        child = self._child
        if child is None:
            return
        child.process.kill()
        idle = self._lock.acquire(blocking=False)
        try:
            if idle or self._streaming == threading.get_ident():
                self._end(child)  # otherwise the waiting thread does: it is still using what would be freed
        finally:
            if idle:
                self._lock.release()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Hosted:
    """An engine's methods, answered by its child: `upscaler.still(rgb)` as if it were here.

    A method whose first argument is an iterator streams. Only methods cross, not attributes.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def ask(*args: Any, **kwargs: Any) -> Any:
            if args and isinstance(args[0], Iterator):
                return self.host.stream(method, *args, **kwargs)
            return self.host.call(method, *args, **kwargs)

        return ask

    def close(self) -> None:
        """End the child."""
        self.host.close()

    def __enter__(self) -> Hosted:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hosted(
    factory: str,
    *,
    heartbeat_seconds: float = 30.0,
    deadline: float = 600.0,
    start_seconds: float = 300.0,
    progress: Callable[[float], None] | None = None,
    **kwargs: Any,
) -> Any:
    """The engine `factory(**kwargs)` in a child of its own, with the same methods: a `Hosted`, typed as it likes."""
    return Hosted(
        Host(
            factory,
            kwargs,
            heartbeat_seconds=heartbeat_seconds,
            deadline=deadline,
            start_seconds=start_seconds,
            progress=progress,
        )
    )
