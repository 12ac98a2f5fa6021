"""Opening a picture somebody sent: read once, checked from its header, decoded whole, upright, in sRGB.

The bytes hashed are the bytes decoded, so a file that changes between two looks is never mixed. Nothing of the
file's metadata (place, serial numbers) survives: what leaves this module is pixels.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from manifests.errors import InputError, Problem
from tasks.prepare.color import to_srgb

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
SHORT_SIDE_PX = 32
"""Below this a picture has no border to judge a backdrop by, and would be magnified more than thirty times."""
LONGEST_ASPECT = 16
"""A strip longer than this leaves under 7% of a 16:9 frame's height for the picture."""

MOST_SCANS = 100
"""Of a JPEG: progressive ones have ten; a file of a thousand empty scans would be decoded for minutes."""
MOST_PAGES = 100
"""Counted of a TIFF: a file may chain millions of them."""
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
"""A JPEG segment that has a length, or its end; what is stuffed into a scan's own bytes never looks like one."""

# What a decoder notices and goes on after is told by what comes out, not to the terminal of whoever plans.
warnings.filterwarnings("ignore", module=r"PIL\.")

# What Pillow's decoders raise for damaged files; anything else is a fault of ours and must be seen.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `rgb` uint8 (H, W, 3) straight sRGB, upright; `alpha` uint8 (H, W), None where all opaque."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    sha256: str
    bytes: int
    format: str
    warnings: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Pixels across, upright."""
        return self.rgb.shape[1]

    @property
    def height(self) -> int:
        """Pixels down, upright."""
        return self.rgb.shape[0]


def open_picture(path: Path, *, max_pixels: int, page: int | None = None) -> Picture:
    """Decode `path`; `page` (from 0) chooses one of several, None refuses animated and multi-page files.

    Raises `InputError`: NOT_A_FILE, UNREADABLE_FILE, FILE_TOO_LARGE, UNSUPPORTED_IMAGE, IMAGE_TOO_LARGE,
    IMAGE_TOO_SMALL, MULTIPLE_PAGES, PAGE_MISSING or BAD_IMAGE.
    """
    data = _read(path, max_pixels * 8 + (16 << 20))  # four 16-bit channels, uncompressed, and room for metadata
    return decode_picture(data, name=path.name, max_pixels=max_pixels, page=page)


def decode_picture(data: bytes, *, name: str, max_pixels: int, page: int | None = None) -> Picture:
    """Decode a picture already in memory; `name` is used in messages. Errors as `open_picture`."""
    _refuse_foreign(data, name)
    if data.startswith(b"\xff\xd8") and (scans := _scans(data)) > MOST_SCANS:
        raise _unsupported(name, f"is a JPEG of {scans} scans, at most {MOST_SCANS} are decoded")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError as error:
        raise _unsupported(name, "is not a PNG, JPEG, WebP or TIFF picture") from error
    except Image.DecompressionBombError as error:
        raise _refuse(
            "IMAGE_TOO_LARGE",
            f"'{name}' declares too many pixels ({error}), the limit is {max_pixels}",
            "use a smaller picture",
        ) from error
    except DECODER_ERRORS as error:
        raise _damaged(name, error) from error
    with image:
        _check_size(name, image.size, max_pixels)
        named = _name_warnings(name, image.format or "")
        try:
            _turn_to(image, name, page)
            _check_size(name, image.size, max_pixels)  # pages of a TIFF differ in size
            image.load()  # open() and verify() accept a truncated file; only load() finds out
            profile = image.info.get("icc_profile")
            ImageOps.exif_transpose(image, in_place=True)
            rgb, alpha, notes = to_srgb(image, profile)
        except InputError:
            raise
        except DECODER_ERRORS as error:
            raise _damaged(name, error) from error
    return Picture(
        rgb=rgb,
        alpha=None if alpha is None or int(alpha.min()) == 255 else alpha,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        format="JPEG" if image.format == "MPO" else image.format or "",
        warnings=(*named, *notes),
    )


def _read(path: Path, limit: int) -> bytes:
    """The whole file, through one descriptor that was checked after it was opened."""
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _refuse(
            "UNREADABLE_FILE", f"'{path.name}' cannot be read: {reason}", "check the path and its permissions"
        ) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _refuse(
                "NOT_A_FILE",
                f"'{path.name}' is not a regular file",
                "name a picture file, not a folder, pipe or device",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1) if found.st_size <= limit else b""
    finally:
        os.close(descriptor)
    if found.st_size > limit or len(data) > limit:  # the file may grow while it is read
        raise _refuse(
            "FILE_TOO_LARGE",
            f"'{path.name}' has {found.st_size} bytes, the limit is {limit}",
            "use a smaller or compressed file",
        )
    return data


def _refuse_foreign(data: bytes, name: str) -> None:
    """Known formats that are refused get a better answer than 'not a picture'."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise _refuse("BAD_IMAGE", f"'{name}' is empty", "send the file again")
    if head.startswith((b"<svg", b"<!DOCTYPE svg")) or (head.startswith(b"<?xml") and b"<svg" in head):
        raise _refuse(
            "UNSUPPORTED_IMAGE",
            f"'{name}' is an SVG drawing",
            "rasterise it to PNG at the delivery's size or larger (for example rsvg-convert -w 2160)",
        )
    kinds = {
        b"%!PS": "EPS/PostScript",
        b"\xc5\xd0\xd3\xc6": "EPS/PostScript",
        b"8BPS": "Photoshop (PSD)",
        b"SIMPLE  =": "FITS",
        b"GIF8": "GIF",
        b"BM": "BMP",
        b"%PDF": "PDF",
    }
    for magic, kind in kinds.items():
        if head.startswith(magic):
            raise _unsupported(name, f"is a {kind} file")
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        raise _unsupported(name, "is a HEIF/AVIF file")


