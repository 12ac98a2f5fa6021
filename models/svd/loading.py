"""A checkpoint's networks on a device: diffusers' and transformers' classes, safetensors only, nothing downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from safetensors import SafetensorError
from transformers import CLIPVisionModelWithProjection
from transformers.utils import logging as transformers_logging

from models.errors import EngineError
from models.svd.checkpoint import Checkpoint, Network
from models.svd.settings import Dtype

DTYPES: dict[Dtype, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Networks:
    """One checkpoint, loaded. The networks are in evaluation mode and want no gradients."""

    unet: Any
    """UNetSpatioTemporalConditionModel in `dtype`."""
    vae: Any
    """AutoencoderKLTemporalDecoder; its decoder is in `dtype`, its encoder in fp32 where the checkpoint demands it."""
    image_encoder: Any
    """CLIPVisionModelWithProjection in `dtype`."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """What CLIP's pictures are normalised by, per channel of RGB in [0, 1]."""
    window: int
    """Frames the UNet makes at once."""
    scaling_factor: float
    """What encoded pictures are multiplied by to be the UNet's latents."""
    factor: int
    """Pixels per latent, along a side."""
    device: torch.device
    dtype: torch.dtype


def load(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, *, parked: bool = False) -> Networks:
    """Load the three networks. Raises EngineError (WEIGHTS_BROKEN) where a file is damaged or lacks a tensor.

    Half precision overflows in the encoder, so `force_upcast` keeps that part of the VAE in fp32 (34 of 98 million
    numbers): no weights are converted back and forth between clips. `parked`: the weights stay in main memory, as
    `memory.park` leaves them; whoever wants them on the device says so (`memory.unpark`, `memory.resident`).
    """
    transformers_logging.disable_progress_bar()  # the child's log is evidence: it should hold no bars
    unet = _network(checkpoint, "unet", UNetSpatioTemporalConditionModel.from_pretrained, torch_dtype=dtype)
    vae = _network(checkpoint, "vae", AutoencoderKLTemporalDecoder.from_pretrained, torch_dtype=torch.float32)
    vae.decoder.to(dtype)
    if not vae.config.force_upcast:
        vae.encoder.to(dtype)
        vae.quant_conv.to(dtype)
    clip = _network(checkpoint, "image_encoder", CLIPVisionModelWithProjection.from_pretrained, dtype=dtype)
    for network in (unet, vae, clip):
        network.eval().requires_grad_(False).to("cpu" if parked else device)
    features = json.loads((checkpoint.folder / "feature_extractor" / "preprocessor_config.json").read_text("utf-8"))
    return Networks(
        unet=unet,
        vae=vae,
        image_encoder=clip,
        mean=tuple(features["image_mean"]),
        std=tuple(features["image_std"]),
        window=checkpoint.frames,
        scaling_factor=float(vae.config.scaling_factor),
        factor=2 ** (len(vae.config.block_out_channels) - 1),
        device=device,
        dtype=dtype,
    )


def _network(checkpoint: Checkpoint, network: Network, from_pretrained: Callable[..., Any], **precision: Any) -> Any:
    file = checkpoint.files[f"{checkpoint.name}/{network}"]
    try:
        loaded, told = from_pretrained(
            file.parent,
            variant="fp16" if file.name.endswith(".fp16.safetensors") else None,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **precision,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _broken(checkpoint, network, f"{type(error).__name__}: {error}") from error
    absent = sorted(map(str, (*told["missing_keys"], *told["mismatched_keys"])))
    if absent:  # they would be filled with random numbers
        raise _broken(checkpoint, network, f"{len(absent)} tensors missing or of another shape: {absent[0]} ...")
    return loaded


def _broken(checkpoint: Checkpoint, network: Network, why: str) -> EngineError:
    return EngineError(
        f"svd: {checkpoint.name}/{network} does not load from {checkpoint.folder / network}: {why}",
        remedy=f"dailies weights verify {checkpoint.name}, then pull it again",
        code="WEIGHTS_BROKEN",
    )
