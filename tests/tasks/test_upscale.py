"""Real-ESRGAN as a stage: real weights, real pictures, files read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from models import realesrgan
from models.clip import Clip
from tasks.encode import ffmpeg_path
from tasks.engines import Engines
from tasks.master import Target, read_master, write_master
from tasks.recipe import UpscaleRecipe
from tasks.upscale import upscale_frames, upscale_still

THUMBNAIL = Path(__file__).parents[2] / "manifests/examples/pictures/watch-thumb.jpg"


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    with Engines() as engines:
        yield engines


def recipe(model: str, of: str) -> UpscaleRecipe:
    weights = realesrgan.models()[model]
    return UpscaleRecipe.model_validate(
        {
            "engine": "realesrgan",
            "runtime": "ncnn",
            "model": model,
            "scale": weights.scale,
            "tile": weights.tile,
            "of": of,
            "page": 0,
            "max_pixels": 1_000_000,
        }
    )


def gradient_energy(rgb: np.ndarray) -> float:
    """Mean squared Sobel gradient of the luma: how much edge there is."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float((cv2.Sobel(grey, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(grey, cv2.CV_32F, 0, 1) ** 2).mean())


def test_a_thumbnail_comes_out_sharper_than_bicubic_and_true_to_it(engines: Engines, tmp_path: Path) -> None:
    dial = Image.open(THUMBNAIL).convert("RGB").crop((58, 58, 122, 122))
    dial.save(tmp_path / "dial.png")
    shares: list[float] = []
    media, ran = upscale_still(
        tmp_path / "dial.png",
        recipe("realesrgan-x4plus", "still"),
        tmp_path / "big.png",
        engines=engines,
        device="cpu",
        progress=lambda done, total: shares.append(done / total),
    )
    made = np.asarray(Image.open(tmp_path / "big.png"))
    bicubic = np.asarray(dial.resize((256, 256), Image.Resampling.BICUBIC))
    sharper = gradient_energy(made) / gradient_energy(bicubic)
    psnr = cv2.PSNR(cv2.resize(made, (64, 64), interpolation=cv2.INTER_AREA), np.asarray(dial))
    assert made.shape == (256, 256, 3) and media["width"] == 256
    assert ran["model"] == "realesrgan-x4plus" and ran["device"] == "cpu"
    assert sharper > 1.15, f"gradient energy {sharper:.2f} times bicubic's"
    assert psnr > 24, f"{psnr:.1f} dB against the thumbnail when shrunk again"


@pytest.mark.parametrize("model", ["realesrgan-x4plus-anime", "realesr-animevideov3-x2"])
def test_a_pencil_line_has_no_halo_and_its_paper_keeps_its_tone(engines: Engines, tmp_path: Path, model: str) -> None:
    random = np.random.default_rng(3)
    paper, stroke = np.full((64, 96), 240.0), np.zeros((64, 96), np.uint8)
    cv2.line(stroke, (10, 50), (80, 14), 255, 6, cv2.LINE_AA)
    grain = 90 + 40 * cv2.GaussianBlur(random.normal(0, 1, paper.shape), (0, 0), 0.8)
    share = stroke / 255
    drawn = np.clip(paper * (1 - share) + grain * share, 0, 255)
    rgb = np.dstack([drawn, drawn * 0.97, drawn * 0.92]).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "panel.png")
    told = recipe(model, "still")
    upscale_still(
        tmp_path / "panel.png", told, tmp_path / "big.png", engines=engines, device="cpu", progress=lambda *_: None
    )
    made = np.asarray(Image.open(tmp_path / "big.png")).astype(int)
    assert made[..., 0].max() <= rgb[..., 0].max() and made[..., 0].min() >= rgb[..., 0].min()
    around = cv2.dilate(stroke, np.ones((9, 9), np.uint8)) - cv2.dilate(stroke, np.ones((3, 3), np.uint8))
    ring = cv2.resize(around, made.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 250
    tone = made[ring].mean(0) - rgb[0, 0]
    assert np.abs(tone).max() <= 2, f"beside the line the paper is {tone} levels off"
    assert made[ring].max(0).tolist() <= rgb[0, 0].tolist(), "lighter than the paper"


def test_transparency_is_enlarged_with_the_picture(engines: Engines, tmp_path: Path) -> None:
    alpha = cv2.circle(np.zeros((48, 48), np.uint8), (24, 24), 16, 255, -1, cv2.LINE_AA)
    rgba = np.dstack([np.where(alpha[..., None] > 0, (200, 60, 40), 0).astype(np.uint8), alpha])
    Image.fromarray(rgba).save(tmp_path / "disc.png")
    upscale_still(
        tmp_path / "disc.png",
        recipe("realesrgan-x4plus-anime", "still"),
        tmp_path / "big.png",
        engines=engines,
        device="cpu",
        progress=lambda done, total: None,
    )
    made = np.asarray(Image.open(tmp_path / "big.png"))
    assert made.shape == (192, 192, 4)
    assert made[96, 96, 3] > 250 and made[4, 4, 3] < 5
    # The hidden black under the transparency must not darken the disc's rim.
    rim = (made[..., 3] > 128) & (cv2.erode((made[..., 3] > 128).astype(np.uint8), np.ones((7, 7))) == 0)
    assert np.abs(made[rim][:, :3].astype(int) - (200, 60, 40)).max(axis=1).mean() < 25


@pytest.mark.parametrize("size", [(128, 72), (96, 54)])
def test_frames_are_enlarged_to_the_delivery_size(engines: Engines, tmp_path: Path, size: tuple[int, int]) -> None:
    ffmpeg = ffmpeg_path()
    clip = Clip(64, 36, Fraction(25), 3)
    frames = [np.full((36, 64, 3), (40 * n + 60, 120, 90), np.uint8) for n in range(3)]
    write_master(iter(frames), clip, tmp_path / "master.mkv", ffmpeg=ffmpeg)
    upscale_frames(
        tmp_path / "master.mkv",
        recipe("realesr-animevideov3-x2", "frames"),
        Target(tmp_path / "mezzanine.mkv", replace(clip, width=size[0], height=size[1])),
        ffmpeg=ffmpeg,
        engines=engines,
        device="cpu",
        progress=lambda done, total: None,
    )
    found, made = read_master(tmp_path / "mezzanine.mkv")
    pictures = list(made)
    assert (found.width, found.height, found.rate, found.frames) == (*size, Fraction(25), 3)
    for before, after in zip(frames, pictures, strict=True):
        drift = np.abs(after.reshape(-1, 3).mean(axis=0) - before[0, 0]).max()
        assert drift < 3, f"colour moved by {drift:.1f} levels"
