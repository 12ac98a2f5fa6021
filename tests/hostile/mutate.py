"""Damaged pictures, looked at and prepared: `python -m tests.hostile.mutate FOLDER COUNT SEED` tells in JSON what came.

In a process of its own, so that a crash of a decoder, its memory and its time can be told from the outside.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from manifests.errors import InputError
from models.errors import EngineError
from tasks.prepare import look, open_picture, prepare
from tasks.recipe import PrepareRecipe

MAX_PIXELS = 4_000_000
INTERESTING = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x10\0\0\0")
RECIPE = PrepareRecipe(
    frame_width=320,
    frame_height=180,
    overscan=(0.1, 0.1, 0.1, 0.1),
    fill=0.8,
    anchor=(0.5, 0.5),
    safe=(0.0, 0.0, 0.0, 0.0),
    product="whole",
    backdrop="extend",
    colors=(),
    horizon=0.72,
    shadow="keep",
    layers=False,
    density=1.0,
    page=0,
    max_pixels=MAX_PIXELS,
)


def product_photo(seed: int, size: tuple[int, int]) -> Image.Image:
    """A textured block on a plain backdrop."""
    width, height = size
    picture = np.full((height, width, 3), 226, np.uint8)
    block = np.random.default_rng(seed).integers(20, 200, (8, 8, 3), np.uint8)
    picture[40:200, 60:220] = np.kron(block, np.ones((20, 20, 1), np.uint8))
    return Image.fromarray(picture)


def seeds(folder: Path) -> list[Path]:
    """Whole files of every format and of the kinds within it, from which the damaged ones are made."""
    photo, other = product_photo(1, (320, 240)), product_photo(2, (320, 240))
    turned = Image.Exif()
    turned[0x0112], turned[0x010F] = 8, "maker"
    grey = np.asarray(photo.convert("L")).astype(np.uint16) * 257
    cut = photo.convert("RGBA")
    cut.putalpha(128)
    made = {
        "plain.png": (photo, {}),
        "alpha.png": (cut, {}),
        "palette.png": (photo.quantize(64), {}),
        "sixteen.png": (Image.fromarray(grey), {}),
        "photo.jpg": (photo, {"exif": turned, "icc_profile": b"not a profile"}),
        "progressive.jpg": (photo, {"progressive": True}),
        "cmyk.jpg": (photo.convert("CMYK"), {}),
        "lossy.webp": (photo, {"exif": turned}),
        "lossless.webp": (cut, {"lossless": True}),
        "raw.tif": (photo, {}),
        "deflate.tif": (photo, {"compression": "tiff_adobe_deflate"}),
        "lzw.tif": (cut, {"compression": "tiff_lzw"}),
        "jpeg.tif": (photo, {"compression": "jpeg"}),
        "pages.tif": (photo, {"save_all": True, "append_images": [other]}),
    }
    for name, (picture, options) in made.items():
        picture.save(folder / name, **options)
    return [folder / name for name in made]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to four of: bits flipped, bytes set, a stretch cut out, doubled, moved or filled, the end cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        size = len(changed)
        if size < 16:
            break
        at = chance.randrange(min(size, 512)) if chance.random() < 0.6 else chance.randrange(size)
        length = min(chance.choice((1, 2, 4, 16, 256, 4096)), size - at)
        match chance.randrange(7):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                value = chance.choice(INTERESTING)
                changed[at : at + len(value)] = value
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length] * chance.choice((1, 2, 50))
            case 4:
                changed[at : at + length] = chance.randbytes(length)
            case 5:
                there = chance.randrange(size)
                changed[there:there] = changed[at : at + length]
            case _:
                del changed[max(8, at) :]
    return bytes(changed)


def mended(data: bytes) -> bytes:
    """A PNG whose chunks carry right checksums again, so that the damage gets past the first look."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out)


def main(folder: Path, count: int, seed: int) -> None:
    """Look at `count` damaged pictures, prepare those that still are pictures, and print what happened."""
    chance = random.Random(seed)
    originals = [path.read_bytes() for path in seeds(folder)]
    names = [path.name for path in seeds(folder)]
    told: Counter[str] = Counter()
    escaped: list[str] = []
    slowest, before = (0.0, ""), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        which = chance.randrange(len(originals))
        data = mended(damaged(originals[which], chance))
        path = folder / f"damaged{Path(names[which]).suffix}"
        path.write_bytes(data)
        started = time.monotonic()
        try:
            facts = look(path, max_pixels=MAX_PIXELS, page=chance.choice((None, None, 0, 1)))
            assert facts.width * facts.height <= MAX_PIXELS
            picture = open_picture(path, max_pixels=MAX_PIXELS, page=0)
            assert picture.rgb.shape == (picture.height, picture.width, 3) and picture.rgb.dtype == np.uint8
            told["fine"] += 1
            if number % 8 == 0:
                with tempfile.TemporaryDirectory(dir=folder) as into:
                    prepare(path, None, RECIPE, Path(into))
        except (InputError, EngineError) as error:
            told[error.code] += 1
        except Exception:  # noqa: BLE001 - what escapes is what is looked for
            shutil.copy(path, folder / f"escaped-{number}{path.suffix}")
            escaped.append(f"{names[which]} number {number}: {traceback.format_exc()[-1500:]}")
        slowest = max(slowest, (time.monotonic() - started, f"{names[which]} number {number}"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"told": told, "escaped": escaped, "slowest": slowest, "grown_mb": grown}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
