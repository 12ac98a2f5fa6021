"""The folder people look into: deliveries and posters under readable names, an index, a contact sheet.

Links or copies of artifacts, each written whole or not at all; never the truth. Delete it and `dailies export` makes
it again.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.queries import DeliveryRow, ShotRow, each_delivery, version_of
from catalog.retirement import Retired
from catalog.store import Store, hash_file
from tasks.contact_sheet import MOST_PLAYED, Entry, contact_sheets
from tasks.out_index import Index
from tasks.planner.cut import KEY
from tasks.planner.scene import is_scene
from tasks.scene.beside import write_beside
from tasks.whole import beside

PLACED_AT_ONCE = 500
"""Deliveries whose places are written down in one transaction."""

log = logging.getLogger("dailies.out_folder")


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
    shots: Iterable[ShotRow],
    deliveries: Iterable[DeliveryRow],
    *,
    copy: bool = False,
    total: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OutFolder:
    """Put `deliveries` of `shots` into `folder`, with posters, `index.csv`, `index.json` and contact sheets.

    Both come in the order of the manifest, as the catalog's queries give them; they may be drawn as they are needed
    (`each_shot`, `each_delivery`), and then `total` says how many deliveries there are. Files are hard links where the
    store is on the same file system, else copies; always copies with `copy`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if total is None:
        deliveries = list(deliveries)
        total = len(deliveries)
    copy = copy or not catalog.store.lasting
    files: dict[str, Path] = {}
    placed: list[tuple[str, str, Path]] = []
    assembled: set[str] = set()
    with Index(folder) as index:
        for shot, rows in served(shots, deliveries):
            if not rows:
                index.add(index_row(shot, None, "", ""))
            for row in rows:
                one = row.delivery
                name = file_name(catalog, shot, one)
                if is_scene(shot.plan):
                    assembled.add(name)
                poster = str(Path(name).with_suffix(".jpg"))
                stood = _lies_there(catalog.store, one.artifact, folder / name)
                if not stood:
                    stood = put(one.path, folder / name, copy=copy)
                if one.poster and not _lies_there(catalog.store, one.poster, folder / poster):
                    put(catalog.store.path(one.poster, one.poster_location or ""), folder / poster, copy=copy)
                if is_scene(shot.plan) and not (stood and (folder / name).with_suffix(".pdf").exists()):
                    write_beside(catalog, shot, one, folder / name)
                files[one.id] = folder / name
                placed.append((shot.id, one.id, folder / name))
                index.add(index_row(shot, row, name, poster if one.poster else ""))
                progress(len(files), 2 * total)
            if len(placed) >= PLACED_AT_ONCE:
                catalog.place_all(placed)
                placed = []
        catalog.place_all(placed)
        played = len(files) <= MOST_PLAYED
        shown = (row for row in index.rows() if "file" in row)
        # An animatic's clips stand on the sheet already.
        entries = (_entry(folder, row, played and row["file"] not in assembled) for row in shown)
        count = len(files)
        sheets = contact_sheets(entries, folder, progress=lambda done: progress(count + done, 2 * count))
        return OutFolder(folder, files, *index.written(), sheets)


def withdraw(catalog: Catalog, folder: Path, run_id: str, retired: Sequence[Retired]) -> int:
    """Take files of retired deliveries, and their posters, out of a run's folder; how many clips.

    Only what lies where it was put, still has those bytes, and has not become another shot's since. Scenes stay: they
    are versions. A file that cannot be taken out is told, and stays.
    """
    gone = [(one, Path(place)) for one in retired if not one.shot_key.startswith(KEY) for place in one.places]
    gone = [(one, place) for one, place in gone if place.is_relative_to(folder) and place.is_file()]
    if not gone:
        return 0
    taken = {row.placed_path for row in each_delivery(catalog, run_id)}
    count = 0
    for one, place in gone:
        try:
            if str(place) in taken or hash_file(place) != one.artifact:
                continue
            poster = place.with_suffix(".jpg")
            if one.poster and poster.is_file() and hash_file(poster) == one.poster:
                poster.unlink()
            place.unlink()
        except OSError as error:
            log.warning("retired, and still in the out folder: %s", error)
            continue
        count += 1
        for parent in place.relative_to(folder).parents[:-1]:
            with suppress(OSError):  # something else is in it
                (folder / parent).rmdir()
    return count


def served(
    shots: Iterable[ShotRow], deliveries: Iterable[DeliveryRow]
) -> Iterator[tuple[ShotRow, Sequence[DeliveryRow]]]:
    """Each shot with its deliveries, in the order of its ask; both rise by run and by place in it.

    Deliveries of other shots are left out.
    """
    groups = groupby(deliveries, key=lambda row: row.shot_id)
    here, rows = next(groups, ("", ()))
    for shot in shots:
        while here and _order(here) < _order(shot.id):
            here, rows = next(groups, ("", ()))
        asked = list(_names(shot))
        yield shot, sorted(rows if here == shot.id else (), key=lambda row: _place(asked, row.delivery.preset))


def _order(shot_id: str) -> tuple[str, int]:
    run, _, position = shot_id.rpartition(".")
    return run, int(position)


def file_name(catalog: Catalog, shot: ShotRow, one: Delivered) -> str:
    """What the file of a delivery is called, as its shot was planned; an animatic's versions count up."""
    name = _names(shot).get(one.preset, f"{one.id}{Path(one.location).suffix}")
    if not is_scene(shot.plan):
        return name
    return str(Path(name).with_stem(f"{Path(name).stem}_v{version_of(catalog, one):03}"))


def _names(shot: ShotRow) -> dict[str, str]:
    """Preset -> file name, as planned; read as it lies there: ten thousand plans need no validation to be listed."""
    shared = shot.plan.get("renditions", ())
    return {one["preset"]: one["name"] for rendition in shared for one in rendition["deliveries"]}


def _entry(folder: Path, row: Mapping[str, Any], played: bool) -> Entry:
    detail = f"{row['width']}x{row['height']} · {row['seconds']:.3g} s · {row['preset']}"
    poster = folder / row["poster"] if row["poster"] else None
    return Entry(folder / row["file"], Path(row["file"]).stem, detail, poster, played)


def put(source: Path, target: Path, *, copy: bool = False) -> bool:
    """Make `target` the same bytes as `source`: a link where that is possible, else a copy; replaced in one step.

    Whether it was the very same file already.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not copy and target.samefile(source):
        return True
    with beside(target) as temporary:
        if copy or not _linked(source, temporary):
            shutil.copyfile(source, temporary)
    return False


def _lies_there(store: Store, sha256: str, target: Path) -> bool:
    """Whether a copy was put there before, where links are not possible: to hash it is less than to fetch it again."""
    return not store.lasting and target.is_file() and hash_file(target) == sha256


def _place(asked: Sequence[str], preset: str) -> int:
    return asked.index(preset) if preset in asked else len(asked)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        return False
    return True


def index_row(shot: ShotRow, row: DeliveryRow | None, name: str, poster: str) -> dict[str, Any]:
    """A delivery's line of an index, with the row's own columns; of a shot without deliveries, what became of it."""
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
