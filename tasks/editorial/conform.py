"""Conform: a scene's rows put in the order and lengths an editor cut them to."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import InputError, Problem
from manifests.textfile import UnreadableError, read_text
from tasks.editorial.as_cut import AsCut, as_cut
from tasks.editorial.edit import Edit
from tasks.editorial.manifest_edit import Wanted, rewritten
from tasks.editorial.yaml_rows import find_rows, scene_seconds
from tasks.scene.timeline import Timeline
from tasks.whole import write_whole

_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF8: "utf-8"}


@dataclass(frozen=True)
class Conformed:
    """A manifest as an edit wants it; nothing is written before `save`.

    `said` are sentences: what changed, and what the manifest cannot carry. `removed` are the rows that were taken out,
    by id, as they were written.
    """

    manifest: Path
    before: bytes
    after: bytes
    said: tuple[str, ...]
    removed: Mapping[str, str]

    @property
    def changed(self) -> bool:
        """The edit asks for anything that the manifest does not say already."""
        return self.before != self.after


def conformed(manifest: Path, edit: Edit, timeline: Timeline) -> Conformed:
    """The manifest with the rows of `timeline` in the edit's order and lengths; other rows stay where they are.

    `timeline` is the one that was exported: its names find the rows. A shot that is in the edit twice becomes two rows,
    the second a copy whose id ends in `-2`. Where the scene says `seconds`, its rows only share them: when any length
    changes, every row gets its frames, and the scene the seconds they come to.

    Raises InputError: `EDIT_OTHER_SCENE` where no shot of the edit is of the scene, `EDIT_LENGTH` for one shorter or
    longer than a shot may be, and those of `manifests.textfile` and `rewritten`.
    """
    try:
        text = read_text(manifest, str(manifest))
    except UnreadableError as error:
        raise InputError(error.problem) from error
    data = manifest.read_bytes()
    mark = next((mark for mark in _WIDE if data.startswith(mark)), b"")
    cut = as_cut(edit, timeline)
    rows = frozenset(row.id for row in find_rows(text, str(manifest)).rows)
    shares = scene_seconds(text, timeline.name) is not None
    anew = shares and bool(cut.removed or any(one.copy or one.retimed for one in cut.shots))
    wanted = tuple(_wanted(one, rows, all_lengths=anew) for one in cut.shots)
    scene = {row_id(event.key, rows) for event in timeline.events}
    result, removed = rewritten(text, str(manifest), scene, wanted, timeline.rate)
    said = cut.said
    if anew and (place := scene_seconds(result, timeline.name)):
        seconds = f"{float(sum(one.frames for one in cut.shots) / timeline.rate):.6f}".rstrip("0").rstrip(".")
        result = result[: place[0]] + seconds + result[place[1] :]
        said = (*said, f"The scene is now {seconds} seconds long, and each of its rows says its frames.")
    return Conformed(manifest, data, mark + result.encode(_WIDE.get(mark, "utf-8")), said, removed)


def row_id(key: str, rows: Collection[str]) -> str:
    """The row an event's key is of: of a row with variants, the key says which one as well."""
    return key if key in rows else max((row for row in rows if key.startswith(f"{row}#")), key=len, default=key)


def _wanted(one: AsCut, rows: frozenset[str], *, all_lengths: bool) -> Wanted:
    """The row of a shot, with its length where that changed, or where all are written."""
    own, copy = row_id(one.key, rows), ""
    if one.copy:
        copy = next(name for n in range(one.copy, 10**6) if (name := f"{own}-{n}") not in rows)
    return Wanted(own, one.frames if all_lengths or one.retimed else None, copy)


def save(result: Conformed) -> None:
    """Write the manifest in one step. Raises InputError (`MANIFEST_CHANGED`) where somebody else did meanwhile."""
    if result.manifest.read_bytes() != result.before:
        message = f"{result.manifest} was changed since it was read; nothing was written"
        raise InputError(Problem("MANIFEST_CHANGED", message, "conform it again", str(result.manifest)))
    write_whole(result.manifest, result.after, mode=result.manifest.stat().st_mode & 0o777)
