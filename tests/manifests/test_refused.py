"""Bad rows are left out and told; the good ones around them load as if the others were not there."""

from __future__ import annotations

import json

import pytest

from manifests.errors import ManifestError
from manifests.loader import load
from manifests.manifest import Manifest
from tests.manifests.workspace import Workspace


def loaded(space: Workspace, text: str) -> Manifest:
    return load(space.write(text))


def told(manifest: Manifest) -> list[tuple[str, int, list[str]]]:
    return [(row.key, row.line, [problem.code for problem in row.problems]) for row in manifest.refused]


def test_good_rows_load_and_bad_ones_are_told_by_id_and_line(space: Workspace) -> None:
    manifest = loaded(
        space,
        "version: 1\nrows:\n"
        "  - {id: a, source: a.png}\n"
        "  - {id: far, source: a.png, motion: {amount: 9999}, seed: -1}\n"
        "  - {source: a.png}\n"
        "  - just text\n"
        "  - {id: twice, source: a.png, seed: 1, seed: 2}\n"
        "  - {id: gone, source: gone.png}\n"
        "  - {id: b, source: b.png}\n",
    )
    assert [shot.key for shot in manifest.shots] == [item.id for item in manifest.items] == ["a", "b"]
    assert told(manifest) == [
        ("far", 4, ["OUT_OF_RANGE", "OUT_OF_RANGE"]),
        ("line 5", 5, ["MISSING_ID"]),
        ("line 6", 6, ["WRONG_TYPE"]),
        ("twice", 7, ["DUPLICATE_KEY"]),
        ("gone", 8, ["PICTURE_MISSING"]),
    ]
    assert len(manifest.sha256) == 64


def test_a_good_manifest_keeps_its_digest_beside_bad_rows_it_changes(space: Workspace) -> None:
    good = "version: 1\nrows:\n  - {id: a, source: a.png}\n"
    alone, beside = loaded(space, good), loaded(space, good + "  - {id: b, source: none.png}\n")
    assert alone.refused == () and alone.sha256 != beside.sha256
    assert beside.resolved()["refused"] == [{"key": "b", "codes": ["PICTURE_MISSING"]}]
    assert "refused" not in alone.resolved()


def test_neither_of_two_rows_with_one_id_is_trusted(space: Workspace) -> None:
    manifest = loaded(
        space,
        "version: 1\nrows:\n"
        "  - {id: a, source: a.png}\n  - {id: b, source: b.png}\n  - {id: a, source: c.png}\n"
        "  - {id: ' a ', source: none.png}\n",
    )
    assert [shot.key for shot in manifest.shots] == ["b"]
    assert told(manifest) == [
        ("a (line 3)", 3, ["DUPLICATE_ID"]),
        ("a (line 5)", 5, ["DUPLICATE_ID"]),
        ("a (line 6)", 6, ["PICTURE_MISSING", "DUPLICATE_ID"]),
    ]
    assert [row.item_id for row in manifest.refused] == ["a"] * 3
    assert "lines 5 and 6" in manifest.refused[0].problems[0].message


def test_an_id_may_not_pass_for_anothers_variant(space: Workspace) -> None:
    manifest = loaded(
        space,
        "version: 1\nout: {template: '{title}_{id}_{variant}'}\nrows:\n"
        "  - {id: a, source: a.png, variants: {seed: [1, 2]}}\n"
        "  - {id: 'a#seed=1', title: other, source: a.png}\n"
        "  - {id: b, source: b.png}\n",
    )
    assert [shot.key for shot in manifest.shots] == ["b"]
    assert told(manifest) == [("a", 4, ["DUPLICATE_ID"]), ("a#seed=1", 5, ["DUPLICATE_ID"])]


def test_keys_of_refused_rows_are_their_own(space: Workspace) -> None:
    text = "version: 1\nrows: [{id: line 2, source: a.png}, {source: a.png}, text, {id: line 2', source: a.png}]\n"
    manifest = loaded(space, text)
    keys = [shot.key for shot in manifest.shots] + [row.key for row in manifest.refused]
    assert len(set(keys)) == len(keys) == 4, keys


