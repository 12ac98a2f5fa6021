"""Which stored files may go, and why the others stay. Looks and decides; `catalog/collection.py` acts on it.

A row is never deleted: a file that went leaves its artifact `collected`, so that its lineage can still be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from catalog.dialect import clock
from catalog.queries.usage import Usage, usage_of
from catalog.tables import Artifact, Run, Shot

DAY = 86_400.0

INTERMEDIATE = ("master", "mezzanine", "still", "upscaled", "segment", "sound")
"""Kinds that save work when something is made again, and nothing else."""
FINISHED = ("delivery", "poster")
SOURCE = "source"
LIVE_RUNS = ("planned", "running", "cancelling")

Pictures = Callable[[Mapping[str, Any]], Iterable[str]]
"""Digests of the source pictures that a shot's plan (`shots.plan`) reads."""


@dataclass(frozen=True)
class Rules:
    """How old, in seconds, a file must be before it may go; None: it stays for ever.

    An intermediate's age counts from when a stage last made or read it, a superseded delivery's from its successor.
    `leftovers` is for files that no finished execution vouches for. `run_id` and `kinds` narrow what may go.
    """

    intermediates: float | None
    superseded: float | None
    sources: float | None
    leftovers: float = DAY
    run_id: str | None = None
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """`go`: the file may be removed. `needed`: it must not be, whatever the rules say."""

    go: bool
    why: str
    needed: bool = False


@dataclass(frozen=True)
class Held:
    """One artifact as its row has it."""

    sha256: str
    kind: str
    state: str
    bytes: int
    location: str
    created_at: datetime
    media: Mapping[str, Any]


HELD = select(
    Artifact.sha256,
    Artifact.kind,
    Artifact.state,
    Artifact.bytes,
    Artifact.location,
    Artifact.created_at,
    Artifact.media,
)
"""Rows of `Held`."""

PRESENT = func.coalesce(Artifact.state, "") == "present"
"""For pages in the order of digests: an expression, lest an index on the state be read and sorted for every page."""


@dataclass
class LiveSources:
    """The pictures that runs which have not ended read or will read: all that is made of them is left alone."""

    pictures: Pictures
    digests: set[str] = field(default_factory=set[str])
    runs: set[str] = field(default_factory=set[str])

    def refresh(self, connection: Connection) -> None:
        """Learn of the runs that began since, and of those that were taken up again."""
        live = set(connection.scalars(select(Run.id).where(Run.state.in_(LIVE_RUNS))))
        for run_id in live - self.runs:
            plans = select(Shot.plan).where(Shot.run_id == run_id).execution_options(yield_per=500)
            for plan in connection.scalars(plans):
                self.digests.update(self.pictures(plan) if plan else ())
        self.runs |= live


def judge(connection: Connection, page: Sequence[Held], rules: Rules, live: LiveSources) -> dict[str, Verdict]:
    """What may become of each artifact of a page (a few hundred), as things stand in this transaction."""
    now: datetime = connection.execute(select(clock())).scalar_one()
    usage = usage_of(connection, [(one.sha256, one.kind == SOURCE) for one in page], rules.run_id, live.digests)
    return {one.sha256: _verdict(one, usage, rules, live, now) for one in page}


def _verdict(one: Held, usage: Usage, rules: Rules, live: LiveSources, now: datetime) -> Verdict:
    sha256 = one.sha256
    if (why := _needed(one, usage, live)) is not None:
        return Verdict(False, why, needed=True)
    if (rules.kinds and one.kind not in rules.kinds) or (rules.run_id and sha256 not in usage.of_run):
        return Verdict(False, "not asked about")
    since = max([one.created_at, *usage.touched.get(sha256, ())])
    taken_back = sha256 in usage.made and sha256 not in usage.stands
    if one.kind in FINISHED and sha256 in usage.superseded:
        return _aged("superseded", rules.superseded, usage.superseded[sha256], now)
    if taken_back:
        return _aged("left by a result that does not stand", rules.leftovers, since, now)
    if one.kind in FINISHED:
        return _aged("delivered to nobody", rules.intermediates, since, now)
    if one.kind in INTERMEDIATE:
        return _aged("can be made again", rules.intermediates, since, now)
    if one.kind == SOURCE:
        return _aged("picture of runs whose deliveries are gone", rules.sources, since, now)
    return Verdict(False, "of a kind that retention does not know")


def _needed(one: Held, usage: Usage, live: LiveSources) -> str | None:
    sha256 = one.sha256
    if sha256 in usage.current:
        return "delivered"
    if sha256 in usage.publishing:
        return "being published"
    if sha256 in usage.busy:
        return "in work"
    if sha256 in live.digests or sha256 in usage.of_live:
        return "a run that has not ended may need it"
    if sha256 in usage.explains:
        return "picture of a delivery"
    return None


def _aged(why: str, limit: float | None, since: datetime, now: datetime) -> Verdict:
    if limit is None:
        return Verdict(False, f"{why}: kept for ever")
    if (now - since).total_seconds() < limit:
        return Verdict(False, f"{why}: not old enough")
    return Verdict(True, why)
