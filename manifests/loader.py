"""From a manifest file to items and shots, or to everything that is wrong with it at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from manifests.asks import Asks
from manifests.columns import Columns
from manifests.errors import ManifestError, Problem
from manifests.faults import nearest, problems_of
from manifests.header import Header, Limits, RowsFile
from manifests.items import Items, missing_sound
from manifests.keys import ask_keys, is_key, path_of
from manifests.layers import Layer, place_of
from manifests.manifest import Manifest
from manifests.marked import Document, Marked, MarkedList, YamlError, read
from manifests.paths import Pictures
from manifests.rows import Row, csv_rows, inline_rows, jsonl_rows
from manifests.scene import Scene
from manifests.textfile import UnreadableError, read_text

LARGEST_HEADER = 1024 * 1024
"""Characters of a manifest whose rows lie in a file of their own."""

ASIDE = ("defaults", "profiles", "rows")
"""Keys of a manifest that are read apart from its head."""

_STAND_IN = Header(version=1)
"""For a head that is refused: what is wrong with the rows is told all the same."""


def load(path: Path, overrides: Sequence[str] = (), *, strict: bool = False) -> Manifest:
    """The manifest at `path`, complete and checked; nothing is written and no picture is opened.

    A bad row is left out and told in `Manifest.refused`. Where nothing is left, where something is wrong with more
    than single rows, or with `strict`, the whole manifest is refused.

    Precedence: built-in < `defaults` < profile < row < `overrides`, each of which is `key=value` with a dotted key and
    a YAML value (`motion.amount=0.2`, `deliver=[web_1080p, instagram_reel]`).

    Raises:
        ManifestError: with every problem found, in the order of file and line.
    """
    problems: list[Problem] = []
    try:
        manifest = _load(path, overrides, problems)
    except (UnreadableError, YamlError) as error:
        raise ManifestError([*problems, error.problem]) from error
    refused = manifest.refused if manifest else ()
    if problems or manifest is None or (refused and (strict or not manifest.shots)):
        # A fault of a default comes up in every row it reaches; told once it is enough.
        once = dict.fromkeys([*problems, *(problem for row in refused for problem in row.problems)])
        raise ManifestError(
            sorted(once, key=lambda problem: (problem.file != str(path), problem.file, problem.line or 0))
        )
    return manifest


def _load(path: Path, overrides: Sequence[str], problems: list[Problem]) -> Manifest | None:
    file = str(path)
    text = read_text(path, file)
    document = read(text, file)
    written = document.value
    problems.extend(_of_the_head(document))
    if written is None:
        raise ManifestError([Problem("EMPTY_MANIFEST", "the manifest is empty", "write version: 1 and rows:", file)])
    if not isinstance(written, Marked):
        found = "a manifest is a mapping with version: and rows:"
        raise ManifestError([Problem("WRONG_TYPE", found, "write version: 1 and rows:", file, 1)])
    if not isinstance(written.get("rows"), list) and len(text) > LARGEST_HEADER:
        found = f"{len(text)} characters without rows, at most {LARGEST_HEADER} are read"
        raise ManifestError([Problem("TOO_LARGE", found, "put rows under rows:, or in a CSV", file)])
    header = _header(written, file, problems)
    asks = Asks(written, file, header.kind if header else "product", _overrides(overrides, problems), problems)
    if header and header.profile and header.profile not in asks.profiles:
        near = nearest(header.profile, asks.profiles)
        remedy = f"did you mean {near}?" if near else "profiles: " + (", ".join(asks.profiles) or "none are written")
        found = f"profile: there is no profile '{header.profile}'"
        problems.append(Problem("UNKNOWN_PROFILE", found, remedy, file, written.lines["profile"]))
    home = Path(os.path.abspath(path)).parent  # noqa: PTH100 - a link to a manifest keeps the folder of the link
    roots = tuple(home / root for root in header.roots) if header else (home,)
    for root in roots:
        if not root.is_dir():
            found = f"roots: there is no folder {root}"
            problems.append(Problem("ROOT_MISSING", found, "name an existing folder", file, written.lines.get("roots")))
    limits = header.limits if header else Limits()
    scenes = header.scenes if header else {}
    items = Items(asks, Pictures(roots), limits, header.profile if header else None, scenes)
    for row in _rows(written, home, file, problems):
        if not items.add(row):
            break
    items.finish(file, written.lines.get("rows"))
    head = header or _STAND_IN
    manifest = Manifest(
        version=head.version,
        kind=head.kind,
        name=head.name or path.stem,
        file=home / path.name,
        out_folder=Path(os.path.normpath(home / head.out.folder)),
        out_template=head.out.template,
        roots=items.pictures.roots,
        items=(),
        shots=(),
        scenes={name: _located(name, scene, items.pictures, written, file, problems) for name, scene in scenes.items()},
        schedule=head.schedule,
        review=head.review,
    )
    manifest = items.collected(manifest)
    return manifest if problems else dataclasses.replace(manifest, sha256=manifest.digest())


def _located(name: str, scene: Scene, pictures: Pictures, written: Marked, file: str, problems: list[Problem]) -> Scene:
    """The scene with the absolute, checked path of its sound."""
    if scene.sound.path is None:
        return scene
    answer = pictures.find(str(scene.sound.path))
    if isinstance(answer, Problem):
        fault, line = missing_sound(answer), written.lines.get("scenes")
        message = f"scenes.{name}.sound: {fault.message}"
        problems.append(dataclasses.replace(fault, message=message, file=file, line=line))
        return scene
    return scene.model_copy(update={"sound": scene.sound.model_copy(update={"path": answer})})


def _of_the_head(document: Document) -> list[Problem]:
    """What was wrong with the YAML itself, less what is inside single rows: those tell it."""
    rows = cast("dict[str, object]", document.value).get("rows") if isinstance(document.value, Marked) else None
    by_row = rows.faults if isinstance(rows, MarkedList) else {}
    inside = {fault for faults in by_row.values() for fault in faults}
    return [problem for problem in document.problems if problem not in inside]


def _header(written: Marked, file: str, problems: list[Problem]) -> Header | None:
    layer = Layer(written, file)
    head: dict[str, Any] = {key: value for key, value in written.items() if key not in ASIDE and value is not None}
    try:
        return Header.model_validate(head)
    except ValidationError as error:
        schema = Header.model_json_schema()
        schema["properties"] |= {key: {} for key in ASIDE}  # so that a near miss of them is recognised
        problems.extend(problems_of(error, head, schema, lambda path: place_of(path, [layer], layer)))
        return None


def _rows(written: Marked, home: Path, file: str, problems: list[Problem]) -> Iterator[Row]:
    rows = written.get("rows")
    if isinstance(rows, MarkedList):
        yield from inline_rows(rows, file)
    elif isinstance(rows, Marked):
        yield from _rows_file(rows, home, file, problems)
    elif rows is not None:
        remedy = "write - id: ... rows below it, or rows: {csv: file.csv}"
        problems.append(
            Problem("WRONG_TYPE", "rows: is neither a list nor a mapping", remedy, file, written.lines["rows"])
        )


def _rows_file(rows: Marked, home: Path, file: str, problems: list[Problem]) -> Iterator[Row]:
    layer = Layer(rows, file)
    asked = {key: value for key, value in rows.items() if value is not None}
    try:
        spec = RowsFile.model_validate(asked)
    except ValidationError as error:
        schema = RowsFile.model_json_schema()
        problems.extend(problems_of(error, asked, schema, lambda path: place_of(path, [layer], layer), "rows"))
        return
    names = [name for name in (spec.csv, spec.jsonl) if name]
    if len(names) != 1:
        found = f"rows: names {'two files' if names else 'no file'}"
        problems.append(Problem("EXCLUSIVE_KEYS", found, "write csv: or jsonl:", file, rows.line))
        return
    where = home / names[0]
    told = str(Path(file).parent / names[0])
    try:
        text = read_text(where, told)
    except UnreadableError as error:
        at = rows.lines.get("csv", rows.lines.get("jsonl", rows.line))
        own_place = error.problem.line is not None
        problems.append(error.problem if own_place else dataclasses.replace(error.problem, file=file, line=at))
        return
    reader = csv_rows if spec.csv else jsonl_rows
    yield from reader(text, told, Columns(spec, rows, file), problems)


def _overrides(overrides: Sequence[str], problems: list[Problem]) -> Layer:
    """The `--set` strings as one layer; later ones win."""
    values = Marked(0)
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        place = f"--set {override}"
        if not equals or not is_key(key):
            near = nearest(key, ask_keys())
            found = f"'{key}' is no key of an ask" if equals else "it has no ="
            remedy = f"did you mean {near}?" if equals and near else "write key=value, such as motion.amount=0.2"
            problems.append(Problem("BAD_OVERRIDE", found, remedy, place))
            continue
        try:
            value: Any = read(text, place).value
        except YamlError as error:
            problems.append(dataclasses.replace(error.problem, code="BAD_OVERRIDE", line=None))
            continue
        below: Any = values
        *parents, last = path_of(key)
        for parent in parents:
            if not isinstance(below.get(parent), dict):
                below[parent] = Marked(0)
            below = below[parent]
        below[last] = value
    return Layer(values, "--set")
