"""A dashboard that really listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from flows.actions import FlowActions
from flows.listening import listen
from flows.settings import Settings
from tests.dashboard.gallery import Gallery


@contextmanager
def listening(gallery: Gallery, **settings: Any) -> Iterator[str]:
    """The address of a dashboard over this gallery, with real actions."""
    actions = FlowActions(gallery.catalog, Settings(home=gallery.folder))
    app = create_app(gallery.catalog, actions, DashboardSettings(gallery.folder, **{"poll_seconds": 0.1} | settings))
    with listen() as door:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, name="dashboard")
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
