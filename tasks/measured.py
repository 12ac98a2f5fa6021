"""Measuring a clip against its product while it is made, beside the device and not in its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np

from models.clip import Frame
from models.drawn import Drawn
from models.fidelity.measures import Measures
from models.fidelity.similarity import Matte
from models.svd.settings import Picture

AHEAD = 8
"""Frames that may wait to be measured."""


class Measured:
    """A context in which one clip streams by: what was shown to the engine one way, what it drew the other.

    `size`: width and height of the frames drawn, the middle of the pictures shown. `guided`: one picture is shown for
    every frame, and each frame is held to it. `last`: the index of the last frame of a clip between two pictures; its
    ends are held to them.
    """

    def __init__(self, size: tuple[int, int], *, guided: bool, loop: bool, last: int | None = None) -> None:
        self._size, self._guided, self._last = size, guided, last
        self._measures = Measures(loop=loop)
        self._shown: deque[tuple[Frame, Matte | None]] = deque()
        self._waiting: deque[Future[None]] = deque()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="measure")

    def shown(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """Pass pictures on to the engine; their middles are remembered until their frames come."""
        for picture in pictures:
            if self._guided:
                matte = None if picture.matte is None else self._middle(picture.matte)
                self._shown.append((self._middle(picture.rgb), matte))
            elif self._last is not None:
                self._shown.append((self._middle(picture.rgb), None))
            yield picture

    def drawn(self, frames: Iterator[Drawn]) -> Iterator[Drawn]:
        """Pass frames on; a thread measures each."""
        for place, frame in enumerate(frames):
            if self._last is not None and place in (0, self._last):
                still, end = self._shown.popleft()[0], "first" if place == 0 else "last"
                self._waiting.append(self._worker.submit(self._measures.end, end, frame.master, still))
            warped, matte = self._shown.popleft() if self._guided else (None, None)
            raw = frame.raw if self._guided else None
            self._waiting.append(self._worker.submit(self._measures.add, frame.master, warped, matte, raw))
            if len(self._waiting) > AHEAD:
                self._waiting.popleft().result()
            yield frame

    def figures(self) -> Mapping[str, float]:
        """All figures, once the last frame is measured."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._measures.figures()

    def __enter__(self) -> Measured:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _middle(self, picture: np.ndarray) -> np.ndarray:
        width, height = self._size
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        return picture[top : top + height, left : left + width]
