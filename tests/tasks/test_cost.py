"""What a shot takes of a budget: the shots of a plan add up to the plan, and only a card's work is GPU time."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.planner.cost import Cost, cost_of
from tasks.planner.estimate import SVD, UPSCALE, Speeds, seconds_of
from tasks.planner.plan import Means, ShotPlan
from tests.tasks.asked import ask, plan
from tests.tasks.svd_means import HERE, SLOW
from tests.workroom import Workroom

SPEEDS = Speeds.known({}, {})


def planned(means: Means, left: float, **asked: Any) -> tuple[ShotPlan, dict[tuple[str, str], float]]:
    """A shot with so much of its work left, and the seconds of its stages."""
    shot = plan(ask(**{"deliver": ["web_1080p"]} | asked), means=means)
    (shared,) = shot.renditions
    seconds = seconds_of(shared, shot.picture.pixels, SPEEDS.on(means), shared.deliveries)
    return shot.model_copy(update={"seconds": left * sum(seconds.values())}), seconds


def test_the_shots_of_a_plan_add_up_to_its_new_bytes(room: Workroom) -> None:
    room.picture("a.png")
    run = room.plan(room.manifest([{"id": f"s{n}", "source": "a.png", "motion": {"amount": 0.1 * n}} for n in (1, 2)]))
    with room.tools() as tools:
        costs = [cost_of(shot.plan.model_dump(mode="json"), run.speeds, tools.means) for shot in run.shots if shot.plan]
    total = sum(costs, Cost())
    assert len(costs) == 2 and total.gpu_seconds == 0
    assert total.bytes == pytest.approx(run.new_bytes, abs=4)


def test_only_what_a_card_does_is_gpu_time() -> None:
    shot, seconds = planned(HERE, 1.0, engine="svd")
    assert SVD in seconds and UPSCALE in seconds
    cost = cost_of(shot.model_dump(mode="json"), SPEEDS, HERE)
    assert cost.gpu_seconds == pytest.approx(seconds[SVD] + seconds[UPSCALE]) and cost.gpu_seconds < sum(
        seconds.values()
    )
    slow, _ = planned(SLOW, 1.0, engine="svd")
    assert cost_of(slow.model_dump(mode="json"), SPEEDS, SLOW).gpu_seconds == 0
    camera, _ = planned(HERE, 1.0, engine="camera")
    assert cost_of(camera.model_dump(mode="json"), SPEEDS, HERE).gpu_seconds == 0


def test_what_stands_of_a_shot_costs_nothing() -> None:
    shot, _ = planned(HERE, 1.0, engine="svd")
    half, _ = planned(HERE, 0.5, engine="svd")
    whole, rest = (cost_of(one.model_dump(mode="json"), SPEEDS, HERE) for one in (shot, half))
    assert rest.gpu_seconds == pytest.approx(whole.gpu_seconds / 2) and rest.bytes == pytest.approx(
        whole.bytes / 2, abs=1
    )
