"""Documents say what there is: every command, option, setting, key, move and preset; examples load, links lead."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml
from typer.core import TyperGroup, TyperOption

from flows.cli import app
from flows.settings import Settings
from manifests.ask import Ask, Move
from manifests.header import Header, RowsFile
from manifests.loader import load
from manifests.presets import preset, presets
from manifests.schema import json_schema

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "manifests" / "examples"
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "*/README.md", "*/*/README.md")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") or part == "out" for part in path.relative_to(ROOT).parts)
)
ROOMS = ("flows", "dashboard", "tasks", "models", "manifests", "catalog")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def section(title: str) -> str:
    """The text of README's section `title`, up to the next heading of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no section '{title}'"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    """Fenced code blocks of `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows(table: str) -> dict[str, list[str]]:
    """A table's rows by the first word in backticks of their first cell; cells as written."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {found[1]: row for row in cells if (found := re.match(r"`([^` ]+)", row[0]))}


def commands() -> dict[str, Any]:
    """Every command by the words that call it: `run`, `weights pull`."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, TyperGroup) else {"": command}
        found |= {f"{name} {word}".strip(): one for word, one in inner.items()}
    return found


def long_options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, TyperOption):
            yield from (name for name in parameter.opts if name.startswith("--"))


# ---- commands and settings


@pytest.mark.parametrize("name", commands())
def test_every_command_is_in_the_readme(name: str) -> None:
    told = section("Commands")
    lines = [line for line in told.splitlines() if line.startswith(f"| `dailies {name}")]
    assert len(lines) == 1, f"README's command table has {len(lines)} rows for `dailies {name}`"
    missing = [
        option
        for option in long_options(commands()[name])
        if option not in lines[0] and option not in ("--help", "--json")
    ]
    assert not missing, f"README's row for `dailies {name}` does not tell {missing}"


def test_the_readme_names_no_command_or_option_that_is_not_there() -> None:
    table = "".join(line for line in section("Commands").splitlines(keepends=True) if line.startswith("| `dailies"))
    assert set(re.findall(r"^\| `dailies ([a-z]+(?: [a-z][a-z-]*)?)", table, re.MULTILINE)) == set(commands())
    told = set(re.findall(r"`(--[a-z-]+)", README)) - {"--help"}
    known = {option for command in commands().values() for option in long_options(command)}
    assert told <= known, f"README tells options that do not exist: {sorted(told - known)}"


def test_json_is_on_every_command_that_the_readme_says_has_it() -> None:
    without = {name for name, command in commands().items() if "--json" not in list(long_options(command))}
    assert without == {"schema"}


def test_every_setting_is_in_the_readme() -> None:
    table = rows(section("Configuration"))
    assert set(table) == {f"DAILIES_{name.upper()}" for name in Settings.model_fields}


