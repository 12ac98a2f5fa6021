"""The product put back: the picture's texture, the network's light, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.errors import EngineError  # noqa: E402
from models.fidelity.recompose import LIGHT_RANGE, TINT_RANGE, Recompose  # noqa: E402

HEIGHT, WIDTH, SPLIT_PX = 120, 160, 6.0
LEVEL = 1 / 255


def noise(seed: int, finest_px: float = 0.0) -> torch.Tensor:
    made = torch.rand(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))
    return made if finest_px == 0 else low(made, finest_px)


def low(picture: torch.Tensor, sigma_px: float) -> torch.Tensor:
    """An independent Gaussian, by OpenCV."""
    cv2 = pytest.importorskip("cv2")
    blurred = cv2.GaussianBlur(picture.permute(1, 2, 0).numpy(), (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return torch.from_numpy(blurred).permute(2, 0, 1)


def soft_matte() -> torch.Tensor:
    """(1, H, W): a product in the middle, its edge about two pixels wide."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = 42 - np.hypot(x - WIDTH / 2 + 0.3, (y - HEIGHT / 2) * 1.1)
    return torch.from_numpy(np.clip(inside / 2 + 0.5, 0, 1)).float()[None]


def deep(matte: torch.Tensor) -> torch.Tensor:
    """Pixels whose whole neighbourhood is product."""
    return -torch.nn.functional.max_pool2d(-matte, 9, 1, 4)[0] > 0.999


def at_most(got: torch.Tensor, want: torch.Tensor, levels: float, what: str) -> None:
    wrong = (got - want).abs() / LEVEL
    assert wrong.max() <= levels, f"{what}: max {wrong.max():.2f}, mean {wrong.mean():.3f} levels, wanted <= {levels}"


@pytest.mark.parametrize("fidelity", ["strict", "blend"])
def test_a_frame_that_is_the_original_stays_it(fidelity) -> None:
    picture, matte = noise(1), soft_matte()
    assert torch.equal(Recompose(fidelity, SPLIT_PX).frame(picture, picture, matte), picture)


def test_off_gives_the_generated_frame() -> None:
    generated = noise(1)
    assert Recompose("off", 0.0).frame(generated, noise(2), soft_matte()) is generated


