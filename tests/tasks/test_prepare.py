"""Staging: the product where it was asked for, in its own colours, on a backdrop without seams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from manifests.errors import InputError
from tasks.prepare import VERSION, PictureFacts, Still, load, look, open_picture, prepare, stage
from tasks.prepare.picture import Picture
from tasks.recipe import PrepareRecipe

LIMIT = 20_000_000
PRODUCTS = Path(__file__).parents[3] / "shared/data/products"


def recipe(**asked: Any) -> PrepareRecipe:
    values: dict[str, Any] = {
        "frame_width": 320,
        "frame_height": 180,
        "overscan": (0.0, 0.0, 0.0, 0.0),
        "fill": 0.8,
        "anchor": (0.5, 0.5),
        "safe": (0.0, 0.0, 0.0, 0.0),
        "product": "alpha",
        "backdrop": "floor",
        "colors": (),
        "horizon": 0.62,
        "shadow": "keep",
        "layers": False,
        "density": 1.0,
        "page": 0,
        "max_pixels": LIMIT,
    }
    return PrepareRecipe(**(values | asked))


def made(rgb: np.ndarray, alpha: np.ndarray | None = None) -> Picture:
    return Picture(rgb=rgb, alpha=alpha, sha256="5eed" * 16, bytes=1, format="PNG")


def cutout(shadow: bool = True, touching: bool = False) -> Picture:
    """400x400: a red block at (100, 80)-(300, 240) with an enclosed blue lens, and a soft shadow below it."""
    rgb, alpha = np.zeros((400, 400, 3), np.uint8), np.zeros((400, 400), np.float32)
    if shadow:
        y, x = np.mgrid[0:400, 0:400]
        middle = 245 if touching else 320
        alpha = 110 * np.exp(-(((x - 200) / 70) ** 2) - ((y - middle) / 14) ** 2)
    body = (slice(80, 240), slice(100, 300))
    rgb[body], alpha[body] = (190, 40, 45), 255
    lens = (slice(120, 200), slice(140, 260))
    rgb[lens], alpha[lens] = (50, 80, 210), 200
    return made(rgb, np.rint(alpha).astype(np.uint8))


def studio(width: int = 400, height: int = 400, noise: float = 1.0) -> Picture:
    """A dark product on a beige studio backdrop with falloff, a floor line at 60% and grain."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 205 + 14 * x / width - 8 * y / height + 12 / (1 + np.exp(-(y - 0.6 * height) / 3))
    rgb = light[..., None] * np.array([1.0, 0.95, 0.88], np.float32)
    soft = np.exp(-(((x - width * 0.5) / (0.22 * width)) ** 2) - ((y - height * 0.72) / (0.04 * height)) ** 2)
    rgb *= 1 - 0.35 * soft[..., None]
    rgb += random.normal(0, noise, (height, width, 1))
    rgb[int(0.3 * height) : int(0.7 * height), int(0.35 * width) : int(0.65 * width)] = (40, 60, 110)
    return made(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))


def home_of(still: Still) -> np.ndarray:
    x, y, width, height = (round(value) for value in still.home)
    return still.flat[y : y + height, x : x + width]


