"""A scene that stands is served as it is; the plan tells where newer code would make it differently."""

from __future__ import annotations

import pytest

from tests.tasks.scene.storyroom import board, made_by_all, run
from tests.workroom import Workroom


@pytest.mark.parametrize(
    ("changed", "made_again"),
    [("SEGMENT_VERSION", {"segment": 3}), ("MIX_VERSION", {"mix": 1}), ("ASSEMBLE_VERSION", {"assemble": 1})],
)
def test_newer_code_is_told_and_counts_under_refresh_only(
    room: Workroom, monkeypatch: pytest.MonkeyPatch, changed: str, made_again: dict[str, int]
) -> None:
    manifest = board(
        room, {}, {}, scenes={"s": {"preset": "small_wide", "leader": 0.25, "burn_in": {"top_left": "date"}}}
    )
    run(room, manifest)
    planned = room.plan(manifest)
    assert (planned.deliveries_standing, planned.deliveries_to_make, planned.standing.older) == (3, 0, frozenset())
    before = made_by_all(room)
    monkeypatch.setattr(f"tasks.scene.stages.{changed}", 99)
    planned = room.plan(manifest)
    assert (planned.deliveries_to_make, len(planned.standing.older)) == (0, 1)
    assert room.plan(manifest, refresh=True).deliveries_to_make == 1
    run(room, manifest)
    assert made_by_all(room) == before, "nothing is made anew that nobody asked for"
    run(room, manifest, refresh=True)
    again = made_by_all(room) - before
    assert {stage: again[stage] for stage in made_again} == made_again
    assert not room.plan(manifest).standing.older


def test_a_scene_of_older_clips_is_older_too(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = board(room, {}, {})
    run(room, manifest)
    monkeypatch.setattr("tasks.prepare.VERSION", 99)
    assert len(room.plan(manifest).standing.older) == 3
