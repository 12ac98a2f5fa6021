"""What the camera's frames show: the right picture, at the right place, in the right colour, and no more of them."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path as FilePath
from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image

from models.camera import CameraError, Move, Scene, Sweep, path, render, versions
from models.camera.move import Kind
from models.clip import Clip
from tests.benchmarks.camera_motion import jitter, positions
from tests.models.camera_scenes import CLIP, assert_shows, drawn, move_of, seen, with_product

MOVING = [kind for kind in get_args(Kind) if kind != "hold"]
PHOTO = FilePath(__file__).parents[3] / "shared/data/products/2-slice-toaster.webp"


@pytest.mark.parametrize("density", [0.8, 1.0, 1.7])
@pytest.mark.parametrize("kind", MOVING)
def test_every_frame_is_the_picture_its_view_sees(kind: Kind, density: float) -> None:
    flown = path(move_of(kind), CLIP)
    scene = drawn(flown, density)
    number = -1
    for number, frame in enumerate(render(scene, flown)):
        assert_shows(
            frame, seen(flown.plate, number, CLIP, scene.home), max_rms=0.8, max_error=4, what=f"frame {number}"
        )
    assert number == CLIP.frames - 1


@pytest.mark.parametrize("kind", ["push", "pan", "arc"])
def test_planes_are_bt709_with_chroma_sited_left(kind: Kind) -> None:
    flown = path(move_of(kind), CLIP)
    scene = drawn(flown)
    for number, frame in enumerate(render(scene, flown, planes=True)):
        full = seen(flown.plate, number, CLIP, scene.home)
        half = seen(flown.plate, number, CLIP, scene.home, 2, (0.5, 1.0))
        wants = (luma(full), *chroma(half))
        for name, got, want in zip("yuv", frame, wants, strict=True):
            assert got.shape == want.shape and got.dtype == np.uint8
            assert_shows(got, want, max_rms=0.8, max_error=4, what=f"frame {number} {name}")


def luma(rgb: np.ndarray) -> np.ndarray:
    return 16 + 219 / 255 * (rgb @ [0.2126, 0.7152, 0.0722])


def chroma(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y = rgb @ [0.2126, 0.7152, 0.0722]
    return 128 + 224 / 255 * (rgb[..., 2] - y) / 1.8556, 128 + 224 / 255 * (rgb[..., 0] - y) / 1.5748


@pytest.mark.parametrize("kind", ["push", "pan"])
def test_a_slow_move_has_no_jitter(kind: Kind) -> None:
    clip = Clip(640, 360, Fraction(30), 16)
    amount = {"push": 0.014, "pan": 0.05 * 15 / 640}[kind]  # the pan goes 0.05 px per frame
    flown = path(Move(kind, amount, easing="linear"), clip)
    noise = np.random.default_rng(1).normal(128, 60, (380, 660, 1))
    texture = cv2.GaussianBlur(np.repeat(noise, 3, 2), (0, 0), 1.2)
    texture = (128 + (texture - 128) * 1.5).clip(0, 255).astype(np.uint8)
    scene = Scene(texture, (10, 10, 640, 360))
    centre = np.array([380.5, 190.5])
    views = flown.plate
    share = centre / [640, 360] - 0.5
    point = np.array([views.cx[0], views.cy[0]]) + share * views.w[0]
    where = np.column_stack([(point[0] - views.cx) / views.w + 0.5, (point[1] - views.cy) / views.w + 0.5]) * [640, 360]
    found = positions((frame.y for frame in render(scene, flown, planes=True)), (380, 190))
    rms, largest = jitter(found, where)
    assert largest <= 0.02, f"{kind}: jitter {rms:.4f} px rms, {largest:.4f} px at most"
    assert np.abs(np.diff(where, axis=0)).max() > 0.02, "the move is too slow to show anything"


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (200, 30, 40), (12, 90, 240), (118, 118, 118)])
def test_a_flat_colour_stays_what_it_is(color: tuple[int, int, int]) -> None:
    flown = path(move_of("push"), CLIP)
    scene = drawn(flown, 1.3)
    scene = replace(scene, plate=np.full_like(scene.plate, color))
    pixel = np.array(color, dtype=float)
    wants = (luma(pixel), *chroma(pixel))
    for frame in render(scene, flown, planes=True):
        for name, plane, want in zip("yuv", frame, wants, strict=True):
            off = np.abs(plane - want).max()
            assert off <= 1, f"{name} is off by {off:.2f} levels"
    for frame in render(scene, flown):
        assert np.all(frame == color)


def test_detail_finer_than_the_frame_becomes_grey_not_moire() -> None:
    flown = path(Move("push", 0.1), CLIP)
    scene = drawn(flown, 2.0)
    height, width = scene.plate.shape[:2]
    checks = (np.indices((height, width)).sum(axis=0) % 2 * 255).astype(np.uint8)
    for frame in render(replace(scene, plate=np.dstack([checks] * 3)), flown, planes=True):
        spread = frame.y[4:-4, 4:-4].std()
        assert spread < 3, f"aliasing: a one-pixel checkerboard at half size has a spread of {spread:.1f} levels"


def test_a_deep_zoom_changes_sharpness_without_a_step() -> None:
    clip = replace(CLIP, frames=41)
    flown = path(Move("push", 1.0, easing="linear"), clip)
    scene = drawn(flown, 1.0)
    texture = np.random.default_rng(3).integers(0, 256, scene.plate.shape[:2], dtype=np.uint8)
    soft = cv2.GaussianBlur(texture, (0, 0), 0.8)
    frames = [f.y.astype(float) for f in render(replace(scene, plate=np.dstack([soft] * 3)), flown, planes=True)]
    detail = np.array([cv2.Laplacian(frame, cv2.CV_64F).std() for frame in frames])
    step = np.abs(np.diff(np.log(detail))).max()
    assert step < 0.08, f"sharpness jumps by {step:.3f} between two frames: {np.round(detail, 1)}"


def test_workers_do_not_change_a_byte() -> None:
    flown = path(move_of("orbit", parallax=0.5), CLIP)
    scene = with_product(drawn(flown))
    one, two, four = (
        b"".join(frame.tobytes() for frame in render(scene, flown, sweep=Sweep(0.5), workers=workers))
        for workers in (1, 2, 4)
    )
    assert one == two == four


def test_hold_is_one_picture() -> None:
    scene = drawn(path(Move("hold", 0), CLIP))
    frames = list(render(scene, path(Move("hold", 0), CLIP), planes=True))
    assert len(frames) == CLIP.frames
    assert all(np.array_equal(frame.y, frames[0].y) for frame in frames)
    lit = list(render(with_product(scene), path(Move("hold", 0), CLIP), sweep=Sweep(0.5)))
    assert not np.array_equal(lit[0], lit[4]), "a held picture with a sweep still moves its light"


@pytest.mark.parametrize("kind", MOVING)
def test_a_loop_shows_no_seam(kind: Kind) -> None:
    clip = replace(CLIP, frames=40)
    flown = path(move_of(kind, loop=True), clip)
    frames = [frame.y.astype(float) for frame in render(drawn(flown), flown, planes=True)]
    steps = [np.abs(a - b).mean() for a, b in pairwise(frames)]
    seam = np.abs(frames[-1] - frames[0]).mean()
    around = max(steps[0], steps[-1])
    assert seam <= around * 1.25 + 0.05, f"seam {seam:.3f}, the steps beside it {steps[0]:.3f} and {steps[-1]:.3f}"


def test_memory_does_not_grow_with_the_clip() -> None:
    def peak(frames: int) -> int:
        clip = replace(CLIP, frames=frames)
        flown = path(move_of("push"), clip)
        scene = drawn(flown)
        tracemalloc.start()
        for _ in render(scene, flown):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    short, long = peak(8), peak(160)
    assert long <= short * 1.1 + 200_000, f"peak {short} bytes for 8 frames, {long} for 160"


def test_a_stream_may_be_left_in_the_middle() -> None:
    threads = cv2.getNumThreads()
    told: list[int] = []
    flown = path(move_of("pan"), CLIP)
    stream = render(drawn(flown), flown, progress=told.append)
    next(stream)
    next(stream)
    stream.close()
    assert told == [1, 2]
    assert cv2.getNumThreads() == threads


def test_what_does_not_fit_is_refused_before_the_first_frame() -> None:
    flown = path(Move("pan", 0.3), CLIP)
    scene = drawn(flown)
    small = Scene(scene.plate[:, 40:], (scene.home[0] - 40, *scene.home[1:]))
    odd = path(Move("hold", 0), replace(CLIP, width=321))
    cases = [
        ("beyond its", "CAMERA_LEAVES_PLATE", lambda: render(small, flown)),
        ("not the shape", "CAMERA_SCENE", lambda: render(scene, path(Move("pan", 0.3), replace(CLIP, height=320)))),
        ("even sizes", "CAMERA_SCENE", lambda: render(scene, odd, planes=True)),
        ("without a sweep", "CAMERA_SCENE", lambda: render(scene, flown, sweep=Sweep(0.5), planes=True)),
        ("layer or a matte", "CAMERA_SCENE", lambda: render(scene, flown, sweep=Sweep(0.5))),
        ("0 workers", "CAMERA_SCENE", lambda: render(scene, flown, workers=0)),
        ("wanted uint8", "CAMERA_SCENE", lambda: replace(scene, layer=scene.plate)),
        ("not on the plate", "CAMERA_SCENE", lambda: replace(scene, home=(50.0, 0.0, 5000.0, 90.0))),
        ("strength", "CAMERA_MOVE", lambda: Sweep(1.5)),
    ]
    for told, code, act in cases:
        with pytest.raises(CameraError, match=told) as refused:
            act()
        assert refused.value.code == code


@pytest.mark.skipif(not PHOTO.exists(), reason=f"needs the product photo {PHOTO.name} in {PHOTO.parent}")
def test_a_real_photo_is_as_sharp_as_lanczos() -> None:
    photo = Image.open(PHOTO).convert("RGB").crop((0, 224, 1024, 800))
    clip = Clip(896, 504, Fraction(30), 5)
    home = (64.0, 36.0, 896.0, 504.0)
    flown = path(Move("push", 0.12), clip)
    for number, frame in enumerate(render(Scene(np.array(photo), home), flown)):
        w = flown.plate[number].w
        box = (512 - 448 * w, 288 - 252 * w, 512 + 448 * w, 288 + 252 * w)
        want = np.array(photo.resize((896, 504), Image.Resampling.LANCZOS, box=box)).astype(float)
        psnr = 10 * math.log10(255**2 / np.mean((frame - want) ** 2))
        detail, wanted = (cv2.Laplacian(picture.astype(float), cv2.CV_64F).std() for picture in (frame, want))
        assert psnr >= 44, f"frame {number}: {psnr:.1f} dB from Lanczos"
        assert detail >= 0.93 * wanted, f"frame {number}: detail {detail:.2f}, Lanczos {wanted:.2f}"


def test_versions_name_what_changes_pixels() -> None:
    assert versions() == {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": Image.__version__}
