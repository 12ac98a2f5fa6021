"""Whether a batch fits a worker: what its plans need, held against what the worker told of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tasks.planner.facts import Facts

GPU: Final = "gpu"
CPU: Final = "cpu"
"""The two work pools."""


def needs_of(plans: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a worker must have for these shots, as JSON: `plan_version`, `engines`, `weights`, `codecs`, `vram_bytes`.

    `plans` are those of `ShotPlan`, as the catalog keeps them (JSON). `engines` are `camera`, `svd`, and those with a
    runtime of their own as `realesrgan/torch`; `weights` are checkpoints, `adapters/<name>` and Real-ESRGAN's networks
    as `realesrgan/<name>/<runtime>`; `vram_bytes` is what the largest clip needs of the card on the last rung of its
    memory ladder.
    """
    engines: set[str] = set()
    weights: set[str] = set()
    codecs: set[str] = set()
    newest = vram = 0
    for plan in plans:
        newest = max(newest, int(plan.get("version", 1)))  # plans of before had none
        for shared in plan.get("renditions", ()):
            codecs.update(one["encode"]["codec"] for one in shared["deliveries"])
            if "animate" not in shared:  # a scene: its frames are its shots'
                continue
            animate = shared["animate"]
            engines.add(animate["engine"])
            if animate["engine"] == "svd":
                weights.add(animate["model"])
                weights.update(f"adapters/{one['name']}" for one in animate["adapters"])
                vram = max(vram, int(shared.get("vram_least_bytes", 0)))
            for upscale in filter(None, (shared["upscale_still"], shared.get("upscale_until"), shared["upscale"])):
                engines.add(f"realesrgan/{upscale['runtime']}")
                weights.add(f"realesrgan/{upscale['model']}/{upscale['runtime']}")
            between = shared["interpolate"]
            if between:
                engines.add("flow" if between["engine"] == "flow" else f"rife/{between['runtime']}")
    return {
        "plan_version": newest,
        "engines": sorted(engines),
        "weights": sorted(weights),
        "codecs": sorted(codecs),
        "vram_bytes": vram,
    }


def fits(needs: Mapping[str, Any], facts: Facts) -> list[str]:
    """Why a batch with these needs does not fit a worker with these facts, for people; empty where it does."""
    told, why = facts.engines, list[str]()
    wanted, known = int(needs.get("plan_version", 1)), int(told.get("plan_version", 1))
    if wanted > known:
        # What a newer plan means is not for older code to guess, so nothing else is looked at.
        return [f"its plan is of version {wanted}, this worker reads up to {known}: upgrade Dailies here"]
    why += _missing("engine", needs.get("engines", ()), told.get("can", ()))
    here = {*told.get("svd", ()), *(f"adapters/{name}" for name in told.get("adapters", ()))}
    networks: Mapping[str, Sequence[str]] = told.get("networks", {})
    here |= {f"realesrgan/{name}/{runtime}" for name, runtimes in networks.items() for runtime in runtimes}
    why += _missing("weights", needs.get("weights", ()), here)
    why += _missing("encoder", needs.get("codecs", ()), told.get("codecs", ()))
    device, vram = facts.device, int(needs.get("vram_bytes", 0))
    if device.kind == "cuda" and vram > device.vram_bytes:
        why.append(f"memory: the card must have {_gib(vram)}, {device.name} has {_gib(device.vram_bytes)}")
    return why


def pools_of(needs: Mapping[str, Any]) -> tuple[str, str]:
    """The work pools a batch may go to, the one it is meant for first: what SVD draws, and what was planned for torch,
    goes to `gpu`; all else to `cpu`."""
    engines: Sequence[str] = needs.get("engines", ())
    drawn = any(engine == "svd" or engine.endswith("/torch") for engine in engines)
    return (GPU, CPU) if drawn else (CPU, GPU)


def _missing(what: str, wanted: Iterable[str], here: Iterable[str]) -> list[str]:
    lacking = sorted({*wanted} - {*here})
    return [f"{what}: {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not here"] if lacking else []


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