def test_every_environment_variable_in_the_code_is_in_a_document() -> None:
    told = "".join((ROOT / document).read_text(encoding="utf-8") for document in DOCUMENTS)
    code = "".join(path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    used = set(re.findall(r"environ[.a-z]*[\[(][\"'](DAILIES_\w+)", code))
    assert used, "the code names no variable: the search is broken"
    missing = sorted(name for name in used if name not in told)
    assert not missing, f"told in no document: {missing}"


# ---- manifests


def keys_of(schema: dict[str, Any], within: dict[str, Any]) -> Iterator[str]:
    """Names of all keys of an object schema, those of the objects in it too."""
    for name, value in within.get("properties", {}).items():
        yield name
        for part in (value, *value.get("anyOf", ())):
            if "$ref" in part:
                yield from keys_of(schema, schema["$defs"][part["$ref"].rpartition("/")[2]])


def test_every_manifest_key_is_in_the_reference() -> None:
    schema = json_schema()
    known = set(keys_of(schema, schema)) | {*Ask.model_fields, *Header.model_fields, *RowsFile.model_fields}
    assert {"sweep", "profile_map", "max_shots", "mask"} <= known, "the walk over the schema misses keys"
    text = (ROOT / "manifests" / "reference.yaml").read_text(encoding="utf-8")
    missing = sorted(key for key in known if not re.search(rf"(^|[\s{{#]){re.escape(key)}:", text, re.MULTILINE))
    assert not missing, f"manifests/reference.yaml does not show {missing}"


def test_the_readmes_manifest_is_the_one_that_made_its_pictures() -> None:
    shown = blocks(section("A manifest"), "yaml")
    assert len(shown) == 1
    made = (EXAMPLES / "readme" / "readme.yaml").read_text(encoding="utf-8")
    assert shown[0].strip() == made.strip()


def test_the_readmes_manifest_loads(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "pictures", tmp_path / "pictures")
    (tmp_path / "here").mkdir()
    path = tmp_path / "here" / "readme.yaml"
    path.write_text(blocks(section("A manifest"), "yaml")[0], encoding="utf-8")
    manifest = load(path)
    assert [shot.key for shot in manifest.shots] == ["mug", "speaker"]
    assert all(len(shot.ask.deliver) == 3 for shot in manifest.shots)


def test_the_readmes_four_lines_read_a_shops_export(tmp_path: Path) -> None:
    written = blocks(section("A shop's export"), "yaml")[0]
    assert len(written.splitlines()) == 4
    shutil.copytree(EXAMPLES / "pictures", tmp_path / "pictures")
    headings = ["SKU", "Name", "Image", "Published", *(f"Column {n}" for n in range(5, 61))]
    cells = ["A-1", "Mug; white", "mug.png", "true", *(str(n) for n in range(56))]
    hidden = ["A-2", "Gone", "none.png", "false", *cells[4:]]
    lines = [";".join(headings), *(";".join(f'"{cell}"' for cell in row) for row in (cells, hidden))]
    (tmp_path / "export.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    (tmp_path / "m.yaml").write_text(written, encoding="utf-8")
    shots = load(tmp_path / "m.yaml").shots
    assert [shot.key for shot in shots] == ["A-1"]
    assert shots[0].ask.title == "Mug; white"
    assert shots[0].ask.meta["Column 60"] == "55"


def test_every_yaml_block_of_every_document_parses() -> None:
    for document in DOCUMENTS:
        for block in blocks((ROOT / document).read_text(encoding="utf-8"), "yaml"):
            assert isinstance(yaml.safe_load(block), dict), f"{document}: {block}"


# ---- moves and presets


def test_every_move_is_in_the_readme() -> None:
    table = rows(section("Camera moves"))
    assert set(table) - {"motion.move"} == set(get_args(Move))


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_in_the_readme_with_its_figures(name: str) -> None:
    row, spec = rows(section("Delivery presets")).get(name), preset(name)
    assert row, f"README's table of presets has no row for {name}"
    _, frame, video, limits, origin = row
    assert frame == ("the clip's own" if spec.native else f"{spec.width}x{spec.height}")
    quality = (
        f"{spec.bitrate / 1e6:g} Mbit/s" if spec.bitrate else f"CRF {spec.crf}" if spec.crf >= 0 else "ProRes 422 HQ"
    )
    assert quality in video, f"{name}: README says '{video}', the preset {quality}"
    for figure in (*spec.lengths, spec.min_seconds, spec.max_seconds):
        assert not figure or re.search(rf"\b{figure:g}\b", limits), f"{name}: {figure:g} s is not in '{limits}'"
    assert not spec.max_bytes or re.search(rf"\b({spec.max_bytes / 1e6:g} MB|{spec.max_bytes / 1e9:g} GB)", limits)
    assert origin == spec.source.trust


def test_the_readme_names_no_preset_that_is_not_there() -> None:
    assert set(rows(section("Delivery presets"))) == set(presets())


# ---- links and pictures


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target.partition("#")[0]).exists(), f"{document}: {target} leads nowhere"


@pytest.mark.parametrize("room", ["flows", "dashboard", "tasks", "models", "deploy"])
def test_a_rooms_readme_names_its_files(room: str) -> None:
    text = (ROOT / room / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in (ROOT / room).iterdir() if path.suffix in (".py", ".sh", ".yaml")}
    missing = sorted(name for name in files - {"__init__.py"} if name not in text)
    assert not missing, f"{room}/README.md does not name {missing}"


def test_the_readmes_pictures_are_small() -> None:
    pictures = [ROOT / target for target in LINK.findall(README) if target.endswith((".jpg", ".png"))]
    assert pictures
    total = sum(path.stat().st_size for path in pictures)
    assert total < 1_000_000, f"{total} bytes of pictures"
