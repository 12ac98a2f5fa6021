"""A shot from one picture to another: its recipes, what it costs, what is said of it, and what of others stays."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from flows.workshop import chain_of, speeds_of
from manifests.ask import Ask
from manifests.errors import Problem
from manifests.loader import load
from models.interpolate import resampled_frames
from tasks.planner.delivery import ask_sha256
from tasks.planner.fits import needs_of
from tasks.planner.plan import PLAN_VERSION, UNTIL_VERSION, Means, RenditionPlan, ShotPlan
from tasks.planner.planner import RunPlan, plan_run
from tasks.planner.shot import camera_fallback, plan_shot
from tasks.planner.subject import Subject
from tasks.prepare import PictureFacts
from tasks.recipe import PrepareRecipe, SvdRecipe, recipe_sha256
from tasks.sources import files_of
from tests.tasks.asked import ask, facts, only, plan
from tests.tasks.svd_means import BARE, HERE, RTX_4090, SLOW, means, offer
from tests.workroom import Workroom

LAST = facts(sha256="cd" * 32, width=2400, height=1600, box=(200, 400, 1000, 1400))
PANEL = facts(product="whole", box=(0, 0, 3000, 2000))
SMALL = {"until": "next", "canvas": [256, 128]}


def between(**asked: Any) -> Ask:
    """An ask that ends on `b.png`."""
    return ask(**{"engine": "svd"} | asked | {"svd": {"until": "/pictures/b.png"} | asked.get("svd", {})})


def planned(
    asked: Ask, last: PictureFacts = LAST, here: Means = HERE, kind: str = "product", first: PictureFacts | None = None
) -> ShotPlan | list[Problem]:
    return plan_shot(
        "a", "a", "", 3, asked, kind, first or facts(), here, lambda spec: f"a_{spec.name}.mp4", until=last
    )


def made(asked: Ask, **told: Any) -> tuple[ShotPlan, RenditionPlan, SvdRecipe]:
    shot = planned(asked, **told)
    assert isinstance(shot, ShotPlan), shot
    rendition = only(shot)
    assert isinstance(rendition.animate, SvdRecipe), rendition.why
    return shot, rendition, rendition.animate


def test_both_pictures_are_staged_in_one_frame_and_nothing_commands_between_them() -> None:
    shot, rendition, recipe = made(between(place={"fill": 0.6, "anchor": "bottom"}))
    assert (recipe.task, recipe.camera, recipe.sigma_start, recipe.fidelity) == ("inbetween", None, 0.0, "off")
    assert (recipe.drift_px, recipe.drift_ssim, recipe.drift_color) == (0.0, 0.0, 0.0)
    first, last = rendition.prepare, rendition.prepare.until
    assert last is not None
    alone = only(plan(ask(engine="svd", svd={"task": "free"}, place={"fill": 0.6, "anchor": "bottom"}), LAST, HERE))
    assert last == alone.prepare, "the second picture is staged as it would be in a shot of its own"
    assert (last.frame_width, last.frame_height, last.safe) == (first.frame_width, first.frame_height, first.safe)
    assert shot.picture.until is not None and shot.picture.until.sha256 == LAST.sha256
    assert files_of(shot.model_dump(mode="json")) == {"ab" * 32: "/pictures/a.png", "cd" * 32: "/pictures/b.png"}
    assert ShotPlan.model_validate_json(shot.model_dump_json()) == shot


@pytest.mark.parametrize("window", [3, 14, 25])
@pytest.mark.parametrize("frames", [2, 3, 24, 48, 400])
def test_the_ends_fall_on_the_deliverys_first_and_last_frame(frames: int, window: int) -> None:
    _, rendition, recipe = made(between(frames=frames), here=means(offer("svd-xt", window)))
    encode = rendition.deliveries[0].encode
    assert recipe.frames == min(frames, window) and rendition.animate.rate == recipe.rate
    rate = Fraction(recipe.rate)
    assert resampled_frames(recipe.frames, rate, Fraction(encode.rate), False) == encode.frames == frames
    if recipe.frames < frames:
        assert (recipe.frames - 1) * Fraction(encode.rate) / rate == frames - 1


def test_it_is_twice_the_network_and_no_more_memory() -> None:
    _, there, _ = made(between(seconds=3))
    free = only(plan(ask(engine="svd", seconds=3, svd={"task": "free"}), means=HERE))
    decode = only(plan(ask(engine="svd", seconds=3, svd={"task": "free", "steps": 1}), means=HERE)).tflop
    step = (free.tflop - decode) / 24
    assert there.tflop - free.tflop == pytest.approx(25 * step, rel=0.01), "25 steps more"
    assert (there.vram_bytes, there.vram_least_bytes) == (free.vram_bytes, free.vram_least_bytes)
    few = made(between(seconds=0.2))[1].tflop
    assert few < 0.35 * there.tflop, "frames that are not drawn are not counted"


def test_a_small_second_picture_is_enlarged_once_too() -> None:
    small = facts(sha256="cd" * 32, width=300, height=200, box=(100, 50, 200, 150))
    shot, rendition, _ = made(between(), last=small)
    assert rendition.upscale_still is None and rendition.upscale_until is not None
    assert "enlarged" in rendition.why["upscale_until"] and "upscale_until" in rendition.stages
    needs = needs_of([shot.model_dump(mode="json")])
    assert f"realesrgan/{rendition.upscale_until.model}/torch" in needs["weights"]


def test_what_is_asked_beside_it_and_cannot_be_is_said() -> None:
    shot, rendition, _ = made(
        between(
            seconds=20, motion={"move": "orbit"}, light={"sweep": 0.3}, svd={"task": "camera", "fidelity": "strict"}
        )
    )
    said = " | ".join(shot.notes)
    assert "motion.move orbit, light.sweep, svd.task camera, svd.fidelity strict command nothing" in said
    assert "25 frames over the whole clip" in said and "one window" in said
    assert "between two pictures, to 'b.png'" in rendition.why["animate"] and "'b.png'" in rendition.why["prepare"]
    same = facts()
    assert any("the picture it begins with" in note for note in made(between(), last=same)[0].notes)


@pytest.mark.parametrize(
    ("asked", "kind", "code", "remedy"),
    [
        ({"engine": "camera"}, "product", "UNTIL_NEEDS_SVD", "engine: svd"),
        ({"engine": "auto"}, "storyboard", "UNTIL_NEEDS_SVD", "svd.until: none"),
        ({"motion": {"loop": True}}, "product", "EXCLUSIVE_KEYS", "one of the two"),
    ],
)
def test_what_contradicts_it_is_refused(asked: dict[str, Any], kind: str, code: str, remedy: str) -> None:
    for here in (HERE, BARE if asked.get("engine") else HERE):
        found = planned(between(**asked), here=here, kind=kind)
        assert isinstance(found, list)
        assert [problem.code for problem in found] == [code] and remedy in found[0].remedy


def test_a_second_picture_that_cannot_stand_there_is_refused_by_its_name() -> None:
    cut = facts(product="alpha", alpha=True)
    found = planned(between(backdrop={"kind": "floor"}), first=cut)
    assert isinstance(found, list) and [one.code for one in found] == ["BACKDROP_NEEDS_CUTOUT"]
    assert found[0].message.startswith("svd.until: ")


@pytest.mark.parametrize("here", [BARE, SLOW, means(torch=False)])
def test_where_only_the_machine_keeps_svd_from_it_the_camera_says_so(here: Means) -> None:
    shot = planned(between(engine="auto"), here=here)
    assert isinstance(shot, ShotPlan)
    assert only(shot).animate.engine == "camera" and only(shot).prepare.until is None
    assert any("does not lead to 'b.png'" in note for note in shot.notes)
    assert shot.version == PLAN_VERSION and shot.picture.until is None
    svd = made(between(engine="auto"))[0]
    assert _promised(shot) == _promised(svd), "asked is the same, whoever makes it"


def test_panels_are_led_to_the_next_where_a_row_asks_for_svd() -> None:
    last = replace(PANEL, sha256="cd" * 32, width=1600, height=900, box=(0, 0, 1600, 900))
    _, rendition, recipe = made(between(), last=last, first=PANEL, kind="storyboard")
    assert recipe.task == "inbetween"
    assert rendition.prepare.until is not None and rendition.prepare.until.product == "whole"


def test_a_clip_that_goes_to_the_camera_after_all_keeps_what_was_promised() -> None:
    asked = between()
    shot, rendition, _ = made(asked)
    camera = camera_fallback(rendition, asked, "product", facts(), HERE, "it drifted", LAST)
    assert isinstance(camera, RenditionPlan)
    assert camera.animate.engine == "camera" and camera.prepare.until is None
    assert [one.ask_sha256 for one in camera.deliveries] == _promised(shot)


def test_another_second_picture_is_another_delivery() -> None:
    shot = made(between())[0]
    assert _promised(made(between(), last=replace(LAST, sha256="ef" * 32))[0]) != _promised(shot)
    moved = made(between(svd={"until": "/elsewhere/b.png"}))[0]
    assert _promised(moved) == _promised(shot), "pictures are told apart by their bytes"


def test_shots_that_end_on_no_other_keep_their_names() -> None:
    """Digests as they were before there was such a thing: nobody's finished work is made again."""
    recipe = PrepareRecipe(
        frame_width=320,
        frame_height=180,
        overscan=(0.1, 0.0, 0.1, 0.0),
        fill=0.7,
        anchor=(0.5, 0.5),
        safe=(0.0, 0.0, 0.0, 0.0),
        product="plain",
        backdrop="extend",
        colors=(),
        horizon=0.0,
        shadow="none",
        layers=False,
        density=1.5,
        page=0,
        max_pixels=1000,
    )
    name = recipe_sha256("prepare", 1, recipe, weights={}, versions={"numpy": "2"}, inputs=[("source", "ab" * 32)])
    assert name == "3224988402d58fadb5b67a66c8bc847d00fe72947f2eca0972c30021f6305a18"
    asked = ask(engine="svd", frames=48, motion={"move": "orbit"}, svd={"steps": 5})
    promised = ask_sha256(Subject(asked, "product", facts(), HERE), "web_1080p")
    assert promised == "e3815185640af1e730bd17db84534674b1d793bc47882d5e6369f1f3587bc10d"
    for engine in ("svd", "camera"):
        shot = plan(ask(engine=engine), means=HERE)
        assert "until" not in shot.model_dump_json() and shot.version == PLAN_VERSION
    assert made(between())[0].version == UNTIL_VERSION > PLAN_VERSION, "older workers give it back"


