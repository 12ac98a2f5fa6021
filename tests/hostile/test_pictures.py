"""Damaged, lying and overlong pictures: refused with a code or read right, in bounded time and memory."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from manifests.errors import InputError
from tasks.prepare import look
from tasks.prepare.picture import MOST_SCANS, decode_picture
from tests.hostile.mutate import MAX_PIXELS, product_photo

ROOT = Path(__file__).parents[2]
PRODUCTS = ROOT.parent / "shared" / "data" / "products"
HANG_SECONDS = 20.0
"""For one small picture on a machine with better things to do: a decode takes hundredths."""
MEGABYTES = 400.0
"""What a process may grow by over pictures of at most 4 million pixels."""


def fuzzed(folder: Path, count: int, seed: int) -> None:
    """Damage pictures in a process of its own and hold it to what it tells."""
    command = [sys.executable, "-m", "tests.hostile.mutate", str(folder), str(count), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS * count, check=False)
    assert done.returncode == 0, f"the decoder took its process along: {done.returncode}\n{done.stderr[-2000:]}"
    told = json.loads(done.stdout)
    assert not told["escaped"], "\n\n".join(told["escaped"])
    assert sum(told["told"].values()) == count, told
    assert told["told"]["fine"] >= count / 20 and told["told"]["BAD_IMAGE"] >= count / 10, f"it tests nothing: {told}"
    assert told["slowest"][0] < HANG_SECONDS, told["slowest"]
    assert told["grown_mb"] < MEGABYTES, told["grown_mb"]


def test_damaged_pictures_are_refused_or_read(tmp_path: Path) -> None:
    fuzzed(tmp_path, 250, 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_thousands_of_damaged_pictures_are_refused_or_read(tmp_path: Path, seed: int) -> None:
    fuzzed(tmp_path, 2500, 100 + seed)


@settings(max_examples=100)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF"]), st.data())
def test_any_byte_changed_anywhere(kind: str, data: st.DataObject) -> None:
    whole = _encoded(kind)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try:
        picture = decode_picture(bytes(changed), name=f"a.{kind.lower()}", max_pixels=MAX_PIXELS)
    except InputError as error:
        assert error.problem.remedy and error.code.isupper()
        assert len(str(error)) < 600, str(error)
    else:
        assert picture.width * picture.height <= MAX_PIXELS


@settings(max_examples=100)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"RIFF"]))
def test_any_bytes_at_all(data: bytes, start: bytes) -> None:
    with pytest.raises(InputError):
        decode_picture(start + data, name="a.png", max_pixels=MAX_PIXELS)


def test_real_photos_cut_at_every_tenth_are_refused_or_whole(tmp_path: Path) -> None:
    photos = sorted(PRODUCTS.glob("*.jpg"))[:2] + sorted(PRODUCTS.glob("*.png"))[:1] if PRODUCTS.is_dir() else []
    if not photos:
        pytest.skip("the product photos of ../shared/data are not here")
    for photo in photos:
        whole = photo.read_bytes()
        look(photo, max_pixels=10**8)
        for tenth in range(1, 10):
            with pytest.raises(InputError) as caught:
                decode_picture(whole[: len(whole) * tenth // 10], name=photo.name, max_pixels=10**8)
            assert caught.value.code == "BAD_IMAGE"


def test_a_jpeg_of_a_thousand_scans_is_refused_before_it_is_decoded() -> None:
    plain = _encoded("JPEG", progressive=True)
    decode_picture(plain, name="a.jpg", max_pixels=MAX_PIXELS)
    last = plain.rindex(b"\xff\xda")
    scan = plain[last:-2]
    within = plain[:last] + scan * (MOST_SCANS - 15) + b"\xff\xd9"
    decode_picture(within, name="a.jpg", max_pixels=MAX_PIXELS)
    with pytest.raises(InputError, match="scans") as caught:
        decode_picture(plain[:last] + scan * 1000 + b"\xff\xd9", name="a.jpg", max_pixels=MAX_PIXELS)
    assert caught.value.code == "UNSUPPORTED_IMAGE"


def test_scans_that_only_seem_to_be_there_do_not_count() -> None:
    """A photo's metadata may hold any bytes, those of a thousand scans among them."""
    plain = _encoded("JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", 2002) + b"\xff\xda" * 1000
    decode_picture(plain[:2] + comment + plain[2:], name="a.jpg", max_pixels=MAX_PIXELS)


def test_a_tiff_of_two_hundred_thousand_pages_is_refused_at_once() -> None:
    """Each page is the first one's directory again, and names the next."""
    whole = _encoded("TIFF")
    whole += b"\0" * (len(whole) % 2)
    (first,) = struct.unpack("<I", whole[4:8])
    link = first + 2 + 12 * struct.unpack("<H", whole[first : first + 2])[0]
    page, step = whole[first:link], link + 4 - first
    chain = b"".join(page + struct.pack("<I", len(whole) + step * (n + 1)) for n in range(200_000))
    data = whole[:link] + struct.pack("<I", len(whole)) + whole[link + 4 :] + chain
    started = time.monotonic()
    with pytest.raises(InputError) as caught:
        decode_picture(data, name="a.tif", max_pixels=MAX_PIXELS)
    assert caught.value.code == "MULTIPLE_PAGES" and "100 or more" in str(caught.value)
    assert time.monotonic() - started < HANG_SECONDS


def _encoded(kind: str, **options: object) -> bytes:
    memory = io.BytesIO()
    photo: Image.Image = product_photo(1, (320, 240))
    photo.save(memory, kind, **options)
    return memory.getvalue()
