"""A panel's picture as small as its place on the page allows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from manifests.errors import InputError
from tasks.prepare.picture import open_picture
from tasks.storyboard_pdf.grid import Box, fitted

DOTS_PER_INCH = 170
"""Enough for a print that is read at arm's length."""
_QUALITY = 82
_MOST_PIXELS = 200_000_000


@dataclass(frozen=True)
class Shown:
    """A JPEG and where it stands in its box."""

    jpeg: bytes
    box: Box


def shown(path: Path, box: Box) -> Shown | str:
    """The picture scaled to the box, uncut; or why it cannot be shown.

    Transparency becomes white paper. Of a file with several pages it is the first.
    """
    try:
        picture = open_picture(path, max_pixels=_MOST_PIXELS, page=0)
    except InputError as error:
        return error.problem.message
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        paper = Image.new("RGB", image.size, (255, 255, 255))
        paper.paste(image, mask=Image.fromarray(picture.alpha))
        image = paper
    place = fitted(box, image.width / image.height)
    width, height = (max(1, round(side / 25.4 * DOTS_PER_INCH)) for side in (place.width, place.height))
    if width < image.width:
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return Shown(file.getvalue(), place)
