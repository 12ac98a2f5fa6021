"""When a generated clip is no longer a picture of its product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_LOST = 0.1
"""Share of frames in which the product may not be found; a path limit asks for this too."""


@dataclass(frozen=True)
class Limits:
    """What a clip may measure at most; 0: no limit. See `models.fidelity.measures` for the figures.

    `path_px`: `path_error_px` and `path_residual_px`, together as one distance. `ssim`: `product_ssim` at least.
    `color`: `product_ciede2000` at most. SSIM and colour are asked of what is delivered: with the product put back they
    hold by construction, and the path is what tells that the network drew another one.
    """

    path_px: float
    ssim: float
    color: float


def drifted(figures: Mapping[str, float], limits: Limits) -> str | None:
    """In words what is beyond its limit; None where nothing is. A figure that could not be measured breaks no limit."""
    beyond: list[str] = []
    if limits.path_px:
        lost = figures.get("lost_share", 0.0)
        if lost > MOST_LOST:
            beyond.append(f"product not found in {lost:.0%} of frames, at most {MOST_LOST:.0%}")
        error, residual = figures.get("path_error_px", 0.0), figures.get("path_residual_px", 0.0)
        off = (error**2 + residual**2) ** 0.5
        if off > limits.path_px:
            beyond.append(
                f"product {off:.2f} px off its path ({error:.2f} moved, {residual:.2f} bent), "
                f"at most {limits.path_px:g} px"
            )
    similarity = figures.get("product_ssim", 1.0)
    if limits.ssim and similarity < limits.ssim:
        beyond.append(f"product SSIM {similarity:.3f}, at least {limits.ssim:g}")
    color = figures.get("product_ciede2000", 0.0)
    if limits.color and color > limits.color:
        beyond.append(f"product colour off by {color:.1f} CIEDE2000, at most {limits.color:g}")
    return "; ".join(beyond) or None
