"""Networks of full-size SVD-XT with random weights, made on the device: what is timed where no weights can be had.

The architecture is the published one, number for number, so time and memory are what the real weights would take; the
pictures mean nothing. Weights are scaled until frames vary in space and time and nothing overflows in fp16. Small ones
are the tests' tiny checkpoint, for a CPU.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import (
    StableVideoDiffusionPipeline,
)
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from models.svd import checkpoint
from models.svd.loading import Networks, load
from tests.svd_checkpoints import FEATURES, SCHEDULER, tiny_checkpoint

FRAMES = 25
SMALL_FRAMES = 4


def networks(device: torch.device, dtype: torch.dtype, *, small: bool = False) -> Networks:
    """What `models.svd.loading.load` gives, from no file: the same numbers for the same device, dtype and size.

    5 GB on the device in half precision, made in seconds.
    """
    if small:
        with tempfile.TemporaryDirectory() as folder:
            tiny_checkpoint(Path(folder) / "random", frames=SMALL_FRAMES)
            return load(checkpoint.require(Path(folder), "random"), device, dtype)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
        torch.manual_seed(0)
        with torch.device(device):
            with _made_in(dtype):
                unet: Any = UNetSpatioTemporalConditionModel(
                    num_attention_heads=(5, 10, 20, 20), num_frames=FRAMES, sample_size=96
                )
                clip: Any = CLIPVisionModelWithProjection(_CLIP)
            vae: Any = AutoencoderKLTemporalDecoder(**_VAE)
        unet.conv_out.weight.mul_(3.0)
        clip.visual_projection.weight.mul_(8.0)
        vae.quant_conv.weight.mul_(24.0)
        for network in (unet, clip, vae):
            network.eval().requires_grad_(False).to(device)
        vae.decoder.to(dtype)  # as `load` leaves it: the encoder stays in fp32
        _enliven(vae.decoder, device, dtype)
    return Networks(
        unet=unet,
        vae=vae,
        image_encoder=clip,
        mean=tuple(FEATURES["image_mean"]),
        std=tuple(FEATURES["image_std"]),
        window=FRAMES,
        scaling_factor=float(vae.config.scaling_factor),
        factor=8,
        device=device,
        dtype=dtype,
    )


def counted(made: Networks) -> checkpoint.Checkpoint:
    """The checkpoint `made` would be of, as far as counting work needs it."""
    parts = {"unet": made.unet, "vae": made.vae, "image_encoder": made.image_encoder}
    parameters = {name: sum(p.numel() for p in network.parameters()) for name, network in parts.items()}
    return checkpoint.Checkpoint("random", Path("random"), made.window, parameters)


def stock(made: Networks) -> StableVideoDiffusionPipeline:
    """diffusers' pipeline over the same network objects, nothing copied or converted.

    The encoder of the VAE is in fp32 already, which the pipeline takes for a VAE that needs no conversion.
    """
    scheduler: Any = EulerDiscreteScheduler.from_config(SCHEDULER)
    pipeline = StableVideoDiffusionPipeline(
        vae=made.vae,
        image_encoder=made.image_encoder,
        unet=made.unet,
        scheduler=scheduler,
        feature_extractor=CLIPImageProcessor(**FEATURES),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


_CLIP = CLIPVisionConfig(
    hidden_size=1280,
    intermediate_size=5120,
    num_hidden_layers=32,
    num_attention_heads=16,
    image_size=224,
    patch_size=14,
    projection_dim=1024,
    hidden_act="gelu",
)
_VAE: dict[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 768,
    "scaling_factor": 0.18215,
    "force_upcast": True,
}


@contextmanager
def _made_in(dtype: torch.dtype) -> Iterator[None]:
    """Modules made within have weights of `dtype`: a UNet in fp32 first would take 6 GB on a card that is capped."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _enliven(decoder: Any, device: torch.device, dtype: torch.dtype) -> None:
    """Scale its last convolutions until decoded noise covers the range of a picture, -1 to 1, without filling it."""
    latents = torch.randn(2, 4, 16, 16, device=device, dtype=dtype) / 0.18215
    told = torch.zeros(1, 2, device=device, dtype=dtype)
    for layer in (decoder.conv_out, decoder.time_conv_out):
        spread = decoder(latents, image_only_indicator=told, num_frames=2).float().std()
        layer.weight.mul_((0.35 / spread).to(dtype))
