from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.clip import Frame
from models.errors import EngineError

torch = pytest.importorskip("torch")
from models.svd.numbers import NotFinite, Watch, require_finite  # noqa: E402

PRODUCTS = Path(__file__).parents[4] / "shared" / "data" / "products"
HEIGHT, WIDTH = 192, 320


def picture(shift: int = 0, size: int = 24) -> Frame:
    """A small bright product on a plain grey backdrop."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    frame[80 : 80 + size, 100 + shift : 100 + shift + size] = (220, 60, 30)
    return frame


def grain(frame: Frame, seed: int) -> Frame:
    noise = np.random.default_rng(seed).normal(0, 1.5, frame.shape)
    return np.clip(frame + noise, 0, 255).round().astype(np.uint8)


def verdict(still: Frame, frames: list[Frame], moving: bool = True) -> str:
    watch = Watch(still, moving)
    for frame in frames:
        watch.look(frame)
    try:
        watch.verdict()
    except EngineError as dead:
        assert dead.remedy
        return dead.code
    return "alive"


def test_finite_numbers_pass() -> None:
    require_finite(torch.randn(5, 4, 8, 8), "latents")


def test_says_which_tensor_which_frames_and_how_many() -> None:
    latents = torch.zeros(9, 4, 8, 8, dtype=torch.float16)
    latents[1, 0, 0, :3] = torch.nan
    latents[2, 0, 0, 0] = torch.inf
    latents[7, 3, 7, 7] = -torch.inf
    with pytest.raises(
        NotFinite, match=r"latents: 5 of 2304 values are not finite, in frames 11-12, 17 \(float16\)"
    ) as e:
        require_finite(latents, "latents", first=10)
    assert e.value.code == "NOT_FINITE"
    crossed = pickle.loads(pickle.dumps(e.value))
    assert type(crossed) is NotFinite and crossed.remedy == e.value.remedy


@pytest.mark.parametrize("moving", [True, False])
def test_a_moving_product_is_alive(moving: bool) -> None:
    assert verdict(picture(), [picture(shift) for shift in range(0, 20, 2)], moving) == "alive"


def test_a_frozen_clip_is_told_from_grain() -> None:
    still = picture()
    assert verdict(still, [still] * 5) == "SVD_FROZEN"
    assert verdict(still, [grain(still, seed) for seed in range(5)]) == "SVD_FROZEN"
    assert verdict(still, [*[grain(still, seed) for seed in range(4)], grain(picture(3), 9)]) == "alive"


def test_a_held_camera_may_nearly_stand_still_but_not_repeat_bytes() -> None:
    still = picture()
    assert verdict(still, [grain(still, seed) for seed in range(5)], moving=False) == "alive"
    assert verdict(still, [still] * 5, moving=False) == "SVD_FROZEN"


def test_one_black_or_flat_frame_is_enough() -> None:
    alive = [picture(shift) for shift in range(6)]
    black, flat = np.zeros_like(alive[0]), np.full_like(alive[0], (90, 120, 60))
    assert verdict(picture(), [*alive[:3], black, *alive[3:]]) == "SVD_BLACK"
    assert verdict(picture(), [*alive[:3], flat]) == "SVD_FLAT"
    assert verdict(picture(), [grain(flat, 3), *alive]) == "SVD_FLAT"


def test_what_the_still_is_the_clip_may_be() -> None:
    grey, black = np.full((HEIGHT, WIDTH, 3), 128, np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert verdict(grey, [grain(grey, seed) for seed in range(4)]) == "alive"
    assert verdict(black, [black] * 4) == "alive"
    assert verdict(grey, [black] * 4) == "SVD_BLACK"


def test_one_frame_alone_is_not_frozen() -> None:
    assert verdict(picture(), [picture()]) == "alive"


@pytest.mark.parametrize("share", [0.02, 0.005])
def test_real_products_on_a_slow_push_are_alive(share: float) -> None:
    photos = sorted(PRODUCTS.glob("*.webp")) + sorted(PRODUCTS.glob("*.png"))
    if not photos:
        pytest.skip(f"no product photos in {PRODUCTS}")
    for photo in photos:
        with Image.open(photo) as opened:
            image = opened.convert("RGB").resize((512, 288))
        frames = []
        for w in np.linspace(0, share, 6):
            box = (256 * w, 144 * w, 512 - 256 * w, 288 - 144 * w)
            frames.append(np.asarray(image.resize((512, 288), Image.Resampling.BICUBIC, box)))
        assert verdict(frames[0], frames) == "alive", photo.name
        assert verdict(frames[0], [grain(frames[0], seed) for seed in range(3)]) == "SVD_FROZEN", photo.name


def test_memory_does_not_grow_with_the_clip() -> None:
    frames = [grain(picture(shift % 30), shift) for shift in range(10)]

    def peak(rounds: int) -> int:
        watch = Watch(picture(), True)
        tracemalloc.start()
        for _ in range(rounds):
            for frame in frames:
                watch.look(frame)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return held

    short, long = peak(1), peak(20)
    assert long <= short + 10_000, (short, long)
