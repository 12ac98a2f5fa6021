"""The resolved manifest, its digest, its schema and its reference document."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from manifests.header import RowsFile
from manifests.loader import load
from manifests.marked import read
from manifests.schema import json_schema
from tests.manifests.workspace import Workspace

REFERENCE = Path(__file__).parents[2] / "manifests" / "reference.yaml"
TEXT = """\
version: 1
name: N
rows:
  - {id: a, source: a.png, title: T, tags: [x], meta: {k: 1}, rate: 29.97, seed: 5}
  - {id: b, source: {path: b.png, mask: c.png}, variants: {seed: [1, 2]}}
"""


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_is_that_of_the_resolved_manifest(space: Workspace) -> None:
    manifest = space.load(TEXT)
    assert manifest.sha256 == _digest(manifest.resolved())
    assert _digest(json.loads(json.dumps(manifest.resolved()))) == manifest.sha256
    empty = space.load("version: 1\nlimits: {min_rows: 0}\nrows: []\n")
    assert empty.sha256 == _digest(empty.resolved())


def test_the_digest_follows_what_is_asked_and_nothing_else(space: Workspace) -> None:
    digest = space.load(TEXT).sha256
    assert space.load("# a comment\n" + TEXT.replace("seed: 5", "seed:   5")).sha256 == digest
    assert space.load(TEXT, ["seed=5"]).sha256 != digest, "row b's seed changed"
    assert space.load(TEXT.replace("title: T", "title: U")).sha256 != digest
    assert space.load(TEXT.replace("29.97", "30000/1001")).sha256 == digest
    moved = space.folder.parent / "moved"
    shutil.copytree(space.folder, moved)
    assert load(moved / "m.yaml").sha256 == load(space.folder / "m.yaml").sha256


def test_pictures_outside_the_folder_stay_absolute(space: Workspace) -> None:
    inner = space.folder / "inner"
    inner.mkdir()
    (inner / "m.yaml").write_text("version: 1\nroots: [..]\nrows: [{id: a, source: a.png}]\n")
    resolved = load(inner / "m.yaml").resolved()
    assert resolved["items"][0]["ask"]["source"]["path"] == str(space.folder / "a.png")


def test_results_are_frozen(space: Workspace) -> None:
    manifest = space.load(TEXT)
    with pytest.raises(dataclasses.FrozenInstanceError):
        manifest.shots[0].variant = "x"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        manifest.shots[0].ask.motion.amount = 0.5


def test_a_manifest_reached_through_a_relative_path(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    space.write(TEXT)
    monkeypatch.chdir(space.folder)
    manifest = load(Path("m.yaml"))
    assert manifest.file == space.folder / "m.yaml"
    assert manifest.out_folder == space.folder / "out"
    assert manifest.items[0].file == "m.yaml"


def test_many_rows_share_what_is_equal(space: Workspace) -> None:
    rows = "".join(f"{n},a.png,0.{n % 5 + 1}\n" for n in range(2000))
    space.write("id,source,motion.amount\n" + rows, "rows.csv")
    shots = space.load("version: 1\nrows: {csv: rows.csv}\n").shots
    assert len(shots) == 2000
    assert len({id(shot.ask.motion) for shot in shots}) == 5
    assert len({id(shot.ask.place) for shot in shots}) == 1


# ---- schema and reference


def _keys(schema: dict[str, Any], node: dict[str, Any], seen: tuple[str, ...] = ()) -> set[str]:
    """Every property name of a schema, followed through its definitions."""
    found: set[str] = set()
    if reference := node.get("$ref"):
        name = reference.rsplit("/", 1)[1]
        return set() if name in seen else _keys(schema, schema["$defs"][name], (*seen, name))
    for name, below in node.get("properties", {}).items():
        found |= {name} | _keys(schema, below, seen)
    for below in [*node.get("anyOf", []), node.get("items"), node.get("additionalProperties")]:
        found |= _keys(schema, below, seen) if isinstance(below, dict) else set()
    return found


def _written(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for below in value.values() for key in _written(below)}
    return {key for below in value for key in _written(below)} if isinstance(value, list) else set()


def _commented_rows() -> dict[str, Any]:
    """The `rows:` file mapping that the reference shows in comments."""
    lines = REFERENCE.read_text().splitlines()
    start = lines.index("# rows:")
    return read("\n".join(line.removeprefix("# ") for line in lines[start:]), "reference").value["rows"]


def test_every_key_has_a_description() -> None:
    schema = json_schema()

    def bare(node: dict[str, Any], at: str) -> list[str]:
        return [
            f"{at}.{name}"
            for name, below in node.get("properties", {}).items()
            if not (below.get("description") or "$ref" in below)
        ]

    missing = bare(schema, "manifest") + [line for name, node in schema["$defs"].items() for line in bare(node, name)]
    missing += [name for name, node in schema["$defs"].items() if not node.get("description")]
    assert missing == []


def test_the_reference_shows_every_key() -> None:
    schema = json_schema()
    written = _written(read(REFERENCE.read_text(), "reference").value) | {"rows"} | _written(_commented_rows())
    wanted = _keys(schema, schema)
    assert {"motion", "parallax", "mask", "profile_map", "jsonl", "min_rows", "dialogue"} <= wanted, "the walk is blind"
    named_in_comments = {key for key in ("jsonl", "frames") if re.search(rf"\b{key}:", REFERENCE.read_text())}
    assert wanted - written - named_in_comments == set()


def test_every_line_of_the_reference_says_what_it_is() -> None:
    text = REFERENCE.read_text().split("defaults:")[1].split("profiles:")[0]
    bare = [line for line in text.splitlines() if re.match(r"\s+\w+: \S", line) and "#" not in line]
    assert bare == []


def test_the_reference_loads(space: Workspace) -> None:
    folder = space.folder / "examples" / "pictures"
    for name in ("mug.png", "panel.png", "mask.png"):
        space.pictures(f"examples/pictures/{name}")
    for name in ("music.wav", "steps.wav"):
        (folder / name).write_bytes(b"sound")
    shutil.copy(REFERENCE, space.folder / "reference.yaml")
    manifest = load(space.folder / "reference.yaml")
    assert [shot.item_id for shot in manifest.shots] == ["mug-01"] * 4 + ["board-1A"]
    assert manifest.shots[-1].ask.source.mask == (folder / "mask.png").resolve()
    assert RowsFile.model_validate(dict(_commented_rows())).csv == "export.csv"


def test_the_schema_takes_the_reference_and_refuses_slips() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with Prefect")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    reference = json.loads(json.dumps(read(REFERENCE.read_text(), "reference").value))
    assert [error.message for error in validator.iter_errors(reference)] == []
    for slip in ({"sede": 1}, {"motion": {"amount": 9}}, {"deliver": ["web"]}):
        wrong = copy.deepcopy(reference)
        wrong["defaults"] |= slip
        assert not validator.is_valid(wrong), slip
