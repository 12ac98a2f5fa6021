"""From asks to plans: the least work that meets every delivery, with the reason, or the refusal."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from manifests.ask import Ask
from tasks.planner.plan import Means, ShotPlan
from tasks.prepare import PictureFacts
from tests.tasks.asked import ask, facts, only, plan, refusal


def test_the_camera_renders_straight_at_the_deliverys_size_and_rate() -> None:
    rendition = only(plan(ask(seconds=2)))
    assert rendition.stages == ("prepare", "animate", "encode")
    camera = rendition.animate
    assert (camera.width, camera.height, camera.rate, camera.frames) == (1920, 1080, "30", 60)
    assert not rendition.master
    assert set(rendition.stages) <= set(rendition.why), "every stage has its reason"


@pytest.mark.parametrize(
    ("side", "still", "enlarged"),
    [(3000, "auto", False), (300, "auto", True), (300, False, False), (1500, True, True), (9000, True, False)],
)
def test_a_still_is_enlarged_only_where_its_pixels_do_not_suffice(side: int, still: object, enlarged: bool) -> None:
    small = facts(width=side, height=side, box=(side // 4, side // 4, 3 * side // 4, 3 * side // 4))
    rendition = only(plan(ask(upscale={"still": still}), small))
    assert (rendition.upscale_still is not None) == enlarged, rendition.why["upscale_still"]
    assert rendition.why["upscale_still"]
    if rendition.upscale_still:
        assert rendition.upscale_still.of == "still"


def test_drawings_get_the_network_made_for_them() -> None:
    panel = facts(width=400, height=300, product="whole", box=(0, 0, 400, 300))
    drawn = only(plan(ask(), panel, kind="storyboard")).upscale_still
    photo = only(plan(ask(), panel)).upscale_still
    assert drawn is not None and photo is not None
    assert "anime" in drawn.model and "anime" not in photo.model


def test_render_asks_for_a_master_a_mezzanine_and_frames_between() -> None:
    rendition = only(plan(ask(seconds=1, render={"height": 540, "rate": 10})))
    assert rendition.stages == ("prepare", "animate", "upscale", "interpolate", "encode")
    assert rendition.master
    camera, up, between = rendition.animate, rendition.upscale, rendition.interpolate
    assert up is not None and between is not None
    assert (camera.width, camera.height, camera.rate, camera.frames) == (960, 540, "10", 11)
    assert (up.scale, up.of) == (2, "frames")
    assert (between.engine, between.rate_in, between.rate_out) == ("flow", "10", "30")
    assert (between.frames_in, between.frames_out) == (11, 30)
    assert "no RIFE weights" in rendition.why["interpolate"]


def test_frames_between_are_enough_for_every_rate() -> None:
    for rate in (7, 10, Fraction(15), 24, Fraction(30000, 1001)):
        for seconds in (0.5, 1, 2.3, 6):
            for loop in (False, True):
                asked = ask(seconds=seconds, render={"rate": str(rate)}, motion={"loop": loop})
                rendition = only(plan(asked))
                between = rendition.interpolate
                if between is None:  # a loop so short has whole frames at the delivery's own rate only
                    assert loop and rendition.animate.frames == round(30 * seconds), (rate, seconds)
                    continue
                reach = between.frames_in if loop else between.frames_in - 1
                given = reach * Fraction(between.rate_out) / Fraction(between.rate_in) + (0 if loop else 1)
                assert int(given) >= between.frames_out, (rate, seconds, loop, float(given), between.frames_out)


def test_rife_is_taken_where_it_is_and_refused_where_it_is_not() -> None:
    asked = {"seconds": 1, "render": {"rate": 10}}
    problem = refusal(ask(interpolate="rife", **asked))
    assert problem.code == "ENGINE_MISSING"
    assert "doctor" in problem.remedy and "interpolate: auto" in problem.remedy
    here = Means(rife=True, max_pixels=144_000_000)
    engines = {
        wanted: rendition.interpolate.engine
        for wanted in ("auto", "rife", "flow")
        if (rendition := only(plan(ask(interpolate=wanted, **asked), means=here))).interpolate
    }
    assert engines == {"auto": "rife", "rife": "rife", "flow": "flow"}
    assert only(plan(ask(interpolate="off", **asked))).interpolate is None


def test_deliveries_with_the_same_frames_share_one_pass() -> None:
    shot = plan(ask(deliver=["web_1080p", "instagram_reel", "amazon_onsite", "youtube_1080p"]))
    assert [[one.preset for one in shared.deliveries] for shared in shot.renditions] == [
        ["web_1080p", "amazon_onsite", "youtube_1080p"],
        ["instagram_reel"],
    ]
    assert "in one pass" in shot.renditions[0].why["encode"]


def test_vertical_apps_with_other_margins_are_renditions_of_their_own() -> None:
    shot = plan(ask(deliver=["instagram_reel", "tiktok_ads"], seconds=6))
    assert len({shared.name for shared in shot.renditions}) == 2


def _asks(asked: Ask, seen: PictureFacts | None = None) -> dict[str, str]:
    shot = plan(asked, seen)
    return {one.preset: one.ask_sha256 for shared in shot.renditions for one in shared.deliveries}


def test_what_changes_no_pixel_is_not_part_of_what_was_asked() -> None:
    plain = _asks(ask(deliver=["web_1080p", "instagram_reel"]))
    told = ask(
        deliver=["instagram_reel", "web_1080p"],
        title="Mug",
        tags=["kitchen"],
        meta={"sku": 7},
        notes="none",
        dialogue="?",
        action="!",
        shot="1",
        panel="A",
    )
    assert _asks(told) == plain
    moved = Ask.model_validate({"source": {"kind": "image", "path": "/elsewhere/b.png"}, "deliver": list(plain)})
    assert _asks(moved) == plain, "a picture is known by its bytes, not by its path"
    assert _asks(ask(deliver=list(plain), seconds=6)) == plain, "writing a default out changes nothing"
    assert len(set(plain.values())) == 2


@pytest.mark.parametrize(
    "asked",
    [
        {"seed": 1},
        {"seconds": 5},
        {"motion": {"amount": 0.2}},
        {"place": {"fill": 0.5}},
        {"light": {"sweep": 0.2}},
        {"audio": "silent"},
        {"speed": "best"},
        {"interpolate": "flow"},
        {"render": {"height": 720}},
    ],
)
def test_what_changes_pixels_or_bytes_is(asked: dict[str, Any]) -> None:
    assert _asks(ask(**asked)) != _asks(ask())


def test_another_picture_another_mask_another_ask() -> None:
    plain = _asks(ask())
    assert _asks(ask(), facts(sha256="cd" * 32)) != plain
    assert _asks(ask(), facts(mask_sha256="cd" * 32)) != plain


def test_the_warnings_of_a_picture_reach_the_plan() -> None:
    assert "was CMYK" in plan(ask(), facts(warnings=("was CMYK",))).notes


def test_a_native_preset_takes_the_pictures_own_shape() -> None:
    rendition = only(plan(ask(deliver=["master_prores"]), facts(width=1001, height=501, box=(100, 100, 900, 400))))
    encode = rendition.deliveries[0].encode
    assert (encode.width, encode.height) == (1280, 640)


def test_a_plan_survives_the_catalogs_json() -> None:
    shot = plan(ask(deliver=["web_1080p", "instagram_reel"], render={"rate": 10}))
    assert ShotPlan.model_validate(shot.model_dump(mode="json")) == shot
    assert Path(shot.picture.path).name == "a.png"
