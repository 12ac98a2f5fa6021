"""What was spent, by run, day or engine: seconds of stages and of GPUs. What a second costs is the caller's to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import select

from catalog.facts.spent import Key, Spent, spent
from catalog.ledger import Ledger
from catalog.tables import Run

_KEYS: dict[str, Key] = {"run": "run_id", "day": "day", "engine": "engine"}


@dataclass(frozen=True)
class Cost:
    """One run (its id, and its name as `label`), day (`2026-11-21`, UTC) or engine. Failed executions count too.

    Executions of no shot have the run "".
    """

    key: str
    label: str
    executions: int
    failed: int
    seconds: float
    gpu_seconds: float


def costs(
    catalog: Ledger,
    *,
    by: Literal["run", "day", "engine"] = "run",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> Sequence[Cost]:
    """What ended between `since` and `until` (whole hours, the latter left out) took; runs and days newest first.

    Engines come with the most GPU seconds first, then the most seconds.
    """
    with catalog.database.read() as connection:
        used = spent(connection, (_KEYS[by],), since=_hour(since), until=_hour(until))
        if by == "engine":
            order = sorted(used, key=lambda key: (-used[key].gpu_seconds, -used[key].seconds, key))[:limit]
        else:
            order = sorted(used, reverse=True)[:limit]
        names: dict[str, str] = {}
        if by == "run":
            names = dict(
                connection.execute(select(Run.id, Run.name).where(Run.id.in_([key for (key,) in order]))).all()
            )
    return [
        Cost(
            key=key,
            label=names.get(key, key),
            executions=used[key,].executions,
            failed=used[key,].failed,
            seconds=used[key,].seconds,
            gpu_seconds=used[key,].gpu_seconds,
        )
        for (key,) in order
    ]


def total_cost(catalog: Ledger, *, since: datetime | None = None, until: datetime | None = None) -> Cost:
    """All that ended between `since` and `until` together, as `costs` has it; its key and label are ""."""
    with catalog.database.read() as connection:
        used = spent(connection, (), since=_hour(since), until=_hour(until)).get((), Spent())
    return Cost("", "", used.executions, used.failed, used.seconds, used.gpu_seconds)


def _hour(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H}"
