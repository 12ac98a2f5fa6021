"""Networks made ready to run fast: one attention kernel, compiled blocks, a cache that outlives the process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from diffusers.models.resnet import SpatioTemporalResBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from torch import nn
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from models.errors import EngineError
from models.svd.work import ATTENTION_BATCH, attention_sequences

_CACHE = "TORCHINDUCTOR_CACHE_DIR"
VARIANTS = 128
"""Shapes of one block's code that are compiled: svd-xt has 14, for every canvas, with and without guidance. At torch's
own limit of 8 the rest would run uncompiled without a word."""


def prepare(networks: Any, compiled: bool, cache: Path | None = None) -> str | None:
    """Make `networks` (`unet`, `vae`, `device`) run fast, in place; call after adapters are attached.

    Always: fused attention, by one processor object for all layers (each of its own would make every layer compile
    anew). With `compiled`: every residual and transformer block of the UNet and the whole decoder are compiled at
    their first use for each shape, elementwise work fused into few kernels, and convolution weights lie channels-last:
    there, pictures and tokens are the same memory and the copies between them go away. Without compilation weights
    stay as they are, because eager group norm would turn every activation back.

    `cache`: a folder for compiled kernels, so that the next process starts with them; TORCHINDUCTOR_CACHE_DIR, where
    set, wins. Returns None, or why nothing was compiled although it was asked for; the networks run eagerly then.
    """
    networks.unet.set_attn_processor(AttnProcessor2_0())
    networks.vae.set_attn_processor(AttnProcessor2_0())
    if not compiled:
        return None
    if cache is not None and os.environ.get(_CACHE, default_cache_dir()) == default_cache_dir():
        os.environ[_CACHE] = str(cache)  # importing diffusers alone has set it to torch's own default
    reason = _compiler_missing(networks.device)
    if reason is not None:
        return reason
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    for network in (networks.unet, networks.vae.decoder):
        _channels_last(network)
    for block in networks.unet.modules():
        if isinstance(block, SpatioTemporalResBlock | TransformerSpatioTemporalModel):
            block.compile(mode="default", dynamic=False)  # cudagraphs fail on the second clip (diffusers issue 10317)
    networks.vae.decoder.compile(mode="default", dynamic=False)
    return None


def require_attention_batch(width: int, height: int, guidance: bool) -> None:
    """Raise EngineError (CANVAS_TOO_LARGE) where attention across time would have more sequences than CUDA launches."""
    sequences = attention_sequences(width, height, guidance)
    if sequences > ATTENTION_BATCH:
        raise EngineError(
            f"svd: a canvas of {width}x{height} gives attention across time {sequences} sequences; "
            f"at most {ATTENTION_BATCH} fit in one launch",
            remedy="use a smaller canvas (the network knows 1024x576) and upscale",
            code="CANVAS_TOO_LARGE",
        )


def _channels_last(network: nn.Module) -> None:
    """The temporal convolutions' layout matches the spatial ones': frames are only a view between them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
        elif isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)


def _compiler_missing(device: torch.device) -> str | None:
    """Compile and run one line on `device`: why that failed, or None. It costs seconds, once."""
    try:
        torch.compile(_one_line, dynamic=False)(torch.ones(64, device=device))
    except (RuntimeError, ImportError, OSError) as error:  # no C++ compiler, no Triton, a card too old for it
        return f"not compiled: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return None


def _one_line(x: torch.Tensor) -> torch.Tensor:
    return x.sin() + 1.0