def painted_mask(photo: Picture) -> Picture:
    grey = np.zeros((photo.height, photo.width), np.uint8)
    grey[int(0.3 * photo.height) : int(0.7 * photo.height), int(0.35 * photo.width) : int(0.65 * photo.width)] = 255
    return made(np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize("frame", [(320, 180), (180, 320), (240, 240)])
@pytest.mark.parametrize("anchor", [(0.5, 0.5), (0.3, 0.6), (0.0, 1.0)])
@pytest.mark.parametrize("kind", ["alpha", "plain"])
def test_the_product_takes_its_share_and_its_place(
    frame: tuple[int, int], anchor: tuple[float, float], kind: str
) -> None:
    safe = (0.05, 0.1, 0.08, 0.02)
    asked = recipe(
        frame_width=frame[0],
        frame_height=frame[1],
        safe=safe,
        anchor=anchor,
        fill=0.6,
        overscan=(0.06, 0.06, 0.06, 0.06),
        product=kind,
        backdrop="floor" if kind == "alpha" else "extend",
    )
    still = stage(cutout() if kind == "alpha" else studio(), None, asked)
    left, top, right, bottom = still.product_box
    free = (1 - safe[0] - safe[2], 1 - safe[1] - safe[3])
    fill = max((right - left) / free[0], (bottom - top) / free[1])
    tolerance = 2 / min(frame)  # a pixel at either side of the measured box
    assert abs(fill - 0.6) < max(0.01, tolerance), f"fill {fill}"
    assert left >= safe[0] - 1 / frame[0] and right <= 1 - safe[2] + 1 / frame[0]
    assert top >= safe[1] - 1 / frame[1] and bottom <= 1 - safe[3] + 1 / frame[1]
    for axis, (low, high) in enumerate([(left, right), (top, bottom)]):
        half = (high - low) / 2
        start, end = safe[axis], 1 - safe[axis + 2]
        want = min(max(start + anchor[axis] * free[axis], start + half), end - half)
        off = abs((low + high) / 2 - want) * frame[axis]
        assert off <= 1.0, f"centre is off by {off} px on axis {axis}"


def test_the_plate_covers_home_and_overscan() -> None:
    overscan = (0.1, 0.2, 0.03, 0.07)
    still = stage(cutout(), None, recipe(overscan=overscan, density=2.0))
    x, y, width, height = still.home
    assert (width, height) == (320 * still.density, 180 * still.density)
    right, bottom = still.plate.shape[1] - x - width, still.plate.shape[0] - y - height
    spare = [
        x - overscan[0] * width,
        y - overscan[1] * height,
        right - overscan[2] * width,
        bottom - overscan[3] * height,
    ]
    assert all(-1e-6 <= room < 2 for room in spare), spare


@pytest.mark.parametrize(("limit", "want"), [(1.0, 1.0), (1.05, 1.05), (4.0, 400 / 360)])
def test_density_is_the_sources_within_one_and_the_limit(limit: float, want: float) -> None:
    # The block is 160 px high and is placed 144 px high: the source has 1.111 pixels per delivery pixel.
    still = stage(cutout(), None, recipe(density=limit))
    assert still.density == pytest.approx(want)
    assert stage(cutout(), None, recipe(frame_width=1280, frame_height=720, density=4.0)).density == 1.0


def test_a_product_with_just_enough_pixels_is_not_resampled() -> None:
    source = cutout()
    still = stage(source, None, recipe(density=4.0, layers=True))
    assert still.layer is not None and source.alpha is not None
    rows, columns = np.flatnonzero(still.layer[..., 3].any(1)), np.flatnonzero(still.layer[..., 3].any(0))
    got = still.layer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.testing.assert_array_equal(got[..., 3], source.alpha[80:240, 100:300])
    np.testing.assert_array_equal(got[..., :3], source.rgb[80:240, 100:300])


@pytest.mark.parametrize(
    ("code", "picture", "mask", "asked"),
    [
        ("BACKDROP_NEEDS_CUTOUT", studio(), None, {"product": "plain", "backdrop": "floor"}),
        ("BACKDROP_NEEDS_CUTOUT", studio(), None, {"product": "whole", "backdrop": "color"}),
        ("NO_SURROUNDINGS", cutout(), None, {"product": "alpha", "backdrop": "extend"}),
        ("NO_ALPHA", studio(), None, {"product": "alpha"}),
        ("NO_MASK", studio(), None, {"product": "mask"}),
        ("MASK_EMPTY", studio(), made(np.zeros((400, 400, 3), np.uint8)), {"product": "mask"}),
        ("MASK_MISMATCH", studio(), made(np.zeros((300, 400, 3), np.uint8)), {"product": "mask"}),
        ("NO_PRODUCT", made(np.full((90, 90, 3), 200, np.uint8)), None, {"product": "plain", "backdrop": "extend"}),
        ("EMPTY_IMAGE", made(np.zeros((90, 90, 3), np.uint8), np.zeros((90, 90), np.uint8)), None, {}),
    ],
)
def test_what_cannot_be_staged_is_refused(
    code: str, picture: Picture, mask: Picture | None, asked: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as caught:
        stage(picture, mask, recipe(**asked))
    assert caught.value.code == code
    assert caught.value.problem.remedy


@pytest.mark.parametrize(
    ("layers", "roles"), [(False, {"header", "still", "matte"}), (True, {"header", "plate", "layer"})]
)
def test_stills_are_kept_whole_equal_and_anonymous(tmp_path: Path, layers: bool, roles: set[str]) -> None:
    exif = Image.Exif()
    exif[0x0110] = "CAMERA-SERIAL-4711"
    source = cutout()
    path = tmp_path / "in.png"
    assert source.alpha is not None
    Image.fromarray(np.dstack([source.rgb, source.alpha])).save(path, exif=exif)
    asked = recipe(layers=layers)
    files = prepare(path, None, asked, tmp_path / "one")
    again = prepare(path, None, asked, tmp_path / "two")
    assert set(files) == roles
    for role, file in files.items():
        assert file.read_bytes() == again[role].read_bytes(), f"{role} is not the same twice"
        assert b"4711" not in file.read_bytes()
        if file.suffix == ".png":
            with Image.open(file) as image:
                assert not image.info
    still = stage(open_picture(path, max_pixels=LIMIT), None, asked)
    kept = load(files)
    np.testing.assert_array_equal(kept.flat, still.flat)
    np.testing.assert_array_equal(kept.matte, still.matte)
    assert (kept.home, kept.product_box, kept.density) == (still.home, still.product_box, still.density)
    files["layer" if layers else "still"].write_bytes(files["layer" if layers else "still"].read_bytes()[:-200])
    with pytest.raises((OSError, ValueError)):
        load(files)


def test_an_enlarged_picture_gives_the_same_still_but_denser(tmp_path: Path) -> None:
    photo = studio()
    image = Image.fromarray(photo.rgb)
    image.save(tmp_path / "a.png")
    image.resize((800, 800)).save(tmp_path / "b.png")
    Image.fromarray(painted_mask(photo).rgb).save(tmp_path / "mask.png")
    asked = recipe(product="mask", backdrop="extend", density=2.0, max_pixels=200_000)
    small = load(prepare(tmp_path / "a.png", tmp_path / "mask.png", asked, tmp_path / "1"))
    large = load(prepare(tmp_path / "b.png", tmp_path / "mask.png", asked, tmp_path / "2", scale=2))
    assert large.density > small.density
    assert large.product_box == pytest.approx(small.product_box, abs=0.008)
    with pytest.raises(InputError):
        prepare(tmp_path / "b.png", tmp_path / "mask.png", asked, tmp_path / "3")


def test_a_look_tells_products_apart(tmp_path: Path) -> None:
    def facts(picture: Picture, **options: Any) -> PictureFacts:
        pixels = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
        Image.fromarray(pixels).save(tmp_path / "a.png")
        return look(tmp_path / "a.png", max_pixels=LIMIT, **options)

    cut = facts(cutout())
    assert (cut.product, cut.box, cut.shadow, cut.alpha) == ("alpha", (100, 80, 300, 240), True, True)
    assert not facts(cutout(shadow=False)).shadow
    plain = facts(studio())
    assert plain.product == "plain" and plain.plain and not plain.shadow
    assert np.abs(np.subtract(plain.box, (140, 120, 260, 280))).max() <= 4, f"box {plain.box}"
    assert np.abs(np.subtract(plain.border[0], studio().rgb[:, :8].mean((0, 1)))).max() < 6
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    scene = facts(made(noise))
    assert scene.product == "whole" and not scene.plain and scene.box == (0, 0, 200, 200)
    Image.fromarray(painted_mask(studio()).rgb).save(tmp_path / "mask.png")
    masked = facts(studio(), mask=tmp_path / "mask.png")
    assert masked.product == "mask" and masked.mask_sha256 and masked.mask_sha256 != masked.sha256
    assert np.abs(np.subtract(masked.box, (140, 120, 260, 280))).max() <= 1

    for one in (cut, plain, scene, masked):
        assert PictureFacts.from_dict(json.loads(json.dumps(one.as_dict()))) == one


@pytest.mark.skipif(not PRODUCTS.is_dir(), reason=f"the real product photos are not at {PRODUCTS}")
@pytest.mark.parametrize(
    "name", sorted(path.name for path in PRODUCTS.glob("*.[pw]*")) if PRODUCTS.is_dir() else ["none"]
)
@pytest.mark.parametrize("frame", [(640, 360), (360, 640)])
def test_real_products_are_staged_whole_in_place_and_in_colour(name: str, frame: tuple[int, int]) -> None:
    facts = look(PRODUCTS / name, max_pixels=LIMIT)
    assert facts.product == ("plain" if name.endswith("webp") else "alpha")
    source = open_picture(PRODUCTS / name, max_pixels=LIMIT)
    asked = recipe(
        frame_width=frame[0],
        frame_height=frame[1],
        product=facts.product,
        backdrop="floor" if facts.alpha else "extend",
        overscan=(0.05, 0.05, 0.05, 0.05),
    )
    still = stage(source, None, asked)
    left, top, right, bottom = still.product_box
    assert max(right - left, bottom - top) == pytest.approx(0.8, abs=0.01)
    assert np.abs([(left + right - 1) / 2 * frame[0], (top + bottom - 1) / 2 * frame[1]]).max() <= 1
    # The same product by another route: the box's centre is the frame's, areas are averaged. Blurred by a pixel, since
    # brushed steel differs with the kernel, not in colour.
    x, y, width, height = still.home
    corner = (round(x + left * width), round(y + top * height))
    size = (round((right - left) * width), round((bottom - top) * height))
    across, down = facts.box[2] - facts.box[0], facts.box[3] - facts.box[1]
    scale = 0.8 * min(frame[0] / across, frame[1] / down) * still.density
    start = (
        (facts.box[0] + facts.box[2]) / 2 + (corner[0] - x - width / 2) / scale,
        (facts.box[1] + facts.box[3]) / 2 + (corner[1] - y - height / 2) / scale,
    )
    area = (*start, start[0] + size[0] / scale, start[1] + size[1] / scale)
    want = np.asarray(Image.fromarray(source.rgb).resize(size, Image.Resampling.BOX, area))
    got = still.flat[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]]
    assert still.matte is not None
    solid = still.matte[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]] == 255
    want, got = (cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), 1) for image in (want, got))
    difference = float(np.median(deltaE_ciede2000(rgb2lab(want[solid]), rgb2lab(got[solid]))))
    print(f"{name} {frame}: median CIEDE2000 {difference:.3f}")
    assert difference <= 0.5, f"median CIEDE2000 {difference:.2f}"


