"""LoRA over the UNet: it works, in every spelling, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")
from safetensors.torch import save_file  # noqa: E402

from models.errors import EngineError  # noqa: E402
from models.svd.adapters import attach, detach  # noqa: E402
from models.svd.engine import Animator  # noqa: E402
from tests.models.svd.clips import nothing, pictures, settings  # noqa: E402

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "mid_block.attentions.0.temporal_transformer_blocks.0.attn1.to_out.0"
CONVOLUTION = "conv_in"
CLIP = settings(steps=2, frames=3)


@pytest.fixture(scope="module")
def unet(checkpoint_of: Callable[[Any], Path]) -> Any:
    from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel

    loaded: Any = UNetSpatioTemporalConditionModel.from_pretrained(checkpoint_of("a") / "unet")
    return loaded.eval().requires_grad_(False)


def factors(unet: Any, name: str, rank: int, seed: int = 0) -> tuple[Any, Any]:
    weight = unet.get_submodule(name).weight
    generator = torch.Generator().manual_seed(seed)
    down = torch.randn(rank, *weight.shape[1:], generator=generator)
    return down, torch.randn(weight.shape[0], rank, *[1] * (weight.dim() - 2), generator=generator)


def delta(down: Any, up: Any) -> Any:
    return (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])


@torch.no_grad()
def forward(unet: Any) -> Any:
    generator = torch.Generator().manual_seed(5)
    x, told = torch.randn(1, 3, 8, 8, 8, generator=generator), torch.randn(1, 1, 32, generator=generator)
    return unet(x, torch.tensor([0.3]), told, torch.tensor([[6.0, 127.0, 0.02]]), return_dict=False)[0]


@torch.no_grad()
def with_weights_changed(unet: Any, changes: dict[str, Any]) -> Any:
    """What the UNet makes with `changes` added to its weights: LoRA's definition, without any LoRA."""
    before = {name: unet.get_submodule(name).weight.clone() for name in changes}
    for name, change in changes.items():
        unet.get_submodule(name).weight.add_(change)
    made = forward(unet)
    for name, weight in before.items():
        unet.get_submodule(name).weight.copy_(weight)
    return made


def spelled(unet: Any, form: str) -> tuple[dict[str, Any], dict[str, str], float]:
    """An adapter of three layers (ranks 2, 3, 2) in one of the forms found in files, its metadata, its factor."""
    parts = {name: factors(unet, name, rank) for name, rank in ((QUERY, 2), (OUT, 3), (CONVOLUTION, 2))}
    tensors: dict[str, Any] = {}
    for name, (down, up) in parts.items():
        if form == "kohya":
            flat = f"lora_unet_{name.replace('.', '_')}"
            tensors |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up}
            tensors[f"{flat}.alpha"] = torch.tensor(0.5 * len(down))
        elif form == "processor" and name != CONVOLUTION:
            at, _, projection = name.removesuffix(".0").rpartition(".")
            tensors[f"unet.{at}.processor.{projection}_lora.down.weight"] = down
            tensors[f"unet.{at}.processor.{projection}_lora.up.weight"] = up
        else:
            words = ("lora.down", "lora.up") if form in ("diffusers", "processor") else ("lora_A", "lora_B")
            prefix = {"peft": "base_model.model.", "bare": "", "named": ""}.get(form, "unet.")
            middle = ".default" if form == "named" else ""
            tensors |= {
                f"{prefix}{name}.{words[0]}{middle}.weight": down,
                f"{prefix}{name}.{words[1]}{middle}.weight": up,
            }
    return tensors, {}, 0.5 if form == "kohya" else 1.0


