"""Every kind of picture file people send: decoded rightly or refused with a code and a remedy."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from manifests.errors import InputError
from tasks.prepare.picture import Picture, open_picture

LIMIT = 4_000_000


def photo(width: int = 96, height: int = 64) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.dstack([x, y, 255 - x]).astype(np.uint8)


def write(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def code_of(path: Path, **options: int) -> str:
    with pytest.raises(InputError) as caught:
        open_picture(path, **{"max_pixels": LIMIT, **options})
    assert caught.value.problem.remedy, "a refusal says what to do"
    assert path.name in str(caught.value)
    return caught.value.code


def opened(path: Path, page: int | None = None) -> Picture:
    return open_picture(path, max_pixels=LIMIT, page=page)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff"])
def test_the_four_formats_are_decoded(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, Image.fromarray(photo()), **({"quality": 95} if name != "a.tiff" else {}))
    picture = opened(path)
    error = np.abs(picture.rgb.astype(int) - photo()).mean()
    assert error < 3, f"mean error {error}"
    assert picture.alpha is None and picture.warnings == ()
    assert picture.bytes == path.stat().st_size


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    path = write(tmp_path / name, Image.fromarray(noise))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert code_of(path) == "BAD_IMAGE"


def test_a_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (3_000, 60_000):  # beyond our limit; beyond Pillow's
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        path = tmp_path / f"bomb{side}.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        assert code_of(path) == "IMAGE_TOO_LARGE"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "EPS"),
        ("lies.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "EPS"),
        ("a.psd", b"8BPS\x00\x01" + bytes(64), "PSD"),
        ("a.fits", b"SIMPLE  =                    T" + b" " * 2850, "FITS"),
        ("a.gif", b"GIF89a" + bytes(64), "GIF"),
        ("a.jpg", b"just text, longer than a few bytes", "not a PNG"),
        ("a.svg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>', "rasterise"),
        ("b.svg", b"\xef\xbb\xbf  <svg/>", "rasterise"),
    ],
)
def test_foreign_formats_are_refused_by_name(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert code_of(path) == "UNSUPPORTED_IMAGE"
    with pytest.raises(InputError, match=says):
        opened(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert code_of(tmp_path / "a.png") == "BAD_IMAGE"


def test_a_photo_under_another_formats_name_is_used_and_noted(tmp_path: Path) -> None:
    image = io.BytesIO()
    Image.fromarray(photo()).save(image, "JPEG")
    (tmp_path / "a.png").write_bytes(image.getvalue())
    assert opened(tmp_path / "a.png").warnings == ("named as PNG but is JPEG",)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str, channels: int) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    deep = ramp if channels == 1 else np.dstack([ramp, ramp[::-1], ramp.T, ramp][:channels])
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), deep if channels == 1 else deep[..., [2, 1, 0, 3][:channels]])
    picture = opened(path)
    got = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
    want = np.repeat(deep[..., None], 3, 2) if channels == 1 else deep
    worst = np.abs(got.astype(float) - want / 257).max()
    assert worst <= 1, f"largest error {worst} levels"


def test_float_samples_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "f.tiff", Image.fromarray(np.ones((64, 64), np.float32)))
    with pytest.raises(InputError) as caught:
        opened(path)
    assert caught.value.code == "UNSUPPORTED_IMAGE"


def test_alpha_comes_straight(tmp_path: Path) -> None:
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    picture = opened(write(tmp_path / "a.png", Image.fromarray(np.dstack([photo(), alpha]))))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, alpha)
    np.testing.assert_array_equal(picture.rgb, photo())


def test_grey_alpha_palette_and_bilevel(tmp_path: Path) -> None:
    base = Image.fromarray(photo())
    grey = base.convert("LA")
    grey.putalpha(77)
    assert int(opened(write(tmp_path / "la.png", grey)).alpha.max()) == 77  # pyright: ignore[reportOptionalMemberAccess]
    palette = base.quantize(64)
    got = opened(write(tmp_path / "p.png", palette)).rgb
    np.testing.assert_array_equal(got, np.asarray(palette.convert("RGB")))
    clear = opened(write(tmp_path / "t.png", palette, transparency=0))
    assert clear.alpha is not None and set(np.unique(clear.alpha)) == {0, 255}
    assert set(np.unique(opened(write(tmp_path / "b.png", base.convert("1"))).rgb)) == {0, 255}


def test_an_opaque_alpha_is_no_alpha(tmp_path: Path) -> None:
    assert opened(write(tmp_path / "a.png", Image.fromarray(photo()).convert("RGBA"))).alpha is None


def swapped_profile() -> bytes:
    """sRGB with its red and green primaries exchanged: a colour-managed reader shows red as green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    places = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    if b"desc" in places:  # it must not pass for sRGB by name
        start = struct.unpack(">I", profile[places[b"desc"] + 4 : places[b"desc"] + 8])[0]
        size = struct.unpack(">I", profile[places[b"desc"] + 8 : places[b"desc"] + 12])[0]
        text = (
            profile[start : start + size].replace(b"sRGB", b"test").replace("sRGB".encode("utf-16be"), b"\0t\0e\0s\0t")
        )
        profile[start : start + size] = text
    return bytes(profile)


