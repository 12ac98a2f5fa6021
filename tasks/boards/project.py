"""Which kind of source a path is, and all scenes of it: one Storyboarder scene, a script's scenes, or pictures.

A script's project is a Fountain file with a folder `storyboards` beside it. In that, a scene's folder ends with the
part of the scene's number in the script that Storyboarder gave it: `Scene-2-INT-A-PLACE-DAY-2-FA5K7` is scene
`#2-FA5K7#` (its `src/js/window/main-window.js`, where a script's scene is opened).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from manifests.errors import ManifestError, Problem
from tasks.boards.board import BoardScene, Project
from tasks.boards.fields import Told
from tasks.boards.fountain import Heading, read_headings
from tasks.boards.pictures import natural, picture_files, read_pictures
from tasks.boards.storyboarder import read_scene

MOST_SCENES = 200
"""As many as a manifest takes."""
_SCENE = re.compile(r"Scene-(?P<number>[^-]+)-(?P<title>.*?)(?:-(?P=number))?-(?P<id>[^-]+)")


def read_project(source: Path, script: Path | None = None) -> Project:
    """All boards of `source`: a `.storyboarder` file or its folder, a script or its folder, a folder of pictures.

    `script` names the scenes; without it, a single Fountain file beside the scenes does. Nothing is written.

    Raises:
        ManifestError: SOURCE_MISSING, SOURCE_AMBIGUOUS, SOURCE_UNKNOWN, NO_BOARDS, FILE_MISSING, NOT_A_FILE,
            TOO_LARGE, BAD_ENCODING, BAD_JSON, BAD_PATH, WRONG_TYPE or PATH_OUTSIDE, all that were found.
    """
    told = Told()
    try:
        name, scenes = _read(source, script, told)
    except OSError as error:
        found = f"{source} cannot be read: {error.strerror or error}"
        raise _refused("NOT_A_FILE", found, "check its rights", source) from error
    told.refuse()
    empty = [scene for scene in scenes if not scene.boards]
    told.warnings.extend(f"the scene {scene.key} has no boards and is left out" for scene in empty)
    filled = tuple(scene for scene in scenes if scene.boards)
    if not filled:
        remedy = "draw a board first, or name another project"
        raise _refused("NO_BOARDS", "there are no boards in it", remedy, source)
    return Project(name, source.name or str(source), filled, tuple(told.warnings))


def _read(source: Path, script: Path | None, told: Told) -> tuple[str, Sequence[BoardScene]]:
    if not source.exists():
        raise _refused("SOURCE_MISSING", f"there is no {source}", "name a project's file or folder", source)
    if source.suffix.lower() == ".storyboarder" and source.is_file():
        return _one(source, script, told)
    if source.suffix.lower() == ".fountain" and source.is_file():
        return _several(source.parent / "storyboards", script or source, source.stem, told)
    if not source.is_dir():
        remedy = "name a .storyboarder file, a .fountain script or a folder"
        raise _refused("SOURCE_UNKNOWN", f"{source.name} is no storyboard", remedy, source)
    files = _scene_files(source)
    if len(files) > 1:
        listed = ", ".join(path.name for path in files[:3])
        raise _refused("SOURCE_AMBIGUOUS", f"{len(files)} scenes lie in it: {listed}", "name one of them", source)
    if files:
        return _one(files[0], script, told)
    for folder in (source / "storyboards", source):
        if folder.is_dir() and any(_scene_files(below) for below in folder.iterdir() if below.is_dir()):
            home = folder.resolve().parent if folder.name == "storyboards" else folder.resolve()
            return _several(folder, script or _script_in(home, told), home.name, told)
    if not picture_files(source):
        remedy = "name a folder with a .storyboarder file, with storyboards/, or with numbered pictures"
        raise _refused("NO_BOARDS", "there is neither a scene nor a picture in it", remedy, source)
    scene = read_pictures(source, told)
    if script is not None:
        scene = replace(scene, title=_title(scene.title, _headings(script, told)))
    return scene.title, [scene]


def _one(path: Path, script: Path | None, told: Told) -> tuple[str, Sequence[BoardScene]]:
    home = path.resolve().parent
    script = script or _script_in(home, told)
    if script is None and home.parent.name == "storyboards":
        script = _script_in(home.parent.parent, told)
    title = _title(path.stem, _headings(script, told)) if script else _plain_title(path.stem)
    return title, [read_scene(path, title, told, set())]


def _several(folder: Path, script: Path | None, name: str, told: Told) -> tuple[str, Sequence[BoardScene]]:
    if not folder.is_dir():
        remedy = "open it in Storyboarder first, or name a .storyboarder file"
        raise _refused("NO_BOARDS", "no folder storyboards lies beside the script", remedy, folder.parent)
    files: list[Path] = []
    for below in sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: natural(path.name)):
        inside = _scene_files(below)
        if len(inside) > 1:
            named = [path for path in inside if path.stem == below.name]
            told.warnings.append(
                f"{below.name} holds {len(inside)} scenes; {'its own' if named else 'the first'} is read"
            )
            inside = named or inside
        files.extend(inside[:1])
    headings = _headings(script, told) if script else ()
    ids = [_id(heading.number) or f"G{count}" for count, heading in enumerate(headings, 1)]
    places = {path: ids.index(_id(path.stem)) for path in files if _id(path.stem) in ids}
    ordered = [*sorted(places, key=lambda path: places[path]), *(path for path in files if path not in places)]
    if len(ordered) > MOST_SCENES:
        found = f"{len(ordered)} scenes, at most {MOST_SCENES} are read"
        raise _refused("TOO_LARGE", found, "name the scenes one by one", folder)
    taken: set[str] = set()
    scenes: list[BoardScene] = []
    for path in ordered:
        title = headings[places[path]].title if path in places else _plain_title(path.stem)
        if headings and path not in places:
            told.warnings.append(f"the scene {path.stem} is not in the script and comes last")
        scenes.append(read_scene(path, title, told, taken))
    return name, scenes


def _scene_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ".storyboarder" and not path.name.startswith(".") and path.is_file()
    )


def _script_in(folder: Path, told: Told) -> Path | None:
    scripts = sorted(path for path in folder.glob("*.fountain") if not path.name.startswith(".") and path.is_file())
    if len(scripts) > 1:
        told.warnings.append(f"{len(scripts)} scripts lie in {folder.name}; none is read, name one with --script")
    return scripts[0] if len(scripts) == 1 else None


def _headings(script: Path, told: Told) -> tuple[Heading, ...]:
    headings = read_headings(script)
    if not headings:
        told.warnings.append(f"{script.name} has no scene headings")
    return headings


def _title(stem: str, headings: Sequence[Heading]) -> str:
    """The heading of the scene `stem`: by its id, else by its number, else the script's only one."""
    scene = _SCENE.fullmatch(stem)
    if scene:
        for heading in headings:
            if heading.number and _id(heading.number) == scene["id"]:
                return heading.title
        for heading in headings:
            if heading.number.split("-")[0] == scene["number"]:
                return heading.title
        if scene["number"].isdecimal() and 0 < int(scene["number"]) <= len(headings):
            numbered = headings[int(scene["number"]) - 1]
            return numbered.title if not numbered.number else _plain_title(stem)
    return headings[0].title if len(headings) == 1 else _plain_title(stem)


def _plain_title(stem: str) -> str:
    """`Scene-2-INT-A-PLACE-DAY-2-50YWC` -> `INT A PLACE DAY`."""
    scene = _SCENE.fullmatch(stem)
    return (scene["title"].replace("-", " ").strip() if scene else "") or stem


def _id(number: str) -> str:
    return number.split("-")[-1]


def _refused(code: str, found: str, remedy: str, path: Path) -> ManifestError:
    return ManifestError([Problem(code, found, remedy, str(path))])
