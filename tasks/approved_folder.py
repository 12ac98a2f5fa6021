"""Approved deliveries, for whoever takes them in: what changed since the last time, and an index in their own words.

A file is sent once, also where an asset manager takes the files out of the folder as it reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.queries import Approval, DeliveryRow, ShotRow, approvals
from tasks.contact_sheet import MOST_PLAYED, Entry, contact_sheets
from tasks.out_folder import file_name, index_row, put, served
from tasks.planner.scene import is_scene
from tasks.receivers import Receiver
from tasks.scene.beside import write_beside
from tasks.sent_record import Change, Known, read_record, take_back, write_record
from tasks.whole import sha256_of

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


@dataclass(frozen=True)
class _Clip:
    """One approved delivery under its name, as it will be known; `scene` is its shot where that is a scene."""

    name: str
    row: DeliveryRow
    scene: ShotRow | None
    approval: Approval
    known: Known


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
    before = read_record(folder)
    clips, columns = _approved(catalog, shots, deliveries, before)
    others = {name: known for name, known in before.items() if name not in {clip.name for clip in clips}}
    columns = list(dict.fromkeys([*columns, *(column for known in others.values() for column in known.row)]))
    if clips:
        receiver.refuse_unknown(columns)
    gone = _withdrawn(catalog, others, clips)
    due = [clip for clip in clips if again or clip.known.differs(before.get(clip.name))]
    for count, clip in enumerate(due, start=1):
        _verify(catalog, clip.row.delivery)
        progress(count, 2 * len(due))
    # What the folder has, as it comes and goes: in the order of the manifest.
    sent = {clip.name: clip.known for clip in clips} | others
    sent |= {clip.name: before[clip.name] for clip in due if clip.name in before}
    waiting = {clip.name for clip in due if clip.name not in before}
    changes: dict[str, tuple[Change, Known]] = {}
    try:
        for count, clip in enumerate(due, start=1):
            sent[clip.name] = _put(catalog, folder, clip)
            changes[clip.name] = ("replaced" if clip.name in before else "new", sent[clip.name])
            waiting.discard(clip.name)
            progress(len(due) + count, 2 * len(due))
        for name in gone:
            take_back(folder, name, others[name])
            changes[name] = ("withdrawn", sent.pop(name))
    finally:  # also of what broke off: what was sent is sent, and told
        there = {name: known for name, known in sent.items() if name not in waiting}
        lists = write_record(folder, there, list(changes.values()), receiver, columns)
    contact_sheets((_entry(clip) for clip in clips[:MOST_PLAYED]), folder)
    new, replaced, withdrawn = (
        [name for name, (change, _) in changes.items() if change == wanted]
        for wanted in ("new", "replaced", "withdrawn")
    )
    standing = [name for name in there if name not in changes]
    return Sent(folder, new, replaced, withdrawn, standing, lists.index, lists.changes)


def _approved(
    catalog: Catalog, shots: Iterable[ShotRow], deliveries: Sequence[DeliveryRow], before: Mapping[str, Known]
) -> tuple[list[_Clip], list[str]]:
    """What is to be there, in the order of the manifest; and the columns that any row of it may have."""
    found = approvals(catalog, [row.delivery.id for row in deliveries])
    wanted = [row for row in deliveries if row.delivery.id in found and row.delivery.state == "current"]
    clips: list[_Clip] = []
    columns = dict.fromkeys(_FACTS)
    for shot, rows in served(shots, wanted):
        columns |= dict.fromkeys(shot.meta)
        for row in rows:
            one, name, approval = row.delivery, file_name(catalog, shot, row.delivery), found[row.delivery.id]
            poster = str(Path(name).with_suffix(".jpg")) if one.poster else ""
            known = Known(
                delivery=one.id,
                sha256=one.artifact,
                poster_sha256=one.poster,
                beside=before[name].beside if name in before else {},
                row=_facts(index_row(shot, row, name, poster), approval),
            )
            clips.append(_Clip(name, row, shot if is_scene(shot.plan) else None, approval, known))
    return clips, list(columns)


def _facts(row: Mapping[str, Any], approval: Approval) -> dict[str, Any]:
    kind = _TYPES.get(Path(row["file"]).suffix, "")
    said = {"approved_by": approval.reviewer, "approved_at": f"{approval.at:%Y-%m-%dT%H:%M:%SZ}", "note": approval.note}
    return {"title": "", **{name: value for name, value in row.items() if name != "state"}, "type": kind, **said}


def _withdrawn(catalog: Catalog, others: Mapping[str, Known], clips: Sequence[_Clip]) -> list[str]:
    """Files whose delivery is no longer approved, was superseded by nothing, or is there under another name: itself, or
    what succeeded it."""
    found = approvals(catalog, [one.delivery for one in others.values()])
    slots = {clip.approval.slot for clip in clips}

    def stays(known: Known) -> bool:
        approval = found.get(known.delivery)
        return not (approval is None or approval.ended or approval.slot in slots)

    return [name for name, known in others.items() if not stays(known)]


def _verify(catalog: Catalog, one: Delivered) -> None:
    catalog.verify(one.artifact)
    if one.poster:
        catalog.verify(one.poster, one.poster_location or "")


def _put(catalog: Catalog, folder: Path, clip: _Clip) -> Known:
    """Copy a delivery, its poster, and what people get with a scene."""
    one, file = clip.row.delivery, folder / clip.name
    put(one.path, file, copy=True)
    if one.poster:
        put(catalog.store.path(one.poster, one.poster_location or ""), file.with_suffix(".jpg"), copy=True)
    if clip.scene is None:
        return clip.known
    beside = write_beside(catalog, clip.scene, one, file)
    return clip.known.model_copy(update={"beside": {str(path.relative_to(folder)): sha256_of(path) for path in beside}})


def _entry(clip: _Clip) -> Entry:
    row = clip.row
    detail = f"{row.width}x{row.height} · {row.seconds:.3g} s · {row.delivery.preset}"
    return Entry(row.delivery.path, Path(clip.name).stem, detail, row.delivery.poster_path)
