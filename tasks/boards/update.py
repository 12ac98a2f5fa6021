"""An imported manifest brought up to its project: what a person edited stays, nothing is renumbered."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from tasks.boards.edit import edit_row, edit_scenes
from tasks.boards.numbering import free_name
from tasks.boards.panels import Panel
from tasks.boards.record import Record, SceneRecord
from tasks.boards.row import ORDER, row_text
from tasks.boards.sheet import Sheet, SheetRow, parse_sheet, read_manifest


@dataclass
class Updated:
    """The new text, each board's id by its key, and what was done, in short sentences."""

    text: str = ""
    names: dict[str, str] = field(default_factory=dict[str, str])
    added: list[str] = field(default_factory=list[str])
    moved: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])


def updated(
    text: str, file: str, panels: Sequence[Panel], scenes: Mapping[str, SceneRecord], record: Record
) -> Updated:
    """`text`, a manifest of an earlier import, with the boards `panels` of today; `record` is of the last import.

    A value goes over from the project where it is still what was imported; where both changed, the person's stays and
    is told. A row taken out by hand does not come back. Raises ManifestError where the text is no manifest.
    """
    report = Updated()
    crlf = "\r\n" in text
    merged = _Merge(parse_sheet(text.replace("\r\n", "\n"), file), file, panels, record, report)
    merged.rows()
    plain = _with_scenes(merged.sheet.text(), file, scenes, merged.sheet, record, report)
    report.text = plain.replace("\n", "\r\n") if crlf else plain
    return report


class _Merge:
    def __init__(self, sheet: Sheet, file: str, panels: Sequence[Panel], record: Record, report: Updated) -> None:
        self.sheet = sheet
        self.file = file
        self.panels = {panel.key: panel for panel in panels}
        self.record = record
        self.report = report
        self.here: dict[str, SheetRow] = {}
        for row in sheet.rows:
            if row.board is not None:
                self.here.setdefault(row.board, row)

    def rows(self) -> None:
        """Bring every row up to date, and all of them into order."""
        for row in self.sheet.rows:
            panel = self.panels.get(row.board or "")
            if panel:
                self._refresh(row, panel)
                self.report.names.setdefault(panel.key, row.id)
        blocks = self._blocks()
        order = self._order(list(blocks))
        for key in self._added():
            order.insert(self._place(key, order), key)
            blocks[key] = [self._new_row(self.panels[key])]
        self.sheet.rows = [*self._leading, *(row for key in order for row in blocks[key])]

    def _refresh(self, row: SheetRow, panel: Panel) -> None:
        known = self.record.boards.get(panel.key)
        before = known.values if known else {}
        changes: dict[str, Any] = {}
        for key in ORDER:
            now, last, written = (_plain(values.get(key)) for values in (panel.values, before, row.values))
            if key == "sound" and isinstance(written, str):
                written = {"path": written}
            if now in (last, written):
                continue
            if written == last and known is not None:
                changes[key] = panel.values.get(key)
            else:
                self.report.kept.append(f"{row.id}: {key} was edited here and stays; the project says {_told(now)}")
        if changes:
            row.body = edit_row(row.body, self.sheet.indent, changes, panel.comment)
            self.report.changed.append(f"{row.id}: {', '.join(changes)}")

    def _blocks(self) -> dict[str, list[SheetRow]]:
        """Rows by board, each with the person's own rows that follow it; rows of boards that are gone are left out."""
        blocks: dict[str, list[SheetRow]] = {}
        self._leading: list[SheetRow] = []
        last = self._leading
        for row in self.sheet.rows:
            board = row.board
            known = self.record.boards.get(board or "")
            if known is not None and not known.gone and board not in self.panels:
                self.report.removed.append(f"{row.id} (board {board})")
            elif board in self.panels and board not in blocks:
                last = blocks[board] = [row]
            else:
                last.append(row)
        return blocks

    def _order(self, here: list[str]) -> list[str]:
        """The boards that are here and in the project, in the project's order if that changed, else as they are."""
        there, known = set(here), set(self.record.order)
        now = [key for key in self.panels if key in there]
        before = [*(key for key in self.record.order if key in there), *(key for key in here if key not in known)]
        if now in (before, here):
            return here
        if before != here:
            self.report.kept.append("the order of rows was changed here and in the project; the one here stays")
            return here
        places = {key: n for n, key in enumerate(before)}
        still = _longest_rise([places[key] for key in now])
        moved = [key for n, key in enumerate(now) if n not in still]
        self.report.moved.extend(f"{self.here[key].id} (board {key})" for key in moved)
        return now

    def _added(self) -> list[str]:
        """Boards that get a row; one whose row was taken out by hand does not."""
        added: list[str] = []
        for key, panel in self.panels.items():
            known = self.record.boards.get(key)
            if key in self.here:
                continue
            if known is not None and not known.gone:
                self.report.kept.append(f"{panel.board.label}: its row {known.id} was taken out here and stays out")
                self.report.names[key] = known.id
            else:
                added.append(key)
        return added

    def _place(self, key: str, order: list[str]) -> int:
        """Right behind the board that it follows in the project."""
        ahead = list(self.panels)
        for other in reversed(ahead[: ahead.index(key)]):
            if other in order:
                return order.index(other) + 1
        return 0

    def _new_row(self, panel: Panel) -> SheetRow:
        name = self._name(panel)
        self.report.names[panel.key] = name
        self.report.added.append(f"{name} (board {panel.key})")
        values = panel.values if "scenes" in self.sheet.values else {**panel.values}
        if "scenes" not in self.sheet.values:
            values.pop("scene", None)
        text = row_text(name, values, panel.comment, panel.key, self.sheet.indent)
        return SheetRow("\n" if self.sheet.spaced else "", text, {"id": name, "scene": panel.scene.slug})

    def _name(self, panel: Panel) -> str:
        taken = {*self.record.names, *(row.id for row in self.sheet.rows), *self.report.names.values()}
        known = self.record.boards.get(panel.key)
        if known is not None and known.id not in {row.id for row in self.sheet.rows}:
            return known.id  # back from where it was
        own = f"{panel.scene.sequence}_{panel.board.shot_name}" if panel.board.shot_name else ""
        if own and own not in taken:
            return own
        scene = [key for key, other in self.panels.items() if other.scene_key == panel.scene_key]
        at = scene.index(panel.key)
        names = self.report.names
        before = next((names[key] for key in reversed(scene[:at]) if key in names), None)
        after = next((names[key] for key in scene[at + 1 :] if key in names), None)
        return free_name(panel.scene.sequence, before, after, taken)


