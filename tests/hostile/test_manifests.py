"""Manifests nobody should write: refused with problems and status 2, in bounded time, with nothing written."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.cli import command
from manifests.errors import ManifestError
from manifests.loader import load
from manifests.names import output_name, portable
from tests.manifests.workspace import Workspace

ROOT = Path(__file__).parents[2]
EXAMPLES = [*sorted((ROOT / "manifests" / "examples").rglob("*.yaml")), ROOT / "manifests" / "reference.yaml"]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = [
    "1e400", "-0", "9" * 5000, ".nan", ".inf", "2026-11-21", "12:30:45", "0x1F", "0o17", "!!python/object:os.system x",
    "&a", "*a", "<<: {a: 1}", "---", "...", "%YAML 1.3", "? x", "|", ">-", "\t", "\u202e", "\u200b", "\ufeff", "\x00",
    '"\\x00"', '"\\ud800"', "[" * 50, "{" * 50, "~", "yes", "#", ": ", "- ", "1e999999999", "'", '"', "\u2028", "\x85",
]  # fmt: skip
ODD = ["1e400", "1e999999999", "-1e999999999", "9" * 5000, "nan", "1/0", "0/0", "1/" + "9" * 5000, "\u0661", "1_000"]


def loads_or_is_refused(path: Path) -> None:
    try:
        manifest = load(path)
    except ManifestError as error:
        assert error.problems and all(problem.code and problem.message for problem in error.problems)
    else:
        assert all(row.problems for row in manifest.refused)
        names = [manifest.output(shot, preset) for shot in manifest.shots for preset in dict.fromkeys(shot.ask.deliver)]
        assert all(name.isascii() and ".." not in name.split("/") and not name.startswith("/") for name in names)


def mutated(text: str, chance: random.Random) -> str:
    """A few lines swapped, doubled, cut, shifted, or with a hostile piece in them."""
    lines = text.split("\n")
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(lines))
        column = chance.randint(0, len(lines[at]))
        match chance.randrange(6):
            case 0:
                lines[at] = lines[at][:column] + chance.choice(PIECES) + lines[at][column:]
            case 1:
                lines.insert(chance.randrange(len(lines)), lines[at])
            case 2:
                lines[at] = lines[at][:column]
            case 3:
                lines[at] = " " * chance.randint(1, 3) + lines[at]
            case 4:
                key, _, _ = lines[at].partition(":")
                lines[at] = f"{key}: {chance.choice(PIECES)}"
            case _:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_mutated_examples_load_or_are_refused(space: Workspace, example: Path) -> None:
    chance = random.Random(example.name)
    text = example.read_text(encoding="utf-8")
    for _ in range(40):
        changed = mutated(text, chance)
        loads_or_is_refused(space.write(changed.encode("utf-8", "surrogatepass")))


@quick
@given(st.lists(st.sampled_from([*PIECES, "version: 1\n", "rows:\n", "- id: a\n", "  source: a.png\n"]), max_size=12))
def test_any_mixture_of_hostile_pieces(space: Workspace, pieces: list[str]) -> None:
    loads_or_is_refused(space.write("".join(pieces).encode("utf-8", "surrogatepass")))


@quick
@given(
    st.lists(
        st.lists(st.text(max_size=8) | st.sampled_from(["=1+1", '"', "\r", "é", *ODD[:3]]), max_size=6), max_size=6
    )
)
def test_any_spreadsheet(space: Workspace, rows: list[list[str]]) -> None:
    text = "id,source,title,seed,rate\n" + "\n".join(";".join(row) for row in rows) + "\na,a.png,x,1,30\n"
    space.write(text.encode("utf-8", "surrogatepass"), "rows.csv")
    loads_or_is_refused(space.write("version: 1\nrows: {csv: rows.csv, rest: meta}\n"))


@pytest.mark.parametrize("key", ["rate", "seconds", "seed", "motion.amount", "render.rate", "svd.steps", "meta.x"])
@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_numbers_that_would_fill_the_memory(space: Workspace, key: str, value: str) -> None:
    rows = f"id,source,{key}\ngood,a.png,\nbad,a.png,{value}\n"
    space.write(rows, "rows.csv")
    manifest = load(space.write("version: 1\nrows: {csv: rows.csv}\n"))
    assert manifest.shots[0].key == "good"
    if key != "meta.x" and value not in ("1_000", "\u0661"):
        assert [row.key for row in manifest.refused] == ["bad"]
    text = (
        f"version: 1\nrows: [{{id: good, source: a.png}}, {{id: bad, source: a.png, {key.split('.')[0]}: {value}}}]\n"
    )
    loads_or_is_refused(space.write(text))


def test_sizes_that_would_take_hours(space: Workspace) -> None:
    good = '{"id": "good", "source": "a.png"}\n'
    many = json.dumps({"id": "a", "source": "a.png", **{f"key{n}": n for n in range(50_000)}})
    twice = '{"id": "b", ' + ", ".join(f'"k{n}": 1' for n in range(50_000)) + ', "k49999": 2}'
    varied = json.dumps({"id": "c", "source": "a.png", "variants": {"seed": list(range(100_000))}})
    space.write(good + "\n".join([many, twice, varied]), "rows.jsonl")
    manifest = load(space.write("version: 1\nrows: {jsonl: rows.jsonl}\n"))
    codes = {row.key: row.problems[0].code for row in manifest.refused}
    assert codes == {"a": "UNKNOWN_KEY", "line 3": "JSON_BROKEN", "c": "OUT_OF_RANGE"}
    assert all(len(row.problems) < 200 for row in manifest.refused)
    space.write(",".join(f"h{n}" for n in range(100_000)) + "\n", "rows.csv")
    assert space.fault("version: 1\nrows: {csv: rows.csv}\n").code == "TOO_LARGE"


def test_a_nul_is_refused_in_its_row(space: Workspace) -> None:
    text = 'version: 1\nrows: [{id: a, source: a.png}, {id: b, source: a.png, title: "x\\0y"}]\n'
    assert [(row.key, row.problems[0].code) for row in load(space.write(text)).refused] == [("b", "BAD_ENCODING")]
    space.write('{"id": "a", "source": "a.png"}\n{"id": "b", "source": "a.png", "title": "x\\u0000"}', "rows.jsonl")
    refused = load(space.write("version: 1\nrows: {jsonl: rows.jsonl}\n")).refused
    assert [row.problems[0].code for row in refused] == ["JSON_BROKEN"]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: &x [*x]", "\ud800", "- " * 50_000, "version: 1\nrows: 7\n", "\x00"]
)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_the_command_ends_with_two_and_no_traceback(
    space: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, verb: str
) -> None:
    monkeypatch.setenv("DAILIES_HOME", str(space.folder / "home"))
    path = space.write(text.encode("utf-8", "surrogatepass"))
    assert command([verb, str(path)]) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.err + said.out and "[" in said.err
    assert not (space.folder / "home").exists()


@given(st.text(max_size=300), st.sampled_from(["{id}", "{title}/{id}", "{meta.x}_{preset}", "a b/{title}"]))
def test_no_name_leads_out_or_is_one_no_system_takes(text: str, template: str) -> None:
    fields: dict[str, str] = dict.fromkeys(("id", "title", "meta.x", "preset"), text)
    for part in output_name(template, fields, "mp4").split("/"):
        assert part.isascii() and part and part.strip(". ") == part.rstrip(". ") and not part.startswith((".", "-"))
        assert not part.endswith((".", " ")) and len(part) <= 130
        stem = part.split(".")[0].lower()
        assert stem not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
        assert not set(part) & set('<>:"/\\|?*') and part.isprintable()


@given(st.text(max_size=200), st.text(max_size=200))
def test_cleaned_names_of_different_texts_differ_or_clash_is_seen(one: str, two: str) -> None:
    if portable(one) == portable(two):
        assert one.strip(" ").replace(" ", "-") == two.strip(" ").replace(" ", "-") or portable(one).startswith("x-")


def test_the_folders_own_files_are_no_clips() -> None:
    assert output_name("{id}", {"id": "contact-sheet-2"}, "mp4") == "contact-sheet-2_.mp4"
    assert output_name("{title}/{id}", {"id": "a", "title": "x.mp4"}, "mp4") == "x.mp4_/a.mp4"
