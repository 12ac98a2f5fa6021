"""What pages and counters read instead of a million rows. All of it is derived: backups leave it out, and
`catalog/derived.py` makes it again from the other tables.

Cards, store tallies and review entries are kept by triggers (`catalog/migrations/triggers_0006.py`), so that an older
Dailies beside a newer one keeps them too. Stage and shot hours are added up to a moment (`rolled`) by
`catalog/rollups.py`; whoever reads them adds what ended since, by an index.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base
from catalog.tables.results import VERDICTS

DERIVED = ("review_entries", "rolled", "run_weights", "shot_cards", "shot_hours", "stage_hours", "store_tallies")
"""Names of the tables that are made again rather than restored."""


class Card(Base):
    """What a page shows of a shot and a search finds it by: nothing of it changes but its tags and its engine."""

    __tablename__ = "shot_cards"
    __table_args__ = (
        Index(None, "shot_id", unique=True),
        Index(None, "run_id", "position"),
        Index(None, "run_id", "engine"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    """What the full text of SQLite knows it by, which keeps no text keys."""
    shot_id: Mapped[str]
    run_id: Mapped[str]
    position: Mapped[int]
    engine: Mapped[str]
    """That animates it, as planned; empty where there is no plan."""
    title: Mapped[str]
    words: Mapped[str]
    """Item, variant, name of the run, title and `meta`, then tags: what a search looks in."""


class StoreTally(Base):
    """Artifacts that came to one kind and state, or (below 0) left it: the sum of all rows is what there is.

    A row for each change, so that nobody waits for another, and added up now and then (`catalog/rollups.py`).
    """

    __tablename__ = "store_tallies"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    files: Mapped[int]
    bytes: Mapped[int]


class ReviewEntry(Base):
    """What a person looks at in one go: the current deliveries of one shot key, in all its renditions and presets."""

    __tablename__ = "review_entries"
    __table_args__ = (
        CheckConstraint(f"verdict IN ({', '.join(repr(verdict) for verdict in VERDICTS)})", name="verdict"),
        Index(None, "shot_id"),
        Index(None, "run_id", "verdict"),
        Index(None, "draw", "score", "verdict"),
        Index(
            "ix_review_entries_waiting",
            "score",
            "shot_id",
            sqlite_where=text("verdict IS NULL"),
            postgresql_where=text("verdict IS NULL"),
        ),
        Index(
            "ix_review_entries_run_waiting",
            "run_id",
            "score",
            "shot_id",
            sqlite_where=text("verdict IS NULL"),
            postgresql_where=text("verdict IS NULL"),
        ),
    )

    manifest: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    shot_key: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str]
    shot_id: Mapped[str]
    """The shot that made the newest of the deliveries, and its run."""
    score: Mapped[float]
    """How far the worst measurement is beyond its threshold, as a share of that; below 0: how near the nearest is."""
    draw: Mapped[str]
    """Four hexadecimal digits by chance, for samples."""
    verdict: Mapped[str | None]
    """None while it waits for one: a delivery that is new has none, whatever was said of the one before."""


class StageHour(Base):
    """Executions of one stage by one engine that ended in one hour of one run, by how long they took."""

    __tablename__ = "stage_hours"
    __table_args__ = (Index(None, "hour"), Index(None, "engine", "run_id"))

    run_id: Mapped[str] = mapped_column(primary_key=True)
    """Empty where they were made for no shot."""
    hour: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11-21 07`, UTC."""
    stage: Mapped[str] = mapped_column(primary_key=True)
    engine: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    """How they stood when they were added up; what becomes void later has taken its time all the same."""
    bucket: Mapped[int] = mapped_column(primary_key=True)
    """Which of `catalog.rollups.EDGES` they took at most; -1 where nobody knows."""
    executions: Mapped[int]
    seconds: Mapped[float]
    gpu_seconds: Mapped[float]


class ShotHour(Base):
    """Shots that ended in one hour, by state; one that is opened again and ends again counts twice."""

    __tablename__ = "shot_hours"

    hour: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    shots: Mapped[int]


class RunWeights(Base):
    """A run has used a weights file."""

    __tablename__ = "run_weights"
    __table_args__ = (Index(None, "name"),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Rolled(Base):
    """Until when (inclusive, database clock) `executions` and `shots` are added up."""

    __tablename__ = "rolled"

    name: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
