"""What stages took: hours that are added up, and the executions that ended since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from catalog.dialect import shots_of_run
from catalog.rollups import ALWAYS, EDGES, ENDED, ENDED_UNTIMED, rolled_until
from catalog.tables import Execution, StageHour

Key = Literal["run_id", "hour", "day", "stage", "engine"]
"""What may be added up by: columns of `stage_hours`, or the day of its hour."""


@dataclass
class Spent:
    """Executions and what they took; `buckets` count them by the place of `catalog.rollups.EDGES`."""

    executions: int = 0
    failed: int = 0
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    buckets: defaultdict[int, int] = field(default_factory=lambda: defaultdict[int, int](int))

    def add(self, state: str, bucket: int, executions: int, seconds: float, gpu_seconds: float) -> None:
        """Count some more."""
        self.executions += executions
        self.failed += executions if state == "failed" else 0
        self.seconds += seconds
        self.gpu_seconds += gpu_seconds
        self.buckets[bucket] += executions

    def quantile(self, share: float) -> float | None:
        """Seconds that `share` (0 to 1) of those with a known time took at most; None without any.

        As exact as a bucket is wide: within it times are taken to be spread evenly.
        """
        known = sorted((place, count) for place, count in self.buckets.items() if place >= 0)
        wanted, passed = share * sum(count for _, count in known), 0
        for place, count in known:
            if passed + count >= wanted:
                low = EDGES[place - 1] if place else 0.0
                high = EDGES[place] if place + 1 < len(EDGES) else low
                return low + (high - low) * (wanted - passed) / count
            passed += count
        return None


def spent(
    connection: Connection,
    keys: Sequence[Key],
    *,
    buckets: bool = False,
    runs: Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> dict[tuple[str, ...], Spent]:
    """What was spent by `keys`, of some runs or all, in the hours from `since` to `until`, which is left out itself.

    Hours are text as `stage_hours` has it. How long executions took is counted where `buckets` are asked for.
    """
    asked: list[ColumnElement[bool]] = [StageHour.run_id.in_(runs)] if runs is not None else []
    asked += [StageHour.hour >= since] if since is not None else []
    asked += [StageHour.hour < until] if until is not None else []
    named = [func.substr(StageHour.hour, 1, 10) if key == "day" else getattr(StageHour, key) for key in keys]
    rest: list[Any] = [StageHour.state, StageHour.bucket if buckets else literal_column("-1")]
    sums = (func.sum(StageHour.executions), func.sum(StageHour.seconds), func.sum(StageHour.gpu_seconds))
    found: defaultdict[tuple[str, ...], Spent] = defaultdict(Spent)
    for *key, state, bucket, executions, seconds, gpu in connection.execute(
        select(*named, *rest, *sums).where(*asked).group_by(*named, *(rest if buckets else rest[:1]))
    ):
        found[tuple(key)].add(state, bucket, int(executions), seconds, gpu)
    for row in _since_then(connection, runs, buckets):
        if (since is None or row["hour"] >= since) and (until is None or row["hour"] < until):
            figures = (row["state"], row["bucket"], row["executions"], row["seconds"], row["gpu_seconds"])
            found[tuple(row["hour"][:10] if key == "day" else row[key] for key in keys)].add(*figures)
    return found


def _since_then(connection: Connection, runs: Sequence[str] | None, buckets: bool) -> Sequence[Mapping[str, Any]]:
    """What ended after the last time that hours were added up."""
    query = ENDED if buckets else ENDED_UNTIMED
    if runs is not None and len(runs) == 1:
        query = query.where(shots_of_run(Execution.shot_id, runs[0]))
    between = {"since": rolled_until(connection, "executions"), "until": ALWAYS}
    rows = [dict[str, Any](row) for row in connection.execute(query, between).mappings()]
    return rows if runs is None else [row for row in rows if row["run_id"] in set(runs)]
