"""What bad input gets: each refusal with its code, its line and a remedy."""

from __future__ import annotations

import pytest

from tests.manifests.workspace import Workspace


def test_every_problem_says_what_to_do(space: Workspace) -> None:
    assert [str(problem) for problem in space.faults(TEN) if not problem.remedy] == []


@pytest.mark.parametrize(
    ("asked", "code", "told"),
    [
        ("motion: {amount: 9999}", "OUT_OF_RANGE", "motion.amount is 9999, wanted a number from 0 to 0.6"),
        ("motion: {amount: .nan}", "WRONG_TYPE", "motion.amount is .nan"),
        ("motion: {amount: 1e400}", "OUT_OF_RANGE", "0 to 0.6"),
        ("seed: -1", "OUT_OF_RANGE", "seed is -1, wanted a whole number from 0 to 9223372036854775807"),
        ("seed: 18446744073709551616", "OUT_OF_RANGE", "9223372036854775807"),
        ("seed: 1.5", "WRONG_TYPE", "a whole number"),
        ("rate: 0", "OUT_OF_RANGE", "between 1 and 120"),
        ("rate: 121", "OUT_OF_RANGE", "between 1 and 120"),
        ("rate: 1/0", "WRONG_TYPE", "fraction"),
        ("rate: fast", "WRONG_TYPE", "30000/1001"),
        ("seconds: 0.04", "OUT_OF_RANGE", "0.1 to 600"),
        ("frames: 1", "OUT_OF_RANGE", "2 to 72000"),
        ("seconds: 3, frames: 90", "EXCLUSIVE_KEYS", "keep one"),
        ("engine: svdd", "UNKNOWN_VALUE", "did you mean svd?"),
        ("svd: {model: ../svd}", "BAD_NAME", "svd.model"),
        ("svd: {canvas: [1000, 576]}", "WRONG_TYPE", "svd.canvas"),
        ("svd: {canvas: [1024, 4096]}", "OUT_OF_RANGE", "64 to 2048"),
        ("svd: {guidance: [1, 2, 3]}", "OUT_OF_RANGE", "svd.guidance"),
        ("svd: {guidance: 0}", "OUT_OF_RANGE", "1 to 20"),
        ("svd: {sigma_start: 0}", "OUT_OF_RANGE", "0.002 to 700"),
        ("svd: {steps: 101}", "OUT_OF_RANGE", "1 to 100"),
        ("svd: {motion_bucket: 512}", "OUT_OF_RANGE", "0 to 511"),
        ("svd: {adapters: [{name: a/b}]}", "BAD_NAME", "svd.adapters[0].name"),
        ("svd: {schedule: euler}", "UNKNOWN_VALUE", "karras"),
        ("prompt: 7.5, svd: {prompt: a}", "UNKNOWN_KEY", "svd.prompt"),
        ("engine: magic", "UNKNOWN_VALUE", "one of auto, camera"),
        ("motion: {move: pusch}", "UNKNOWN_VALUE", "did you mean push?"),
        ("motion: fast", "WRONG_TYPE", "a mapping"),
        ("motion: {focus: [0.5, 2]}", "OUT_OF_RANGE", "motion.focus is [0.5, 2]"),
        ("motion: {parallax: 3}", "OUT_OF_RANGE", "auto or a number from 0 to 1"),
        ("place: {anchor: middle}", "UNKNOWN_VALUE", "center"),
        ("place: {safe: [0.1, 0.1]}", "WRONG_TYPE", "list of 4"),
        ("place: {fill: 0}", "OUT_OF_RANGE", "0.1 to 1"),
        ("backdrop: {colors: [reddish]}", "UNKNOWN_VALUE", "basic CSS name"),
        ("deliver: [web1080p]", "UNKNOWN_PRESET", "did you mean web_1080p?"),
        ("deliver: []", "OUT_OF_RANGE", "deliver"),
        ("upscale: {still: perhaps}", "UNKNOWN_VALUE", "auto or true or false"),
        ("render: {height: 10}", "OUT_OF_RANGE", "120 to 4320"),
        ("easing: in", "UNKNOWN_KEY", "did you mean motion.easing?"),
        ("interpolat: flow", "UNKNOWN_KEY", "did you mean interpolate?"),
        ("motion: {amont: 0.1}", "UNKNOWN_KEY", "motion.amont is no key; did you mean amount?"),
        ("meta: {a: [1, 2]}", "WRONG_TYPE", "meta.a"),
        ("profile: herro", "UNKNOWN_PROFILE", "herro"),
    ],
)
def test_a_bad_key_is_told_with_what_was_wanted(space: Workspace, asked: str, code: str, told: str) -> None:
    problem = space.row_fault(asked)
    assert (problem.code, problem.item, problem.line) == (code, "a", 3)
    assert told in str(problem)


