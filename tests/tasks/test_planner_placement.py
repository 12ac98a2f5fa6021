"""Where the product goes, how far the camera may look, and what stands behind it."""

from __future__ import annotations

from typing import Any

import pytest

from manifests.presets import preset
from tasks.planner.plan import RenditionPlan
from tasks.prepare.placement import place
from tests.tasks.asked import ask, facts, only, plan, refusal


@pytest.mark.parametrize("name", ["web_1080p", "meta_feed_square", "shopify_product_square"])
def test_fill_is_a_share_of_the_whole_frame(name: str) -> None:
    rendition = only(plan(ask(deliver=[name], place={"fill": 0.6}, motion={"move": "hold"})))
    left, top, right, bottom = _box(rendition, facts().box)
    assert max(right - left, bottom - top) == pytest.approx(0.6, abs=0.002)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((0.5, 0.5), abs=0.002)


def test_the_platforms_own_margins_are_kept_free_and_what_they_cost_is_said() -> None:
    shot = plan(ask(deliver=["instagram_reel"], place={"fill": 0.95}), facts(box=(1200, 200, 1800, 1800)))
    rendition = only(shot)
    left, top, right, bottom = _box(rendition, (1200, 200, 1800, 1800))
    safe = preset("instagram_reel").safe
    assert left >= safe[0] - 1e-3 and top >= safe[1] - 1e-3, (left, top)
    assert right <= 1 - safe[2] + 1e-3 and bottom <= 1 - safe[3] + 1e-3, (right, bottom)
    assert any("safe margins leave the product" in note for note in shot.notes)


@pytest.mark.parametrize(
    ("asked", "safe"),
    [
        ("auto", (0.05, 0.05, 0.05, 0.05)),
        (0.1, (0.1, 0.1, 0.1, 0.1)),
        ([0.0, 0.1, 0.2, 0.3], (0.0, 0.1, 0.2, 0.3)),
    ],
)
def test_margins_are_the_rows_own_where_it_names_them(asked: object, safe: tuple[float, ...]) -> None:
    assert only(plan(ask(place={"safe": asked}))).prepare.safe == safe


def test_an_anchor_moves_the_product_but_not_over_the_margins() -> None:
    rendition = only(plan(ask(place={"fill": 0.4, "anchor": "bottom-left"}, motion={"move": "hold"})))
    left, _, _, bottom = _box(rendition, facts().box)
    assert (left, bottom) == pytest.approx((0.05, 0.95), abs=0.002)


def test_a_whole_picture_fills_the_frame_and_the_camera_stays_inside() -> None:
    panel = facts(product="whole", box=(0, 0, 3000, 2000))
    rendition = only(plan(ask(motion={"move": "push"}), panel, kind="storyboard"))
    assert rendition.animate.base == "widest"
    assert rendition.prepare.safe == (0.0, 0.0, 0.0, 0.0)
    left, top, right, bottom = _box(rendition, panel.box)
    assert max(right - left, bottom - top) == pytest.approx(1.0, abs=0.002)
    assert only(plan(ask(place={"fill": 0.5}), panel)).prepare.fill == 1, "a default fill shrinks no whole picture"
    told = ask(product="whole", place={"fill": 0.5})
    assert only(plan(told, panel)).prepare.fill == pytest.approx(0.5, abs=0.01)


def test_a_move_that_would_cut_the_product_is_flown_less_far_and_said() -> None:
    shot = plan(ask(motion={"move": "pan", "amount": 0.6}, place={"fill": 1, "safe": 0}))
    assert only(shot).animate.amount < 0.6
    assert any("would take the product to the edge" in note for note in shot.notes)


@pytest.mark.parametrize(
    ("backdrop", "product", "code"),
    [("floor", "plain", "BACKDROP_NEEDS_CUTOUT"), ("extend", "alpha", "BACKDROP_NEEDS_PICTURE")],
)
def test_a_backdrop_the_picture_cannot_have_is_refused(backdrop: str, product: str, code: str) -> None:
    assert refusal(ask(backdrop={"kind": backdrop}), facts(product=product, alpha=product == "alpha")).code == code


@pytest.mark.parametrize(
    ("seen", "backdrop", "shadow"),
    [
        ({"product": "plain"}, "extend", "none"),
        ({"product": "alpha", "alpha": True}, "floor", "contact"),
        ({"product": "alpha", "alpha": True, "shadow": True}, "floor", "keep"),
    ],
)
def test_backdrop_and_shadow_are_chosen_by_what_came_along(seen: dict[str, Any], backdrop: str, shadow: str) -> None:
    prepare = only(plan(ask(), facts(**seen))).prepare
    assert (prepare.backdrop, prepare.shadow) == (backdrop, shadow)


def test_depth_is_given_only_where_there_is_a_layer() -> None:
    orbit = ask(motion={"move": "orbit"})
    assert only(plan(orbit)).animate.parallax == 0
    layered = only(plan(orbit, facts(product="alpha", alpha=True)))
    assert layered.animate.parallax > 0 and layered.prepare.layers


def _box(rendition: RenditionPlan, box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    placed = place(box, rendition.prepare)
    return placed.to_home(placed.to_plate(box))
