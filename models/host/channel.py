"""The wire between a worker and its engine child: words over a socket, pixels through anonymous shared memory.

The shared memory is memfd files: they have no name, so nothing is left in /dev/shm however either side dies, and they
are not bound by the size of /dev/shm in a container. Both sides come from this package and trust each other.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

DEPTH = 2
"""Frames on their way in each direction: one being worked on, one ready. More would only take memory."""


class Message(NamedTuple):
    """One word, and where what it carries lies: `sizes` bytes one after another in slot `slot`."""

    kind: str
    slot: int
    sizes: tuple[int, ...]
    head: bytes


def _flat(value: Any) -> Any:
    """Arrays made contiguous: only those travel outside the pickle."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    if type(value) in (list, tuple):
        return type(value)(map(_flat, value))
    return {key: _flat(item) for key, item in value.items()} if type(value) is dict else value


class Channel:
    """One end. `outgoing` and `incoming` are memfds, DEPTH of each; a slot is written again only once it was read."""

    def __init__(self, connection: Connection, outgoing: Sequence[int], incoming: Sequence[int]) -> None:
        self._connection = connection
        self._outgoing = outgoing
        self._incoming = incoming

    def send(self, kind: str, value: Any = None, slot: int = 0) -> None:
        """Send `value` under the word `kind`; the bytes of its arrays go through slot `slot`."""
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(_flat(value), protocol=5, buffer_callback=buffers.append)
        views = [buffer.raw() for buffer in buffers]
        offset = 0
        for view in views:
            done = 0
            while done < view.nbytes:  # one write moves 2 GiB at most
                done += os.pwrite(self._outgoing[slot], view[done:], offset + done)
            offset += view.nbytes
        self._connection.send(Message(kind, slot, tuple(view.nbytes for view in views), head))

    def waiting(self, seconds: float = 0.0) -> bool:
        """True when a message, or the other side's end, is there within `seconds`."""
        try:
            return self._connection.poll(seconds)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise EOFError("the other side is gone") from error

    def receive(self) -> Message:
        """The next message, waiting for it. Raises EOFError when the other side is gone."""
        try:
            return self._connection.recv()
        except ConnectionResetError as error:
            raise EOFError("the other side is gone") from error

    def open(self, message: Message) -> Any:
        """What a message carries; arrays are copies of one's own and the slot is free again."""
        buffers: list[memoryview] = []
        offset = 0
        for size in message.sizes:
            buffer = np.empty(size, np.uint8).data
            done = 0
            while done < size:
                got = os.preadv(self._incoming[message.slot], [buffer[done:]], offset + done)
                if got == 0:
                    raise EOFError(f"slot {message.slot} holds {offset + done} bytes, {sum(message.sizes)} were said")
                done += got
            buffers.append(buffer)
            offset += size
        return pickle.loads(message.head, buffers=buffers)  # noqa: S301 - from our own child or parent only

    def close(self) -> None:
        """Close the socket and the shared memory."""
        self._connection.close()
        for number in (*self._outgoing, *self._incoming):
            os.close(number)
