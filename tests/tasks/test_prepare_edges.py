"""Where a product stands in its own shadow: the edge is the product's, the shadow goes on behind it."""

from __future__ import annotations

import cv2
import numpy as np

from tasks.prepare.shadow import shadow_region, soft_shadow, without_shadow

SIDE = 640
COLOR = np.array([170.0, 110.0, 70.0])
SHADE = np.array([18.0, 18.0, 18.0])


def standing_disc() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(rgb, alpha, coverage, shadow): an antialiased disc over a soft shadow, composed as a renderer does."""
    big = cv2.circle(np.zeros((SIDE * 4, SIDE * 4), np.uint8), (1280, 1100), 560, 255, -1)
    coverage = cv2.resize(big, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    lying = cv2.ellipse(np.zeros((SIDE, SIDE), np.uint8), (380, 410), (170, 40), 0, 0, 360, 150, -1)
    shadow = cv2.GaussianBlur(lying, (0, 0), 18).astype(np.float64) / 255
    alpha = coverage + (1 - coverage) * shadow
    rgb = (coverage[..., None] * COLOR + ((1 - coverage) * shadow)[..., None] * SHADE) / np.maximum(alpha, 1e-6)[
        ..., None
    ]
    return np.rint(rgb).astype(np.uint8), np.rint(alpha * 255).astype(np.uint8), coverage, shadow


def test_the_products_edge_is_told_from_the_shadow_it_stands_in() -> None:
    rgb, alpha, coverage, _ = standing_disc()
    region = shadow_region(rgb, alpha)
    assert region is not None
    own = without_shadow(alpha, region) / 255
    error = np.abs(own - coverage)
    assert error.mean() < 0.001, f"mean error of the opacity {error.mean():.5f}"
    rim = (coverage > 0.02) & (coverage < 0.98)
    assert error[rim].mean() < 0.08, f"mean error along the edge {error[rim].mean():.3f}"
    assert error.max() < 0.45, f"largest error {error.max():.2f}"


def test_the_shadow_goes_on_below_the_product() -> None:
    rgb, alpha, coverage, shadow = standing_disc()
    region = shadow_region(rgb, alpha)
    assert region is not None
    found = soft_shadow(rgb, alpha, region)
    assert found is not None
    inside = cv2.erode((coverage > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    just_below = inside & (coverage > 0.5) & (shadow > 0.15)  # what a camera moving sideways uncovers
    assert just_below.sum() > 200
    missing = (shadow - found.opacity)[just_below].mean()
    assert abs(missing) < 0.06, f"the shadow is {missing:+.3f} off just inside the product's edge"
