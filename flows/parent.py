"""The parent flow, run from this process: Prefect's server beside it, its bars in the terminal, Ctrl-C cancels."""

from __future__ import annotations

import os
from typing import Any

from flows import log_lines, prefect_home
from flows.interrupt import cancelled_by_interrupt
from flows.listener import listener
from flows.live import TerminalListener
from flows.notify.targets import read_targets
from flows.settings import Settings
from flows.up_file import read_up


def run_parent(kind: str, *, quiet: bool, triggered_by: str = "cli", **parameters: Any) -> tuple[Any, float]:
    """Run the parent flow of a manifest's kind: its `flows.run.Outcome`, and seconds in all."""
    settings = Settings()
    read_targets(settings)  # a person is here to mend it
    join(settings)
    ready = prefect_home.start_server()
    from flows.product_broll import product_broll
    from flows.storyboard_animation import storyboard_animation

    flow = storyboard_animation if kind == "storyboard" else product_broll
    with TerminalListener(settings, quiet=quiet or log_lines.wanted()) as told, prefect_home.no_heartbeats():
        told.waiting("starting Prefect", ready)
        listener.set(told)
        with cancelled_by_interrupt(settings, lambda: "" if told.kept_elsewhere else told.run_id, told.say):
            return flow(triggered_by=triggered_by, **parameters), told.seconds


def join(settings: Settings) -> None:
    """Settle Prefect for this process; where `dailies up` runs in this home, its server is the one to report to."""
    up = read_up(settings.home) if settings.run_on != "here" else None
    if up is not None:
        os.environ.setdefault("PREFECT_API_URL", up.api)
        if password := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):  # the hub's, on the hub itself
            os.environ.setdefault("PREFECT_API_AUTH_STRING", password)
    prefect_home.settle(settings.prefect_home)
