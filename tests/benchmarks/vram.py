"""Memory and work of full-size SVD-XT, counted without a card: `python -m tests.benchmarks.vram`.

The real architecture runs on the meta device, where tensors have shapes and no numbers, and every storage that lives is
added up: the peak is what the networks' own tensors need. What only a card knows is not in it: the CUDA context,
cuDNN's and cuBLAS's workspaces, the allocator's rounding and fragments. Attention is taken as the memory-efficient
kernels do it, scores never written out. The figures are the constants of `models/svd/vram.py` and `models/svd/work.py`.
"""

from __future__ import annotations

import argparse
import json
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from diffusers.utils import logging
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

CHUNKS = (25, 14, 8, 4, 2, 1)


class Live(TorchDispatchMode):
    """Bytes of all storages made within it that still live, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self._known: weakref.WeakKeyDictionary[torch.UntypedStorage, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {id(t.untyped_storage()) for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in given and storage not in self._known:
                    self._add(storage)
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self._known[storage] = size
        weakref.finalize(storage, self._drop, size)
        self.bytes += size
        self.peak = max(self.peak, self.bytes)

    def _drop(self, size: int) -> None:
        self.bytes -= size


class Fused(TorchFunctionMode):
    """Attention as one kernel: its result and nothing else."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is functional.scaled_dot_product_attention:
            query, value = (args[0], args[2]) if args else (kwargs["query"], kwargs["value"])
            batch, heads, length, _ = query.shape
            return query.new_empty(batch, length, heads, value.shape[-1]).transpose(1, 2)
        return function(*args, **(kwargs or {}))


def unet(dtype: torch.dtype) -> Any:
    """`svd-xt/unet`, shapes only."""
    with torch.device("meta"):
        network: Any = UNetSpatioTemporalConditionModel(
            num_attention_heads=(5, 10, 20, 20), num_frames=25, sample_size=96
        )
    return network.to("meta", dtype).eval()


def vae(dtype: torch.dtype) -> Any:
    """`svd-xt/vae`, shapes only."""
    with torch.device("meta"):
        network: Any = AutoencoderKLTemporalDecoder(
            down_block_types=("DownEncoderBlock2D",) * 4,  # pyright: ignore[reportArgumentType]
            block_out_channels=(128, 256, 512, 512),  # pyright: ignore[reportArgumentType]
            layers_per_block=2,
        )
    return network.to("meta", dtype).eval()


def image_encoder(dtype: torch.dtype) -> Any:
    """`svd-xt/image_encoder`, CLIP ViT-H/14, shapes only."""
    config = CLIPVisionConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=16,
        image_size=224,
        patch_size=14,
        projection_dim=1024,
    )
    with torch.device("meta"):
        network: Any = CLIPVisionModelWithProjection(config)
    return network.to("meta", dtype).eval()


def step(network: Any, width: int, height: int, frames: int, batch: int) -> Callable[[], Any]:
    """One call of the UNet; `batch` 2 with guidance."""
    made = {"dtype": network.dtype, "device": "meta"}
    sample = torch.empty(batch, frames, 8, height // 8, width // 8, **made)
    words, ids = torch.empty(batch, 1, 1024, **made), torch.empty(batch, 3, **made)
    time = torch.empty((), **made)
    return partial(network, sample, time, encoder_hidden_states=words, added_time_ids=ids)


def decode(network: Any, width: int, height: int, frames: int) -> Callable[[], Any]:
    """One call of the decoder."""
    latents = torch.empty(frames, 4, height // 8, width // 8, dtype=network.dtype, device="meta")
    return partial(network.decode, latents, num_frames=frames)


def encode(network: Any, width: int, height: int, frames: int) -> Callable[[], Any]:
    """One call of the encoder."""
    pictures = torch.empty(frames, 3, height, width, dtype=network.dtype, device="meta")
    return partial(network.encode, pictures)


def peak(work: Callable[[], Any]) -> int:
    """Bytes of the tensors `work` makes, at their most; its inputs and the weights are not counted."""
    with torch.no_grad(), Live() as live, Fused():
        work()
    return live.peak


def flop(work: Callable[[], Any]) -> int:
    """Floating-point operations of `work`, a multiply-add being two."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def counted(width: int, height: int, frames: int, chunks: Sequence[int]) -> dict[str, float]:
    """Every figure, by what it is of."""
    half, full = torch.float16, torch.float32
    network, coder, clip = unet(half), vae(half), image_encoder(half)
    numbers = {"unet": network, "vae": coder, "image encoder": clip}
    found: dict[str, float] = {
        f"{name}: million parameters": sum(p.numel() for p in part.parameters()) / 1e6 for name, part in numbers.items()
    }
    for batch, name in ((2, "guided step"), (1, "unguided step")):
        found[f"{name}, fp16: peak MiB"] = peak(step(network, width, height, frames, batch)) / 2**20
        found[f"{name}: TFLOP"] = flop(step(network, width, height, frames, batch)) / 1e12
    parts = unet(half)
    parts.enable_forward_chunking(1, 0)
    for batch, name in ((2, "guided"), (1, "unguided")):
        found[f"{name} step, feed-forward in parts, fp16: peak MiB"] = (
            peak(step(parts, width, height, frames, batch)) / 2**20
        )
    for chunk in chunks:
        found[f"decode {chunk} at once, fp16: peak MiB"] = peak(decode(coder, width, height, chunk)) / 2**20
    found[f"decode {frames}: TFLOP"] = flop(decode(coder, width, height, frames)) / 1e12
    found["encode 1, fp32: peak MiB"] = peak(encode(vae(full), width, height, 1)) / 2**20
    found["encode 1: TFLOP"] = flop(encode(coder, width, height, 1)) / 1e12
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", default="1024x576")
    options.add_argument("--frames", type=int, default=25)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    width, height = map(int, asked.size.split("x"))
    logging.set_verbosity_error()  # it would warn about `to`
    found = counted(width, height, asked.frames, CHUNKS)
    if asked.json:
        print(json.dumps(found, indent=2))
        return
    print(f"SVD-XT at {asked.size}, {asked.frames} frames; counted on the meta device with torch {torch.__version__}")
    for name, value in found.items():
        print(f"{name:<55} {value:12,.1f}")


if __name__ == "__main__":
    main()
