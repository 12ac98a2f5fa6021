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

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from catalog.catalog import Catalog
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
    """A file the folder was sent: of which delivery, with which bytes, and its row in our index."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: str
    sha256: str
    poster_sha256: str | None = None
    row: dict[str, Any]


class _Record(RootModel[dict[str, _Known]]):
    """By file name."""


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

    A file that was sent is taken back once its approval is, or once nothing is delivered in its place; while a newer
    one waits for its verdict, or is rejected, it stays. Raises InputError (BAD_RECORD, NO_SUCH_COLUMN), CatalogError
    and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _read(folder)
    approved = approvals(catalog, [row.delivery.id for row in deliveries])
    wanted = [row for row in deliveries if row.delivery.id in approved and row.delivery.state == "current"]
    now: dict[str, _Known] = {}
    new: list[str] = []
    replaced: list[str] = []
    entries: list[Entry] = []
    for shot, rows in served(shots, wanted):
        for row in rows:
            one, name = row.delivery, file_name(catalog, shot, row.delivery)
            poster = str(Path(name).with_suffix(".jpg")) if one.poster else ""
            facts = _facts(index_row(shot, row, name, poster), approved[one.id])
            now[name] = _Known(delivery=one.id, sha256=one.artifact, poster_sha256=one.poster, row=facts)
            known = before.get(name)
            if again or known is None or (known.sha256, known.poster_sha256) != (one.artifact, one.poster):
                catalog.verify(one.artifact)
                put(one.path, folder / name, copy=True)
                if one.poster:
                    put(catalog.store.path(one.poster, one.poster_location or ""), folder / poster, copy=True)
                if is_scene(shot.plan):
                    write_beside(catalog, shot, one, folder / name)
                (replaced if known else new).append(name)
            entries.append(_entry(row, name))
            progress(len(now), len(wanted))
    others = {name: known for name, known in before.items() if name not in now}
    gone = {name: others[name] for name in _withdrawn(catalog, others)}
    now |= {name: known for name, known in others.items() if name not in gone}
    columns = _columns(now, gone)
    receiver.refuse_unknown(columns)
    for name, known in gone.items():
        _take_back(folder, name, known)
    changed = [("new", now[name]) for name in new] + [("replaced", now[name]) for name in replaced]
    changed += [("withdrawn", known) for known in gone.values()]
    index = _written(folder / "index.csv", receiver, columns, [known.row for known in now.values()])
    told = [{"change": what, **known.row} for what, known in changed]
    changes = _written(folder / "changes.csv", receiver, columns, told, first="change")
    contact_sheets((one for one in entries[:MOST_PLAYED]), folder)
    write_whole(folder / RECORD, _Record(now).model_dump_json(indent=1).encode())
    standing = [name for name in now if name not in new and name not in replaced]
    return Sent(folder, new, replaced, list(gone), standing, index, changes)


def _read(folder: Path) -> dict[str, _Known]:
    path = folder / RECORD
    try:
        return _Record.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        found = f"'{path}' is not what an export wrote: {error.error_count()} faults"
        raise InputError(Problem("BAD_RECORD", found, "delete it, and everything approved is sent again")) from error


def _withdrawn(catalog: Catalog, known: Mapping[str, _Known]) -> list[str]:
    """Files whose delivery is no longer approved, or that was superseded by nothing."""
    found = approvals(catalog, [one.delivery for one in known.values()])
    return [name for name, one in known.items() if one.delivery not in found or found[one.delivery].ended]


def _take_back(folder: Path, name: str, known: _Known) -> None:
    """Remove what was sent, unless somebody put another file in its place."""
    poster = str(Path(name).with_suffix(".jpg"))
    for file, sha256 in ((name, known.sha256), (poster, known.poster_sha256)):
        path = (folder / file).resolve()
        if path.is_relative_to(folder.resolve()) and sha256 and sha256_of(path) == sha256:
            path.unlink()


def _facts(row: Mapping[str, Any], approval: Approval) -> dict[str, Any]:
    kind = _TYPES.get(Path(row["file"]).suffix, "")
    said = {"approved_by": approval.reviewer, "approved_at": f"{approval.at:%Y-%m-%dT%H:%M:%SZ}", "note": approval.note}
    return {"title": "", **{name: value for name, value in row.items() if name != "state"}, "type": kind, **said}


def _columns(*those: Mapping[str, _Known]) -> list[str]:
    """What every row has, and then what people gave their rows."""
    own = {name: None for known in those for one in known.values() for name in one.row if name not in _FACTS}
    return [*_FACTS, *own]


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


def _entry(row: DeliveryRow, name: str) -> Entry:
    detail = f"{row.width}x{row.height} · {row.seconds:.3g} s · {row.delivery.preset}"
    return Entry(row.delivery.path, Path(name).stem, detail, row.delivery.poster_path)
