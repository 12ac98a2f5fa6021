"""Tools from settings: the catalog opened, ffmpeg found, cores counted."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from catalog.catalog import Catalog
from catalog.queries import benchmark, history
from flows.lifeline import hold_on
from flows.settings import Settings
from tasks.chain import Chain
from tasks.encode import ffmpeg_path
from tasks.engines import Engines
from tasks.planner.device import crowded_cards
from tasks.planner.estimate import SHIPPED, Speeds
from tasks.tools import Tools


@contextmanager
def workshop(settings: Settings, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Tools]:
    """The tools of one process; at the end its engines are ended and the catalog is closed.

    Raises CatalogError, EngineMissing (no ffmpeg).
    """
    hold_on()
    settings.home.mkdir(parents=True, exist_ok=True)
    engines = Engines(crowded=crowded_cards())
    with Catalog.open(settings.catalog_url, settings.store) as catalog, engines:
        yield Tools(
            catalog=catalog,
            ffmpeg=ffmpeg_path(settings.ffmpeg or None),
            weights_dir=settings.weights,
            device=settings.device,
            workers=settings.workers,
            max_pixels=settings.max_pixels,
            engines=engines,
            compiled=settings.compiled,
            cancelled=cancelled,
        )


def chain_of(tools: Tools) -> Chain:
    """The stages as these tools run them."""
    return Chain(tools.ffmpeg, tools.weights_dir, tools.device)


def speeds_of(catalog: Catalog) -> Speeds:
    """How fast this machine is, from what it did before."""
    host = platform.node()
    past = {key: history(catalog, *key, host) for key in SHIPPED}
    measured = {key: benchmark(catalog, *key, host) for key in SHIPPED}
    return Speeds.known(
        {key: value for key, value in past.items() if value is not None},
        {key: value for key, value in measured.items() if value is not None},
    )