def test_rows_of_a_spreadsheet_and_of_json_lines(space: Workspace) -> None:
    space.write("id,source,seed\na,a.png,1\nb,b.png,-5\nc,c.png,2,9,9\nd,,1\ne,b.png,3\n", "rows.csv")
    manifest = loaded(space, "version: 1\nrows: {csv: rows.csv}\n")
    assert [shot.key for shot in manifest.shots] == ["a", "e"]
    assert told(manifest) == [("b", 3, ["OUT_OF_RANGE"]), ("line 4", 4, ["TOO_MANY_CELLS"]), ("d", 5, ["MISSING_KEY"])]
    lines = [
        json.dumps({"id": "a", "source": "a.png"}),
        '{"id": "b", ',
        "[1]",
        json.dumps({"id": "d", "source": "a.png", "sede": 1}),
        json.dumps({"id": "e", "source": "b.png"}),
    ]
    space.write("\n".join(lines), "rows.jsonl")
    manifest = loaded(space, "version: 1\nrows: {jsonl: rows.jsonl}\n")
    assert [shot.key for shot in manifest.shots] == ["a", "e"]
    assert told(manifest) == [("line 2", 2, ["JSON_BROKEN"]), ("line 3", 3, ["WRONG_TYPE"]), ("d", 4, ["UNKNOWN_KEY"])]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("version: 2\nrows: [{id: a, source: a.png}, {id: b, source: none.png}]\n", ["OUT_OF", "PICTURE_MISSING"]),
        ("version: 1\ndefaults: {seed: -1}\nrows: [{id: a, source: a.png}]\n", ["OUT_OF_RANGE"]),
        ("version: 1\nversion: 1\nrows: [{id: a, source: a.png}]\n", ["DUPLICATE_KEY"]),
        ("version: 1\nlimits: {max_rows: 1}\nrows: [{id: a, source: a.png}, {id: b, source: a.png}]\n", ["TOO_MANY"]),
        ("version: 1\nrows: [{id: a, source: none.png}, {id: b, source: a.png, seed: x}]\n", ["PICTURE", "WRONG"]),
    ],
    ids=["head", "defaults", "twice", "limit", "no good row"],
)
def test_what_is_wrong_with_the_whole_refuses_it_and_tells_the_rows_too(
    space: Workspace, text: str, codes: list[str]
) -> None:
    with pytest.raises(ManifestError) as caught:
        loaded(space, text)
    found = [problem.code for problem in caught.value.problems]
    assert len(found) == len(codes), found
    assert all(code.startswith(start) or start == "OUT_OF" for code, start in zip(found, codes, strict=True)), found


def test_strict_refuses_the_whole_for_one_bad_row(space: Workspace) -> None:
    path = space.write("version: 1\nrows: [{id: a, source: a.png}, {id: b, source: none.png}]\n")
    assert [row.key for row in load(path).refused] == ["b"]
    with pytest.raises(ManifestError) as caught:
        load(path, strict=True)
    assert [problem.code for problem in caught.value.problems] == ["PICTURE_MISSING"]


def test_one_posters_name_is_no_others(space: Workspace) -> None:
    """`x.mp4` and `x.mov` of two rows would lie over one `x.jpg`; of one row they share it."""
    text = "version: 1\nout: {template: '{title}'}\nrows:\n"
    two = (
        text + "  - {id: a, title: x, source: a.png}\n  - {id: b, title: x, source: a.png, deliver: [master_prores]}\n"
        "  - {id: c, title: y, source: a.png}\n"
    )
    assert told(loaded(space, two)) == [("a", 4, ["DUPLICATE_OUTPUT"]), ("b", 5, ["DUPLICATE_OUTPUT"])]
    one = text + "  - {id: a, title: x, source: a.png, deliver: [web_1080p, master_prores]}\n"
    assert loaded(space, one).refused == ()
