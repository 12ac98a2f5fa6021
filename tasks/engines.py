"""The engine children of one worker: started when asked for, kept from shot to shot, ended when idle or at the end.

Weights load once. On a GPU there is one child in a lane: an engine that is asked for takes the place of another one
that is idle there, and waits for one that is not. Lanes of one GPU live side by side; whoever puts an engine into a
lane of its own answers for the memory. On the CPU, where engines are small, a few are kept by what they are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from models.errors import EngineError, OutOfMemory
from models.host import Host, Hosted, Progress

Place = tuple[Any, ...]


@dataclass
class _Kept:
    """A child (that may have died; its next request starts another) and who uses it."""

    engine: Place
    device: str
    host: Host
    owner: int | None = None
    since: float = 0.0


class Engines:
    """Safe to use from several threads. `spare`: idle children kept on the CPU; `idle_seconds`: how long any may be.

    `crowded`: devices too small for two engines at a time; they have one lane, whatever is asked for.
    """

    def __init__(self, *, spare: int = 3, idle_seconds: float = 300.0, crowded: Collection[str] = ()) -> None:
        self._crowded = frozenset(crowded)
        self._spare = spare
        self._idle_seconds = idle_seconds
        self._kept: dict[Place, _Kept] = {}
        self._changed = threading.Condition()
        self._sweeper: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def use(
        self,
        factory: str,
        kwargs: Mapping[str, Any],
        *,
        device: str,
        lane: str = "",
        deadline: float = 600.0,
        progress: Progress | None = None,
    ) -> Iterator[Any]:
        """The engine `factory(**kwargs)` for this block: a `Hosted`, typed as its caller likes.

        `device` says where it works (`cuda:0`, `vulkan:1`; all else counts as the CPU) and is not given to the factory.
        `deadline` and `progress` are for the requests made here (models/host: Host). Streams still open at the block's
        end are stopped. Where OutOfMemory leaves the block, idle engines of the same device are ended before it is
        tried again. Raises what the engine raises, EngineError where the block is already inside such a block.
        """
        kept = self._take(factory, dict(kwargs), device, lane)
        engine = Hosted(kept.host, deadline=deadline, progress=progress)
        try:
            yield engine
        except OutOfMemory:
            self._make_room(kept)
            raise
        finally:
            try:
                engine.release()
            finally:
                self._give_back(kept)

    def close(self) -> None:
        """End all children; requests still waited for raise DeviceLost. Nothing can be used any more."""
        with self._changed:
            self._closed = True
            for kept in self._kept.values():
                kept.host.close()
            self._kept.clear()
            self._changed.notify_all()
            sweeper = self._sweeper
        if sweeper is not None:
            sweeper.join()

    def __enter__(self) -> Engines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, factory: str, kwargs: dict[str, Any], device: str, lane: str) -> _Kept:
        device = "cuda:0" if device == "cuda" else device
        engine = (factory, repr(sorted(kwargs.items())))
        on_gpu = device.startswith(("cuda:", "vulkan:"))
        place = (device, "" if device in self._crowded else lane) if on_gpu else engine
        with self._changed:
            while not self._closed:
                kept = self._kept.get(place)
                if kept is None or (kept.owner is None and kept.engine != engine):
                    if kept is not None:
                        kept.host.close()
                    kept = self._kept[place] = _Kept(engine, device if on_gpu else "", Host(factory, kwargs))
                if kept.owner is None:
                    kept.owner = threading.get_ident()
                    return kept
                if kept.owner == threading.get_ident():
                    raise EngineError(
                        f"{factory} was asked for on {device} while this thread uses {kept.host.factory} there",
                        remedy="leave the one before taking the other, or give it a lane of its own",
                    )
                self._changed.wait()
        raise EngineError(f"{factory} was asked for after the engines were closed")

    def _give_back(self, kept: _Kept) -> None:
        with self._changed:
            kept.owner, kept.since = None, time.monotonic()
            spare = sorted((one for one in self._idle() if not one.device), key=lambda one: one.since, reverse=True)
            for one in spare[self._spare :]:
                self._end(one)
            if self._sweeper is None and not self._closed:
                self._sweeper = threading.Thread(target=self._sweep, name="engines", daemon=True)
                self._sweeper.start()
            self._changed.notify_all()

    def _make_room(self, kept: _Kept) -> None:
        with self._changed:
            for one in self._idle():
                if one.device == kept.device:
                    self._end(one)

    def _idle(self) -> list[_Kept]:
        return [kept for kept in self._kept.values() if kept.owner is None]

    def _end(self, kept: _Kept) -> None:
        self._kept = {place: one for place, one in self._kept.items() if one is not kept}
        kept.host.close()

    def _sweep(self) -> None:
        """End what has been idle too long; asleep until something can have become so."""
        with self._changed:
            while not self._closed:
                idle = self._idle()
                for kept in idle:
                    if time.monotonic() - kept.since >= self._idle_seconds:
                        self._end(kept)
                oldest = min((kept.since for kept in self._idle()), default=None)
                self._changed.wait(None if oldest is None else oldest + self._idle_seconds - time.monotonic())
