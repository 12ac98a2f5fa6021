"""SVD, fidelity and Real-ESRGAN in one engine: what comes out of it is held to what went in."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="SVD needs the gpu extra")

from models.drawn import Drawn, Enlarge
from models.enlarge import BATCH, Enlarger
from models.errors import EngineError
from models.generator import Generator
from models.svd.settings import LADDER, Picture, Settings
from tests.svd_checkpoints import tiny_checkpoint

FRAMES = BATCH + 2
CLIP = Settings(
    task="image",
    frames=FRAMES,
    window=FRAMES,
    width=128,
    height=64,
    schedule="karras",
    steps=2,
    sigma_start=1.0,
    guidance=(1.0, 1.0),
    conditioning_fps=6,
    motion_bucket=127,
    noise_aug=0.02,
    seed=3,
    ladder=LADDER,
    fidelity="strict",
    split_px=3.0,
)
SIZE = (112, 64)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator(str(tiny_checkpoint(tmp_path_factory.mktemp("weights") / "svd-xt", frames=FRAMES)), "cpu")


def views() -> list[Picture]:
    """A textured square that slides 2 px a frame before grey, and where it is."""
    texture = np.random.default_rng(1).integers(60, 200, (32, 40, 3), np.uint8)
    pictures: list[Picture] = []
    for n in range(FRAMES):
        rgb, matte = np.full((64, 128, 3), 128, np.uint8), np.zeros((64, 128), np.uint8)
        here = (slice(16, 48), slice(36 + 2 * n, 76 + 2 * n))
        rgb[here], matte[here] = texture, 255
        pictures.append(Picture(rgb, matte))
    return pictures


def square(frame: np.ndarray, n: int) -> np.ndarray:
    """The product in the middle of the canvas, as floats."""
    return frame[16:48, 28 + 2 * n : 68 + 2 * n].astype(np.float32)


def made(generator: Generator, settings: Settings, enlarge: Enlarge | None = None) -> list[Drawn]:
    return list(generator.generate(iter(views()), settings, SIZE, enlarge, moving=True))


def test_the_products_texture_is_its_own_in_every_frame(generator: Generator) -> None:
    frames = made(generator, CLIP)
    assert len(frames) == FRAMES
    for n, (frame, picture) in enumerate(zip(frames, views(), strict=True)):
        true = square(picture.rgb[:, 8:120], n)
        light, drawn = (square(each, n) - true for each in (frame.master, frame.raw))
        # What may differ is light, which changes slowly; texture is what a blur takes away.
        off, before = (float((wrong - cv2.GaussianBlur(wrong, (0, 0), 2)).std()) for wrong in (light, drawn))
        assert off < 4 and before > 20, f"frame {n}: texture is {off:.1f} levels off, {before:.1f} before"
        assert np.abs(light).max() <= 27, f"frame {n}: light changed by {np.abs(light).max():.0f} levels"
        outside = picture.matte[:, 8:120] == 0  # type: ignore[index]
        assert np.array_equal(frame.master[outside], frame.raw[outside]), f"frame {n}: the surroundings were changed"


def test_off_keeps_what_the_network_drew(generator: Generator) -> None:
    for frame in made(generator, replace(CLIP, fidelity="off")):
        assert np.array_equal(frame.master, frame.raw)


def test_a_product_that_is_lost_without_a_path_is_drift(generator: Generator) -> None:
    free = replace(CLIP, sigma_start=0.0)
    with pytest.raises(EngineError) as lost:
        made(generator, free)
    assert lost.value.code == "FIDELITY_DRIFT"
    assert len(made(generator, replace(free, fidelity="off"))) == FRAMES


def test_frames_enlarged_on_the_way_are_those_enlarged_afterwards(generator: Generator) -> None:
    wanted = Enlarge("realesr-animevideov3-x2", 2, 0, 200, 114)
    frames = made(generator, CLIP, wanted)
    later = Enlarger("cpu").frames((frame.master for frame in frames), wanted)
    for n, (frame, other) in enumerate(zip(frames, later, strict=True)):
        assert frame.mezzanine is not None and frame.mezzanine.shape == (114, 200, 3)
        assert np.array_equal(frame.mezzanine, other), f"frame {n} differs"
    ran = generator.ran()
    assert ran["upscale"]["frames"] == FRAMES and ran["upscale"]["seconds"] > 0


def test_pictures_that_never_come_are_said(generator: Generator) -> None:
    with pytest.raises(EngineError) as missing:
        list(generator.generate(iter(()), CLIP, SIZE, None, moving=True))
    assert missing.value.code == "PICTURES_MISSING"
