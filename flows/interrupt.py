"""Ctrl-C in a running `dailies run` is `dailies cancel`: finished work stays, shots in flight are given back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from catalog.catalog import Catalog
from flows.settings import Settings
from flows.worker_name import worker_name


@contextmanager
def cancelled_by_interrupt(
    settings: Settings, run_id: Callable[[], str], told: Callable[[str], None]
) -> Iterator[None]:
    """Within, the first SIGINT cancels the run that `run_id` names, and the flow ends by itself in seconds.

    A second one, or one before there is a run (`run_id` gives ""), raises KeyboardInterrupt. Only for the main thread.
    SIGTERM is left to Prefect, which sets a handler of its own for it.
    """
    asked = False

    def cancel() -> None:
        with Catalog.open(settings.catalog_url, settings.store, patience_seconds=settings.patience_seconds) as catalog:
            catalog.cancel_run(run_id(), worker_name())

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked or not run_id():
            raise KeyboardInterrupt
        asked = True
        told("stopping: what is finished stays; again to stop at once")
        # A handler runs between two instructions of whatever holds the catalog's locks just now.
        threading.Thread(target=cancel, name="cancel", daemon=True).start()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
