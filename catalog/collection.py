"""Collection: how files go that nobody needs any more, beside runs that go on and whatever dies on the way.

The order: candidates are judged (catalog/retention.py) -> judged again and marked `collected` in one transaction that
no publication can share -> looked at once more and removed under the same lock. Killed after the mark: the files are
there and nobody vouches for them; the next collection removes them, or a publication of the same bytes takes them
back. A publication is journalled before its files get their names, so what is on its way is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from catalog.artifacts import ArtifactLedger
from catalog.dialect import clock, one_publisher
from catalog.failpoints import reach
from catalog.ledger import T, chunks
from catalog.queries.usage import journalled
from catalog.retention import DAY, HELD, PRESENT, Held, LiveSources, Pictures, Rules, Verdict, judge
from catalog.store import Stored
from catalog.tables import Artifact

PAGE = 400
"""Artifacts that are judged together."""
AT_ONCE = 50
"""Files removed under one lock: publications wait for it, and a bucket takes tens of milliseconds for each."""

Heard = Callable[[int, int], None]
"""Told (done, all) artifacts."""


def _silent(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Judged:
    """One artifact and what may become of it. `freed` is None until its file was removed."""

    artifact: Held
    verdict: Verdict
    freed: int | None = None


@dataclass(frozen=True)
class Stray:
    """A file that no row vouches for, and how many bytes its removal freed (None: it was not removed)."""

    file: Stored
    why: str
    freed: int | None = None


class CollectionLedger(ArtifactLedger):
    """Removing files; the rows stay."""

    def survey(self, rules: Rules, pictures: Pictures, heard: Heard = _silent) -> Iterator[Judged]:
        """What may go and what stays, and why, of every artifact in the store. Changes nothing."""
        live = LiveSources(pictures)
        for page in self._present_pages(heard):
            with self.database.read() as connection:
                live.refresh(connection)
                verdicts = judge(connection, page, rules, live)
            yield from (Judged(one, verdicts[one.sha256]) for one in page)

    def collect(self, rules: Rules, pictures: Pictures, heard: Heard = _silent) -> Iterator[Judged]:
        """`survey`, and what may go goes. Stopped anywhere, what is not done yet is left to the next time.

        Raises StoreUnavailable.
        """
        live = LiveSources(pictures)
        for page in self._present_pages(heard):
            with self.database.read() as connection:
                live.refresh(connection)
                verdicts = judge(connection, page, rules, live)
            yield from (Judged(one, verdicts[one.sha256]) for one in page if not verdicts[one.sha256].go)
            for part in chunks([one for one in page if verdicts[one.sha256].go], AT_ONCE):
                marked = self._mark_collected(part, rules, live)
                reach("collect.marked")
                freed = self._remove_collected([one for one in part if marked[one.sha256].go], rules, live)
                reach("collect.removed")
                yield from (Judged(one, marked[one.sha256], freed.get(one.sha256)) for one in part)

    def strays(self, *, older_than_seconds: float = DAY) -> Iterator[Stray]:
        """Files that no row vouches for: unknown ones and damaged ones of that age, and what a collection left.

        Changes nothing. A publication under way vouches for its files by its journal.
        """
        with self.database.read() as connection:
            limit = connection.execute(select(clock(-older_than_seconds))).scalar_one()
        for part in _in_pages(self.store.digests()):
            with self.database.read() as connection:
                states = _states(connection, [file.sha256 for file in part])
                expected = journalled(connection)
            for file in part:
                state = states.get(file.sha256)
                if state == "present" or file.sha256 in expected:
                    continue
                if state == "collected":
                    yield Stray(file, "left by a collection that was cut short")
                elif file.modified < limit:
                    yield Stray(file, "known to nobody" if state is None else "damaged")

    def remove_strays(self, pictures: Pictures, *, older_than_seconds: float = DAY) -> Iterator[Stray]:
        """`strays`, removed; a collected one that is needed again is `present` instead. Raises StoreUnavailable."""
        live = LiveSources(pictures)
        keep_all = Rules(None, None, None)
        for part in _in_pages(self.strays(older_than_seconds=older_than_seconds), AT_ONCE):
            with self.database.read() as connection:
                live.refresh(connection)
                digests = [stray.file.sha256 for stray in part]
                rows = {row.sha256: Held(*row) for row in connection.execute(HELD.where(Artifact.sha256.in_(digests)))}
            collected = [row for row in rows.values() if row.state == "collected"]
            freed = self._remove_collected(collected, keep_all, live)
            freed |= self._remove_unknown([x for x in digests if x not in rows or rows[x].state == "damaged"])
            yield from (Stray(stray.file, stray.why, freed.get(stray.file.sha256)) for stray in part)

    def scratch(self, *, older_than_seconds: float = DAY, remove: bool = False) -> int:
        """Temporary files and folders of dead processes on this machine: their bytes, removed on demand."""
        with self.database.read() as connection:
            expected = journalled(connection, "temp")
        total = 0
        for path in self.store.leftovers(older_than_seconds):
            if path.name not in expected:
                total += _bytes_of(path)
                if remove:
                    self.store.discard(path)
        return total

    def _present_pages(self, heard: Heard) -> Iterator[list[Held]]:
        """Every artifact that is present, by digest, without holding a transaction open."""
        with self.database.read() as connection:
            present = select(func.count()).select_from(Artifact).where(Artifact.state == "present")
            total = connection.scalar(present) or 0
        last, done = "", 0
        heard(0, total)
        while True:
            query = HELD.where(PRESENT, Artifact.sha256 > last).order_by(Artifact.sha256)
            with self.database.read() as connection:
                page = _load(connection, query.limit(PAGE))
            if not page:
                return
            yield page
            last, done = page[-1].sha256, done + len(page)
            heard(min(done, total), total)

    def _mark_collected(self, part: Sequence[Held], rules: Rules, live: LiveSources) -> dict[str, Verdict]:
        """Judge again where nothing can change meanwhile, and mark what still may go."""
        with self.database.write() as connection:
            one_publisher(connection)
            live.refresh(connection)
            verdicts = judge(connection, part, rules, live)
            going = [sha256 for sha256, verdict in verdicts.items() if verdict.go]
            present = update(Artifact).where(Artifact.sha256.in_(going), Artifact.state == "present")
            connection.execute(present.values(state="collected", collected_at=clock()))
        return verdicts

    def _remove_collected(self, part: Sequence[Held], rules: Rules, live: LiveSources) -> dict[str, int]:
        """Remove the files of collected artifacts; bytes by digest. What came to be needed since is present again."""
        if not part:
            return {}
        freed: dict[str, int] = {}
        with self.database.write() as connection:
            one_publisher(connection)
            live.refresh(connection)
            verdicts = judge(connection, part, rules, live)
            states = _states(connection, [one.sha256 for one in part])
            expected = journalled(connection)
            for one in part:
                if states.get(one.sha256) != "collected" or one.sha256 in expected:
                    continue
                if not verdicts[one.sha256].needed:
                    freed[one.sha256] = self.store.remove(one.sha256)
                elif self.store.has(one.sha256, one.location):
                    again = update(Artifact).where(Artifact.sha256 == one.sha256)
                    connection.execute(again.values(state="present", collected_at=None))
        return freed

    def _remove_unknown(self, digests: Sequence[str]) -> dict[str, int]:
        """Remove files that still have no row, or a damaged one, and that no publication is about to name."""
        if not digests:
            return {}
        with self.database.write() as connection:
            one_publisher(connection)
            states = _states(connection, digests)
            expected = journalled(connection)
            going = [x for x in digests if states.get(x) in (None, "damaged") and x not in expected]
            return {sha256: self.store.remove(sha256) for sha256 in going}


def _load(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[Held]:
    return [Held(*row) for row in connection.execute(query)]


def _states(connection: Connection, digests: Sequence[str]) -> dict[str, str]:
    rows = connection.execute(select(Artifact.sha256, Artifact.state).where(Artifact.sha256.in_(digests)))
    return dict(rows.all())


def _in_pages(things: Iterable[T], size: int = PAGE) -> Iterator[list[T]]:
    page: list[T] = []
    for thing in things:
        page.append(thing)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def _bytes_of(path: Path) -> int:
    try:
        files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        return sum(one.stat().st_size for one in files)
    except FileNotFoundError:  # its owner lives after all, and took it
        return 0
