"""Approved deliveries, for whoever takes them in: what changed since the last time, and an index in their own words.

What a folder was sent is written down in it (`.dailies-sent.json`), so a file is sent once, also where an asset manager
takes the files out of the folder as it reads them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.queries import Approval, DeliveryRow, ShotRow, approvals
from manifests.errors import InputError, Problem
from tasks.contact_sheet import MOST_PLAYED, Entry, contact_sheets
from tasks.out_folder import file_name, index_row, put, served
from tasks.out_index import harmless
from tasks.planner.scene import is_scene
from tasks.receivers import Receiver
from tasks.scene.beside import write_beside
from tasks.whole import sha256_of, write_whole

RECORD: Final = ".dailies-sent.json"
_TYPES: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"}
_FACTS: Final = ("id", "variant", "title", "preset", "file", "poster", "type", "width", "height", "rate", "frames",
                 "seconds", "bytes", "sha256", "delivery", "approved_by", "approved_at", "note")  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """What one export did, by file name, and where that is told; `standing` files were sent before and not changed."""

    folder: Path
    new: Sequence[str]
    replaced: Sequence[str]
    withdrawn: Sequence[str]
    standing: Sequence[str]
    index: Path
    changes: Path


class _Known(BaseModel):
    """A file the folder was sent: of which delivery, with which bytes, what lies beside it, and its row in our index.

    `beside`: digests of a scene's subtitles and storyboard by file name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: str
    sha256: str
    poster_sha256: str | None = None
    beside: dict[str, str] = Field(default_factory=dict[str, str])
    row: dict[str, Any]


class _Record(RootModel[dict[str, _Known]]):
    """By file name."""


@dataclass(frozen=True)
class _Clip:
    """One approved delivery under its name; `scene` is its shot where that is a scene."""

    name: str
    row: DeliveryRow
    scene: ShotRow | None


