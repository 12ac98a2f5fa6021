"""A first look at a picture: what the planner needs to know before anything is staged. Cached under `PROBE_VERSION`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tasks.prepare.picture import open_picture
from tasks.prepare.product import Kind, find, flat
from tasks.prepare.studio import judge_border

PROBE_VERSION: int = 1
"""Raise when the same picture would give other facts."""

Color = tuple[float, float, float]


@dataclass(frozen=True)
class PictureFacts:
    """`width`, `height` and `box` (the product's left, top, right, bottom) are upright source pixels.

    `mask_sha256` is empty without a mask. `alpha`: some of the picture is see-through; `shadow`: its alpha holds a
    soft shadow. `border` is the mean sRGB colour of the left, top, right and bottom edge, `plain` whether all of it is
    a plain backdrop.
    """

    sha256: str
    mask_sha256: str
    bytes: int
    format: str
    width: int
    height: int
    alpha: bool
    product: Kind
    box: tuple[int, int, int, int]
    shadow: bool
    border: tuple[Color, Color, Color, Color]
    plain: bool
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` gives an equal object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> PictureFacts:
        """From `as_dict`, also after a trip through JSON. Raises TypeError or KeyError for another version's."""
        values = dict(stored)
        values["box"] = tuple(values["box"])
        values["border"] = tuple(tuple(color) for color in values["border"])
        values["warnings"] = tuple(values["warnings"])
        return cls(**values)


def look(
    path: Path,
    *,
    mask: Path | None = None,
    page: int | None = None,
    product: Kind | Literal["auto"] = "auto",
    max_pixels: int,
) -> PictureFacts:
    """Decode and measure. Raises `InputError` for whatever staging the picture would refuse."""
    picture = open_picture(path, max_pixels=max_pixels, page=page)
    masked = None if mask is None else open_picture(mask, max_pixels=max_pixels)
    found = find(picture, masked, product)
    step = max(1, max(picture.width, picture.height) // 1024) if picture.alpha is not None else 1
    edges = judge_border(flat(picture, step=step))
    return PictureFacts(
        sha256=picture.sha256,
        mask_sha256="" if masked is None else masked.sha256,
        bytes=picture.bytes,
        format=picture.format,
        width=picture.width,
        height=picture.height,
        alpha=picture.alpha is not None,
        product=found.kind,
        box=found.box,
        shadow=found.shadow is not None,
        border=(edges.left, edges.top, edges.right, edges.bottom),
        plain=edges.plain,
        warnings=picture.warnings + (() if masked is None else tuple(f"mask: {note}" for note in masked.warnings)),
    )
