"""The same recipe makes the same pixels until its stage's `VERSION` says otherwise."""

from __future__ import annotations

import json

import pytest

from tests.tasks import goldens

RECORDED = json.loads(goldens.RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("stage", list(goldens.VERSIONS))
def test_a_stage_makes_what_its_version_is_known_for(stage: str) -> None:
    known = RECORDED["stages"][stage]
    assert goldens.VERSIONS[stage]() == known["version"], (
        f"{stage} has another VERSION than its record: `python -m tests.tasks.goldens` records it"
    )
    libraries = dict(goldens.LIBRARIES[stage]())
    if libraries != known["libraries"]:
        pytest.skip(f"recorded with {known['libraries']}, here are {libraries}")
    if goldens.where() != RECORDED["where"]:
        pytest.skip(f"recorded on {RECORDED['where']}, this is {goldens.where()}")
    assert goldens.made(stage) == known["sha256"], (
        f"{stage} makes other pixels of the same recipe: raise its VERSION, then `python -m tests.tasks.goldens`"
    )