@pytest.mark.parametrize("form", ["diffusers", "peft", "bare", "named", "kohya", "processor"])
def test_an_adapter_is_its_product_added_to_the_weights(unet: Any, tmp_path: Path, form: str) -> None:
    tensors, metadata, factor = spelled(unet, form)
    save_file(tensors, tmp_path / "style.safetensors", metadata)
    changes = {name: delta(*factors(unet, name, rank)) for name, rank in ((QUERY, 2), (OUT, 3), (CONVOLUTION, 2))}
    plain = forward(unet)
    wanted = with_weights_changed(unet, {name: 0.1 * factor * change for name, change in changes.items()})
    attach(unet, [(tmp_path / "style.safetensors", 0.1)])
    made = forward(unet)
    detach(unet)
    assert float((wanted - plain).abs().max()) > 0.01
    torch.testing.assert_close(made, wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(forward(unet), plain), "the adapter left something behind"
    assert not [name for name, _ in unet.named_parameters() if "lora" in name]


def test_several_adapters_add_up(unet: Any, tmp_path: Path) -> None:
    for number in (0, 1):
        down, up = factors(unet, QUERY, 2 + number, seed=number)
        save_file({f"{QUERY}.lora_A.weight": down, f"{QUERY}.lora_B.weight": up}, tmp_path / f"{number}.safetensors")
    change = 0.1 * delta(*factors(unet, QUERY, 2, seed=0)) - 0.2 * delta(*factors(unet, QUERY, 3, seed=1))
    wanted = with_weights_changed(unet, {QUERY: change})
    attach(unet, [(tmp_path / "0.safetensors", 0.1), (tmp_path / "1.safetensors", -0.2)])
    made = forward(unet)
    detach(unet)
    torch.testing.assert_close(made, wanted, atol=1e-4, rtol=1e-4)


def test_diffusers_metadata_says_alpha(unet: Any, tmp_path: Path) -> None:
    down, up = factors(unet, QUERY, 2)
    file, told = tmp_path / "style.safetensors", {"unet.r": 2, "unet.lora_alpha": 6, "unet.alpha_pattern": {}}
    save_file(
        {f"{QUERY}.lora_A.weight": down, f"{QUERY}.lora_B.weight": up},
        file,
        {"lora_adapter_metadata": json.dumps(told)},
    )
    wanted = with_weights_changed(unet, {QUERY: 0.1 * 3 * delta(down, up)})
    attach(unet, [(file, 0.1)])
    made = forward(unet)
    detach(unet)
    torch.testing.assert_close(made, wanted, atol=1e-4, rtol=1e-4)


def test_one_clips_adapter_is_not_the_nexts(checkpoint_of: Callable[[Any], Path], unet: Any, tmp_path: Path) -> None:
    save_file(spelled(unet, "diffusers")[0], tmp_path / "style.safetensors")
    file, folder = str(tmp_path / "style.safetensors"), str(checkpoint_of("a"))
    animator = Animator(folder, "cpu")

    def made(by: Animator) -> Any:
        return torch.stack(list(by.frames(iter(pictures(1)), CLIP, nothing)))

    plain = made(animator)
    animator.adapt([(file, 0.2)])
    styled = made(animator)
    assert float((styled - plain).abs().mean()) > 0.005
    assert torch.equal(made(Animator(folder, "cpu", adapters=[(file, 0.2)])), styled)
    animator.adapt([(file, 0.0)])
    assert torch.equal(made(animator), plain)
    animator.adapt([])
    assert torch.equal(made(animator), plain)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("stranger", "text_model.layers.0.q_proj"),
        ("shape", QUERY),
        ("half", QUERY),
        ("dora", "lora_magnitude_vector"),
        ("norm", "conv_norm_out"),
        ("metadata", "use_rslora"),
        ("empty", "no LoRA layers"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(unet: Any, tmp_path: Path, fault: str, named: str) -> None:
    down, up = factors(unet, QUERY, 2)
    tensors, metadata = {f"{QUERY}.lora_A.weight": down, f"{QUERY}.lora_B.weight": up}, {}
    if fault == "stranger":
        tensors["text_model.layers.0.q_proj.lora_A.weight"] = down.clone()
    elif fault == "shape":
        tensors[f"{QUERY}.lora_A.weight"] = down[:, :-1].contiguous()
    elif fault == "half":
        del tensors[f"{QUERY}.lora_B.weight"]
    elif fault == "dora":
        tensors[f"{QUERY}.lora_magnitude_vector"] = up[:, 0].contiguous()
    elif fault == "norm":
        tensors |= {"conv_norm_out.lora_A.weight": down.clone(), "conv_norm_out.lora_B.weight": up.clone()}
    elif fault == "metadata":
        metadata = {"lora_adapter_metadata": json.dumps({"unet.use_rslora": True})}
    else:
        tensors = {}
    file, plain = tmp_path / "odd.safetensors", forward(unet)
    save_file(tensors, file, metadata or None)
    with pytest.raises(EngineError) as caught:
        attach(unet, [(file, 1.0)])
    assert caught.value.code == "ADAPTER_MISMATCH"
    assert named in str(caught.value)
    assert torch.equal(forward(unet), plain), "a refused adapter changed the network"


def test_a_file_that_is_no_adapter_is_refused(unet: Any, tmp_path: Path) -> None:
    (tmp_path / "pickled.safetensors").write_bytes(b"\x80\x04 this is a pickle, and never loaded")
    for name in ("pickled", "absent"):
        with pytest.raises(EngineError) as caught:
            attach(unet, [(tmp_path / f"{name}.safetensors", 1.0)])
        assert caught.value.code == "ADAPTER_BROKEN"