def write_approved(
    catalog: Catalog,
    folder: Path,
    shots: Iterable[ShotRow],
    deliveries: Sequence[DeliveryRow],
    receiver: Receiver,
    *,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sent:
    """Copy those of `deliveries` that are approved and that `folder` was not sent yet; all of them with `again`.

    A file that was sent is taken back once its approval is, once nothing is delivered in its place, or once its
    delivery or an approved successor lies there under another name; while a newer one waits for its verdict, or is
    rejected, it stays. Nothing is copied before all of it is known to be whole, and what breaks off later goes on
    there the next time. Raises InputError (BAD_RECORD, NO_SUCH_COLUMN), CatalogError and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _read(folder)
    approved = approvals(catalog, [row.delivery.id for row in deliveries])
    wanted = [row for row in deliveries if row.delivery.id in approved and row.delivery.state == "current"]
    now: dict[str, _Known] = {}
    clips: list[_Clip] = []
    columns = dict.fromkeys(_FACTS)
    for shot, rows in served(shots, wanted):
        columns |= dict.fromkeys(shot.meta)
        for row in rows:
            one, name = row.delivery, file_name(catalog, shot, row.delivery)
            poster = str(Path(name).with_suffix(".jpg")) if one.poster else ""
            beside = before[name].beside if name in before else {}
            facts = _facts(index_row(shot, row, name, poster), approved[one.id])
            now[name] = _Known(delivery=one.id, sha256=one.artifact, poster_sha256=one.poster, beside=beside, row=facts)
            clips.append(_Clip(name, row, shot if is_scene(shot.plan) else None))
    others = {name: known for name, known in before.items() if name not in now}
    columns |= dict.fromkeys(column for known in others.values() for column in known.row)
    if now:
        receiver.refuse_unknown(columns)
    gone = _withdrawn(catalog, others, {clip.row.delivery.id: approved[clip.row.delivery.id] for clip in clips})
    due = {clip.name: clip for clip in clips if again or _changed(before.get(clip.name), now[clip.name])}
    for count, clip in enumerate(due.values(), start=1):
        _verify(catalog, clip.row.delivery)
        progress(count, 2 * len(due))
    put_there: list[str] = []
    taken: list[str] = []
    try:
        for name, clip in due.items():
            now[name] = _put(catalog, folder, clip, now[name])
            put_there.append(name)
            progress(len(due) + len(put_there), 2 * len(due))
        for name in gone:
            _take_back(folder, name, others[name])
            taken.append(name)
    finally:  # also of what broke off: what was sent is sent, and told
        left = due.keys() - set(put_there)
        stand = {name: known for name, known in now.items() if name not in left}
        stand |= {name: known for name, known in before.items() if name not in stand and name not in taken}
        new, replaced = ([name for name in put_there if (name in before) is known] for known in (False, True))
        changed = [("new", now[name]) for name in new] + [("replaced", now[name]) for name in replaced]
        changed += [("withdrawn", others[name]) for name in taken]
        told = [{"change": what, **known.row} for what, known in changed]
        index = _written(folder / "index.csv", receiver, list(columns), [known.row for known in stand.values()])
        changes = _written(folder / "changes.csv", receiver, list(columns), told, first="change")
        write_whole(folder / RECORD, _Record(stand).model_dump_json(indent=1).encode())
    contact_sheets((_entry(clip) for clip in clips[:MOST_PLAYED]), folder)
    return Sent(folder, new, replaced, taken, [name for name in stand if name not in due], index, changes)


def _read(folder: Path) -> dict[str, _Known]:
    path = folder / RECORD
    try:
        return _Record.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        found = f"'{path}' is not what an export wrote: {error.error_count()} faults"
        raise InputError(Problem("BAD_RECORD", found, "delete it, and everything approved is sent again")) from error


def _changed(known: _Known | None, now: _Known) -> bool:
    return known is None or (known.sha256, known.poster_sha256) != (now.sha256, now.poster_sha256)


def _verify(catalog: Catalog, one: Delivered) -> None:
    catalog.verify(one.artifact)
    if one.poster:
        catalog.verify(one.poster, one.poster_location or "")


def _put(catalog: Catalog, folder: Path, clip: _Clip, known: _Known) -> _Known:
    """Copy a delivery, its poster, and what people get with a scene."""
    one, file = clip.row.delivery, folder / clip.name
    put(one.path, file, copy=True)
    if one.poster:
        put(catalog.store.path(one.poster, one.poster_location or ""), file.with_suffix(".jpg"), copy=True)
    if clip.scene is None:
        return known
    beside = write_beside(catalog, clip.scene, one, file)
    return known.model_copy(update={"beside": {str(path.relative_to(folder)): sha256_of(path) for path in beside}})


def _withdrawn(catalog: Catalog, others: Mapping[str, _Known], now: Mapping[str, Approval]) -> list[str]:
    """Files whose delivery is no longer approved, was superseded by nothing, or is there under another name `now`:
    itself, or what succeeded it."""
    found = approvals(catalog, [one.delivery for one in others.values()])
    slots = {approval.slot for approval in now.values()}

    def stays(known: _Known) -> bool:
        approval = found.get(known.delivery)
        return not (approval is None or approval.ended or approval.slot in slots)

    return [name for name, known in others.items() if not stays(known)]


def _take_back(folder: Path, name: str, known: _Known) -> None:
    """Remove what was sent, unless somebody put another file in its place."""
    poster = str(Path(name).with_suffix(".jpg"))
    for file, sha256 in ((name, known.sha256), (poster, known.poster_sha256), *known.beside.items()):
        path = (folder / file).resolve()
        if path.is_relative_to(folder.resolve()) and sha256 and sha256_of(path) == sha256:
            path.unlink()


def _facts(row: Mapping[str, Any], approval: Approval) -> dict[str, Any]:
    kind = _TYPES.get(Path(row["file"]).suffix, "")
    said = {"approved_by": approval.reviewer, "approved_at": f"{approval.at:%Y-%m-%dT%H:%M:%SZ}", "note": approval.note}
    return {"title": "", **{name: value for name, value in row.items() if name != "state"}, "type": kind, **said}


def _written(
    path: Path, receiver: Receiver, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], first: str = ""
) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    head = [first] if first else []
    writer.writerow([harmless(cell) for cell in [*head, *receiver.header(columns)]])
    for row in rows:
        writer.writerow([harmless(cell) for cell in [*(row[name] for name in head), *receiver.line(row, columns)]])
    write_whole(path, text.getvalue().encode())
    return path


def _entry(clip: _Clip) -> Entry:
    row = clip.row
    detail = f"{row.width}x{row.height} · {row.seconds:.3g} s · {row.delivery.preset}"
    return Entry(row.delivery.path, Path(clip.name).stem, detail, row.delivery.poster_path)
