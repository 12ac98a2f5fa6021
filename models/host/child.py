"""The child's side: makes the engine, answers requests one at a time, ends with its parent.

Run as `python -m models.host.child <file descriptors as JSON>`.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import select
import struct
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from models.errors import EngineError, OutOfMemory
from models.host.channel import DEPTH, Channel, Message

BEAT_SECONDS = 0.25


class _Stopped(BaseException):
    """The parent no longer wants this stream."""


def _die_with_parent(lifeline: int) -> None:
    """Have the kernel end this process when the parent's end of `lifeline` closes, however the parent ends.

    SIGIO's default action ends the process without asking the interpreter, which native code may be holding. A
    parent-death signal would not do: it comes when the *thread* that started the child ends.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, select.POLLHUP)
    if poll.poll(0):  # it died before we asked
        os._exit(1)


def _beat(file: int) -> None:
    """Write the time again and again; it stands still while native code holds the interpreter."""
    while True:
        os.pwrite(file, struct.pack("d", time.monotonic()), 0)
        time.sleep(BEAT_SECONDS)


def _portable(error: Exception) -> EngineError:
    """The error as the parent shall see it: engine errors as they are, others wrapped, all with evidence."""
    trace = traceback.format_exc()
    if isinstance(error, EngineError):
        error.evidence = error.evidence or trace
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return OutOfMemory(f"{type(error).__name__}: {error}", evidence=trace)
    return EngineError(f"{type(error).__name__}: {error}", evidence=trace)


class _Feed(Iterator[Any]):
    """The items of a stream as the parent sends them, DEPTH ahead; and the way out for what was made of them."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._items: deque[Message] = deque()
        self._ended = False
        self._credits = DEPTH
        self._sent = 0
        for _ in range(DEPTH):
            channel.send("need")

    def _listen(self) -> None:
        message = self._channel.receive()
        if message.kind == "item":
            self._items.append(message)
        elif message.kind == "end":
            self._ended = True
        elif message.kind == "credit":
            self._credits += 1
        else:
            raise _Stopped

    def __next__(self) -> Any:
        while not self._items and not self._ended:
            self._listen()
        if not self._items:
            raise StopIteration
        item = self._channel.open(self._items.popleft())
        self._channel.send("need")
        return item

    def put(self, made: Any) -> None:
        """Hand one result to the parent; waits while DEPTH of them are unread."""
        while self._credits == 0 or self._channel.waiting():
            self._listen()
        self._credits -= 1
        self._channel.send("out", made, self._sent % DEPTH)
        self._sent += 1


def _answer(engine: Any, channel: Channel, message: Message) -> None:
    method, args, kwargs = channel.open(message)
    work = getattr(engine, method)
    if message.kind == "call":
        channel.send("result", work(*args, **kwargs))
        return
    feed = _Feed(channel)
    try:
        for made in work(feed, *args, **kwargs):
            feed.put(made)
    except _Stopped:
        pass
    channel.send("end")


def _report(channel: Channel, error: Exception) -> None:
    portable = _portable(error)
    try:
        channel.send("error", portable)
    except (TypeError, AttributeError, ValueError) as unsendable:  # something on it cannot be pickled
        evidence = f"{portable.evidence}\n{unsendable}"
        channel.send("error", type(portable)(str(portable), evidence=evidence, code=portable.code))


def serve(channel: Channel) -> None:
    """Make the engine of the first message, then answer until the parent closes the channel."""
    factory, kwargs = channel.open(channel.receive())
    try:
        module, _, name = factory.partition(":")
        engine = getattr(importlib.import_module(module), name)(**kwargs)
    except Exception as error:  # noqa: BLE001 - every error is the parent's to judge
        _report(channel, error)
        return
    channel.send("ready")
    while True:
        message = channel.receive()
        if message.kind not in ("call", "stream"):
            continue  # a credit, an end or a stop that met the end of its stream on the way
        try:
            _answer(engine, channel, message)
        except EOFError:
            raise
        except Exception as error:  # noqa: BLE001
            _report(channel, error)


def main() -> None:
    """Serve until the parent is gone, then leave at once: native libraries do not always survive being torn down."""
    numbers = json.loads(sys.argv[1])
    _die_with_parent(numbers["lifeline"])
    threading.Thread(target=_beat, args=(numbers["beat"],), daemon=True).start()
    status = 0
    try:
        serve(Channel(Connection(numbers["socket"]), numbers["outgoing"], numbers["incoming"]))
    except (EOFError, BrokenPipeError):
        pass
    except BaseException:  # noqa: BLE001 - printed: it is the parent's evidence
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
