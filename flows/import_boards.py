"""Import of boards: a storyboard drawn elsewhere becomes a manifest with its pictures, or brings one up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from manifests.errors import ManifestError, Problem
from manifests.loader import load
from manifests.textfile import UnreadableError, read_text
from tasks.boards.manifest_text import FOLDER, first_names, manifest_text
from tasks.boards.media import Shelf
from tasks.boards.panels import Panel, make_panels, scene_records
from tasks.boards.project import read_project
from tasks.boards.record import NAME, BoardRecord, Record, SceneRecord, read_record, write_record
from tasks.boards.update import updated
from tasks.whole import write_whole

MANIFEST = "storyboard.yaml"
"""The manifest's name in the folder it is imported to."""


@dataclass(frozen=True)
class Imported:
    """What an import made: the manifest, and a report in short sentences, each about a row, a board or a scene.

    `added` and `removed`: rows by id; `redrawn`: rows whose picture changed; `moved`: rows that stand elsewhere;
    `changed`: rows and the keys taken over from the project; `kept`: edits by hand that the project contradicts.
    """

    manifest: Path
    added: tuple[str, ...] = ()
    redrawn: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class _Report:
    added: list[str] = field(default_factory=list[str])
    moved: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])


def _silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def import_boards(
    source: Path,
    out: Path,
    *,
    update: bool = False,
    notes: bool = False,
    script: Path | None = None,
    progress: Callable[[int, int], None] = _silent,
) -> Imported:
    """Write `out`/storyboard.yaml and `out`/boards/ from the project, script or folder of pictures at `source`.

    `update`: bring an earlier import up to the project instead. `notes`: draw the boards' annotations into the
    pictures. `script`: the Fountain file whose headings name the scenes. `progress` is told boards done and in all.

    Raises:
        ManifestError: the source is refused (see `tasks.boards.project.read_project`); MANIFEST_EXISTS without
            `update`, MANIFEST_MISSING or the manifest's own problems with it; OUT_UNUSABLE. Nothing was written then.
    """
    manifest, folder = out / MANIFEST, out / FOLDER
    text = _standing(manifest, folder, update)
    project = read_project(source, script)
    if source.is_dir() and folder.resolve() == source.resolve():
        raise _refused("OUT_UNUSABLE", "the pictures would be written over themselves", "name another folder", out)
    report = _Report(warnings=list(project.warnings))
    record = read_record(folder / NAME, report.warnings) if update else Record()
    scenes = scene_records(project, record)
    if text is not None:
        updated(text, str(manifest), (), {}, Record())  # refuses before anything is written
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shelf = Shelf(folder, record.boards)
        panels = make_panels(project, scenes, shelf, notes=notes, progress=progress)
        if text is None:
            names = dict(zip((panel.key for panel in panels), first_names(panels), strict=True))
            report.added.extend(names.values())
            new = manifest_text(project, scenes, [(names[panel.key], panel) for panel in panels])
        else:
            done = updated(text, str(manifest), panels, scenes, record)
            new, names = done.text, done.names
            for name in ("added", "moved", "removed", "changed", "kept"):
                getattr(report, name).extend(getattr(done, name))
        if new != text:
            write_whole(manifest, new.encode())
        write_record(folder / NAME, _remembered(record, panels, names, scenes))
    except OSError as error:
        found = f"{error.filename or out} cannot be written: {error.strerror or error}"
        raise _refused("OUT_UNUSABLE", found, "name a folder that can be written", out) from error
    report.warnings.extend(shelf.warnings)
    report.warnings.extend(_refused_rows(manifest, folder, panels))
    return Imported(
        manifest=manifest,
        added=tuple(report.added),
        redrawn=tuple(f"{names[key]} (board {key})" for key in shelf.redrawn if key in names),
        moved=tuple(report.moved),
        removed=tuple(report.removed),
        changed=tuple(report.changed),
        kept=(*report.kept, *shelf.kept),
        warnings=tuple(dict.fromkeys(report.warnings)),
    )


def _standing(manifest: Path, folder: Path, update: bool) -> str | None:
    """The text of the manifest that is to be updated, None where a new one is written."""
    if update:
        if not manifest.is_file():
            remedy = "leave --update out to import it for the first time"
            raise _refused("MANIFEST_MISSING", f"there is no {MANIFEST} to update", remedy, manifest)
        try:
            return read_text(manifest, str(manifest))
        except UnreadableError as error:
            raise ManifestError([error.problem]) from error
    if manifest.exists() or manifest.is_symlink():
        remedy = "bring it up to date with --update, or name another folder"
        raise _refused("MANIFEST_EXISTS", f"there is an imported {MANIFEST} already", remedy, manifest)
    if (folder / NAME).exists():
        found = f"{MANIFEST} of an earlier import is gone, its pictures are still there"
        remedy = f"put it back and use --update, or remove {FOLDER}/{NAME} to begin anew"
        raise _refused("MANIFEST_EXISTS", found, remedy, folder / NAME)
    return None


def _remembered(before: Record, panels: list[Panel], names: dict[str, str], scenes: dict[str, SceneRecord]) -> Record:
    now = {panel.key: panel.record(names[panel.key]) for panel in panels}
    gone = {
        key: BoardRecord(board.id, board.scene, board.values, board.picture, board.sound, gone=True)
        for key, board in before.boards.items()
        if key not in now
    }
    return Record({**before.scenes, **scenes}, {**gone, **now}, [panel.key for panel in panels])


def _refused_rows(manifest: Path, folder: Path, panels: list[Panel]) -> list[str]:
    """What a run would refuse of the manifest as it stands, but for pictures that were told to be missing."""
    missing = {panel.picture.name for panel in panels if not (folder / panel.picture.name).exists()}
    try:
        problems = [problem for row in load(manifest).refused for problem in row.problems]
    except ManifestError as error:
        problems = list(error.problems)
    return [
        str(problem)
        for problem in problems
        if not (problem.code == "PICTURE_MISSING" and any(f"'{name}'" in problem.message for name in missing))
    ]


def _refused(code: str, found: str, remedy: str, path: Path) -> ManifestError:
    return ManifestError([Problem(code, found, remedy, str(path))])
