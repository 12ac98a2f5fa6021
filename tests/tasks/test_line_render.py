"""Frames made smaller and slower than their delivery: master, mezzanine, frames between, and what comes out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tasks.master import read_master
from tests.workroom import Workroom, decoded


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


def test_fewer_smaller_frames_become_the_same_shot(room: Workroom) -> None:
    room.picture("a.png")
    row = {
        "id": "a",
        "source": "a.png",
        "deliver": ["small_tall"],
        "motion": {"move": "push", "amount": 0.1},
        "upscale": {"still": False},
    }
    straight = room.run(room.manifest([row]))
    rendered = room.run(room.manifest([row | {"render": {"height": 160, "rate": 10}}]))
    assert rendered.status.run.state == "done", rendered.status.failures
    assert rendered.made == {"prepare": 1, "animate": 1, "upscale": 1, "interpolate": 1, "encode": 1}

    master, mezzanine = (read_master(room.stored(kind)[0]) for kind in ("master", "mezzanine"))
    assert (master[0].width, master[0].height, master[0].rate, master[0].frames) == (90, 160, 10, 6)
    assert (mezzanine[0].width, mezzanine[0].height, len(list(mezzanine[1]))) == (180, 320, 6)
    assert len(list(master[1])) == 6

    want, got = (decoded(ended.rows[0].delivery.path) for ended in (straight, rendered))
    assert got.shape == want.shape == (15, 320, 180, 3)
    worst = min(psnr(a, b) for a, b in zip(want, got, strict=True))
    print(f"worst frame against the straight render: {worst:.1f} dB")
    assert worst > 22, f"{worst:.1f} dB"
    steps = [float(np.abs(a.astype(int) - b).mean()) for a, b in pairwise(got)]
    assert min(steps) > 0, "every frame moves: none is a copy"

    (upscaled,) = room.executions(stage="upscale")
    assert upscaled.engine == "realesrgan" and upscaled.weights and upscaled.ran["device"] == "cpu"
    (between,) = room.executions(stage="interpolate")
    assert between.engine == "flow", "the catalog says which engine made the frames between"


def test_a_resume_starts_at_the_stored_frames(room: Workroom) -> None:
    room.picture("a.png")
    row = {"id": "a", "source": "a.png", "render": {"rate": 10}}
    room.run(room.manifest([row]))
    again = room.run(room.manifest([row | {"speed": "best"}]))
    assert again.made == {"encode": 1}
    assert len(room.executions(stage="animate")) == 1, "the master is read, not drawn again"


def test_a_loop_stays_a_loop_through_frames_between(room: Workroom) -> None:
    room.picture("a.png")
    row = {
        "id": "a",
        "source": "a.png",
        "seconds": 1,
        "motion": {"move": "pan", "amount": 0.1, "loop": True},
        "render": {"rate": 10},
    }
    frames = decoded(room.run(room.manifest([row])).rows[0].delivery.path).astype(int)
    assert len(frames) == 30
    steps = [float(np.abs(a - b).mean()) for a, b in zip(frames, np.roll(frames, -1, 0), strict=True)]
    assert steps[-1] <= 1.5 * max(steps[:-1]), (
        f"the seam jumps by {steps[-1]:.2f}, others at most {max(steps[:-1]):.2f}"
    )


def test_a_repeated_move_repeats_its_frames(room: Workroom) -> None:
    """`fit: loop` fills a preset's least length with the move again, `hold` with its last view."""
    room.picture("a.png")
    base = {"id": "a", "source": "a.png", "frames": 8, "deliver": ["small_tall"], "motion": {"amount": 0.12}}
    looped = decoded(room.run(room.manifest([base | {"fit": "loop"}])).rows[0].delivery.path)
    held = decoded(room.run(room.manifest([base | {"fit": "hold"}])).rows[0].delivery.path)
    assert (len(looped), len(held)) == (16, 15)
    assert min(psnr(a, b) for a, b in zip(looped[:8], looped[8:], strict=True)) > 30
    assert psnr(looped[7], looped[8]) < 25, "the move begins again"
    assert min(psnr(held[7], frame) for frame in held[8:]) > 33
