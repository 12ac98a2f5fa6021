"""Where memory runs out: the ladder that is stepped down, and networks that wait in main memory."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from diffusers.models.attention import BasicTransformerBlock, TemporalBasicTransformerBlock
from torch import Tensor, nn

from models.errors import EngineError, OutOfMemory
from models.svd.checkpoint import NETWORKS, Network
from models.svd.settings import Rung

T = TypeVar("T")
_ALLOCATION_FAILED = (
    "out of memory",  # CUDA, HIP, MPS, and the driver's own errors that reach torch as plain RuntimeErrors
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "HOST_ALLOCATION_FAILED",
    "DEVICE_ALLOCATION_FAILED",  # cuDNN 9 says CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
    "unable to find an engine to execute",  # torch's words where no cuDNN engine had room for its workspace
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no room: stepping down may help. Any other CUDA error means the process is spent."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, EngineError) or not isinstance(error, RuntimeError):
        return False
    return any(words in str(error) for words in _ALLOCATION_FAILED)


def chunk_of(rung: Rung, frames: int) -> int:
    """How many of `frames` the decoder takes at once; `offload` is below `decode_1` and takes one as well."""
    at_once = 1 if rung == "offload" else int(rung.removeprefix("decode_"))
    return max(1, min(at_once, frames))


def sampling(ladder: Sequence[Rung]) -> tuple[Rung, ...]:
    """The rungs that differ while sampling: the decoder's chunk does nothing there, so all but the first and `offload`
    would only fail again."""
    return tuple(rung for index, rung in enumerate(ladder) if index == 0 or rung == "offload")


def climb(
    ladder: Sequence[Rung],
    work: Callable[[Rung], T],
    recover: Callable[[Rung], None] = lambda rung: None,
    known_too_big: set[Rung] | None = None,
    *,
    device: torch.device | None = None,
) -> tuple[T, Rung]:
    """`work` at the first rung of `ladder` it has room for: what it returned, and that rung.

    `work` must not pass anything on before it returns. When it runs out of memory, everything it made is freed first;
    then `recover` gets the rung that is next and may rearrange the device for it (`park`). Rungs in `known_too_big`
    are passed over, except the last, and those that fail are added. Raises OutOfMemory when the last one fails; all
    other errors go straight up.
    """
    too_big = set[Rung]() if known_too_big is None else known_too_big
    rungs: list[Rung] = [rung for rung in ladder if rung not in too_big] or list(ladder[-1:])
    tried: list[Rung] = []
    last = "the ladder is empty"
    for rung in rungs:
        if tried:
            recover(rung)
        try:
            return work(rung), rung
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            last = str(error) or type(error).__name__
        # Outside of the except block: until there, the traceback holds every tensor of the failed attempt.
        free(device)
        tried.append(rung)
        too_big.add(rung)
    raise OutOfMemory(
        f"svd: no room at any rung of the ladder: {' > '.join(tried) or 'none'} on {_room(device)}",
        remedy="close what else uses the device, use a smaller canvas or fp16, give the item's ladder further rungs "
        "(offload is the last one), or engine: camera",
        evidence=last,
    )


def free(device: torch.device | None = None) -> None:
    """Collect what nothing refers to any more, cycles too, and give the device's unused blocks back to it."""
    gc.collect()
    if _is_cuda(device):
        torch.cuda.empty_cache()


def park(networks: Any) -> None:
    """The `offload` rung: `unet`, `vae` and `image_encoder` go to main memory, and `resident` fetches them.

    The UNet's feed-forward layers, which need the most, then run a frame at a time (4.4 instead of 7.7 GiB of
    activations with guidance at 1024x576x25): the same arithmetic in smaller products, equal but for rounding.
    """
    _feed_forward(networks.unet, 1)
    for name in NETWORKS:
        getattr(networks, name).to("cpu")
    free(networks.device)


def unpark(networks: Any) -> None:
    """Undo `park`: the networks go back to `networks.device`, and stay."""
    _feed_forward(networks.unet, None)
    for name in NETWORKS:
        getattr(networks, name).to(networks.device)


def _feed_forward(unet: nn.Module, frames: int | None) -> None:
    """How many frames its feed-forward layers take at once. The UNet's own method cannot go back to all of them."""
    for module in unet.modules():
        if isinstance(module, BasicTransformerBlock | TemporalBasicTransformerBlock):
            module.set_chunk_feed_forward(frames, dim=0)


@contextmanager
def resident(networks: Any, *which: Network) -> Iterator[None]:
    """Within it the networks in `which` are on `networks.device`; those that were parked are parked again after.

    Weights are read, not written, within: what returns to main memory is what was there before, which costs no copy.
    A network already on the device stays as it is, so callers need not know the rung.
    """
    parked = [
        (tensor, tensor.data)
        for name in which
        for tensor in _tensors(getattr(networks, name))
        if tensor.device.type != networks.device.type
    ]
    try:
        for tensor, waiting in parked:
            tensor.data = waiting.to(networks.device)
        yield
    finally:
        for tensor, waiting in parked:
            tensor.data = waiting
        if parked:
            free(networks.device)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()


def _is_cuda(device: torch.device | None) -> bool:
    return torch.cuda.is_initialized() if device is None else device.type == "cuda"


def _room(device: torch.device | None) -> str:
    """The device, and how much of it is free: `cuda:0 (NVIDIA RTX 4080): 0.4 of 15.6 GiB free`."""
    if _is_cuda(device):
        free_bytes, total_bytes = torch.cuda.mem_get_info(device)
        name = f"{device or 'cuda'} ({torch.cuda.get_device_name(device)})"
    else:
        page = os.sysconf("SC_PAGE_SIZE")
        free_bytes, total_bytes = page * os.sysconf("SC_AVPHYS_PAGES"), page * os.sysconf("SC_PHYS_PAGES")
        name = "the CPU"
    return f"{name}: {free_bytes / 2**30:.1f} of {total_bytes / 2**30:.1f} GiB free"
