"""`dailies export`: deliveries copied to a folder, what is approved sent on, or a scene as an editor opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from catalog.queries import DeliveryRow, ShotRow, deliveries_of, each_shot, shots_of
from flows.chosen import chosen_run
from flows.json_output import JSON, print_json
from flows.live import TerminalListener
from flows.settings import Settings
from flows.terminal import counted, said
from flows.workshop import workshop
from manifests.errors import InputError, Problem
from tasks.approved_folder import write_approved
from tasks.out_folder import write_out_folder
from tasks.planner.scene import ScenePlan, is_scene
from tasks.receivers import PLAIN, Receiver, receiver
from tasks.scene.clips import clips_of
from tasks.tools import Tools

_HANDLES: Final = 12


def export(
    folder: Annotated[Path, typer.Argument(help="Where to put the files.", show_default=False)],
    run_id: Annotated[str, typer.Option("--run", help="Deliveries of this run; else of the latest run.")] = "",
    preset: Annotated[str, typer.Option(help="Only this preset.")] = "",
    item: Annotated[str, typer.Option(help="Only this item.")] = "",
    tag: Annotated[str, typer.Option(help="Only items with this tag.")] = "",
    approved: Annotated[
        bool, typer.Option("--approved", help="Only what a person approved, and of that only what changed since.")
    ] = False,
    index: Annotated[
        str, typer.Option(help="With --approved: columns of index.csv: plain, dam, shop or a YAML file.")
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="With --approved: also what was sent before.")] = False,
    editor: Annotated[
        bool, typer.Option("--editor", help="A scene for an editor: ProRes shots, sounds, OTIO, EDL and FCP7 XML.")
    ] = False,
    scene: Annotated[str, typer.Option(help="With --editor: which scene; the only one if left out.")] = "",
    handles: Annotated[
        int | None, typer.Option(min=0, max=240, help="With --editor: held frames at both ends; 12 if left out.")
    ] = None,
    as_json: JSON = False,
) -> int:
    """Copy deliveries, posters, index and contact sheet to a folder; with --approved what a person approved, as it
    changed; with --editor a scene's shots and timelines."""
    settings = Settings()
    _refuse_contradictions(
        editor,
        approved,
        of_approved={"--again": again, "--index": bool(index)},
        of_editor={"--scene": bool(scene), "--handles": handles is not None},
        narrowing={"--preset": bool(preset), "--item": bool(item), "--tag": bool(tag)},
    )
    to = receiver(index or settings.approved_index) if approved else receiver(PLAIN)
    with workshop(settings) as tools, TerminalListener(settings, quiet=as_json) as told:
        run = chosen_run(tools.catalog, run_id)
        try:
            if editor:
                held = _HANDLES if handles is None else handles
                return _for_editors(tools, run, folder.absolute(), scene, held, told, as_json)
            if approved:
                return _sent(tools, run, folder.absolute(), (preset, item, tag), to, again, told, as_json)
            return _copied(tools, run, folder, (preset, item, tag), told, as_json)
        except OSError as error:
            found = f"'{folder}' cannot be written: {error.strerror or error}"
            raise InputError(Problem("FOLDER_AWAY", found, "make it writable, make room, or name another")) from error


def _refuse_contradictions(
    editor: bool,
    approved: bool,
    *,
    of_approved: Mapping[str, bool],
    of_editor: Mapping[str, bool],
    narrowing: Mapping[str, bool],
) -> None:
    """Options, and whether each was given. Raises InputError where one would say nothing."""
    given = [[name for name, is_given in some.items() if is_given] for some in (of_approved, of_editor, narrowing)]
    if editor and (clash := [*(["--approved"] if approved else []), *given[0], *given[2]]):
        found = f"--editor writes a whole scene, and {', '.join(clash)} would say nothing"
        raise InputError(Problem("EDITOR_ALONE", found, "leave it out, or leave out --editor"))
    if given[0] and not approved:
        found = f"{given[0][0]} says how approved files are sent"
        raise InputError(Problem("NEEDS_APPROVED", found, "add --approved"))
    if given[1] and not editor:
        found = f"{given[1][0]} says how a scene is written for an editor"
        raise InputError(Problem("NEEDS_EDITOR", found, "add --editor"))


