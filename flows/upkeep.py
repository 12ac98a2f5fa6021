"""`upkeep`: each night one machine reads a share of the store again and removes what retention lets go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from prefect import flow

from catalog.catalog import Catalog
from catalog.findings import Finding
from flows.settings import Settings
from flows.worker_name import worker_name
from flows.workshop import workshop
from tasks.retention import Sums, collect, rules_of
from tasks.verification import check_files, read_again

NIGHTS = 30
"""In so many nights every file was read again."""
DUTY = "upkeep"
_HOLD_SECONDS = 1800.0
"""A machine that said nothing for so long has died: another one may take over."""
_EVERY_SECONDS = 12 * 3600.0
"""Other machines' schedules start it too; what was done this night is not done twice."""

log = logging.getLogger("dailies.upkeep")


@dataclass(frozen=True)
class Upkeep:
    """What one night's upkeep did; `skipped`: another machine has done it, or is at it."""

    skipped: bool
    files: int = 0
    bytes: int = 0
    damaged: tuple[Finding, ...] = ()
    collected: Sums | None = None


@flow(name="upkeep", persist_result=False)
def upkeep(nights: int = NIGHTS, again: bool = False) -> Upkeep:
    """Read 1/`nights` of the store's bytes, the longest unread first, then remove what retention lets go.

    Damage becomes an incident, and the next run or resume mends it. Done once a night for all machines of a catalog;
    `again` does it though it was done.
    """
    settings = Settings()
    with workshop(settings) as tools:
        catalog, me = tools.catalog, worker_name()
        if not catalog.take_duty(DUTY, me, _HOLD_SECONDS, every_seconds=0.0 if again else _EVERY_SECONDS):
            log.info("upkeep is done already, or another machine is at it")
            return Upkeep(skipped=True)
        try:
            done = _do(catalog, settings, max(1, nights), _held(catalog, me))
        except BaseException:
            catalog.end_duty(DUTY, me, None)
            raise
        catalog.end_duty(DUTY, me, _summary(done))
        catalog.audit(me, DUTY, "store", _summary(done))
        return done


def _do(catalog: Catalog, settings: Settings, nights: int, hold: Callable[[], None]) -> Upkeep:
    files = read = 0
    catalog.roll_up()  # where no dashboard does so every minute

    def heard(count: int, size: int) -> None:
        nonlocal files, read
        files += count
        read += size
        hold()

    damaged: list[Finding] = []
    for finding in check_files(catalog, lambda count, size: hold()):
        _noted(catalog, finding, damaged)
    budget = -(-catalog.unread().bytes // nights)
    oldest = catalog.longest_unread(budget)
    for finding in read_again(catalog, oldest, threads=settings.workers, decode=False, heard=heard):
        _noted(catalog, finding, damaged)
    rules = rules_of(settings.keep_masters_days, settings.keep_superseded_days)
    sums = collect(catalog, rules, remove=True, heard=lambda done, total: hold())
    return Upkeep(False, files, read, tuple(damaged), sums)


def _noted(catalog: Catalog, finding: Finding, damaged: list[Finding]) -> None:
    log.warning("%s", finding)
    if finding.code != "FILE_UNKNOWN":  # no harm: it is collected once it is a day old
        catalog.note_incident(finding.code, str(finding), run_id=finding.run_id or None, worker=worker_name())
        damaged.append(finding)


def _held(catalog: Catalog, me: str) -> Callable[[], None]:
    """Says that this machine is at it, once a minute at most."""
    last = time.monotonic()

    def hold() -> None:
        nonlocal last
        if (now := time.monotonic()) - last > 60.0:
            last = now
            catalog.take_duty(DUTY, me, _HOLD_SECONDS)

    return hold


def _summary(done: Upkeep) -> dict[str, int]:
    freed = done.collected.freed_bytes if done.collected else 0
    return {"files": done.files, "bytes": done.bytes, "damaged": len(done.damaged), "freed_bytes": freed}
