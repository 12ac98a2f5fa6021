"""What one shot takes of a budget: GPU seconds, and bytes of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.planner.estimate import SVD, UPSCALE, Speeds, bytes_of, seconds_of, stored_bytes
from tasks.planner.plan import Means, ShotPlan
from tasks.planner.scene import ScenePlan, is_scene


@dataclass(frozen=True)
class Cost:
    """GPU seconds and new bytes in the store."""

    gpu_seconds: float = 0.0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.gpu_seconds + other.gpu_seconds, self.bytes + other.bytes)

    def largest(self, other: Cost) -> Cost:
        """The larger of each."""
        return Cost(max(self.gpu_seconds, other.gpu_seconds), max(self.bytes, other.bytes))


def cost_of(plan: Mapping[str, Any], speeds: Speeds, means: Means) -> Cost:
    """What a shot's plan (JSON, as the catalog keeps it) is estimated to take, by the share of its work that is left.

    `means`: of whoever works it; without a CUDA card nothing takes GPU seconds.
    """
    if is_scene(plan):
        return Cost(0.0, 2 * bytes_of(ScenePlan.model_validate(plan).delivery.encode))  # its segments, and the file
    shot = ShotPlan.model_validate(plan)
    here = speeds.on(means)
    seconds = gpu = 0.0
    new = 0
    for shared in shot.renditions:
        spent = seconds_of(shared, shot.picture, here, shared.deliveries)
        seconds += sum(spent.values())
        if means.device.kind == "cuda":
            gpu += spent.get(SVD, 0.0) + (spent.get(UPSCALE, 0.0) if means.torch_upscale else 0.0)
        new += stored_bytes(shared) + sum(bytes_of(one.encode) for one in shared.deliveries)
    left = min(1.0, shot.seconds / seconds) if seconds else 1.0
    return Cost(gpu * left, int(new * left))
