"""The example manifests load as they are, and their pictures are what the script beside them draws."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from manifests.loader import load

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
PICTURES = EXAMPLES / "pictures"
RENDERED = ("mug.png", "bottle.png", "speaker.jpg", "watch-thumb.jpg")
BOARDS = ("panel-1.png", "panel-2.png", "panel-3.png")
SCRIPTS = ("draw", "studio", "tableware", "devices", "pencil", "board_lighthouse", "board_keeper", "board_lantern")


@pytest.fixture(scope="module")
def draw() -> Iterator[ModuleType]:
    """The script as a module; its folder is on the path only meanwhile, as when it is run."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        import draw as script  # pyright: ignore[reportMissingImports]

        yield script
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in SCRIPTS:
            sys.modules.pop(name, None)


def on_grey(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) float at `size`, transparent parts over mid grey, so that the alpha counts."""
    rgba = picture.convert("RGBA")
    over = Image.alpha_composite(Image.new("RGBA", rgba.size, (128, 128, 128, 255)), rgba).convert("RGB")
    return np.asarray(over.resize(size, Image.Resampling.BOX), np.float32)


def assert_same_picture(got: Image.Image, want: Image.Image, min_psnr_db: float, max_mean: float) -> None:
    """Compared at a quarter of `want`: below the size where rasterisers of different versions disagree."""
    size = (want.width // 4, want.height // 4)
    a, b = (cv2.GaussianBlur(on_grey(p, size), (0, 0), 1.0) for p in (got, want))
    psnr = float(10 * np.log10(255**2 / max(float(np.mean((a - b) ** 2)), 1e-9)))
    mean = float(np.abs(a - b).mean())
    worst = float(np.abs(a - b).max())
    told = f"PSNR {psnr:.1f} dB (at least {min_psnr_db}), mean {mean:.2f} (at most {max_mean}), worst {worst:.0f}"
    assert psnr >= min_psnr_db and mean <= max_mean, told


@pytest.mark.parametrize("name", [*RENDERED, BOARDS[0], *(pytest.param(b, marks=pytest.mark.slow) for b in BOARDS[1:])])
def test_the_script_draws_the_committed_picture(draw: ModuleType, name: str) -> None:
    scale = 0.25 if name in RENDERED and not name.startswith("watch") else 1.0
    got = draw.picture(name, scale)
    want = Image.open(PICTURES / name)
    assert got.mode == want.mode
    assert_same_picture(got, want, min_psnr_db=38, max_mean=1.5)


def test_the_comparison_tells_pictures_apart() -> None:
    one, other = Image.open(PICTURES / "panel-1.png"), Image.open(PICTURES / "panel-1.png")
    shifted = Image.fromarray(np.roll(np.asarray(other), 12, axis=1))
    with pytest.raises(AssertionError, match="PSNR"):
        assert_same_picture(shifted, one, min_psnr_db=38, max_mean=1.5)


def test_every_picture_has_its_script_and_the_other_way_round(draw: ModuleType) -> None:
    assert sorted(p.name for p in PICTURES.iterdir()) == sorted(draw.PICTURES)
    for name, (_, width, height) in draw.PICTURES.items():
        with Image.open(PICTURES / name) as picture:
            assert picture.size == (width, height), name
    total = sum(p.stat().st_size for p in PICTURES.iterdir())
    assert total < 3_000_000, f"{total} bytes of pictures; a checkout carries them all"


@pytest.mark.parametrize("name", ["mug.png", "bottle.png"])
def test_a_cut_out_carries_its_shadow_and_touches_no_edge(name: str) -> None:
    rgba = np.asarray(Image.open(PICTURES / name)).astype(int)
    alpha = rgba[..., 3]
    rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert rim.max() == 0, f"alpha {rim.max()} on the rim: the picture would show its edges on a backdrop"
    soft = (alpha > 8) & (alpha < 160) & (rgba[..., :3].max(-1) < 12)
    assert soft.mean() > 0.02, f"{soft.mean():.4f} of the picture is soft shadow"
    assert (alpha == 255).mean() > 0.15, f"{(alpha == 255).mean():.3f} of the picture is product"


EXPECTED = {  # items, shots, deliveries
    "products.yaml": (["mug", "speaker", "bottle", "watch"], 5, 8),
    "storyboard.yaml": (["s04-010-1", "s04-020-1", "s04-030-1"], 3, 3),
    "shop.yaml": (["A-1004", "A-1017", "B-2201", "C-0310"], 4, 4),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_manifest_loads_and_fits_one_screen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.sep)  # everything in it is relative to the manifest, not to where one stands
    manifest = load(EXAMPLES / name)  # raises with every problem
    items, shots, deliveries = EXPECTED[name]
    assert [item.id for item in manifest.items] == items
    assert len(manifest.shots) == shots
    assert sum(len(shot.ask.deliver) for shot in manifest.shots) == deliveries
    assert {shot.ask.source.path.parent for shot in manifest.shots} == {PICTURES}
    assert len((EXAMPLES / name).read_text().splitlines()) <= 45


def test_the_products_show_what_they_claim() -> None:
    shots = load(EXAMPLES / "products.yaml").shots
    assert {shot.ask.backdrop.kind for shot in shots} == {"floor", "gradient", "extend"}
    assert [shot.ask.motion.move for shot in shots if shot.item_id == "bottle"] == ["push", "orbit"]
    assert any(shot.ask.motion.loop for shot in shots) and any(shot.ask.light.sweep > 0 for shot in shots)


def test_the_storyboard_carries_its_words() -> None:
    shots = load(EXAMPLES / "storyboard.yaml").shots
    assert [shot.ask.motion.move for shot in shots] == ["push", "pan", "hold"]
    assert [shot.ask.shot for shot in shots] == ["010", "020", "030"]
    assert all(shot.ask.action for shot in shots) and any(shot.ask.dialogue for shot in shots)


def test_the_shop_keeps_its_other_columns() -> None:
    mug = load(EXAMPLES / "shop.yaml").items[0]
    assert mug.title == 'Becher "Morning", 350 ml'
    assert mug.meta["brand"] == "Morning Stoneware"
    assert mug.meta["Preis brutto"] == "24,90"
    assert mug.ask.backdrop.kind == "floor"


def test_the_export_is_as_foreign_as_it_claims() -> None:
    raw = (EXAMPLES / "shop-export.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and b"\r\n" in raw
    rows = list(csv.reader(raw.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert len(rows[0]) >= 15 and {len(row) for row in rows} == {len(rows[0])}
