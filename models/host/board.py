"""What a worker and its engine child tell each other without waiting: a heartbeat, steps, the wish to stop.

Each is one word of shared memory. A message would have to be read before the next one fits, and a worker busy with the
frames it got reads nothing: a child that tells its steps must never wait for that.
"""

from __future__ import annotations

import os
import struct
import time

_BEAT, _STEP, _STOP = 0, 8, 16


class Board:
    """The shared words, in a memfd; `file` is its descriptor where the other side made it."""

    def __init__(self, file: int | None = None) -> None:
        self.file = os.memfd_create("board") if file is None else file
        if file is None:
            self.clear()
            self.beat()

    def clear(self) -> None:
        """Before a request: no step is told yet, nobody wants it stopped."""
        os.pwrite(self.file, bytes(16), _STEP)

    def beat(self) -> None:
        """The child is alive now."""
        os.pwrite(self.file, struct.pack("d", time.monotonic()), _BEAT)

    @property
    def beaten(self) -> float:
        """When the child was last known to be alive, on the monotonic clock both share."""
        return struct.unpack("d", os.pread(self.file, 8, _BEAT))[0]

    def tell(self, done: int, total: int) -> None:
        """The request is at step `done` of `total`."""
        os.pwrite(self.file, struct.pack("II", int(done), int(total)), _STEP)

    @property
    def step(self) -> tuple[int, int]:
        """(done, total) as last told; (0, 0) where nothing was."""
        return struct.unpack("II", os.pread(self.file, 8, _STEP))

    def want_stop(self) -> None:
        """Nobody waits for the request any more."""
        os.pwrite(self.file, b"\1", _STOP)

    @property
    def stop_wanted(self) -> bool:
        """Whether the request may end without an answer."""
        return os.pread(self.file, 1, _STOP) == b"\1"

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.file)
