"""Whatever a manifest holds, it loads or is refused with problems; nothing else escapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.keys import ask_keys
from manifests.loader import load
from tests.manifests.workspace import Workspace

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("auto")
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
keys = st.sampled_from([*ask_keys(), "motion", "place", "id", "profile", "meta.x", "variants.seed", "variants"])
rows = st.lists(st.dictionaries(keys, values, max_size=5), min_size=1, max_size=3)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _loads_or_is_refused(path: Path) -> None:
    try:
        manifest = load(path)
    except ManifestError as error:
        assert error.problems
        assert all(problem.code and problem.message and problem.file for problem in error.problems)
    else:
        assert len(manifest.sha256) == 64


@quick
@given(rows)
def test_any_json_rows(space: Workspace, rows: list[dict[str, Any]]) -> None:
    written = [{"id": f"r{n}", "source": "a.png", **row} for n, row in enumerate(rows)]
    space.write("\n".join(map(json.dumps, written)), "rows.jsonl")
    _loads_or_is_refused(space.write("version: 1\nrows: {jsonl: rows.jsonl}\n"))


@quick
@given(rows)
def test_any_yaml_rows(space: Workspace, rows: list[dict[str, Any]]) -> None:
    written = [{"id": f"r{n}", "source": "a.png", **row} for n, row in enumerate(rows)]
    _loads_or_is_refused(space.write("version: 1\nrows: " + json.dumps(written, allow_nan=True)))


@quick
@given(
    st.dictionaries(
        st.sampled_from(["version", "kind", "name", "out", "roots", "defaults", "profiles", "rows", "limits"]), values
    )
)
def test_any_header(space: Workspace, header: dict[str, Any]) -> None:
    _loads_or_is_refused(space.write(json.dumps({"version": 1, "rows": [{"id": "a", "source": "a.png"}]} | header)))


@quick
@given(st.text())
def test_any_text(space: Workspace, text: str) -> None:
    _loads_or_is_refused(space.write(text.encode("utf-8", "surrogatepass")))
    space.write(text.encode("utf-8", "surrogatepass"), "rows.csv")
    _loads_or_is_refused(space.write("version: 1\nrows: {csv: rows.csv, rest: meta}\n"))


@pytest.mark.parametrize("key", ["id", "title", "source", "meta.x", "variants.seed", "place.anchor"])
def test_half_a_character_pair(space: Workspace, key: str) -> None:
    row = json.dumps({"id": "a", "source": "a.png"} | {key: ["\ud800"] if key == "variants.seed" else "\ud800.png"})
    space.write(row, "rows.jsonl")
    assert space.fault("version: 1\nrows: {jsonl: rows.jsonl}\n").code == "JSON_BROKEN"
    _loads_or_is_refused(space.write(f"version: 1\nrows: [{row}]\n"))
    assert space.fault("version: 1\nrows: [{id: a, source: a.png}]\n", ["title=\udcff"]).code == "BAD_OVERRIDE"
