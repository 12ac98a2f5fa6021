"""Which worker this process is: the one that started it (`DAILIES_WORKER`), or this host's own, `<host>/local`."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from catalog.queries import workers
from tasks.planner.facts import Facts, code_version, facts_of
from tasks.tools import Tools

LOCAL = "local"
"""The pool of batches that are worked in the process that cut them."""


@dataclass(frozen=True)
class OwnWorker:
    """A row of `workers`, and what it has."""

    id: str
    name: str
    facts: Facts


_registered: dict[str, OwnWorker] = {}


def own_worker(tools: Tools) -> OwnWorker:
    """The worker these tools belong to; the first call of a process without one registers `<host>/local`."""
    if named := os.environ.get("DAILIES_WORKER"):
        for row in workers(tools.catalog, live=False):
            if row.id == named:
                return OwnWorker(row.id, row.name, Facts(row.engines, row.weights, row.memory_bytes))
    where = tools.catalog.database.url
    if where not in _registered:
        facts = _facts_here(tools.ffmpeg, tools.weights_dir, tools.device)
        name = f"{platform.node()}/{LOCAL}"
        worker_id = tools.catalog.register_worker(
            name=name,
            pool=LOCAL,
            device=facts.device_told,
            engines=facts.engines,
            weights=facts.weights,
            code_version=code_version(),
            memory_bytes=facts.memory_bytes,
        )
        _registered[where] = OwnWorker(worker_id, name, facts)
    return _registered[where]


@cache
def _facts_here(ffmpeg: Path, weights_dir: Path, device: str) -> Facts:
    """Without digests of weights: what is worked here was planned here."""
    return facts_of(ffmpeg, weights_dir, device, hashed=False)