GOLDEN = {
    1: {
        "floor": "209.3 141.8 141.8 209.3 208.5 116.4 116.4 208.6 212.9 116.8 116.8 212.9 218.8 131.1 130.9 218.7",
        "contact": "141.2 110.9 110.9 141.2 155.4 109.4 109.4 155.4 172.0 111.2 111.2 172.0 191.8 124.6 124.6 191.8",
        "extend": "191.9 196.1 200.8 204.8 190.3 142.0 145.9 203.7 194.3 143.3 147.1 207.8 198.1 192.7 197.1 211.5",
        "layers": "192.8 196.1 199.7 202.9 191.7 195.1 199.4 201.8 194.0 193.8 198.1 204.0 198.2 177.0 180.0 208.1",
    }
}


@pytest.mark.parametrize("kind", ["floor", "contact", "extend", "layers"])
def test_the_same_recipe_gives_the_pixels_this_version_is_known_for(kind: str) -> None:
    """A 4x4 fingerprint per kind; when it changes on purpose, raise `VERSION` and note the new one."""
    asked = {
        "floor": recipe(density=2.0),
        "contact": recipe(shadow="contact", backdrop="gradient", colors=("#808890", "#d0d4d8")),
        "extend": recipe(product="plain", backdrop="extend", fill=0.5),
        "layers": recipe(product="mask", backdrop="extend", layers=True, fill=0.7),
    }[kind]
    photo = studio()
    still = stage(cutout() if kind in ("floor", "contact") else photo, painted_mask(photo), asked)
    print_of = cv2.resize(still.plate.astype(np.float32).mean(2), (4, 4), interpolation=cv2.INTER_AREA).ravel()
    worst = np.abs(print_of - np.array(GOLDEN[VERSION][kind].split(), np.float32)).max()
    assert worst < 0.5, (
        f"differs by {worst:.2f} levels from version {VERSION}: {[round(float(v), 1) for v in print_of]}"
    )