def _with_scenes(
    text: str, file: str, scenes: Mapping[str, SceneRecord], sheet: Sheet, record: Record, report: Updated
) -> str:
    """The text with the scenes of today below `scenes:`; a person's titles and rates stay."""
    values = read_manifest(text, file)
    listed = values.get("scenes")
    if not isinstance(listed, dict):
        return text
    there = cast("dict[str, Any]", listed)
    changes: dict[str, SceneRecord | None] = {}
    for key, scene in scenes.items():
        before = record.scenes.get(key)
        if scene.slug not in there:
            if before is None:
                changes[scene.slug] = scene
            continue
        one: object = there[scene.slug]
        if before is None or not isinstance(one, dict):
            continue
        wanted = {"title": before.title, "rate": before.rate}
        for name, last, now in (("title", before.title, scene.title), ("rate", before.rate, scene.rate)):
            written = str(cast("dict[str, Any]", one).get(name))
            if now in (last, written):
                wanted[name] = written
            elif written == last:
                wanted[name] = now
                report.changed.append(f"scene {scene.slug}: {name}")
                changes[scene.slug] = scene
            else:
                wanted[name] = written
                report.kept.append(f"scene {scene.slug}: {name} was edited here and stays; the project says {now}")
        if scene.slug in changes:
            sequence = str(cast("dict[str, Any]", one).get("sequence", scene.sequence))
            changes[scene.slug] = SceneRecord(scene.slug, sequence, wanted["title"], wanted["rate"])
    used = {str(row.values.get("scene")) for row in sheet.rows}
    for key, before in record.scenes.items():
        if key not in scenes and before.slug in there and before.slug not in used:
            changes[before.slug] = None
            report.removed.append(f"scene {before.slug}")
    if not changes:
        return text
    first = values.lines["scenes"]
    end = min((line - 1 for line in values.lines.values() if line > first), default=text.count("\n"))
    return edit_scenes(text, (first - 1, end), changes)


def _plain(value: object) -> object:
    """A value as it can be compared: text without white space around it, numbers as numbers, nothing as None."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in cast("dict[str, object]", value).items()}
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value


def _told(value: object) -> str:
    if value is None:
        return "nothing"
    text = f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
    return f"{text[:77]}..." if len(text) > 80 else text


def _longest_rise(places: Sequence[int]) -> set[int]:
    """Positions of a longest rising run of `places`: what need not be said to have moved (patience sorting)."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, place in enumerate(places):
        at = bisect_left(tops, place)
        before.append(ends[at - 1] if at else -1)
        tops[at : at + 1] = [place]
        ends[at : at + 1] = [n]
    still: set[int] = set()
    at = ends[-1] if ends else -1
    while at >= 0:
        still.add(at)
        at = before[at]
    return still
