"""The folder people look into: deliveries and posters under readable names, an index, a contact sheet.

Links or copies of artifacts, each written whole or not at all; never the truth. Delete it and `dailies export` makes
it again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog
from catalog.queries import DeliveryRow, ShotRow
from tasks.contact_sheet import Entry, contact_sheets

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet run a cell as a formula."""

_FIRST = ["id", "variant", "state", "preset", "file", "poster", "width", "height", "rate", "frames", "seconds"]
_LAST = ["bytes", "sha256", "delivery", "error_code", "error"]


@dataclass(frozen=True)
class OutFolder:
    """What was written: files of deliveries by delivery id, and what lists them."""

    folder: Path
    files: Mapping[str, Path]
    index_csv: Path
    index_json: Path
    contact_sheets: Sequence[Path]


def write_out_folder(
    catalog: Catalog,
    folder: Path,
    shots: Sequence[ShotRow],
    deliveries: Sequence[DeliveryRow],
    *,
    copy: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OutFolder:
    """Put `deliveries` of `shots` into `folder`, with posters, `index.csv`, `index.json` and contact sheets.

    Files are hard links where the store is on the same file system, else copies; always copies with `copy`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        shot.id: {one["preset"]: one["name"] for shared in shot.plan["renditions"] for one in shared["deliveries"]}
        for shot in shots
        if shot.plan  # read as it lies there: ten thousand plans need no validation to be listed
    }
    files: dict[str, Path] = {}
    entries: list[Entry] = []
    rows: list[dict[str, Any]] = []
    by_shot: dict[str, list[DeliveryRow]] = {}
    for row in deliveries:
        by_shot.setdefault(row.shot_id, []).append(row)
    done = 0
    for shot in shots:
        rows += [_index_row(shot, None, "", "")] if shot.id not in by_shot else []
        asked = names.get(shot.id, {})
        for row in sorted(by_shot.get(shot.id, ()), key=lambda row: _place(asked, row.delivery.preset)):
            one = row.delivery
            name = asked.get(one.preset, f"{one.id}{Path(one.location).suffix}")
            poster = str(Path(name).with_suffix(".jpg"))
            put(one.path, folder / name, copy=copy or not catalog.store.lasting)
            if (picture := one.poster_path) is not None:
                put(picture, folder / poster, copy=copy or not catalog.store.lasting)
            catalog.place(shot.id, one.id, folder / name)
            files[one.id] = folder / name
            rows.append(_index_row(shot, row, name, poster if one.poster else ""))
            detail = f"{row.width}x{row.height} · {row.seconds:.3g} s · {one.preset}"
            entries.append(Entry(folder / name, Path(name).stem, detail))
            done += 1
            progress(done, len(deliveries))
    columns = _columns(rows)
    return OutFolder(
        folder,
        files,
        _written(folder / "index.csv", _as_csv(rows, columns)),
        _written(folder / "index.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n"),
        contact_sheets(entries, folder) if entries else [],
    )


def put(source: Path, target: Path, *, copy: bool = False) -> None:
    """Make `target` the same bytes as `source`: a link where that is possible, else a copy; replaced in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not copy and target.samefile(source):
        return
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        if copy or not _linked(source, temporary):
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def harmless(value: object) -> object:
    """A cell no spreadsheet runs: text that would be a formula, also after white space, gets a `'` before it."""
    if isinstance(value, str) and value.strip()[:1] in FORMULA and value.strip():
        return f"'{value}"
    return value


def _place(asked: Mapping[str, str], preset: str) -> int:
    """Where in the order of the ask a preset stands."""
    return list(asked).index(preset) if preset in asked else len(asked)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        return False
    return True


def _index_row(shot: ShotRow, row: DeliveryRow | None, name: str, poster: str) -> dict[str, Any]:
    told: dict[str, Any] = {"id": shot.item, "variant": shot.variant, "state": shot.state}
    if row is not None:
        one = row.delivery
        told |= {
            "preset": one.preset,
            "file": name,
            "poster": poster,
            "width": row.width,
            "height": row.height,
            "rate": row.rate,
            "frames": row.frames,
            "seconds": round(row.seconds, 3),
            "bytes": one.bytes,
            "sha256": one.artifact,
            "delivery": one.id,
        }
    if shot.error_code:
        told |= {"error_code": shot.error_code, "error": shot.error_message}
    return {**told, **dict(shot.meta)}


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    own = dict.fromkeys(key for row in rows for key in row if key not in _FIRST and key not in _LAST)
    return [*_FIRST, *own, *_LAST]


def _as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([harmless(column) for column in columns])
    for row in rows:
        writer.writerow([harmless("" if row.get(column) is None else row[column]) for column in columns])
    return text.getvalue()


def _written(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    temporary.write_text(text, encoding="utf-8", newline="")
    temporary.replace(path)
    return path
