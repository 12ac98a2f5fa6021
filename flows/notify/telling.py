"""The sender: beside a run, a reconcile or a dashboard, a thread for each target looks what it is to be told of.

Any number of them may run: the outbox gives each notice to one at a time. None of them keeps anybody waiting for long.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.outbox import Due
from flows.notify.answer import Answer
from flows.notify.letter import letter, payload
from flows.notify.targets import Target, Targets, read_targets
from flows.settings import Settings
from flows.worker_name import worker_name
from manifests.errors import InputError

LOOK_SECONDS = 2.0
LAST_SECONDS = 20.0
"""How long the end of a run waits for the last of its notices; what has not gone out by then, the next sender sends."""
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0
_GROWTH = 3.0

log = logging.getLogger("dailies.notify")


@contextmanager
def telling(catalog: Catalog, settings: Settings, *, waits: bool = True) -> Iterator[None]:
    """Tell everybody what happens meanwhile; at the end, what has just happened, waiting `LAST_SECONDS` at most.

    A file that cannot be read keeps nothing from its work: it is an incident. Who does not `waits` leaves what is left
    to the next sender.
    """
    targets = readable(catalog, settings)
    with suppress(CatalogError):  # a database that is away keeps nobody from work either: each thread tries again
        know_targets(catalog, targets)
    over, left = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=_watch, args=(catalog, one, targets.dashboard, over, left), name=one.name, daemon=True)
        for one in targets.all
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    except BaseException:
        left.set()
        raise
    finally:
        if not waits:
            left.set()
        over.set()
        until = time.monotonic() + (0.0 if left.is_set() else LAST_SECONDS)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        left.set()


def know_targets(catalog: Catalog, targets: Targets) -> None:
    """Have everybody told what happens from now on, before anything does. Raises StoreUnavailable."""
    for target in targets.all:
        catalog.know_target(target.name, target.kind)


def send_due(
    catalog: Catalog,
    target: Target,
    dashboard: str,
    *,
    until_failed: bool = False,
    left: Callable[[], bool] = lambda: False,
) -> int:
    """Try everything that is due for a target, one after the other; returns how many arrived."""
    arrived = 0
    while not left():
        due = catalog.take_notice(target.name, target.events)
        if due is None:
            break
        answer = attempt(target, due, dashboard)
        if left():  # whoever opened the catalog has closed it: the notice comes again, with its id
            break
        match answer.state:
            case "told":
                catalog.notice_told(due, answer.words)
                arrived += 1
            case "gone":
                catalog.target_gone(due, answer.words)
            case _:
                catalog.notice_failed(due, answer.words, pause_seconds(due.attempt))
                if until_failed:
                    break
    return arrived


def attempt(target: Target, due: Due, dashboard: str) -> Answer:
    """One try, nothing written down."""
    from flows.notify import people, webhook  # httpx, and whatever Apprise brings

    if target.kind == "webhook":
        return webhook.post(target, due.notice_id, payload(due, dashboard))
    return people.write_to(target, letter(due, dashboard))


def pause_seconds(attempt: int) -> float:
    """Before the next try: 5 s, 15 s, 45 s ... 6 h, each by chance up to a fifth shorter or longer."""
    pause = min(FIRST_PAUSE_SECONDS * _GROWTH ** min(attempt - 1, 20), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.8, 1.2)


def readable(catalog: Catalog, settings: Settings) -> Targets:
    """Who is told; nobody, and an incident, where the file cannot be used."""
    try:
        return read_targets(settings)
    except InputError as error:
        log.warning("nobody is told: %s", error)
        with suppress(CatalogError):
            catalog.note_daily("NOTIFY_FILE", f"nobody is told: {error}", worker=worker_name())
        return Targets()


def _watch(catalog: Catalog, target: Target, dashboard: str, over: threading.Event, left: threading.Event) -> None:
    known = False
    while True:
        last = over.is_set()
        try:
            if not known:
                catalog.know_target(target.name, target.kind)
                known = True
            send_due(catalog, target, dashboard, until_failed=last, left=left.is_set)
        except CatalogError as error:
            log.warning("'%s' waits: %s", target.name, error)
        except Exception:  # whatever it is, the next look may do better
            log.exception("'%s'", target.name)
        if last:
            return
        over.wait(LOOK_SECONDS)
