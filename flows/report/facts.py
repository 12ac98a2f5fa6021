"""What a morning's report says: every shot by its key, what was spent, whether the deadline was kept, what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from catalog.catalog import Catalog
from catalog.errors import NotFound
from catalog.facts import Night, ScheduleFacts, run_card, schedule
from catalog.queries import DeliveryRow, ShotRow, each_delivery, each_shot, incidents_of, run
from catalog.retirement import retired_since
from dashboard.remedies import remedy_of
from dashboard.settings import Rates
from dashboard.words import seconds, size
from flows.settings import Settings

STATES: Final = ("failed", "quarantined", "left", "cancelled", "new", "unchanged")
"""What may have become of a shot, in the order people want to read it. `new`: made or made again this night."""
_OF: Final = {"waiting": "left", "claimed": "left"}


@dataclass(frozen=True)
class Line:
    """One shot. `poster`: digest and place of its first delivery's."""

    key: str
    title: str
    state: str
    presets: tuple[str, ...]
    code: str
    message: str
    poster: tuple[str, str] | None


@dataclass(frozen=True)
class Trouble:
    """Shots that failed or were set aside for one reason, and what to do about it."""

    code: str
    remedy: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """One night. Texts are as they were written: whoever shows them escapes them.

    `figures` are pairs of words; `notes` what somebody should know. `retired` are keys of rows that are gone.
    """

    schedule: str
    run_id: str
    manifest: str
    state: str
    headline: str
    figures: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    troubles: tuple[Trouble, ...]
    lines: tuple[Line, ...]
    retired: tuple[str, ...]
    out_folder: Path

    def of(self, state: str) -> Sequence[Line]:
        """The shots in one state, in the order of the manifest."""
        return [line for line in self.lines if line.state == state]


def gather(catalog: Catalog, settings: Settings, night: Night) -> Report:
    """The report of one run of a schedule, as it stands now."""
    row = run(catalog, night.run_id)
    try:
        asked = schedule(catalog, night.schedule)
    except NotFound:  # it was removed meanwhile
        asked = None
    lines = tuple(_lines(catalog, night.run_id))
    retired = tuple(dict.fromkeys(one.shot_key for one in retired_since(catalog, night.run_id)))
    counts = Counter(line.state for line in lines)
    told = [f"{counts[state]:,} {state}" for state in STATES if counts[state]]
    told += [f"{len(retired):,} retired"] if retired else []
    notes = [row.paused_why] if row.paused_why else []
    notes += [asked.last_note] if asked and asked.last_note and asked.last_run_id == night.run_id else []
    notes += [f"{one.code}: {one.message}" for one in incidents_of(catalog, night.run_id) if one.code != "RUN_PAUSED"]
    return Report(
        schedule=night.schedule,
        run_id=night.run_id,
        manifest=asked.manifest if asked else row.name,
        state=row.state,
        headline=f"{night.schedule}: {row.state}, {', '.join(told) or 'no shots'}",
        figures=tuple(_figures(catalog, settings, night, asked)),
        notes=tuple(dict.fromkeys(notes)),
        troubles=tuple(_troubles(lines)),
        lines=lines,
        retired=retired,
        out_folder=Path(row.out_folder),
    )


def _lines(catalog: Catalog, run_id: str) -> list[Line]:
    served: dict[str, Line] = {}
    made: set[str] = set()
    for one in each_delivery(catalog, run_id):
        served[one.shot_id] = _with(served.get(one.shot_id), one)
        if one.made:
            made.add(one.shot_id)
    return [_line(shot, served.get(shot.id), shot.id in made) for shot in each_shot(catalog, run_id)]


def _with(line: Line | None, one: DeliveryRow) -> Line:
    if line is None:
        poster = (one.delivery.poster, one.delivery.poster_location or "") if one.delivery.poster else None
        return Line("", "", "", (one.delivery.preset,), "", "", poster)
    return replace(line, presets=(*line.presets, one.delivery.preset))


def _line(shot: ShotRow, served: Line | None, made: bool) -> Line:
    state = ("new" if made else "unchanged") if shot.state == "done" else _OF.get(shot.state, shot.state)
    bad = state in ("failed", "quarantined")
    return Line(
        key=shot.key,
        title=str(shot.meta.get("title") or ""),
        state=state,
        presets=served.presets if served else (),
        code=(shot.error_code or "UNKNOWN") if bad else "",
        message=(shot.error_message or "") if bad else "",
        poster=served.poster if served else None,
    )


def _troubles(lines: Sequence[Line]) -> list[Trouble]:
    keys: dict[str, list[str]] = {}
    for line in lines:
        if line.code:
            keys.setdefault(line.code, []).append(line.key)
    most = sorted(keys.items(), key=lambda group: (-len(group[1]), group[0]))
    return [Trouble(code, remedy_of(code), tuple(named)) for code, named in most]


def _figures(catalog: Catalog, settings: Settings, night: Night, asked: ScheduleFacts | None) -> list[tuple[str, str]]:
    card = run_card(catalog, night.run_id)
    zone = ZoneInfo(asked.timezone if asked else "UTC")
    until = night.ended_at or datetime.now(UTC)
    told = [
        ("Began", f"{_moment(night.created_at, zone)}"),
        ("Ended", _moment(night.ended_at, zone) if night.ended_at else "not yet"),
        ("Took", seconds((until - night.created_at).total_seconds())),
        ("Work of stages", seconds(card.stage_seconds)),
        ("GPU time", seconds(card.gpu_seconds)),
    ]
    rates = Rates(settings.price_gpu_hour, settings.price_cpu_hour, settings.currency)
    if rates.known:
        told.append(("Cost", f"{rates.currency} {rates.money(card.stage_seconds, card.gpu_seconds):,.2f}".strip()))
    told.append(("New in the store", size(night.bytes)))
    if night.done_by:
        told.append(("Deadline", _deadline(night.done_by, until, zone, over=night.ended_at is not None)))
    told += _budget(night)
    if asked:
        told.append(("Next start", _moment(asked.next_at, zone) if asked.next_at else "paused"))
    return told


def _deadline(done_by: datetime, until: datetime, zone: ZoneInfo, *, over: bool) -> str:
    missed = (until - done_by).total_seconds()
    if missed > 0:
        return f"{_moment(done_by, zone)}: missed by {seconds(missed)}" + ("" if over else " so far")
    return f"{_moment(done_by, zone)}: " + (f"kept, {seconds(-missed)} to spare" if over else "not over yet")


def _budget(night: Night) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if night.budget_gpu_seconds is not None:
        told.append(("GPU budget", f"{night.gpu_seconds / 3600:.2f} of {night.budget_gpu_seconds / 3600:g} hours"))
    if night.budget_bytes is not None:
        told.append(("Store budget", f"{size(night.bytes)} of {size(night.budget_bytes)}"))
    return told


def _moment(value: datetime, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def counted(report: Report) -> Mapping[str, int]:
    """How many shots there are of each state, in the order they are read."""
    counts = Counter(line.state for line in report.lines)
    return {state: counts[state] for state in STATES if counts[state]}
