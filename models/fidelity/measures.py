"""How true a generated clip is to its original along the path: figures that need no weights.

- `path_error_px`, `path_error_max_px`: how far the generated product is from where the path has it. Of a frame: RMS
  distance over the matte of the similarity from the warped original to the generated frame; of the clip: RMS, and the
  worst frame.
- `path_residual_px`: what no similarity explains, RMS over the clip: a product that is bent, not moved.
- `lost_share`: share of frames in which the product was not found again at all.
- `product_ssim`: structural similarity of the delivered to the warped original inside the matte, mean; 1 is equal.
- `product_ciede2000`, `product_ciede2000_median`: colour difference of the same, over the pixels of all frames.
- `generated_ssim`, `generated_ciede2000`, `generated_ciede2000_median`: before the product was put back.
- `first_frame_psnr_db`: the delivered first frame against the warped original, whole picture; 100 is equal.
  `last_frame_psnr_db`: the last one against the picture it is to be, of a clip between two.
- `temporal_flickering_levels`: mean luma difference (of 255) of neighbouring frames, motion compensated, where nothing
  is covered.
- `dynamic_degree_px`: how far the fastest twentieth of the picture moves from frame to frame, mean.
- `frozen_share`: share of frames that repeat the one before.
- `loop_seam_ratio`: difference of last and first frame by the median difference of neighbours; about 1 is seamless.

Pixels are the clip's own. Two names are VBench's (Huang et al., arXiv 2311.17982), whose units differ: there flickering
is 1 - difference / 255 without compensation and dynamic degree a share of clips, by RAFT flow; here DIS stands in.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.clip import Frame
from models.fidelity.likeness import COLOR_BINS, color_counts, color_figures, psnr_db, ssim
from models.fidelity.similarity import Matte
from models.fidelity.steadiness import Steadiness
from models.fidelity.track import find, template


class Measures:
    """Takes a clip's frames in order; memory does not grow with the clip but for a few numbers a frame."""

    def __init__(self, *, loop: bool = False) -> None:
        self._steadiness = Steadiness(loop=loop)
        self._frames = 0
        self._ends: dict[str, float] = {}
        self._path = _Path()
        self._product, self._generated = _Likeness(), _Likeness()

    def add(
        self, final: Frame, warped: Frame | None = None, matte: Matte | None = None, raw: Frame | None = None
    ) -> None:
        """The next frame; all (H, W, 3) uint8, the matte (H, W).

        `final`: what is delivered. `warped`: the original along the path; with `matte`, where its product is, and
        without one the whole picture is compared. `raw`: the generated frame before the product was put back; without
        it `final` is what was generated.
        """
        self._steadiness.add(final)
        if warped is not None:
            if self._frames == 0:
                self.end("first", final, warped)
            where = np.full(warped.shape[:2], 255, np.uint8) if matte is None else matte
            self._product.add(final, warped, where)
            if raw is not None:
                self._generated.add(raw, warped, where)
            self._path.add(warped, final if raw is None else raw, where)
        self._frames += 1

    def end(self, which: Literal["first", "last"], final: Frame, picture: Frame) -> None:
        """The clip's first or last frame, as it is delivered, and the picture it is to be; both (H, W, 3) uint8."""
        self._ends[f"{which}_frame_psnr_db"] = psnr_db(final, picture)

    def figures(self) -> dict[str, float]:
        """What was measured so far: finite numbers; what could not be measured is left out."""
        made = self._steadiness.figures() | self._path.figures() | self._product.figures("product")
        made |= self._generated.figures("generated")
        return made | self._ends


class _Likeness:
    """SSIM and colour difference, frame by frame."""

    def __init__(self) -> None:
        self._ssim: list[float] = []
        self._colors: NDArray[np.int64] = np.zeros(COLOR_BINS, np.int64)

    def add(self, frame: Frame, warped: Frame, matte: Matte) -> None:
        similarity = ssim(frame, warped, matte)
        if similarity is not None:
            self._ssim.append(similarity)
            self._colors += color_counts(frame, warped, matte)

    def figures(self, whose: str) -> dict[str, float]:
        if not self._ssim:
            return {}
        made = {f"{whose}_ssim": float(np.mean(self._ssim))}
        if self._colors.any():
            made[f"{whose}_ciede2000"], made[f"{whose}_ciede2000_median"] = color_figures(self._colors)
        return made


class _Path:
    """Commanded against measured motion, frame by frame. A product without texture says nothing and is left out."""

    def __init__(self) -> None:
        self._errors: list[float] = []
        self._residuals: list[float] = []
        self._lost = 0

    def add(self, warped: Frame, generated: Frame, matte: Matte) -> None:
        product = template(warped, matte)
        if product.plain:
            return
        found = find(product, generated)
        if math.isfinite(found.residual_px):
            self._errors.append(found.distance_px(matte))
            self._residuals.append(found.residual_px)
        else:
            self._lost += 1

    def figures(self) -> dict[str, float]:
        asked = len(self._errors) + self._lost
        made = {"lost_share": self._lost / asked} if asked else {}
        if self._errors:
            made["path_error_px"] = _rms(self._errors)
            made["path_error_max_px"] = max(self._errors)
            made["path_residual_px"] = _rms(self._residuals)
        return made


def _rms(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))
