"""Which engine makes a shot, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasks.planner.device import CPU, Device
from tasks.planner.plan import Means, ShotPlan
from tasks.planner.shot import camera_fallback
from tasks.recipe import SvdRecipe
from tests.tasks.asked import ask, facts, only, plan, planned, refusal
from tests.tasks.svd_means import BARE, HERE, SLOW, UNACCEPTED, means, offer

PANEL = facts(product="whole", box=(0, 0, 3000, 2000))


@pytest.mark.parametrize(
    ("engine", "kind", "here", "made_by", "said"),
    [
        ("auto", "product", HERE, "svd", "svd-xt camera push"),
        ("camera", "product", HERE, "camera", "camera push"),
        ("svd", "product", HERE, "svd", "svd-xt camera push"),
        ("auto", "storyboard", HERE, "camera", "panels are drawings"),
        ("svd", "storyboard", HERE, "svd", "svd-xt"),
        ("auto", "product", BARE, "camera", "no SVD weights here (dailies weights pull svd-xt"),
        ("auto", "product", means(torch=False), "camera", ".[gpu]"),
        ("auto", "product", SLOW, "camera", "svd would take about 6 h"),
        ("svd", "product", SLOW, "svd", "fp32"),
        ("auto", "product", means(device=Device("cuda", 0, "GT 1030", 2 * 2**30)), "camera", "GT 1030 has 2.0"),
    ],
)
def test_the_engine_and_its_reason(engine: str, kind: str, here: Means, made_by: str, said: str) -> None:
    rendition = only(plan(ask(engine=engine), PANEL if kind == "storyboard" else None, here, kind))
    assert rendition.animate.engine == made_by, rendition.why
    assert said in rendition.why["animate"]


@pytest.mark.parametrize("engine", ["auto", "svd"])
def test_weights_whose_licence_nobody_accepted_stop_the_shot(engine: str) -> None:
    assert refusal(ask(engine=engine), means=means(offer(problem=UNACCEPTED))) == UNACCEPTED


@pytest.mark.parametrize(
    ("asked", "here", "code", "remedy"),
    [
        ({}, BARE, "WEIGHTS_MISSING", "dailies weights pull svd-xt"),
        ({"svd": {"model": "other"}}, HERE, "WEIGHTS_MISSING", "dailies weights pull other"),
        ({}, means(torch=False), "ENGINE_MISSING", ".[gpu]"),
        ({"svd": {"adapters": [{"name": "grain"}]}}, HERE, "WEIGHTS_MISSING", "grain.safetensors"),
        ({"interpolate": "off"}, HERE, "SVD_NEEDS_INTERPOLATION", "interpolate: auto"),
        ({"svd": {"canvas": [2048, 1152]}}, HERE, "SVD_CANVAS_LARGER", "smaller svd.canvas"),
        ({"svd": {"schedule": "lcm", "steps": 41}}, HERE, "OUT_OF_RANGE", "4 to 8"),
        ({"svd": {"motion_bucket": 90}}, means(offer("svd-xt-1.1")), "SVD_LOCKED", "svd.model: svd-xt"),
        ({"svd": {"conditioning_fps": 7}}, means(offer("svd-xt-1.1")), "SVD_LOCKED", "leave svd.conditioning_fps"),
    ],
)
def test_svd_that_cannot_be_is_refused_with_a_remedy(
    asked: dict[str, Any], here: Means, code: str, remedy: str
) -> None:
    problem = refusal(ask(engine="svd", **asked), means=here)
    assert problem.code == code
    assert remedy in problem.remedy


@pytest.mark.parametrize("asked", [{"interpolate": "off"}, {"svd": {"canvas": [2048, 1152]}}])
def test_auto_takes_the_camera_where_svd_cannot_meet_a_delivery(asked: dict[str, Any]) -> None:
    rendition = only(plan(ask(**asked), means=HERE))
    assert rendition.animate.engine == "camera"
    assert "svd" in rendition.why["animate"]


def test_a_card_too_small_is_said_where_svd_is_asked_for() -> None:
    shot = plan(ask(engine="svd"), means=means(device=Device("cuda", 0, "GT 1030", 2 * 2**30)))
    assert any("GT 1030" in note and "out of memory" in note for note in shot.notes)


def test_memory_is_estimated_at_the_first_rung_that_fits() -> None:
    needs = [
        only(plan(ask(), means=means(device=Device("cuda", 0, "card", size * 2**30)))).vram_bytes
        for size in (80, 24, 16)
    ]
    assert needs[0] > 24 * 2**30 > needs[1] > 0, needs
    assert needs[1] > 16 * 2**30 or needs[1] == needs[2], needs
    assert needs[2] <= 16 * 2**30, needs
    assert only(plan(ask(engine="camera"), means=HERE)).vram_bytes == 0


def test_the_best_checkpoint_that_may_be_used_is_taken() -> None:
    def model(*offers: Any, **svd: Any) -> str:
        animate = only(plan(ask(svd=svd), means=means(*offers))).animate
        assert isinstance(animate, SvdRecipe)
        return animate.model

    svd, xt, locked = offer("svd", 14), offer(), offer("svd-xt-1.1")
    assert model(svd, locked, xt) == "svd-xt"
    assert model(svd, locked, offer(problem=UNACCEPTED)) == "svd-xt-1.1"
    assert model(svd, offer("zebra"), offer("aardvark")) == "svd"
    assert model(svd, xt, model="svd") == "svd"


def test_a_grant_that_ends_soon_is_told() -> None:
    assert "ends soon" in plan(ask(), means=means(offer(warnings=("ends soon",)))).notes


def test_a_fallback_keeps_name_and_deliveries() -> None:
    asked = ask(engine="svd", deliver=["web_1080p", "amazon_onsite", "instagram_reel", "tiktok_ads"], seconds=6)
    for rendition in plan(asked, means=HERE).renditions:
        made = camera_fallback(rendition, asked, "product", facts(), HERE, "SSIM 0.41, at least 0.6")
        assert not isinstance(made, list)
        assert made.animate.engine == "camera" and rendition.animate.engine == "svd"
        assert "SSIM 0.41" in made.why["animate"]
        assert made.name == rendition.name
        told = [(one.preset, one.name, one.ask_sha256, one.encode) for one in made.deliveries]
        assert told == [(one.preset, one.name, one.ask_sha256, one.encode) for one in rendition.deliveries]


def test_an_ask_is_the_same_whatever_the_machine_has() -> None:
    def asks(here: Means) -> list[str]:
        return [one.ask_sha256 for one in only(plan(ask(), means=here)).deliveries]

    assert asks(HERE) == asks(BARE) == asks(SLOW)


def test_frames_are_enlarged_in_torch_where_there_is_a_card() -> None:
    small = {"engine": "camera", "render": {"height": 540, "rate": 10}}
    rendition = only(plan(ask(**small), means=replace(HERE, rife=True)))
    assert rendition.upscale and rendition.interpolate
    assert (rendition.upscale.runtime, rendition.interpolate.runtime) == ("torch", "torch")
    for other in (replace(HERE, device=CPU, rife=True), replace(HERE, torch=False, rife=True)):
        rendition = only(plan(ask(**small), means=other))
        assert rendition.upscale and rendition.interpolate
        assert (rendition.upscale.runtime, rendition.interpolate.runtime) == ("ncnn", "ncnn")


# ---- prompts


def _prompt(shot: ShotPlan) -> str:
    (note,) = [note for note in shot.notes if note.startswith("prompt:")]
    return note


def test_what_became_of_a_prompt_is_told() -> None:
    asked = ask(prompt="orbit, steam rising", motion={"move": "orbit"})
    assert _prompt(plan(asked)) == (
        "prompt: 'orbit' -> motion.move orbit; not understood: 'steam rising'; no network reads it"
    )
    over = _prompt(plan(ask(prompt="orbit", motion={"move": "pan"})))
    assert "motion.move orbit (pan stands over it)" in over
    hostile = _prompt(plan(ask(prompt="\x1b[31mred\n" * 20)))
    assert hostile.isprintable()


def test_a_prompt_by_itself_changes_no_pixels() -> None:
    def asks(**asked: Any) -> list[str]:
        return [one.ask_sha256 for one in only(plan(ask(**asked))).deliveries]

    assert asks(prompt="steam") == asks()
    assert asks(svd={"motion_bucket": 90}) != asks()


def test_a_locked_checkpoint_keeps_its_bucket_against_a_prompt() -> None:
    here = means(offer("svd-xt-1.1"))
    shot = plan(ask(prompt="slow push in", svd={"motion_bucket": 70}), means=here)
    animate = only(shot).animate
    assert isinstance(animate, SvdRecipe) and animate.motion_bucket == 127
    assert any("stays 127" in note for note in shot.notes)


def test_every_delivery_that_svd_cannot_make_is_told_once() -> None:
    found = planned(ask(engine="svd", interpolate="off", deliver=["web_1080p", "amazon_onsite"]), means=HERE)
    assert isinstance(found, list) and [one.code for one in found] == ["SVD_NEEDS_INTERPOLATION"]
