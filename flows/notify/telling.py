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
from pathlib import Path

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

    Whoever is in the file is told, also where it changes meanwhile. A file that cannot be read keeps nothing from its
    work: it is an incident. Who does not `waits` leaves what is left to the next sender.
    """
    senders = _Senders(catalog, settings)
    senders.follow()
    watcher = threading.Thread(target=senders.watch, name="notify.yaml", daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        senders.left.set()
        raise
    finally:
        if not waits:
            senders.left.set()
        senders.over.set()
        until = time.monotonic() + (0.0 if senders.left.is_set() else LAST_SECONDS)
        watcher.join(max(0.0, until - time.monotonic()))
        senders.join(until)
        senders.left.set()


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
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Try everything that is due for a target, one after the other; returns how many arrived.

    Once `left` nothing is written down any more; once `stopped` nothing more is begun.
    """
    arrived = 0
    while not left() and not stopped():
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


class _Senders:
    """A thread for each target that `notify.yaml` names now. Once `over` each looks a last time; once `left`, none."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog, self._settings = catalog, settings
        self.over, self.left = threading.Event(), threading.Event()
        self._seen: object = ()
        self._stops: dict[tuple[Target, str], threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def follow(self) -> None:
        """Read the file where it is another than before: who is in it no more is told no more, who is new is told."""
        if (seen := _version(self._settings.notify)) == self._seen:
            return
        self._seen, targets = seen, readable(self._catalog, self._settings)
        with suppress(CatalogError):  # a database that is away keeps nobody from work either: each thread tries again
            know_targets(self._catalog, targets)
        wanted = [(one, targets.dashboard) for one in targets.all]
        for gone in self._stops.keys() - set(wanted):
            self._stops.pop(gone).set()
        for target, dashboard in wanted:
            if (target, dashboard) not in self._stops:
                stop = self._stops[target, dashboard] = threading.Event()
                sender = threading.Thread(
                    target=self._send, args=(target, dashboard, stop), name=target.name, daemon=True
                )
                self._threads.append(sender)
                sender.start()

    def watch(self) -> None:
        """Follow the file until it is over."""
        while not self.over.wait(LOOK_SECONDS):
            try:
                self.follow()
            except Exception:  # whatever it is, the next look may do better
                log.exception("%s", self._settings.notify)

    def join(self, until: float) -> None:
        """Wait for all of them, but no longer than that moment of the monotonic clock."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _send(self, target: Target, dashboard: str, stop: threading.Event) -> None:
        known = False
        while not stop.is_set():
            last = self.over.is_set()
            try:
                if not known:
                    self._catalog.know_target(target.name, target.kind)
                    known = True
                left, stopped = self.left.is_set, stop.is_set
                send_due(self._catalog, target, dashboard, until_failed=last, left=left, stopped=stopped)
            except CatalogError as error:
                log.warning("'%s' waits: %s", target.name, error)
            except Exception:  # whatever it is, the next look may do better
                log.exception("'%s'", target.name)
            if last:
                return
            self.over.wait(LOOK_SECONDS)


def _version(path: Path) -> object:
    """Another one whenever the file is written, replaced, or may be read by others."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino
