"""SVD's recipe: the canvas and its middle, frames that come out even, and what each setting becomes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.presets import presets
from models.camera.path import Path, Views
from models.interpolate import resampled_frames
from models.svd.settings import LADDER
from tasks.animate import path_of
from tasks.planner.canvas import canvas_of
from tasks.planner.plan import RenditionPlan
from tasks.prepare.placement import place
from tasks.recipe import CameraRecipe, SvdRecipe
from tests.tasks.asked import ask, facts, only, plan
from tests.tasks.svd_means import HERE, SLOW, means, offer


def made(rendition: RenditionPlan) -> SvdRecipe:
    assert isinstance(rendition.animate, SvdRecipe), rendition.why
    return rendition.animate


def recipe(**asked: Any) -> SvdRecipe:
    return made(only(plan(ask(**{"engine": "svd"} | asked), means=HERE)))


# ---- canvas


@pytest.mark.parametrize(
    ("delivery", "asked", "size", "middle"),
    [
        ((1920, 1080), "auto", (1024, 576), (1024, 576)),
        ((1080, 1080), "auto", (1024, 576), (576, 576)),
        ((1080, 1440), "auto", (1024, 576), (432, 576)),
        ((1080, 1920), "auto", (576, 1024), (576, 1024)),
        ((1080, 1350), "auto", (1024, 576), (460, 576)),
        ((2560, 1080), "auto", (1024, 576), (1024, 432)),
        ((1080, 1080), "square", (768, 768), (768, 768)),
        ((1920, 1080), "tall", (576, 1024), (576, 324)),
        ((1920, 1080), (512, 320), (512, 320), (512, 288)),
    ],
)
def test_the_middle_is_the_largest_that_has_the_deliverys_aspect(
    delivery: tuple[int, int], asked: Any, size: tuple[int, int], middle: tuple[int, int]
) -> None:
    canvas = canvas_of(asked, delivery)
    assert (canvas.size, canvas.middle) == (size, middle)


boxes = st.tuples(*[st.floats(0.0, 0.45)] * 2, *[st.floats(0.55, 1.0)] * 2).map(
    lambda edges: tuple(round(edge * side) for edge, side in zip(edges, (3000, 2000, 3000, 2000), strict=True))
)
moves = st.fixed_dictionaries(
    {
        "move": st.sampled_from(["push", "pull", "pan", "tilt", "orbit", "arc", "drift", "hold"]),
        "amount": st.floats(0, 0.6),
        "direction": st.sampled_from(["left", "right", "up", "down"]),
        "loop": st.booleans(),
        "parallax": st.just("auto") | st.floats(0, 1),
    }
)


@settings(max_examples=120, deadline=None)
@given(
    boxes,
    moves,
    st.sampled_from(sorted(name for name, spec in presets().items() if not spec.native)),
    st.sampled_from(["auto", "wide", "tall", "square"]),
    st.floats(0.1, 1),
    st.sampled_from(["plain", "alpha"]),
)
def test_the_middle_of_every_view_shows_the_whole_product(
    box: Any, motion: dict[str, Any], preset: str, canvas: str, fill: float, product: str
) -> None:
    asked = ask(engine="svd", deliver=[preset], motion=motion, place={"fill": fill}, svd={"canvas": canvas}, seconds=15)
    seen = facts(box=box, product=product, alpha=product == "alpha")
    rendition = only(plan(asked, seen, HERE))
    svd = made(rendition)
    placed = place(seen.box, rendition.prepare)
    left, top, right, bottom = placed.to_home(placed.to_plate(seen.box))
    assert svd.camera is not None
    flown = path_of(svd.camera)
    width, height = svd.width / svd.canvas_width, svd.height / svd.canvas_height
    worst = min(
        _room(views, flown, (left, top, right, bottom), width, height)
        for views in (flown.plate, flown.layer)
        if views is not None
    )
    assert worst >= -1e-6, f"the product is {-worst:.5f} of the middle beyond its edge"


def _room(views: Views, flown: Path, box: tuple[float, ...], width: float, height: float) -> float:
    """The least room of any corner inside the middle of any view, by turning corners into each view's own frame."""
    rooms: list[float] = []
    for number in range(len(views)):
        view = views[number]
        for x in (box[0], box[2]):
            for y in (box[1], box[3]):
                across, down = (x - view.cx) * flown.aspect, y - view.cy
                cos, sin = np.cos(view.roll), np.sin(view.roll)
                along, over = (across * cos + down * sin) / flown.aspect, down * cos - across * sin
                rooms += [view.w / 2 - abs(along) / width, view.w / 2 - abs(over) / height]
    return min(rooms)


