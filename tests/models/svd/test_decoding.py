from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder  # noqa: E402
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import (  # noqa: E402
    StableVideoDiffusionPipeline,
)

from models.svd.decoding import decode  # noqa: E402
from models.svd.numbers import NotFinite  # noqa: E402


@pytest.fixture(scope="module")
def networks() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        vae = AutoencoderKLTemporalDecoder(
            down_block_types=("DownEncoderBlock2D",) * 2,  # pyright: ignore[reportArgumentType]
            block_out_channels=(32, 32),  # pyright: ignore[reportArgumentType]
            layers_per_block=1,
        )
        vae.decoder.conv_out.weight.data.mul_(3.0)
    return SimpleNamespace(vae=vae.eval(), scaling_factor=vae.config["scaling_factor"])


@pytest.fixture(scope="module")
def latents() -> Any:
    return torch.randn(7, 4, 8, 10, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("chunk", [7, 25, 4, 2, 1])
def test_equals_the_stock_pipeline(networks: Any, latents: Any, chunk: int) -> None:
    with torch.no_grad():
        stock = StableVideoDiffusionPipeline.decode_latents(networks, latents[None], len(latents), chunk)
    want = (stock[0].permute(1, 0, 2, 3) * 0.5 + 0.5).clamp(0, 1)
    parts = list(decode(networks, latents, chunk))
    assert [len(part) for part in parts] == [min(chunk, 7 - start) for start in range(0, 7, chunk)]
    got = torch.cat(parts)
    assert got.dtype == torch.float32 and not got.requires_grad
    assert float((got - want).abs().max()) <= 1e-5
    assert float(got.std()) > 0.01, "the random decoder draws nothing; the test would prove nothing"


def test_the_chunk_is_part_of_the_pixels(networks: Any, latents: Any) -> None:
    whole, single = (torch.cat(list(decode(networks, latents, chunk))) for chunk in (7, 1))
    assert float((whole - single).abs().max()) > 1e-4


def test_an_infinity_does_not_become_white(networks: Any, latents: Any) -> None:
    broken = latents.clone()
    broken[5] = torch.inf
    made = decode(networks, broken, 2)
    assert len(next(made)) == 2
    with pytest.raises(NotFinite, match=r"decoded frames: \d+ of \d+ values are not finite, in frames 4-5"):
        list(made)


def test_no_frames_at_once_is_refused(networks: Any, latents: Any) -> None:
    with pytest.raises(ValueError, match="0 frames at once"):
        next(decode(networks, latents, 0))