@pytest.mark.parametrize(
    ("text", "code", "line", "told"),
    [
        ("", "EMPTY_MANIFEST", None, "empty"),
        ("# only a comment\n", "EMPTY_MANIFEST", None, "empty"),
        ("- a\n", "WRONG_TYPE", 1, "mapping"),
        ("version: 1\n", "NO_ROWS", None, "no rows"),
        ("version: 1\nrows: []\n", "NO_ROWS", 2, "min_rows"),
        ("version: 1\nrows: many\n", "WRONG_TYPE", 2, "list"),
        ("version: 2\nrows: [{id: a, source: a.png}]\n", "UNKNOWN_VALUE", 1, "wanted 1"),
        ("rows: [{id: a, source: a.png}]\n", "MISSING_KEY", 1, "version"),
        ("version: 1\nkind: movie\nrows: [{id: a, source: a.png}]\n", "UNKNOWN_VALUE", 2, "storyboard"),
        ("version: 1\nprofil: x\nrows: [{id: a, source: a.png}]\n", "UNKNOWN_KEY", 2, "did you mean profile?"),
        ("version: 1\nprofile: x\nrows: [{id: a, source: a.png}]\n", "UNKNOWN_PROFILE", 2, "x"),
        ("version: 1\nroots: [nowhere]\nrows: []\n", "ROOT_MISSING", 2, "nowhere"),
        ("version: 1\nreview: sample 500%\nrows: [{id: a, source: a.png}]\n", "BAD_REVIEW", 2, "sample 5%"),
        ("version: 1\nout: {template: '../{id}'}\nrows: [{id: a, source: a.png}]\n", "BAD_TEMPLATE", 2, ".."),
        (
            "version: 1\nout: {template: '{idd}'}\nrows: [{id: a, source: a.png}]\n",
            "BAD_TEMPLATE",
            2,
            "{idd} is no field",
        ),
        ("version: 1\nrows: &r\n- {id: a}\n", "YAML_ALIAS", 2, "anchors"),
        ("version: 1\na: &x [1]\nrows: *x\n", "YAML_ALIAS", 2, "aliases"),
        ("version: 1\nname: !!python/object/apply:os.system [ls]\n", "YAML_TAG", 2, "tags"),
        ("version: 1\nname: " + "[" * 5000 + "\n", "YAML_TOO_DEEP", 2, "12 levels"),
        ("version: 1\nname: a\n--- \nb: 1\n", "YAML_BROKEN", 4, "second document"),
        ("version: 1\nrows: [{id: a\n", "YAML_BROKEN", 3, "YAML"),
        ("version: 1\nrows:\n\t- id: a\n", "YAML_BROKEN", 3, "tabs"),
        ("version: 1\ndefaults: {backdrop: {colors: [#fff]}}\n", "YAML_BROKEN", 2, "quotes"),
        ("version: 1\nname: \x01\n", "YAML_BROKEN", 2, "control"),
        ("version: 1\nversion: 1\nrows: [{id: a, source: a.png}]\n", "DUPLICATE_KEY", 2, "line 1"),
        (b"version: 1\nname: K\xe4se\n", "BAD_ENCODING", 2, "UTF-8"),
        (
            "version: 1\nlimits: {max_rows: 1}\nrows: [{id: a, source: a.png}, {id: b, source: b.png}]\n",
            "TOO_MANY_ROWS",
            3,
            "1",
        ),
        ("version: 1\nname: " + "x" * 1_100_000 + "\n", "TOO_LARGE", None, "without rows"),
    ],
)
def test_a_bad_file_is_told_with_its_line(
    space: Workspace, text: str | bytes, code: str, line: int | None, told: str
) -> None:
    problem = space.fault(text)
    assert (problem.code, problem.line) == (code, line)
    assert told in str(problem)


def test_an_alias_bomb_is_refused_before_it_is_built(space: Workspace) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert space.fault(bomb).code == "YAML_ALIAS"


def test_a_missing_file_and_a_folder(space: Workspace) -> None:
    from manifests.errors import ManifestError
    from manifests.loader import load

    for name, code in (("none.yaml", "FILE_MISSING"), (".", "NOT_A_FILE")):
        with pytest.raises(ManifestError) as caught:
            load(space.folder / name)
        assert [problem.code for problem in caught.value.problems] == [code]


TEN = """\
version: 1
defaults:
  motion: {amount: 7}
profiles:
  soft: {easing: smooth}
rows:
  - id: one
    source: a.png
    seed: -4
  - id: two
    source: missing.png
  - id: three
    source: ../outside.png
  - id: four
    source: https://example.com/x.png
  - id: five
    source: a.png
    deliver: [web_1080p, tiktok]
  - id: two
    source: b.png
  - source: c.png
  - id: eight
    source: c.png
    engine: svdd
"""


def test_ten_faults_are_told_each_with_its_line(space: Workspace) -> None:
    found = [(problem.code, problem.line, problem.item) for problem in space.faults(TEN)]
    assert found == [
        ("OUT_OF_RANGE", 3, ""),
        ("UNKNOWN_KEY", 5, ""),
        ("OUT_OF_RANGE", 9, "one"),
        ("DUPLICATE_ID", 10, "two"),
        ("PICTURE_MISSING", 11, "two"),
        ("PATH_OUTSIDE", 13, "three"),
        ("URL_REFUSED", 15, "four"),
        ("UNKNOWN_PRESET", 18, "five"),
        ("DUPLICATE_ID", 19, "two"),
        ("MISSING_ID", 21, ""),
        ("UNKNOWN_VALUE", 24, "eight"),
    ]


def test_a_fault_of_the_header_is_told_once_for_many_rows(space: Workspace) -> None:
    rows = "".join(f"  - {{id: r{n}, source: a.png}}\n" for n in range(500))
    problem = space.fault(f"version: 1\ndefaults:\n  motion: {{amount: 9}}\nrows:\n{rows}")
    assert (problem.code, problem.line, problem.item) == ("OUT_OF_RANGE", 3, "")


def test_two_faults_of_one_row_are_two_problems(space: Workspace) -> None:
    row = "  - id: a\n    source: a.png\n    seed: -1\n    deliver:\n      - web\n      - reel_instagram\n"
    found = [(problem.code, problem.line) for problem in space.faults(f"version: 1\nrows:\n{row}")]
    assert found == [("OUT_OF_RANGE", 5), ("UNKNOWN_PRESET", 7), ("UNKNOWN_PRESET", 8)]