def _promised(shot: ShotPlan) -> list[str]:
    return [delivery.ask_sha256 for shared in shot.renditions for delivery in shared.deliveries]


# ---- from a manifest


def run_plan(room: Workroom, rows: list[dict[str, Any]]) -> RunPlan:
    with room.tools() as tools:
        manifest = load(room.manifest(rows))
        here = means(device=RTX_4090)
        return plan_run(manifest, tools.catalog, chain_of(tools), here, speeds_of(tools.catalog), workers=1)


def test_a_changed_next_picture_plans_the_shot_before_it_anew(room: Workroom) -> None:
    for seed, name in enumerate(("a.png", "b.png", "c.png"), start=1):
        room.picture(name, seed)
    rows = [
        {"id": "a", "source": "a.png", "engine": "svd", "svd": SMALL},
        {"id": "b", "source": "b.png", "engine": "camera"},
        {"id": "c", "source": "c.png", "engine": "camera"},
    ]
    names = {one.shot.key: _promised(one.plan) for one in run_plan(room, rows).shots if one.plan}
    assert set(names) == {"a", "b", "c"}
    room.picture("b.png", 4)
    again = {one.shot.key: _promised(one.plan) for one in run_plan(room, rows).shots if one.plan}
    assert {key for key in names if names[key] != again[key]} == {"a", "b"}


def test_a_next_picture_that_cannot_be_read_is_that_rows_fault_and_the_shots_before_it(room: Workroom) -> None:
    room.picture("a.png", 1)
    room.picture("c.png", 3)
    (room.folder / "b.png").write_bytes(b"no picture")
    rows: list[dict[str, Any]] = [
        {"id": "a", "source": "a.png", "engine": "svd", "svd": SMALL},
        {"id": "b", "source": "b.png", "engine": "camera"},
        {"id": "c", "source": "c.png", "engine": "camera"},
    ]
    planned = run_plan(room, rows)
    told = {problem.item: problem for problem in planned.problems}
    assert {item: problem.code for item, problem in told.items()} == {
        "a": "UNSUPPORTED_IMAGE",
        "b": "UNSUPPORTED_IMAGE",
    }
    assert told["a"].message.startswith("svd.until: ")
    assert [one.shot.key for one in planned.shots if one.plan] == ["c"]
