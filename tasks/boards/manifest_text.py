"""A new manifest of boards, laid out for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.boards.board import Project
from tasks.boards.numbering import free_name
from tasks.boards.panels import Panel
from tasks.boards.record import SceneRecord
from tasks.boards.row import row_text, written

FOLDER = "boards"
"""Where pictures and sounds lie, beside the manifest."""


def manifest_text(project: Project, scenes: Mapping[str, SceneRecord], rows: Sequence[tuple[str, Panel]]) -> str:
    """The whole manifest; `rows` are ids with their panels, in order."""
    source = " ".join(project.source.split())
    head = [
        f"# Imported from {source[:90]} by `dailies import`.",
        "# Edit it as you like: `dailies import --update` brings in what was redrawn, added, moved or removed in the",
        "# project, keeps what was edited here, and renumbers nothing.",
        "version: 1",
        "kind: storyboard",
        f"name: {written(project.name[:200].strip() or 'Storyboard')}",
        f"roots: [{FOLDER}]",
        "",
        "defaults:",
        "  deliver: [web_1080p]",
        "",
        "scenes:",
        *(line for scene in scenes.values() for line in scene_lines(scene)),
        "",
        "rows:",
    ]
    texts = [row_text(name, panel.values, panel.comment, panel.key) for name, panel in rows]
    return "\n".join(head) + "\n" + "\n".join(texts)


def scene_lines(scene: SceneRecord) -> list[str]:
    """A scene as lines below `scenes:`."""
    title = f"    title: {written(scene.title)}"
    burned = "    burn_in: {top_left: shot, top_right: timecode, bottom_left: panel, bottom_right: frame}"
    return [f"  {scene.slug}:", title, f"    sequence: {scene.sequence}", f"    rate: {scene.rate}", burned]


def first_names(panels: Sequence[Panel]) -> list[str]:
    """Names of the shots of a new manifest: in steps of ten, or after the files where these number them."""
    taken: set[str] = set()
    names: list[str] = []
    for panel in panels:
        own = f"{panel.scene.sequence}_{panel.board.shot_name}" if panel.board.shot_name else ""
        name = own if own and own not in taken else free_name(panel.scene.sequence, None, None, taken)
        names.append(name)
        taken.add(name)
    return names
