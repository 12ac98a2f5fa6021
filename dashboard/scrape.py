"""`/metrics`: what a Prometheus reads; it answers where the catalog is away too, and says so.

On loopback anybody at the machine may read it, beyond it whoever has a token of role viewer, as a bearer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from catalog.errors import CatalogError
from dashboard.auth import Viewer
from dashboard.desk import Desk, desk_of
from dashboard.metrics import Reading, metrics_of, read

router = APIRouter()
log = logging.getLogger("dailies.dashboard")


@router.get("/metrics")
def metrics(who: Viewer, desk: Annotated[Desk, Depends(desk_of)], accept: Annotated[str, Header()] = "") -> Response:
    """Everything that is counted, in the text format that was asked for."""
    try:
        found = desk.shared.get("metrics", lambda: read(desk.catalog))
    except CatalogError as error:
        log.warning("the catalog is away: %s", error)
        found = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reading(desk, found))
    encode, kind = choose_encoder(accept)
    return Response(encode(registry), headers={"Content-Type": kind})


class _Reading(Collector):
    """One reading, as prometheus_client collects it."""

    def __init__(self, desk: Desk, found: Reading | None) -> None:
        self._desk, self._found = desk, found

    def collect(self) -> Iterable[Metric]:
        return metrics_of(self._found, self._desk.settings.rates, self._desk.rolling_up.done_at)
