"""Where a graph runs: the torch device and number format, and pictures on their way there and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.clip import Frame
from models.errors import EngineError, EngineMissing

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose(device: str | torch.device) -> torch.device:
    """`auto` (CUDA where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`. Raises EngineError, EngineMissing."""
    if isinstance(device, torch.device):
        return device
    there = torch.cuda.device_count()
    if device == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if there else torch.device("cpu")
    if device == "cpu":
        return torch.device("cpu")
    kind, _, number = device.partition(":")
    if kind != "cuda" or (number and not number.isdecimal()):
        raise EngineError(f"device: found {device!r}, wanted cpu, auto or cuda:N", code="DEVICE_UNKNOWN")
    if int(number or 0) >= there:
        raise EngineMissing(
            f"device {device!r} is not there: torch sees {there} CUDA devices",
            remedy="use device: cpu, or install a torch built for CUDA and the GPU's driver",
            evidence=f"torch {torch.__version__}, built for CUDA {torch.version.cuda}",
            code="DEVICE_MISSING",
        )
    return torch.device("cuda", int(number or 0))


def name(device: torch.device) -> str:
    """What a person calls it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def choose_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """`auto` (fp16 on CUDA, else fp32), `fp32`, `fp16` or `bf16`. Raises EngineError."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if dtype not in DTYPES:
        raise EngineError(f"dtype: found {dtype!r}, wanted auto or one of {', '.join(DTYPES)}", code="DTYPE_UNKNOWN")
    return DTYPES[dtype]


def dtype_name(dtype: torch.dtype) -> str:
    """`fp32`, `fp16` or `bf16`."""
    return next(word for word, known in DTYPES.items() if known == dtype)


def place(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """`network` there, ready to run, its convolutions channels-last: what tensor cores read."""
    placed = network.eval().to(device, dtype)
    return placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload] - left out of torch's stubs


def to_tensor(frames: Sequence[Frame], device: torch.device, dtype: torch.dtype) -> Tensor:
    """N frames (H, W, 3) uint8 of one size -> (N, 3, H, W) in [0, 1]; they cross to the device as bytes."""
    pixels = torch.from_numpy(np.stack(frames)).to(device)
    return pixels.permute(0, 3, 1, 2).to(dtype).div_(255)


def to_frames(x: Tensor) -> list[Frame]:
    """(N, 3, H, W) -> N frames (H, W, 3) uint8: clamped to [0, 1] and rounded on the device. Waits for the device."""
    pixels = x.float().mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
