from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.errors import EngineError
from models.svd.schedules import sigmas, start_at


@pytest.mark.parametrize("steps", [1, 2, 10, 25, 30])
def test_karras_is_the_stock_schedulers(steps: int) -> None:
    pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    from tests.svd_checkpoints import SCHEDULER

    stock = diffusers.EulerDiscreteScheduler.from_config(SCHEDULER)
    stock.set_timesteps(steps)
    np.testing.assert_allclose(sigmas("karras", steps), stock.sigmas.numpy(), rtol=1e-6)


def test_align_your_steps_are_the_published_ones() -> None:
    pytest.importorskip("torch")
    scheduling = pytest.importorskip("diffusers.schedulers.scheduling_utils")
    assert list(sigmas("align-your-steps", 10)) == scheduling.AysSchedules["StableDiffusionVideoSigmas"]


def test_align_your_steps_are_interpolated_in_the_logarithm() -> None:
    five, twenty = sigmas("align-your-steps", 5), sigmas("align-your-steps", 20)
    assert five[:5] == pytest.approx([700, 15.886, 4.248, 0.981, 0.173])
    assert twenty[0:20:2] == pytest.approx(sigmas("align-your-steps", 10)[:10])
    assert twenty[1] == pytest.approx((700 * 54.5) ** 0.5)
    assert five[-1] == twenty[-1] == 0


def test_few_step_levels_are_those_of_the_weights() -> None:
    assert sigmas("lcm", 4) == pytest.approx([700, 128.6, 13.68, 0.497, 0], rel=1e-3)
    assert sigmas("lcm", 8)[:8:2] == pytest.approx(sigmas("lcm", 4)[:4])
    with pytest.raises(EngineError) as caught:
        sigmas("lcm", 41)
    assert caught.value.code == "SCHEDULE_UNKNOWN"


@pytest.mark.parametrize("schedule", ["karras", "align-your-steps", "lcm"])
@pytest.mark.parametrize("steps", range(1, 41))
def test_every_schedule_falls_to_nothing(schedule: object, steps: int) -> None:
    levels = sigmas(schedule, steps)  # pyright: ignore[reportArgumentType]
    assert len(levels) == steps + 1
    assert levels[0] == pytest.approx(700)
    assert levels[-1] == 0
    assert all(a > b for a, b in pairwise(levels))


def test_a_prior_starts_at_the_nearest_level() -> None:
    levels = sigmas("karras", 25)
    assert [round(levels[k], 2) for k in (8, 12, 14, 16, 18)] == [70.54, 15.59, 6.35, 2.27, 0.68]
    assert [start_at(levels, s) for s in (70.5, 34.5, 15.6, 6.35, 3.87, 2.27, 1.27, 0.68)] == [
        8,
        10,
        12,
        14,
        15,
        16,
        17,
        18,
    ]
    assert start_at(levels, 0.0) == 0, "no prior: from the first level"
    assert start_at(levels, 1e6) == 0
    assert start_at(levels, 1e-9) == 24, "never the final 0, where nothing would be sampled"
    assert start_at((8.0, 2.0, 0.0), 4.0) == 1, "as near to both: the lower level keeps more of the prior"
