from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import astuple

import pytest

from models.svd.checkpoint import Checkpoint
from models.svd.settings import LADDER, Rung
from models.svd.vram import estimate, first_rung
from models.svd.work import tflop

GIB = 2**30


@pytest.fixture(scope="module")
def xt(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """`svd-xt` as its files' headers tell of it."""
    folder = tmp_path_factory.mktemp("svd-xt")
    for network, channels in (("unet", [320, 640, 1280, 1280]), ("vae", [128, 256, 512, 512])):
        (folder / network).mkdir()
        (folder / network / "config.json").write_text(json.dumps({"block_out_channels": channels}))
    return Checkpoint("svd-xt", folder, 25, {"unet": 1524623082, "vae": 97742847, "image_encoder": 632076800})


@pytest.mark.parametrize(
    ("room_gib", "rung"),
    [
        (7.5, None),
        (10, "offload"),
        (12, "offload"),
        (15, "decode_8"),
        (22, "decode_8"),
        (23, "decode_8"),
        (40, "decode_25"),
    ],
)
def test_which_card_starts_where(xt: Checkpoint, room_gib: float, rung: Rung | None) -> None:
    found = first_rung(xt, 1024, 576, 25, "fp16", True, int(room_gib * GIB))
    needs = {each: f"{estimate(xt, 1024, 576, 25, 'fp16', each, True).bytes / GIB:.1f}" for each in LADDER}
    assert found == rung, needs


def test_fp32_goes_onto_a_24_gb_card_by_offload(xt: Checkpoint) -> None:
    assert first_rung(xt, 1024, 576, 25, "fp32", True, 23 * GIB) == "offload"


def test_agrees_with_what_others_saw(xt: Checkpoint) -> None:
    """diffusers' documentation: fp16 svd-xt with offload and feed-forward in parts stays under 8 GB (10^9)."""
    need = estimate(xt, 1024, 576, 25, "fp16", "offload", True)
    assert 7e9 < need.weights + need.sampling < 8e9, astuple(need)
    assert estimate(xt, 1024, 576, 25, "fp16", "decode_25", True).bytes > 32 * GIB


def test_only_allowed_rungs_are_offered(xt: Checkpoint) -> None:
    assert first_rung(xt, 1024, 576, 25, "fp16", True, 80 * GIB, ("decode_4", "decode_2")) == "decode_4"
    assert first_rung(xt, 1024, 576, 25, "fp16", True, 12 * GIB, ("decode_4", "decode_2")) is None


def test_each_rung_needs_no_more_than_the_one_before(xt: Checkpoint) -> None:
    for guidance in (True, False):
        needs = [estimate(xt, 576, 1024, 14, "bf16", rung, guidance).bytes for rung in LADDER]
        assert needs == sorted(needs, reverse=True)


def test_work_is_the_counted_floor(xt: Checkpoint) -> None:
    assert tflop(xt, 1024, 576, 25, 25, True, pictures=0) == pytest.approx(4171, rel=2e-3)
    assert tflop(xt, 576, 1024, 25, 10, False) == pytest.approx(10 * 79.95 + 173.6 + 2.6, rel=2e-3)
    assert tflop(xt, 512, 320, 25, 1, True, pictures=0) == pytest.approx(38.21 + 47.34, rel=2e-3)


def test_planning_memory_loads_no_torch() -> None:
    code = "import sys, models.svd.vram, models.svd.work; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_counting_sees_what_lives_at_once() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from tests.benchmarks import vram as count

    given = torch.empty(1000, dtype=torch.float32, device="meta")

    def work() -> None:
        twice = given * 2
        more = twice.view(10, 100)[1:] + 1  # a view is not memory; 3600 bytes are
        del twice
        assert (more * more).shape == (9, 100)
        given.add_(1)  # in place is not memory

    assert count.peak(work) == 4000 + 3600
    query = torch.empty(2, 5, 64, 16, device="meta")
    assert count.peak(lambda: torch.nn.functional.scaled_dot_product_attention(query, query, query)) == query.nbytes


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [True, False])
def test_the_constants_are_what_is_counted(xt: Checkpoint, guidance: bool) -> None:
    """The real architecture again, at another size and frame count than the constants come from."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from tests.benchmarks import vram as count

    half, width, height, frames = torch.float16, 448, 320, 10
    unet = count.unet(half)
    step = count.step(unet, width, height, frames, 2 if guidance else 1)
    assert sum(p.numel() for p in unet.parameters()) == xt.parameters["unet"]
    need = estimate(xt, width, height, frames, "fp16", "decode_4", guidance)
    assert need.sampling == pytest.approx(count.peak(step), rel=0.01)
    work = tflop(xt, width, height, frames, 1, guidance, 0) - tflop(xt, width, height, frames, 0, guidance, 0)
    assert work * 1e12 == pytest.approx(count.flop(step), rel=0.01)
    unet.enable_forward_chunking(1, 0)
    parts = estimate(xt, width, height, frames, "fp16", "offload", guidance)
    assert parts.sampling == pytest.approx(count.peak(step), rel=0.01)


def test_the_decoders_constants_are_what_is_counted(xt: Checkpoint) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from tests.benchmarks import vram as count

    vae = count.vae(torch.float16)
    assert sum(p.numel() for p in vae.parameters()) == xt.parameters["vae"]
    need = estimate(xt, 448, 320, 10, "fp16", "decode_4", True)
    assert need.decoding == pytest.approx(count.peak(count.decode(vae, 448, 320, 4)), rel=0.01)
    assert tflop(xt, 448, 320, 10, 0, True, 0) * 1e12 == pytest.approx(
        count.flop(count.decode(vae, 448, 320, 10)), rel=0.01
    )
    assert tflop(xt, 448, 320, 0, 0, True, 1) * 1e12 == pytest.approx(
        count.flop(count.encode(vae, 448, 320, 1)), rel=0.1
    )