@pytest.mark.parametrize("fidelity", ["strict", "blend"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_pixels_outside_the_matte_are_untouched(fidelity, dtype) -> None:
    generated, matte = noise(1).to(dtype), soft_matte()
    made = Recompose(fidelity, SPLIT_PX).frame(generated, noise(2), matte)
    outside = (matte == 0).expand_as(made)
    assert made.dtype == dtype and torch.equal(made[outside], generated[outside])
    assert not torch.equal(made, generated)


def test_an_even_change_of_light_passes() -> None:
    original = 0.2 + 0.6 * noise(1)
    for change in (0.05, -0.05):
        made = Recompose("strict", SPLIT_PX).frame(original + change, original, soft_matte())
        at_most(made, original + change, 0.02, f"light by {change}")


def test_texture_is_the_originals_and_light_the_networks() -> None:
    matte = soft_matte()
    y, x = torch.meshgrid(torch.linspace(-1, 1, HEIGHT), torch.linspace(-1, 1, WIDTH), indexing="ij")
    light = (0.04 * x + 0.02 * y).expand(3, -1, -1)
    original = 0.3 + 0.4 * noise(1)
    generated = low(original, 2.0) + light + 0.1 * (noise(9) - 0.5)  # soft, scrambled and relit
    made = Recompose("strict", SPLIT_PX).frame(generated, original, matte)
    inside = deep(matte).expand_as(made)

    def texture(picture: torch.Tensor) -> torch.Tensor:
        return (picture - low(picture, 2.0))[inside]

    kept = (texture(made) - texture(original)).std() / texture(original).std()
    before = (texture(generated) - texture(original)).std() / texture(original).std()
    assert kept < 0.02 < 0.5 < before, f"texture differs by {kept:.4f} of itself, the network's by {before:.4f}"
    off = (low(made - original - light, SPLIT_PX))[inside].abs().max() / LEVEL
    assert off < 3, f"light is {off:.2f} levels from the network's"


def test_strict_holds_light_and_tint_in_their_ranges_and_blend_does_not() -> None:
    original, matte = torch.full((3, HEIGHT, WIDTH), 0.5), soft_matte()
    inside = deep(matte)
    brighter = Recompose("strict", SPLIT_PX).frame(original + 0.3, original, matte)[:, inside]
    assert brighter.sub(0.5 + LIGHT_RANGE).abs().max() < 1e-4
    shift = torch.tensor([0.2126, 0.7152, 0.0722])
    tint = torch.tensor([0.3, 0.0, 0.0])
    reddish = original + (tint - (tint * shift).sum())[:, None, None]
    held = Recompose("strict", SPLIT_PX).frame(reddish, original, matte)[:, inside] - 0.5
    assert abs(held.abs().max() - TINT_RANGE) < 1e-4 and held[0].min() > 0, held.abs().amax(1)
    free = Recompose("blend", SPLIT_PX).frame(reddish, original, matte)
    assert (free - reddish)[:, inside].abs().max() < 1e-4


def test_neither_backdrop_leaves_a_halo() -> None:
    """Product and surroundings change by different amounts; what an exact composite would show is known."""
    matte = soft_matte()
    product, light = 0.35 + 0.3 * noise(1), torch.tensor([0.05, 0.04, 0.05])[:, None, None]
    white, black = torch.full_like(product, 0.97), torch.full_like(product, 0.06)
    for was, becomes in ((white, black), (black, white)):
        original = matte * product + (1 - matte) * was
        generated = matte * (low(product, 1.5) + light) + (1 - matte) * becomes
        ideal = matte * (product + light) + (1 - matte) * becomes
        made = Recompose("strict", SPLIT_PX).frame(generated, original, matte)
        rim = ((matte > 0) & ~deep(matte)).expand_as(made)
        at_most(made[rim], ideal[rim], 6, "rim against the exact composite")
        pasted = matte * original + (1 - matte) * generated
        ours, pasting = ((x - ideal)[rim].abs().mean() / LEVEL for x in (made, pasted))
        assert ours < 1 and ours < pasting / 10, f"rim is off by {ours:.2f} levels, plain pasting by {pasting:.2f}"


def test_a_product_two_pixels_off_its_path_does_not_bleed_into_its_light() -> None:
    matte = soft_matte()
    original = matte * 0.5 + (1 - matte) * 0.95
    moved = torch.roll(matte, (0, 2), (1, 2))
    generated = (moved * 0.5 + (1 - moved) * 0.05).expand(3, -1, -1)
    made = Recompose("strict", SPLIT_PX).frame(generated, original.expand(3, -1, -1), matte)
    solid = (matte == 1).expand_as(made)
    at_most(made[solid], torch.full_like(made[solid], 0.5), 6, "product beside a new black backdrop")


def test_a_small_frame_and_a_wide_split_are_no_trouble() -> None:
    generated, original = noise(1)[:, :16, :24], noise(2)[:, :16, :24]
    made = Recompose("blend", 40.0).frame(generated, original, torch.ones(1, 16, 24))
    assert torch.isfinite(made).all() and made.min() >= 0 and made.max() <= 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EngineError, match="split_px is 0") as split:
        Recompose("strict", 0.0)
    assert split.value.code == "FIDELITY_SPLIT" and split.value.remedy
    with pytest.raises(EngineError, match="wanted \\(3, H, W\\)") as shape:
        Recompose("strict", 4.0).frame(noise(1), noise(2)[:, 1:], soft_matte())
    assert shape.value.code == "FRAME_SHAPE"