def test_the_product_takes_the_same_share_of_the_delivery_as_with_the_camera() -> None:
    for preset in ("web_1080p", "meta_feed_square", "instagram_reel"):
        asked = {"deliver": [preset], "place": {"fill": 0.7, "anchor": "bottom"}, "motion": {"move": "hold"}}
        svd, camera = (only(plan(ask(engine=engine, **asked), means=HERE)) for engine in ("svd", "camera"))
        canvas = canvas_of("auto", (svd.deliveries[0].encode.width, svd.deliveries[0].encode.height))
        there = canvas.inwards(_box(svd))
        assert there == pytest.approx(_box(camera), abs=0.004), preset


def _box(rendition: RenditionPlan) -> tuple[float, float, float, float]:
    placed = place(facts().box, rendition.prepare)
    return placed.to_home(placed.to_plate(facts().box))


def test_travel_across_a_crop_is_told_in_shares_of_the_delivery() -> None:
    small = {"place": {"fill": 0.3}, "deliver": ["meta_feed_square"]}
    pan, push = recipe(motion={"move": "pan", "amount": 0.2}, **small), recipe(motion={"amount": 0.2}, **small)
    assert pan.camera and push.camera
    assert pan.camera.amount == pytest.approx(0.2 * 576 / 1024)
    assert push.camera.amount == pytest.approx(0.2)
    focused = recipe(motion={"focus": [0.0, 0.25]}, **small).camera
    assert focused and focused.focus == pytest.approx((0.5 - 0.5 * 576 / 1024, 0.25))


# ---- frames


@settings(max_examples=400, deadline=None)
@given(
    st.integers(2, 2000),
    st.sampled_from(["12", "23.976", "24", "25", "29.97", "30", "50", "59.94", "60"]),
    st.booleans(),
    st.sampled_from([3, 5, 14, 25]),
    st.sampled_from(["auto", "free"]),
    st.sampled_from(["auto", "8", "29.97"]),
)
def test_the_resampled_clip_has_exactly_the_deliverys_frames(
    frames: int, rate: str, loop: bool, window: int, task: str, render: str
) -> None:
    asked = ask(
        engine="svd", frames=frames, rate=rate, motion={"loop": loop}, svd={"task": task}, render={"rate": render}
    )
    rendition = only(plan(asked, means=means(offer("svd-xt", window))))
    svd, encode = made(rendition), rendition.deliveries[0].encode
    given = svd.frames
    if rendition.interpolate:
        between = rendition.interpolate
        assert (between.rate_in, between.frames_in, between.rate_out) == (svd.rate, svd.frames, encode.rate)
        given = resampled_frames(svd.frames, Fraction(svd.rate), Fraction(encode.rate), between.loop)
    assert given == encode.frames
    assert Fraction(svd.rate) <= Fraction(encode.rate)
    most = {"image": window, "loop": window - 1, "long": svd.frames}[svd.task]
    assert 1 <= svd.frames <= most
    if svd.task == "long":
        assert (svd.frames - 1) % (window - 1) == 0 and task == "auto" and not loop
    if not loop and svd.frames < encode.frames:
        last = (svd.frames - 1) * Fraction(encode.rate) / Fraction(svd.rate)
        assert last == encode.frames - 1, "the last frame falls on the delivery's last"
    if svd.camera:
        assert (svd.camera.frames, svd.camera.cycle, svd.camera.rate) == (svd.frames, svd.frames, svd.rate)


@pytest.mark.parametrize(
    ("seconds", "asked", "task", "frames"),
    [
        (6, {}, "image", 25),
        (6.2, {}, "image", 25),
        (7, {}, "long", 49),
        (20, {}, "long", 97),
        (20, {"svd": {"task": "free"}}, "image", 25),
        (6, {"render": {"rate": 12}}, "long", 73),
        (6, {"motion": {"loop": True}}, "loop", 24),
        (0.5, {}, "image", 15),
    ],
)
def test_long_clips_are_several_windows(seconds: float, asked: dict[str, Any], task: str, frames: int) -> None:
    svd = recipe(seconds=seconds, **asked)
    assert (svd.task, svd.frames, svd.window) == (task, frames, 25)


def test_a_clip_too_short_for_its_preset_is_one_longer_clip_and_said() -> None:
    for fit in ("loop", "hold"):
        shot = plan(ask(engine="svd", deliver=["tiktok_ads"], seconds=3, fit=fit), means=HERE)
        svd, delivery = made(only(shot)), only(shot).deliveries[0]
        assert Fraction(svd.frames - 1) / Fraction(svd.rate) == Fraction(delivery.encode.frames - 1, 30)
        assert delivery.inspect.rest_seconds == 0
        assert any(f"instead of fit: {fit}" in note for note in shot.notes)


