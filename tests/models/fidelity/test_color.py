"""CIEDE2000 against the published pairs and another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from models.fidelity.color import ciede2000, lab

# From the supplementary test data of Sharma, Wu and Dalal (2005): pairs around each discontinuity of the formula.
PUBLISHED = [
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0009), 7.1792),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0011), 7.2195),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0011, -2.4900), 4.7461),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "published"), PUBLISHED)
def test_published_pairs(first, second, published) -> None:
    for a, b in ((first, second), (second, first)):
        found = float(ciede2000(np.array(a), np.array(b)))
        assert abs(found - published) < 1e-4, f"{a} to {b}: {found:.5f}, published {published}"


def test_colours_agree_with_another_implementation() -> None:
    other = pytest.importorskip("skimage.color")
    draw = np.random.default_rng(5)
    first = draw.integers(0, 256, (40, 40, 3), np.uint8)
    second = np.clip(first + draw.integers(-30, 31, first.shape), 0, 255).astype(np.uint8)
    first[0], second[1] = 128, 0  # greys and black
    ours, theirs = lab(first), other.rgb2lab(first)
    assert np.abs(ours - theirs).max() < 0.02, f"L*a*b* differs by {np.abs(ours - theirs).max():.4f}"
    wrong = np.abs(ciede2000(ours, lab(second)) - other.deltaE_ciede2000(ours, lab(second))).max()
    assert wrong < 1e-6, f"CIEDE2000 differs by {wrong:.2e}"
