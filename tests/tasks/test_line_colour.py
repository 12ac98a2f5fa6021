"""Colour through the whole way, from the picture's bytes to the decoded delivery."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from tasks.planner.plan import ShotPlan
from tasks.prepare import look
from tasks.prepare.placement import place
from tests.workroom import Workroom, decoded

PRODUCTS = Path(__file__).parents[3] / "shared/data/products"
BARS = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
GREYS = [(0, 0, 0), (40, 40, 40), (90, 90, 90), (128, 128, 128), (180, 180, 180), (220, 220, 220), (255, 255, 255)]


def test_colour_bars_decode_within_two_levels(room: Workroom) -> None:
    """RP 219-like 75% bars over a grey scale, staged whole in 16:9 at Full HD."""
    patch = np.ones((180, 80, 1), np.uint8)
    bars = np.vstack([np.hstack([patch * np.array(color, np.uint8) for color in row]) for row in (BARS, GREYS)])
    Image.fromarray(np.pad(bars, ((0, 0), (40, 40), (0, 0)), mode="edge")).save(room.folder / "bars.png")
    row = {
        "id": "bars",
        "source": "bars.png",
        "product": "whole",
        "motion": {"move": "hold"},
        "deliver": ["web_1080p"],
        "frames": 3,
        "upscale": {"still": False},
        "speed": "normal",
    }
    ended = room.run(room.manifest([row], defaults={"seconds": None}))
    assert ended.status.run.state == "done", ended.status.failures
    frames = decoded(ended.rows[0].delivery.path)
    assert frames.shape == (3, 1080, 1920, 3)
    errors = {}
    for across in range(7):
        for down, wanted in enumerate((BARS[across], GREYS[across])):
            x, y = (40 + 80 * across + 40) * 3, (180 * down + 90) * 3
            found = frames[:, y - 60 : y + 60, x - 60 : x + 60].reshape(-1, 3).astype(int)
            errors[wanted] = int(np.abs(found - np.array(wanted)).max())
    assert max(errors.values()) <= 2, errors


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saleor-mighty-mug.png", "saleor-apple-drink.png"])
def test_a_real_product_keeps_its_colours(room: Workroom, name: str) -> None:
    """Median CIEDE2000 over the solid inside of the product, decoded against the picture itself, <= 1."""
    source = PRODUCTS / name
    if not source.is_file():
        pytest.skip(f"no {name} in {PRODUCTS}: the real photos lie beside the checkout")
    (room.folder / name).write_bytes(source.read_bytes())
    row = {
        "id": "a",
        "source": name,
        "motion": {"move": "hold"},
        "deliver": ["web_1080p"],
        "frames": 3,
        "upscale": {"still": False},
        "speed": "normal",
    }
    ended = room.run(room.manifest([row], defaults={"seconds": None}))
    assert ended.status.run.state == "done", ended.status.failures
    plan = ended.plan.shots[0].plan
    assert plan is not None
    with Image.open(source) as picture:
        rgba = np.asarray(picture.convert("RGBA"))
    want = _as_staged(rgba, plan, look(source, max_pixels=10**9).box)
    got = decoded(ended.rows[0].delivery.path)[1]
    solid = cv2.erode((want[..., 3] == 255).astype(np.uint8), np.ones((9, 9), np.uint8)) == 1
    assert solid.sum() > 20_000, "too little product to judge"
    soft = [cv2.GaussianBlur(image[..., :3].astype(np.float32) / 255, (0, 0), 1.5) for image in (want, got)]
    difference = deltaE_ciede2000(*(rgb2lab(image[solid]) for image in soft))
    median, worst = float(np.median(difference)), float(np.percentile(difference, 95))
    print(f"{name}: median CIEDE2000 {median:.3f}, 95% {worst:.3f}")
    assert median <= 1, f"median {median:.2f}, 95% {worst:.2f}"


def _as_staged(rgba: np.ndarray, plan: ShotPlan, box: tuple[int, int, int, int]) -> np.ndarray:
    """The picture where the plan puts it in the delivery's frame (the camera holds), by area."""
    recipe = plan.renditions[0].prepare
    placed = place(box, recipe)
    left, top, right, _ = placed.to_home(placed.to_plate((0, 0, rgba.shape[1], rgba.shape[0])))
    width, height = recipe.frame_width, recipe.frame_height
    scale = (right - left) * width / rgba.shape[1]
    if scale < 1:  # an affine warp alone would alias
        rgba = cv2.GaussianBlur(rgba, (0, 0), 0.5 * (1 / scale**2 - 1) ** 0.5)
    move = np.array([[scale, 0, left * width + (scale - 1) / 2], [0, scale, top * height + (scale - 1) / 2]])
    return np.asarray(cv2.warpAffine(rgba, move, (width, height), flags=cv2.INTER_CUBIC))
