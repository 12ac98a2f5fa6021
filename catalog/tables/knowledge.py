"""What the machine has learnt and need not find out again: picture facts, speeds, weights files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from catalog.dialect import clock
from catalog.tables.base import Base


class Picture(Base):
    """Facts of a picture file as last looked at; `stamp` is `bytes:mtime_ns:inode`, text for inodes are unsigned."""

    __tablename__ = "pictures"

    path: Mapped[str] = mapped_column(primary_key=True)
    mask_path: Mapped[str] = mapped_column(primary_key=True)
    probe_version: Mapped[int] = mapped_column(primary_key=True)
    stamp: Mapped[str]
    mask_stamp: Mapped[str]
    sha256: Mapped[str]
    facts: Mapped[dict[str, Any]]
    seen_at: Mapped[datetime] = mapped_column(default=clock(), onupdate=clock())


class Benchmark(Base):
    """How long one unit of a stage's work takes on one host."""

    __tablename__ = "benchmarks"

    stage: Mapped[str] = mapped_column(primary_key=True)
    engine: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(primary_key=True)
    seconds_per_unit: Mapped[float]
    detail: Mapped[dict[str, Any]]
    measured_at: Mapped[datetime] = mapped_column(default=clock(), onupdate=clock())


class Weights(Base):
    """One weights file: where it came from, and under which licence.

    Acceptances are of texts, not of files: they are in `licence_grants`, and the columns for them here stay empty.
    """

    __tablename__ = "weights"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    source: Mapped[str]
    licence: Mapped[str]
    bytes: Mapped[int | None]
    accepted_by: Mapped[str | None]
    accepted_at: Mapped[datetime | None]
    accepted_until: Mapped[datetime | None]
    recorded_at: Mapped[datetime] = mapped_column(default=clock())


class Compatibility(Base):
    """One row: the oldest code, by the newest revision it knows, that may still work on this schema.

    Migrations expand before they contract, so that two versions of the code can run side by side.
    """

    __tablename__ = "compatibility"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    oldest_revision: Mapped[str]
