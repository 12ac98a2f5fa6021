"""Drafts: everything small and quick, whatever rows and scenes wish for; and what nobody may ask for."""

from __future__ import annotations

from manifests.draft import DRAFT, drafted
from tests.manifests.workspace import HEAD, Workspace

WISHES = """
  - {id: a, source: a.png, deliver: [youtube_4k, amazon_stv], upscale: {still: true}, speed: best, scene: s}
  - {id: b, source: b.png, render: {height: 2160}, variants: {seed: [1, 2]}}
"""


def test_a_draft_overrides_what_each_row_wishes(space: Workspace) -> None:
    asked = space.load(f"{HEAD}scenes: {{s: {{preset: youtube_4k, speed: best}}}}\nrows:{WISHES}")
    draft = drafted(asked)
    for ask in [one.ask for one in (*draft.items, *draft.shots)]:
        found = (ask.deliver, ask.speed, ask.upscale.still, ask.render.height)
        assert found == ((DRAFT,), "draft", False, "auto"), found
    assert (draft.scenes["s"].preset, draft.scenes["s"].speed) == (DRAFT, "draft")
    assert [shot.key for shot in draft.shots] == [shot.key for shot in asked.shots]


def test_a_draft_is_another_request_than_what_it_drafts(space: Workspace) -> None:
    """Also without a scene: what a run keeps of its manifest is what was made."""
    asked = space.row("deliver: [youtube_4k]")
    assert drafted(asked).sha256 not in ("", asked.sha256)


def test_drafts_of_rows_that_only_their_presets_kept_apart_are_named_by_id(space: Workspace) -> None:
    head = HEAD + 'out: {template: "{title}_{preset}"}\n'
    rows = "  - {id: a, source: a.png, title: Mug, deliver: [youtube_4k]}\n"
    apart = rows + "  - {id: b, source: b.png, title: Cup, deliver: [youtube_4k]}\n"
    alike = rows + "  - {id: b, source: b.png, title: mug, deliver: [web_1080p]}\n"
    for text, wanted in ((apart, ["Mug", "Cup"]), (alike, ["a", "b"])):
        draft = drafted(space.load(f"{head}rows:\n{text}"))
        assert [draft.output(shot, DRAFT) for shot in draft.shots] == [f"{name}_{DRAFT}.mp4" for name in wanted]


def test_what_only_scenes_are_cut_from_is_no_preset_to_ask_for(space: Workspace) -> None:
    problem = space.row_fault("deliver: [youtube_1080p_shot]")
    assert (problem.code, "youtube_1080p" in problem.remedy) == ("UNKNOWN_PRESET", True), problem


def test_a_scene_may_not_be_what_its_shots_are_cut_from(space: Workspace) -> None:
    text = f"{HEAD}scenes: {{s: {{preset: youtube_1080p_shot}}}}\nrows:\n  - {{id: a, source: a.png, scene: s}}\n"
    assert "UNKNOWN_PRESET" in {problem.code for problem in space.faults(text)}