def test_an_embedded_profile_is_applied(tmp_path: Path) -> None:
    red = Image.new("RGB", (64, 64), (250, 10, 10))
    picture = opened(write(tmp_path / "a.png", red, icc_profile=swapped_profile()))
    r, g, _ = (int(value) for value in picture.rgb[32, 32])
    assert g > 200 and r < 80, f"red {r}, green {g}"
    with_alpha = red.convert("RGBA")
    with_alpha.putalpha(128)
    picture = opened(write(tmp_path / "b.png", with_alpha, icc_profile=swapped_profile()))
    assert picture.alpha is not None and int(picture.rgb[32, 32, 1]) > 200


def test_a_broken_profile_is_a_warning(tmp_path: Path) -> None:
    picture = opened(write(tmp_path / "a.jpg", Image.fromarray(photo()), icc_profile=b"not a profile" * 20))
    assert any("profile" in note for note in picture.warnings)


def test_cmyk_without_a_profile_is_converted_with_a_warning(tmp_path: Path) -> None:
    ink = Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    picture = opened(write(tmp_path / "a.jpg", ink, quality=95))
    r, g, b = (int(value) for value in picture.rgb[32, 32])
    assert r > 200 and g < 60 and b < 60, f"magenta and yellow make red, got {r, g, b}"
    assert any("CMYK" in note for note in picture.warnings)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_photo_stands_upright_and_forgets_where_it_was_taken(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 0.0, 0.0)})
    upright = photo()
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    for name in ("a.png", "a.tiff"):
        picture = opened(write(tmp_path / name, stored, exif=exif))
        np.testing.assert_array_equal(picture.rgb, upright)


def test_several_pages_need_a_choice(tmp_path: Path) -> None:
    first, second = Image.fromarray(photo()), Image.fromarray(photo()[::-1].copy())
    for name in ("a.tiff", "a.webp", "a.png"):
        path = write(
            tmp_path / name,
            first,
            save_all=True,
            append_images=[second],
            **({"lossless": True} if "webp" in name else {}),
        )
        assert code_of(path) == "MULTIPLE_PAGES"
        np.testing.assert_array_equal(opened(path, page=0).rgb, photo())
        np.testing.assert_array_equal(opened(path, page=1).rgb, photo()[::-1])
        assert code_of(path, page=2) == "PAGE_MISSING"


def test_a_phones_second_picture_is_no_page(tmp_path: Path) -> None:
    small = Image.fromarray(photo(48, 32))
    path = write(tmp_path / "phone.jpg", Image.fromarray(photo()), format="MPO", save_all=True, append_images=[small])
    picture = opened(path)
    assert (picture.width, picture.format) == (96, "JPEG")


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (20_000, 30), (4_000, 100)])
def test_pictures_without_room_are_refused_with_the_sizes_that_work(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write(tmp_path / "a.png", Image.new("RGB", size))
    assert code_of(path) == "IMAGE_TOO_SMALL"
    with pytest.raises(InputError, match=r"at least 32 px .* 16:1"):
        opened(path)


def test_only_regular_readable_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert code_of(tmp_path / "pipe.png") == "NOT_A_FILE"
    (tmp_path / "folder.png").mkdir()
    assert code_of(tmp_path / "folder.png") == "NOT_A_FILE"
    assert code_of(Path("/dev/zero")) == "NOT_A_FILE"
    assert code_of(tmp_path / "missing.png") == "UNREADABLE_FILE"
    (tmp_path / "nul").mkdir()
    assert code_of(tmp_path / "nul" / "a\0.png") == "UNREADABLE_FILE"
    if os.geteuid():
        path = write(tmp_path / "secret.png", Image.fromarray(photo()))
        path.chmod(0)
        assert code_of(path) == "UNREADABLE_FILE"


def test_a_file_far_larger_than_its_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(LIMIT * 8 + (17 << 20))  # sparse
    assert code_of(path) == "FILE_TOO_LARGE"


@pytest.mark.parametrize("name", ["-rf.png", "new\nline.png", "q'\"uo`te.png", "产品-изделие.png", "x" * 246 + ".png"])
def test_odd_names_work(tmp_path: Path, name: str) -> None:
    assert opened(write(tmp_path / name, Image.fromarray(photo()))).width == 96


def test_the_bytes_hashed_are_the_bytes_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", Image.fromarray(photo()))
    assert opened(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff"])
def test_damage_anywhere_never_escapes_as_another_error(tmp_path: Path, name: str) -> None:
    """75 files of each format with changed bytes: decoded or refused, nothing else."""
    whole = write(tmp_path / name, Image.fromarray(photo())).read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(75):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), 400), 6):
            data[place] = random.integers(0, 256)
        (tmp_path / name).write_bytes(data)
        try:
            opened(tmp_path / name)
        except InputError:
            refused += 1
    assert refused > 10, f"only {refused} of 75 refused"
