"""Tiny random Stable Video Diffusion checkpoints in diffusers' real layout: what SVD is tested with, weights unseen.

Real in all but size: the same classes, configurations, files and names as `svd-xt`; factor 8 from pixels to latents;
CLIP looks at 224x224. Random networks tend to draw flat grey that stands still, which would let broken code pass, so
the weights are scaled until frames vary in space, in time and with what they are conditioned on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "_diffusers_version": "0.24.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "set_alpha_to_one": False,
    "sigma_max": 700.0,
    "sigma_min": 0.002,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "trained_betas": None,
    "use_karras_sigmas": True,
}
FEATURES = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "CLIPImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 224},
}
INDEX = {
    "_class_name": "StableVideoDiffusionPipeline",
    "_diffusers_version": "0.24.0.dev0",
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "unet": ["diffusers", "UNetSpatioTemporalConditionModel"],
    "vae": ["diffusers", "AutoencoderKLTemporalDecoder"],
}


@dataclass(frozen=True)
class Architecture:
    """`plain`: which of the UNet's blocks, from the top, have no attention.

    A UNet of four blocks halves three times: give `c` 128 px on one side at least, or group norm of a single latent
    makes large differences of small ones.
    """

    unet: tuple[int, ...]
    plain: tuple[bool, ...]
    layers: int
    heads: tuple[int, ...]
    vae: tuple[int, int, int, int]
    vae_layers: int
    embedding: int
    clip_hidden: int
    clip_layers: int
    clip_patch: int


ARCHITECTURES = {
    "a": Architecture((32, 64), (False, True), 1, (2, 4), (32, 32, 32, 32), 1, 32, 32, 1, 56),
    "b": Architecture((32, 32, 64), (False, False, True), 1, (1, 2, 4), (32, 32, 32, 64), 1, 48, 48, 2, 32),
    "c": Architecture(
        (32, 32, 64, 64), (False, False, False, True), 2, (2, 1, 4, 8), (32, 32, 64, 64), 1, 64, 64, 1, 112
    ),
}


def tiny_checkpoint(
    folder: Path,
    *,
    frames: int = 4,
    seed: int = 0,
    architecture: Literal["a", "b", "c"] = "a",
    licence: str | None = "A licence for tests.",
    apart: bool = False,
) -> Path:
    """Write a whole checkpoint into `folder` (its name is the checkpoint's) and return it. Same arguments, same bytes.

    `frames`: what its `unet/config.json` says it makes at once; the networks take any number. `apart`: its decoder
    draws every frame from its own latent alone, so that a frame can be held to the picture it is to be.
    """
    kind = ARCHITECTURES[architecture]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        _unet(kind, frames).save_pretrained(folder / "unet")
        (_apart(_vae(kind)) if apart else _vae(kind)).save_pretrained(folder / "vae")
        _clip(kind).save_pretrained(folder / "image_encoder")
    _write(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    _write(folder / "feature_extractor" / "preprocessor_config.json", FEATURES)
    _write(folder / "model_index.json", INDEX)
    if licence is not None:
        (folder / "LICENSE.md").write_text(licence, encoding="utf-8")
    return folder


def _unet(kind: Architecture, frames: int) -> UNetSpatioTemporalConditionModel:
    down = tuple("DownBlockSpatioTemporal" if plain else "CrossAttnDownBlockSpatioTemporal" for plain in kind.plain)
    up = tuple(name.replace("Down", "Up") for name in reversed(down))
    unet = UNetSpatioTemporalConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=4,
        down_block_types=down,
        up_block_types=up,
        block_out_channels=kind.unet,
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=96,
        layers_per_block=kind.layers,
        cross_attention_dim=kind.embedding,
        num_attention_heads=kind.heads,
        num_frames=frames,
    )
    unet.conv_out.weight.mul_(1.2)
    unet.conv_out.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]
    return unet


def _vae(kind: Architecture) -> AutoencoderKLTemporalDecoder:
    vae = AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * 4,  # pyright: ignore[reportArgumentType]
        block_out_channels=kind.vae,  # pyright: ignore[reportArgumentType]
        layers_per_block=kind.vae_layers,
        latent_channels=4,
        sample_size=64,
        scaling_factor=0.18215,
        force_upcast=True,
    )
    vae.quant_conv.weight.mul_(24.0)
    vae.decoder.conv_out.weight.mul_(3.0)
    return vae


def _apart(vae: AutoencoderKLTemporalDecoder) -> AutoencoderKLTemporalDecoder:
    """What frames give each other is mixed in at a weight of sigmoid(-40), and the last filter over time is none."""
    for name, parameter in vae.decoder.named_parameters():
        if name.endswith("mix_factor"):
            parameter.fill_(-40.0)
    last = vae.decoder.time_conv_out
    last.weight.zero_()
    last.weight[range(3), range(3), 1] = 1.0
    last.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]
    return vae


def _clip(kind: Architecture) -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=kind.clip_hidden,
        intermediate_size=2 * kind.clip_hidden,
        num_hidden_layers=kind.clip_layers,
        num_attention_heads=4,
        image_size=224,
        patch_size=kind.clip_patch,
        projection_dim=kind.embedding,
        hidden_act="gelu",
    )
    clip = CLIPVisionModelWithProjection(config)
    clip.visual_projection.weight.mul_(8.0)
    return clip


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
