"""What a worker works with: the catalog, ffmpeg, weights, a device, its engines, and how many cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from catalog.catalog import Catalog
from tasks.card import card_of
from tasks.engines import Engines
from tasks.gpu_use import CardOf
from tasks.planner.means import means_of
from tasks.planner.plan import Means

T = TypeVar("T")


class Patience(Protocol):
    """Carries out a call that may be repeated, and waits while what it needs is away (tasks/waiting.py)."""

    def __call__(self, call: Callable[[], T]) -> T:
        """What `call` returns; raises what it raises."""
        ...


def at_once(call: Callable[[], T]) -> T:
    """No patience: what is away is an error."""
    return call()


@dataclass(frozen=True)
class Tools:
    """`device`: `auto`, `cpu` or `vulkan:N`, for the engines that can use one. `max_pixels` bounds a source picture.

    `cancelled` is asked between frames; once it says True, work in flight stops within a frame and raises Cancelled.
    `leaving` is asked between steps of a shot: once it says True, what is begun is finished and the rest given back.
    """

    catalog: Catalog
    ffmpeg: Path
    weights_dir: Path
    device: str
    workers: int
    max_pixels: int
    engines: Engines
    compiled: Path | None = None
    """Where compiled kernels are kept; None: networks run as they are."""
    cancelled: Callable[[], bool] = field(default=lambda: False)
    leaving: Callable[[], bool] = field(default=lambda: False)
    worker: str = ""
    """Name of the worker, for the executions it runs."""
    worker_id: str = ""
    """Its row in the catalog; empty: this process is nobody's worker."""
    patience_seconds: float = 900.0
    """How long work waits for a store, a database or a disk that is away or full."""
    patiently: Patience = field(default=at_once)
    """How a stage that is made waits to be published: what took an hour is not made again for a store that is away."""
    card_of: CardOf = field(default=card_of)
    """The card of a device, to look at while a stage runs on it."""

    @property
    def means(self) -> Means:
        """What the planner may count on."""
        return means_of(self.catalog, self.weights_dir, self.device, self.max_pixels)
