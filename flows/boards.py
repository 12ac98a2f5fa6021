"""`dailies import`: boards become a manifest, and an edit that comes back changes one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.import_boards import Imported, import_boards
from flows.json_output import JSON, print_json
from flows.live import TerminalListener
from flows.settings import Settings
from flows.terminal import counted, said
from manifests.errors import InputError, Problem
from manifests.loader import load


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            help="A Storyboarder project or its folder, a Fountain script, a folder of numbered pictures; with "
            "--conform an edited .otio, .edl or .xml.",
            show_default=False,
        ),
    ],
    out_folder: Annotated[Path | None, typer.Option("--out", help="Folder for the manifest and its pictures.")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Bring a redrawn project into a manifest that is there.")
    ] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Draw the boards' annotations too.")] = False,
    script: Annotated[Path | None, typer.Option(help="A Fountain script whose headings name the scenes.")] = None,
    conform: Annotated[
        Path | None, typer.Option(help="The manifest that SOURCE, an edit of one of its scenes, changes.")
    ] = None,
    scene: Annotated[str, typer.Option(help="With --conform: which scene; the exported or only one if left out.")] = "",
    as_json: JSON = False,
) -> int:
    """Make a manifest of boards, or bring an edit back into one."""
    if conform is not None:
        if out_folder or update or notes or script:
            raise typer.BadParameter("an edit changes its manifest and nothing else", param_hint="--conform")
        return _conform(source, conform, scene, as_json)
    if out_folder is None:
        raise typer.BadParameter("the folder that the manifest goes to is missing", param_hint="--out")
    with TerminalListener(Settings(), quiet=as_json) as told:
        imported = import_boards(
            source, out_folder, update=update, notes=notes, script=script,
            progress=lambda done, total: told.step("laying boards", done, total),
        )  # fmt: skip
    if as_json:
        print_json(imported)
    else:
        _print(imported)
    return 0


def _print(imported: Imported) -> None:
    for what in ("added", "redrawn", "moved", "removed", "changed", "kept"):
        for sentence in getattr(imported, what):
            said(f"{what}: {sentence}")
    for sentence in imported.warnings:
        said(f"note: {sentence}")
    said(f"{imported.manifest}: edit it, then `dailies run {imported.manifest}`")


def _conform(edit: Path, manifest: Path, scene: str, as_json: bool) -> int:
    from tasks.editorial.conform import conformed, save
    from tasks.editorial.exported import INDEX, exported_timeline
    from tasks.editorial.read_edit import read_edit
    from tasks.planner.cut import cut_scenes

    folder = edit.parent
    if (folder / INDEX).is_file():
        timeline = exported_timeline(folder)
        if scene not in ("", timeline.name):
            found = f"{edit} was exported of scene '{timeline.name}', --scene asks for '{scene}'"
            raise InputError(Problem("WHICH_SCENE", found, "leave --scene out, or name an edit of that scene"))
    else:
        cuts = {cut.timeline.name: cut.timeline for cut in cut_scenes(load(manifest))[1]}
        name = scene or (next(iter(cuts)) if len(cuts) == 1 else "")
        if name not in cuts:
            raise _which(manifest, scene, list(cuts))
        timeline = cuts[name]
    done = conformed(manifest, read_edit(edit, timeline.rate), timeline)
    if done.changed:
        save(done)
    if as_json:
        print_json({"manifest": manifest, "changed": done.changed, "said": done.said, "removed": done.removed})
        return 0
    for sentence in done.said:
        said(sentence)
    if done.changed:
        said(f"{manifest} is as it was edited; `dailies run {manifest}` makes what changed")
    else:
        said(f"{manifest} is as it was edited already")
    return 0


def _which(manifest: Path, name: str, scenes: Sequence[str]) -> InputError:
    found = f"{manifest} has no scene '{name}'" if name else f"{manifest} has {counted(len(scenes), 'scene')}"
    remedy = f"--scene NAME; scenes: {', '.join(scenes)}" if scenes else "write scenes: into it"
    return InputError(Problem("WHICH_SCENE", found, remedy))