def _check_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise _refuse(
            "IMAGE_TOO_LARGE",
            f"'{name}' is {width}x{height} ({width * height} pixels), the limit is {max_pixels}",
            "use a smaller picture or raise the limit",
        )
    if min(size) < SHORT_SIDE_PX or max(size) > LONGEST_ASPECT * min(size):
        raise _refuse(
            "IMAGE_TOO_SMALL",
            f"'{name}' is {width}x{height}, a picture needs at least {SHORT_SIDE_PX} px on its short side "
            f"and at most {LONGEST_ASPECT}:1",
            "use a larger, less elongated picture",
        )


def _turn_to(image: Image.Image, name: str, page: int | None) -> None:
    # A phone's JPEG may carry its depth map or preview as a second picture (MPO): the first is the photo.
    pages = _pages(image, max(MOST_PAGES, (page or 0) + 1))
    if page is None and pages > 1:
        many = f"{MOST_PAGES} or more" if pages >= MOST_PAGES else pages
        raise _refuse(
            "MULTIPLE_PAGES",
            f"'{name}' has {many} pages or frames, a still has one",
            "choose one with page: 0 (the first), or save it as a single picture",
        )
    if page is not None and not 0 <= page < pages:
        raise _refuse(
            "PAGE_MISSING", f"'{name}' has pages 0 to {pages - 1}, page {page} was asked for", "name one of them"
        )
    if page:
        image.seek(page)


def _pages(image: Image.Image, most: int) -> int:
    """How many pictures a file holds; of a TIFF at most `most` are counted."""
    if image.format in ("JPEG", "MPO"):
        return 1
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1))
    pages = 1
    try:
        while pages < most:
            image.seek(pages)
            pages += 1
    except EOFError:
        pass
    image.seek(0)
    return pages


def _scans(data: bytes) -> int:
    """How often a JPEG says that pixels follow."""
    scans, at = 0, 2
    while (found := _MARKER.search(data, at)) and data[found.end() - 1] != 0xD9:
        scans += data[found.end() - 1] == 0xDA
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return scans


def _name_warnings(name: str, found: str) -> tuple[str, ...]:
    said = SUFFIXES.get(Path(name).suffix.lower())
    found = "JPEG" if found == "MPO" else found
    return () if said in (None, found) else (f"named as {said} but is {found}",)


def _damaged(name: str, error: BaseException) -> InputError:
    return _refuse(
        "BAD_IMAGE", f"'{name}' cannot be decoded: {error}", "export it again; the file is damaged or cut off"
    )


def _unsupported(name: str, found: str) -> InputError:
    return _refuse("UNSUPPORTED_IMAGE", f"'{name}' {found}", "save it as PNG, JPEG, WebP or TIFF")


def _refuse(code: str, message: str, remedy: str) -> InputError:
    return InputError(Problem(code=code, message=message, remedy=remedy))
