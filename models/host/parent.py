"""The worker's side: starts the child, asks it, and starts another where it died."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from models.errors import EngineError
from models.host.channel import DEPTH
from models.host.process import Child
from models.host.request import Progress, Request


class Host:
    """`factory` ("module:callable") called with `kwargs` in a child process; its methods are called from here.

    The child starts with the first request (or `start`), answers one request at a time and is kept. When it dies, is
    killed, or loses its device the request raises DeviceLost with the end of its log (Killed where somebody outside
    did it), and the next request starts another. Other errors in the child come back with their type (EngineMissing,
    OutOfMemory, EngineError; what is none of models/errors.py as EngineError) and leave it alive.

    Steps: a method (or factory) of the engine that has a parameter `progress` gets a `progress(done, total)` there,
    which waits for nobody. What it tells, and the percentages an ncnn binding prints, reaches the `progress` given
    here, called where the request waits, ten times a second at most, and with the last step before an answer. What
    that raises goes up from the request; the child leaves it at its next step, item or result, or is killed after
    STOP_SECONDS.

    The child is killed when an answer (of a stream: the next result) takes more than `deadline` seconds since it was
    waited for or since the last new step; when making the engine takes more than `start_seconds`, counted likewise;
    and when it neither beats nor uses the processor for `heartbeat_seconds`, which is how a stopped process and native
    code stuck with the interpreter in its hands look. A wait that spins is only seen by the deadline.

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
        progress: Progress | None = None,
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
            self._ready(self._progress)

    def call(
        self, method: str, *args: Any, deadline: float | None = None, progress: Progress | None = None, **kwargs: Any
    ) -> Any:
        """`engine.method(*args, **kwargs)`; arrays cross in shared memory, the answer's are copies of one's own.

        `deadline` and `progress` are this request's own, where they are not the host's.
        """
        with self._asked("call", method, (args, kwargs), deadline, progress) as request:
            return request.child.channel.open(request.receive())

    def stream(
        self,
        method: str,
        items: Iterator[Any],
        *args: Any,
        deadline: float | None = None,
        progress: Progress | None = None,
        **kwargs: Any,
    ) -> Generator[Any, None, None]:
        """`engine.method(items, ...)` as a generator: items go in and results come out, DEPTH of each on their way.

        Closing the generator early stops the method at its next step, item or result; the child stays.
        """
        sent = 0
        with self._asked("stream", method, (args, kwargs), deadline, progress) as request:
            self._streaming = threading.get_ident()
            try:
                while (message := request.receive()).kind != "end":
                    if message.kind == "need":
                        for item in items:
                            request.send("item", item, sent % DEPTH)
                            sent += 1
                            break
                        else:
                            request.send("end")
                    else:
                        made = request.child.channel.open(message)
                        request.send("credit")
                        yield made
            finally:
                self._streaming = None

    @contextmanager
    def _asked(
        self, kind: str, method: str, given: tuple[Any, Any], deadline: float | None, progress: Progress | None
    ) -> Iterator[Request]:
        """A request sent to a child that is ready; stopped where it is left before it ended."""
        if self._streaming == threading.get_ident():
            raise EngineError(
                f"{self.factory}: {method} was asked for inside its own stream; wanted one request at a time",
                remedy="finish or close the stream first",
            )
        with self._lock:
            progress = progress or self._progress
            child = self._ready(progress)
            request = self._request(child, method, self._deadline if deadline is None else deadline, progress)
            try:
                request.send(kind, (method, *given))
                yield request
            finally:
                request.stop()

    def _request(self, child: Child, method: str, deadline: float, progress: Progress | None) -> Request:
        return Request(
            child,
            method,
            deadline=deadline,
            heartbeat_seconds=self._heartbeat_seconds,
            progress=progress,
            end=self._end,
        )

    def _ready(self, progress: Progress | None) -> Child:
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        if self._child is not None:
            self._end(self._child)
        child = self._child = Child(self.factory)
        self._finalizer = weakref.finalize(self, child.end)
        try:
            request = self._request(child, "start", self._start_seconds, progress)
            request.send("start", (self.factory, self._kwargs))
            request.receive()
        except BaseException:  # an engine half made is none
            self._end(child)
            raise
        return child

    def _end(self, child: Child) -> None:
        if self._child is child and self._finalizer is not None:
            self._child = None
            self._finalizer()

    def close(self) -> None:
        """End the child; a request another thread waits for raises DeviceLost. The next request starts a new one."""
        child = self._child
        if child is None:
            return
        child.kill()
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
