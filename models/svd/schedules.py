"""Noise levels to sample at. Plain numbers: no torch.

Every schedule is descending and ends in 0: `steps` network steps need `steps + 1` numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.errors import EngineError
from models.svd.settings import Schedule

SIGMA_MAX = 700.0
SIGMA_MIN = 0.002
RHO = 7.0
ALIGN_YOUR_STEPS = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)
"""Optimised for SVD at 10 steps (arXiv 2404.14507, NVIDIA's published table); the last one is sampled as 0."""
LCM_TRAINED = 40
"""AnimateLCM-SVD-xt was distilled on this many Karras levels; its sampler takes every 40 // n-th of them."""


def sigmas(schedule: Schedule, steps: int) -> tuple[float, ...]:
    """`steps + 1` noise levels from SIGMA_MAX down to 0.

    - `karras`: equation 5 of arXiv 2206.00364, rho 7; the stock scheduler's for any number of steps.
    - `align-your-steps`: the published levels at 10 steps, else interpolated between them, linear in the logarithm.
    - `lcm`: every 40 // steps-th of the 40 Karras levels the few-step weights know (4 steps: 700, 128.6, 13.68, 0.497).
    """
    if steps < 1 or (schedule == "lcm" and steps > LCM_TRAINED):
        raise EngineError(
            f"svd: {steps} steps of schedule {schedule}; wanted 1" + (" to 40" if schedule == "lcm" else " or more"),
            remedy="give the item's svd: a number of steps in that range",
            code="SCHEDULE_UNKNOWN",
        )
    if schedule == "karras":
        return (*(_karras(i, steps) for i in range(steps)), 0.0)
    if schedule == "lcm":
        return (*(_karras(i * (LCM_TRAINED // steps), LCM_TRAINED) for i in range(steps)), 0.0)
    if steps == len(ALIGN_YOUR_STEPS) - 1:
        return (*ALIGN_YOUR_STEPS[:-1], 0.0)
    return (*(_between(ALIGN_YOUR_STEPS, i / steps) for i in range(steps)), 0.0)


def start_at(levels: Sequence[float], sigma_start: float) -> int:
    """The step a prior with noise `sigma_start` begins at: the level nearest to it in the logarithm, the lower of two
    as near; the final 0 is none. The prior is then given `levels[step]`. No noise asked for: 0, the first step.
    """
    if sigma_start <= 0:
        return 0
    wanted = math.log(sigma_start)
    return min(range(len(levels) - 1), key=lambda step: (round(abs(math.log(levels[step]) - wanted), 9), -step))


def _karras(index: int, count: int) -> float:
    """Level `index` of `count`, from SIGMA_MAX to SIGMA_MIN."""
    top, bottom = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    share = index / (count - 1) if count > 1 else 0.0
    return (top + share * (bottom - top)) ** RHO


def _between(levels: Sequence[float], share: float) -> float:
    place = share * (len(levels) - 1)
    below = min(int(place), len(levels) - 2)
    low, high = math.log(levels[below]), math.log(levels[below + 1])
    return math.exp(low + (place - below) * (high - low))