# ---- settings


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"schedule": "karras", "steps": 25, "guidance": (1.0, 3.0), "sigma_start": 3.87, "fidelity": "strict"}),
        ({"speed": "draft"}, {"schedule": "align-your-steps", "steps": 10}),
        ({"speed": "draft", "svd": {"schedule": "karras"}}, {"schedule": "karras", "steps": 25}),
        ({"svd": {"schedule": "lcm"}}, {"schedule": "lcm", "steps": 4, "guidance": (1.0, 1.2)}),
        ({"svd": {"steps": 7, "guidance": 2}}, {"steps": 7, "guidance": (2.0, 2.0)}),
        ({"svd": {"guidance": [1, 4]}}, {"guidance": (1.0, 4.0)}),
        ({"svd": {"sigma_start": 30}}, {"sigma_start": 30.0}),
        ({"svd": {"task": "free"}}, {"sigma_start": 0.0, "camera": None, "fidelity": "off", "drift_px": 0.0}),
        ({"svd": {"task": "free"}}, {"drift_ssim": 0.0, "drift_color": 0.0}),
        ({"svd": {"motion_bucket": 200, "conditioning_fps": 8}}, {"motion_bucket": 200, "conditioning_fps": 8}),
        ({"svd": {"dtype": "bf16"}}, {"dtype": "bf16"}),
        ({"svd": {"fidelity": "blend"}}, {"fidelity": "blend"}),
        ({"seed": 9}, {"seed": 9}),
    ],
)
def test_what_is_asked_is_in_the_recipe(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    svd = recipe(**asked)
    assert {name: getattr(svd, name) for name in expected} == expected
    assert svd.ladder == LADDER, "all rungs are allowed on every device: the recipe does not depend on the card"


def test_a_whole_picture_may_come_alive_and_is_not_pasted_back() -> None:
    whole = facts(product="whole", box=(0, 0, 3000, 2000))
    svd = made(only(plan(ask(engine="svd"), whole, HERE)))
    assert (svd.sigma_start, svd.fidelity, svd.drift_ssim) == (15.6, "off", 0.0)
    assert svd.drift_px > 0


def test_checkpoints_bring_their_own_window_and_guidance() -> None:
    svd = made(only(plan(ask(engine="svd", seconds=3), means=means(offer("svd", 14)))))
    assert (svd.window, svd.frames, svd.guidance) == (14, 14, (1.0, 2.5))
    few = made(only(plan(ask(engine="svd"), means=means(offer("animatelcm-svd-xt")))))
    assert (few.schedule, few.steps, few.guidance) == ("lcm", 4, (1.0, 1.2))


def test_the_cpu_gets_fp32_and_the_ladder_all_the_same() -> None:
    here, there = made(only(plan(ask(engine="svd"), means=SLOW))), recipe()
    assert (here.dtype, there.dtype) == ("fp32", "fp16")
    assert here.model_copy(update={"dtype": "fp16"}) == there


def test_an_adapter_is_in_the_recipe() -> None:
    here = means(adapters=frozenset({"grain"}))
    svd = made(only(plan(ask(engine="svd", svd={"adapters": [{"name": "grain", "scale": 0.5}]}), means=here)))
    assert [(one.name, one.scale) for one in svd.adapters] == [("grain", 0.5)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"svd": {"canvas": "square"}}, "768x768 is experimental"),
        ({"svd": {"motion_bucket": 300}}, "0 to 255"),
        ({"svd": {"conditioning_fps": 3}}, "5 to 30"),
        ({"seconds": 20}, "4 windows"),
        ({"svd": {"task": "free"}, "motion": {"move": "orbit"}}, "motion.move orbit command nothing"),
        ({"render": {"height": 540}}, "render.height is the camera engine's"),
    ],
)
def test_what_is_unusual_is_said(asked: dict[str, Any], told: str) -> None:
    shot = plan(ask(engine="svd", **asked), means=HERE)
    assert any(told in note for note in shot.notes), shot.notes
    assert "experimental" in only(shot).why["animate"]


def test_a_sweep_of_light_and_a_loop_reach_the_commanded_camera() -> None:
    camera = recipe(light={"sweep": 0.4}, motion={"loop": True, "move": "orbit"}).camera
    assert isinstance(camera, CameraRecipe)
    assert (camera.sweep, camera.loop, camera.move) == (0.4, True, "orbit")
    assert (camera.width, camera.height) == (1024, 576)


def test_a_master_is_kept_and_enlarged_to_the_delivery() -> None:
    rendition = only(plan(ask(engine="svd"), means=HERE))
    assert rendition.master
    assert rendition.upscale is not None and rendition.upscale.model == "realesr-animevideov3-x2"
    assert rendition.stages == ("prepare", "animate", "upscale", "interpolate", "encode")
    assert set(rendition.stages) <= set(rendition.why)


def test_less_noise_is_less_work_and_two_ends_are_twice_the_work() -> None:
    def work(**asked: Any) -> float:
        return only(plan(ask(engine="svd", **asked), means=HERE)).tflop

    assert work() < work(svd={"sigma_start": 15.6}) < work(svd={"task": "free"})
    assert work(svd={"task": "free"}) == pytest.approx(4171, rel=0.02), "counted: 25 steps with guidance, and decoding"
    assert work(motion={"loop": True}) > 1.5 * work()
    assert work(seconds=20) > 6 * work()