def _copied(
    tools: Tools, run: str, folder: Path, wanted: tuple[str, str, str], told: TerminalListener, as_json: bool
) -> int:
    rows = _chosen(tools, run, wanted)
    for row in rows:
        tools.catalog.verify(row.delivery.artifact)
    shots = shots_of(tools.catalog, run)
    if any(wanted):
        served = {row.shot_id for row in rows}
        shots = [shot for shot in shots if shot.id in served]
    made = write_out_folder(
        tools.catalog,
        folder.absolute(),
        shots,
        rows,
        copy=True,
        progress=lambda done, total: told.step("copying", done, total),
    )
    if as_json:
        print_json({"run": run, "folder": made.folder, "files": list(made.files.values()), "index": made.index_csv})
    else:
        said(f"{made.folder} has {counted(len(made.files), 'delivery', 'deliveries')} of run {run}")
    return 0


def _sent(
    tools: Tools,
    run: str,
    folder: Path,
    wanted: tuple[str, str, str],
    to: Receiver,
    again: bool,
    told: TerminalListener,
    as_json: bool,
) -> int:
    rows = _chosen(tools, run, wanted)
    done = write_approved(
        tools.catalog,
        folder,
        each_shot(tools.catalog, run),
        rows,
        to,
        again=again,
        progress=lambda done, total: told.step("sending", done, total),
    )
    if as_json:
        print_json({"run": run, **asdict(done)})
        return 0
    said(
        f"{done.folder}: {len(done.new)} new, {len(done.replaced)} replaced, {len(done.withdrawn)} withdrawn, "
        f"{len(done.standing)} as they were; {done.changes.name} lists what changed, {done.index.name} everything sent"
    )
    if not rows or len(done.new) + len(done.replaced) + len(done.standing) == 0:
        said(f"nothing of run {run} is approved: look at it on the dashboard's Review page")
    return 0


def _chosen(tools: Tools, run: str, wanted: tuple[str, str, str]) -> list[DeliveryRow]:
    preset, item, tag = wanted
    return deliveries_of(tools.catalog, run_id=run, preset=preset or None, item=item or None, tag=tag or None)


def _for_editors(
    tools: Tools, run: str, folder: Path, name: str, handles: int, told: TerminalListener, as_json: bool
) -> int:
    from tasks.editorial.folder import Sound, write_editor_folder  # timelines are loaded for this alone

    plan = _scene(shots_of(tools.catalog, run), run, name)
    found = clips_of(tools.catalog, plan, run)
    clips: dict[str, Path] = {}
    for event in plan.events:
        if (standing := found.get(event.ask_sha256)) is not None:
            tools.catalog.verify(standing.artifact)
            clips[event.key] = standing.path
    rate = Fraction(plan.rate)
    sounds = [
        Sound(Path(one.path).stem, tools.catalog.store.path(one.sha256), round(Fraction(one.at) * rate))
        for one in plan.sounds
        if tools.catalog.holds(one.sha256)
    ]
    made = write_editor_folder(
        folder,
        plan.timeline,
        clips,
        sounds,
        handles=handles,
        ffmpeg=tools.ffmpeg,
        progress=lambda done, total: told.step("writing shots", done, total),
    )
    if as_json:
        facts: dict[str, Any] = {"run": run, "scene": plan.scene, "folder": made.folder, "said": made.said}
        print_json(facts | {"otio": made.otio, "edl": made.edl, "fcp7": made.fcp7, "written": made.written})
        return 0
    for sentence in made.said:
        said(sentence)
    said(f"{made.folder} has {counted(len(made.media), 'shot')} of scene {plan.scene}: {made.otio.name}, "
         f"{made.edl.name}, {made.fcp7.name}")  # fmt: skip
    return 0


def _scene(shots: Sequence[ShotRow], run: str, name: str) -> ScenePlan:
    """The plan of the scene that is meant. Raises InputError."""
    plans = [ScenePlan.model_validate(shot.plan) for shot in shots if is_scene(shot.plan)]
    scenes = {plan.scene: plan for plan in plans}
    if name in scenes or (not name and len(scenes) == 1):
        return scenes[name or next(iter(scenes))]
    found = f"run {run} has no scene '{name}'" if name else f"run {run} has {counted(len(scenes), 'scene')}"
    remedy = "scenes: " + ", ".join(scenes) if scenes else "write scenes: into its manifest and run it again"
    raise InputError(Problem("WHICH_SCENE", found, f"--scene NAME; {remedy}" if scenes else remedy))
