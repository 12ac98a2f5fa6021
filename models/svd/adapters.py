"""LoRA adapters over the UNet: read from safetensors, laid over its layers by peft, taken off again without a trace.

The UNet's own weights are never written, so `detach` gives back the network that was there, bit for bit.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from models.errors import EngineError

_DOWN, _UP = ("lora_A", "lora.down", "lora_down"), ("lora_B", "lora.up", "lora_up")
_KEY = re.compile(
    r"(?P<module>.+?)(?:\.processor\.(?P<projection>to_q|to_k|to_v|to_out)_lora)?"
    r"\.(?P<part>lora_A|lora_B|lora\.down|lora\.up|lora_down|lora_up|down|up|alpha)(?:\.default)?(?:\.weight)?"
)
_PREFIXES = ("base_model.model.", "unet.")


@dataclass(frozen=True)
class _Layer:
    down: Tensor
    """(r, in, ...)"""
    up: Tensor
    """(out, r, ...)"""
    alpha: float

    @property
    def rank(self) -> int:
        return self.down.shape[0]


def attach(unet: nn.Module, adapters: Sequence[tuple[Path, float]]) -> None:
    """Lay the adapters (file, scale) over `unet` instead of those on it: `W x + scale alpha / r B A x`, summed.

    Keys may be peft's or diffusers' (`unet.` in front or not; `lora_A`, `lora.down`, `processor.to_q_lora.down`) or
    kohya's (`lora_unet_..._to_q.lora_down.weight`, `.alpha`). Every key must find its layer and fit it: else nothing is
    attached and EngineError ADAPTER_MISMATCH names what did not. Where a file says no alpha, in tensors or in
    diffusers' metadata, it is the rank. Raises ADAPTER_BROKEN for a file that is none.
    """
    detach(unet)
    modules = {name: module for name, module in unet.named_modules() if name}
    read = [(_read(file, modules), scale) for file, scale in adapters]
    for number, (layers, scale) in enumerate(read):
        _lay(unet, f"adapter_{number}", layers, scale)
    if read:
        names = [f"adapter_{number}" for number in range(len(read))]
        for module in unet.modules():
            if isinstance(module, LoraLayer):
                module.set_adapter(names)
        unet.requires_grad_(False).eval()


def detach(unet: nn.Module) -> None:
    """Put the UNet's own layers back in place."""
    laid = [(name, module) for name, module in unet.named_modules() if isinstance(module, LoraLayer)]
    for name, module in laid:
        parent, _, child = name.rpartition(".")
        setattr(unet.get_submodule(parent), child, module.get_base_layer())
    if laid:
        del unet.peft_config


def _lay(unet: nn.Module, name: str, layers: Mapping[str, _Layer], scale: float) -> None:
    usual = Counter(layer.rank for layer in layers.values()).most_common(1)[0][0]
    ranks: dict[str, Any] = {re.escape(at): layer.rank for at, layer in layers.items() if layer.rank != usual}
    config = LoraConfig(r=usual, lora_alpha=usual, target_modules=list(layers), rank_pattern=ranks, lora_dropout=0.0)
    inject_adapter_in_model(config, unet, adapter_name=name)
    for at, layer in layers.items():
        laid: Any = unet.get_submodule(at)
        weight = laid.get_base_layer().weight
        for part, values in ((laid.lora_A[name], layer.down), (laid.lora_B[name], layer.up)):
            part.to(weight.device, weight.dtype)
            part.weight.data.copy_(values)
        laid.scaling[name] = scale * layer.alpha / layer.rank


def _read(file: Path, modules: Mapping[str, nn.Module]) -> dict[str, _Layer]:
    """The adapter's layers by the name of the UNet's module."""
    try:
        with safe_open(file, framework="pt") as opened:
            tensors: dict[str, Tensor] = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
            config = json.loads((opened.metadata() or {}).get("lora_adapter_metadata", "{}"))
    except (OSError, ValueError, SafetensorError) as error:
        raise EngineError(
            f"svd: the adapter {file} cannot be read: {error}",
            remedy="give a LoRA in safetensors; pickled files are never loaded",
            code="ADAPTER_BROKEN",
        ) from error
    told = {key.rpartition(".")[2]: value for key, value in config.items() if value}
    unusual = sorted(told.keys() & {"alpha_pattern", "use_dora", "use_rslora"})
    flat = {name.replace(".", "_"): name for name in modules}
    parts: dict[str, dict[str, Tensor]] = {}
    wrong = [f"{key} in its metadata" for key in unusual]
    for key, tensor in tensors.items():
        found = _KEY.fullmatch(key)
        name = found and _module(found["module"], found["projection"], modules, flat)
        if not found or not name:
            wrong.append(f"{key} (no such layer in this UNet)")
            continue
        parts.setdefault(name, {})[_part(found["part"])] = tensor
    layers = {}
    for name, found in parts.items():
        fault = _fault(modules[name], found)
        if fault:
            wrong.append(f"{name} ({fault})")
        else:
            alpha = found["alpha"] if "alpha" in found else told.get("lora_alpha", found["down"].shape[0])
            layers[name] = _Layer(found["down"], found["up"], float(alpha))
    if wrong or not layers:
        some = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise EngineError(
            f"svd: the adapter {file.stem} does not fit the UNet: {some or 'it holds no LoRA layers'}",
            remedy="use an adapter trained on this checkpoint's UNet (linear and convolution LoRA, no DoRA)",
            evidence="\n".join(wrong),
            code="ADAPTER_MISMATCH",
        )
    return layers


def _module(name: str, projection: str | None, modules: Mapping[str, nn.Module], flat: Mapping[str, str]) -> str | None:
    """The UNet's name for the layer a key speaks of; None where there is none."""
    if name.startswith("lora_unet_"):
        return flat.get(name.removeprefix("lora_unet_"))
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    if projection:
        name = f"{name}.{'to_out.0' if projection == 'to_out' else projection}"
    return name if name in modules else None


def _part(word: str) -> str:
    return "down" if word in (*_DOWN, "down") else "up" if word in (*_UP, "up") else word


def _fault(module: nn.Module, parts: Mapping[str, Tensor]) -> str:
    """What keeps `parts` (down, up, alpha) from being a LoRA of `module`; empty where nothing does."""
    if not isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d):
        return f"a {type(module).__name__} takes no LoRA"
    absent = {"down", "up"} - parts.keys()
    if absent:
        return f"its {' and '.join(sorted(absent))} is missing"
    down, up, weight = parts["down"], parts["up"], module.weight
    rank = down.shape[0]
    wanted = (rank, *weight.shape[1:]), (weight.shape[0], rank, *[1] * (weight.dim() - 2))
    if (tuple(down.shape), tuple(up.shape)) != wanted:
        return f"{tuple(down.shape)} and {tuple(up.shape)}; wanted {wanted[0]} and {wanted[1]}"
    if "alpha" in parts and (parts["alpha"].numel() != 1 or not math.isfinite(float(parts["alpha"]))):
        return "its alpha is not a number"
    return ""
