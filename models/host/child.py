"""The child's side: makes the engine, answers requests one at a time, ends with its parent.

Run as `python -m models.host.child <file descriptors as JSON>`.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import inspect
import json
import os
import select
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from models.host.board import Board
from models.host.channel import DEPTH, Channel, Message
from models.host.faults import Fault

BEAT_SECONDS = 0.25


class _Stopped(BaseException):
    """The parent no longer waits for this request."""


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


def _beat(board: Board) -> None:
    """Beat again and again; it stops while native code holds the interpreter."""
    while True:
        board.beat()
        time.sleep(BEAT_SECONDS)


class _Steps:
    """What an engine's method gets as `progress`: tells the step, and leaves the method where nobody waits for it."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __call__(self, done: int, total: int) -> None:
        self._board.tell(done, total)
        if self._board.stop_wanted:
            raise _Stopped

    def given_to(self, work: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """`kwargs`, with `progress` among them where `work` takes it."""
        try:
            takes = "progress" in inspect.signature(work).parameters
        except ValueError:  # native code without a signature
            takes = False
        return kwargs | {"progress": self} if takes else kwargs


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


def _answer(engine: Any, channel: Channel, steps: _Steps, message: Message) -> None:
    method, args, kwargs = channel.open(message)
    work = getattr(engine, method)
    kwargs = steps.given_to(work, kwargs)
    try:
        if message.kind == "call":
            channel.send("result", work(*args, **kwargs))
            return
        feed = _Feed(channel)
        for made in work(feed, *args, **kwargs):
            feed.put(made)
    except _Stopped:
        pass
    channel.send("end")


def serve(channel: Channel, board: Board) -> None:
    """Make the engine of the first message, then answer until the parent closes the channel or the device is lost."""
    steps = _Steps(board)
    factory, kwargs = channel.open(channel.receive())
    try:
        module, _, name = factory.partition(":")
        make = getattr(importlib.import_module(module), name)
        engine = make(**steps.given_to(make, kwargs))
    except Exception as error:  # noqa: BLE001 - every error is the parent's to judge
        channel.send("error", Fault.of(error))
        return
    channel.send("ready")
    while True:
        message = channel.receive()
        if message.kind not in ("call", "stream"):
            continue  # a credit, an end or a stop that met the end of its request on the way
        try:
            _answer(engine, channel, steps, message)
            continue
        except EOFError:
            raise
        except Exception as error:  # noqa: BLE001
            fault = Fault.of(error)
        gc.collect()  # the error's frames held what the request had on the device
        channel.send("error", fault)
        if fault.kind == "DeviceLost":
            return


def main() -> None:
    """Serve until the parent is gone, then leave at once: native libraries do not always survive being torn down."""
    numbers = json.loads(sys.argv[1])
    _die_with_parent(numbers["lifeline"])
    board = Board(numbers["board"])
    threading.Thread(target=_beat, args=(board,), daemon=True).start()
    status = 0
    try:
        serve(Channel(Connection(numbers["socket"]), numbers["outgoing"], numbers["incoming"]), board)
    except (EOFError, BrokenPipeError):
        pass
    except BaseException:  # noqa: BLE001 - printed: it is the parent's evidence
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
