"""What `dailies doctor` says of SVD before anything is loaded: the device and why, and the memory rung of a card."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.doctor import Finding, device_findings, fit, memory_findings
from tasks.planner.device import CPU, Device
from tests.tasks.svd_means import offer

GIB = 2**30
RTX_4080 = Device("cuda", 0, "NVIDIA GeForce RTX 4080", int(15.6 * GIB))
H200 = Device("cuda", 1, "NVIDIA H200", 139 * GIB)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with the gpu extra, a CUDA build of torch and one RTX 4080."""
    has(monkeypatch, [RTX_4080], "2.13.0+cu130")
    return monkeypatch


def has(patch: pytest.MonkeyPatch, cards: list[Device], torch: str) -> None:
    for module in ("flows.doctor", "tasks.planner.device"):
        patch.setattr(f"{module}.cards", lambda: tuple(cards))
        patch.setattr(f"{module}.version", lambda _: torch)
    patch.setattr("flows.doctor.torch_installed", lambda: True)


def torch_finding(asked: str) -> Finding:
    [finding] = device_findings(asked)
    return finding


def test_a_card_is_named_with_its_memory(machine: pytest.MonkeyPatch) -> None:
    found = torch_finding("auto")
    assert (found.state, found.found) == ("ok", "cuda:0 NVIDIA GeForce RTX 4080, 15.6 GiB")
    assert "2.13.0+cu130" in found.origin


@pytest.mark.parametrize(
    ("asked", "cards", "torch", "why", "remedy"),
    [
        ("auto", [], "2.13.0+cu130", "no NVIDIA driver", "card"),
        ("auto", [RTX_4080], "2.13.0+cpu", "build without CUDA", "CUDA build"),
        ("cpu", [RTX_4080], "2.13.0+cu130", "DAILIES_DEVICE is cpu", "cuda:0"),
        ("cuda:3", [RTX_4080], "2.13.0+cu130", "here are cuda:0 NVIDIA GeForce RTX 4080", "cuda:0"),
    ],
)
def test_the_cpu_is_told_with_its_reason(
    machine: pytest.MonkeyPatch, asked: str, cards: list[Device], torch: str, why: str, remedy: str
) -> None:
    has(machine, cards, torch)
    found = torch_finding(asked)
    assert found.state == "note" and found.found.startswith("cpu: ") and why in found.found, found
    assert remedy in found.remedy, found


def test_a_missing_extra_is_told_with_its_remedy(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("flows.doctor.torch_installed", lambda: False)
    assert ".[gpu]" in torch_finding("auto").remedy


@pytest.mark.parametrize(
    ("gib", "rung", "fits"),
    [
        (139, "decode_25", True),
        (23.6, "decode_8", True),
        (15.6, "decode_8", True),
        (12, "offload", True),
        (6, "", False),
    ],
)
def test_the_rung_follows_the_card(gib: float, rung: str, fits: bool) -> None:
    told, fitting = fit(offer().checkpoint, int(gib * GIB))
    assert fitting is fits and rung in told, told
    assert f"{gib:.1f}" in told, told


def test_a_card_that_is_nearly_full_is_told_the_next_rung() -> None:
    assert "tight: decode_4 needs 13.2" in fit(offer().checkpoint, int(15.6 * GIB))[0]
    assert "tight" not in fit(offer().checkpoint, int(23.6 * GIB))[0]


def test_without_card_or_weights_the_usual_cards_are_told(tmp_path: Path) -> None:
    size, *cards = memory_findings(tmp_path, CPU)
    assert "not here" in size.origin and "2.25 billion" in size.found
    told = {finding.subject: finding.found for finding in cards}
    assert "14.7 of 15.6 GiB" in told["svd svd-xt, RTX 4080 (16 GB)"]
    assert "14.7 of 23.6 GiB" in told["svd svd-xt, RTX 3090 or 4090 (24 GB)"]


def test_a_checkpoint_that_is_here_is_told_for_this_card_only(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="SVD needs the gpu extra")
    from tests.svd_checkpoints import tiny_checkpoint

    tiny_checkpoint(tmp_path / "mine", frames=4)
    size, card = memory_findings(tmp_path, H200)
    assert size.subject == "svd mine" and "4 frames" in size.found and str(tmp_path / "mine") == size.origin
    assert card.subject == "svd mine, NVIDIA H200" and "decode_25" in card.found and "1024x576 x 4" in card.found
