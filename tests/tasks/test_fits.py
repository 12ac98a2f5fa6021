"""What workers tell of themselves: planning for machines that are elsewhere, and which batch fits which."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tasks.encode import ffmpeg_path
from tasks.planner.device import CPU, Device
from tasks.planner.facts import Facts, facts_of
from tasks.planner.fits import fits, needs_of, pools_of
from tasks.planner.means import means_of_workers
from tasks.planner.plan import PLAN_VERSION, UNTIL_VERSION, Means
from tasks.planner.scene import SCENE_VERSION
from tests.tasks.asked import ask, plan, refusal
from tests.tasks.svd_means import HERE
from tests.tasks.weights.test_offers import lay_checkpoint
from tests.workroom import Workroom

H200 = Device("cuda", 0, "H200", 139 * 2**30)


@pytest.fixture(scope="module")
def cpu(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """This machine, with no weights, as its worker tells of it: through JSON and back."""
    told = facts_of(ffmpeg_path(None), tmp_path_factory.mktemp("weights"), "cpu")
    return Facts(json.loads(json.dumps(told.engines)), json.loads(json.dumps(told.weights)), told.memory_bytes)


def gpu(cpu: Facts, card: Device = H200, **told: Any) -> Facts:
    """A machine with a card, torch, svd-xt and RIFE."""
    svd = {
        "svd-xt": {
            "folder": "/far/svd-xt",
            "frames": 25,
            "parameters": {"unet": 1_524_623_082, "vae": 97_742_847, "image_encoder": 632_076_800},
            "channels": {"unet": [320, 640, 1280, 1280], "vae": [128, 256, 512, 512]},
            "licence_sha256": "ab" * 32,
            "licence_path": "/far/svd-xt/LICENSE.md",
        }
    }
    can = ["camera", "flow", "svd", "realesrgan/ncnn", "realesrgan/torch", "rife/ncnn", "rife/torch"]
    networks = {name: ["ncnn", "torch"] for name in cpu.engines["networks"]}
    engines = {**cpu.engines, "can": can, "svd": svd, "networks": networks, "device": asdict(card), "host": "far"}
    return Facts({**engines, **told}, {"svd-xt/unet": "cd" * 32}, 64 * 2**30)


def planned(means: Means, **asked: Any) -> dict[str, Any]:
    return plan(ask(**asked), means=means).model_dump(mode="json")


def accepted(room: Workroom, *workers: tuple[str, Facts]) -> Means:
    """The means of these workers, svd-xt's licence accepted."""
    with room.tools() as tools:
        tools.catalog.accept_licence(
            weights="svd-xt", licence="x", text_sha256="ab" * 32, kind="community", holder="us", accepted_by="me"
        )
        pools = {name: [told for pool, told in workers if pool == name] for name in ("cpu", "gpu")}
        return means_of_workers(tools.catalog, pools, tools.max_pixels)


def test_a_machine_tells_what_it_has(cpu: Facts) -> None:
    assert {"camera", "flow", "realesrgan/ncnn"} <= set(cpu.engines["can"])
    assert {"h264", "hevc", "prores", "ffv1"} <= set(cpu.engines["codecs"])
    assert cpu.engines["plan_version"] == UNTIL_VERSION > SCENE_VERSION > PLAN_VERSION and cpu.engines["cores"] >= 1
    assert cpu.device == CPU and cpu.device_told == "cpu"
    assert (cpu.memory_bytes or 0) > 2**28
    assert len(cpu.weights["realesrgan-x4plus.bin"]) == 64


def test_a_checkpoint_is_told_with_all_that_planning_asks_of_one(tmp_path: Path) -> None:
    lay_checkpoint(tmp_path)
    told = facts_of(ffmpeg_path(None), tmp_path, "cpu")
    one = told.engines["svd"]["svd-xt"]
    assert (one["frames"], one["channels"]["unet"][0], len(one["licence_sha256"])) == (25, 320, 64)
    assert {"svd-xt/unet", "svd-xt/vae", "svd-xt/image_encoder"} <= set(told.weights)


def test_what_the_camera_makes_fits_a_plain_machine(cpu: Facts) -> None:
    needs = needs_of([planned(HERE, engine="camera")])
    assert (needs["engines"], needs["weights"], needs["vram_bytes"]) == (["camera"], [], 0)
    assert fits(needs, cpu) == []
    assert pools_of(needs) == ("cpu", "gpu")


def test_what_svd_draws_fits_only_where_it_is(cpu: Facts) -> None:
    needs = needs_of([planned(HERE, engine="svd"), planned(HERE, engine="camera")])
    assert pools_of(needs) == ("gpu", "cpu")
    assert "svd-xt" in needs["weights"] and {"camera", "svd"} <= set(needs["engines"])
    assert fits(needs, gpu(cpu)) == []
    why = " | ".join(fits(needs, replace(cpu, engines={**cpu.engines, "can": ["camera", "flow"]})))
    assert "engine: " in why and "svd" in why and "weights: " in why, why


def test_a_smaller_card_fits_as_long_as_the_memory_ladder_reaches(cpu: Facts) -> None:
    needs = needs_of([planned(HERE, engine="svd")])
    assert fits(needs, gpu(cpu, Device("cuda", 0, "card", 12 * 2**30))) == []
    (why,) = fits(needs, gpu(cpu, Device("cuda", 0, "card", 4 * 2**30)))
    assert "card has 4.0 GiB" in why, why


def test_an_encoder_that_is_not_there_is_named(cpu: Facts) -> None:
    needs = needs_of([planned(HERE, engine="camera", deliver=["web_4k_hevc"])])
    lacking = replace(cpu, engines={**cpu.engines, "codecs": ["h264"]})
    assert fits(needs, lacking) == ["encoder: hevc is not here"]


def test_older_code_gives_a_newer_plan_back_without_reading_it(cpu: Facts) -> None:
    newer = planned(HERE, engine="camera") | {"version": UNTIL_VERSION + 1}
    needs = needs_of([newer]) | {"engines": ["what nobody knows yet"]}
    (why,) = fits(needs, cpu)
    assert f"version {UNTIL_VERSION + 1}" in why and "upgrade" in why


def test_a_parent_without_a_card_plans_svd_for_those_that_have_one(room: Workroom, cpu: Facts) -> None:
    means = accepted(room, ("cpu", cpu), ("gpu", gpu(cpu)))
    assert means.device.name == "H200"
    made = planned(means)  # engine: auto
    drawn = made["renditions"][0]
    assert drawn["animate"]["engine"] == "svd" and drawn["animate"]["dtype"] == "fp16"
    assert drawn["upscale"]["runtime"] == drawn["interpolate"]["runtime"] == "torch"
    assert drawn["interpolate"]["engine"] == "rife"
    assert fits(needs_of([made]), gpu(cpu)) == []


def test_what_the_camera_makes_is_planned_for_the_other_pool(room: Workroom, cpu: Facts) -> None:
    means = accepted(room, ("cpu", cpu), ("gpu", gpu(cpu)))
    made = planned(means, engine="camera", render={"rate": 10})
    (between,) = {one["interpolate"]["engine"] for one in made["renditions"]}
    assert between == "flow", "RIFE is in the other pool"
    needs = needs_of([made])
    assert fits(needs, cpu) == [] and pools_of(needs)[0] == "cpu"


def test_without_a_card_anywhere_the_camera_makes_all(room: Workroom, cpu: Facts) -> None:
    made = planned(accepted(room, ("cpu", cpu)))
    assert {one["animate"]["engine"] for one in made["renditions"]} == {"camera"}


def test_a_licence_nobody_accepted_stops_svd_also_far_away(room: Workroom, cpu: Facts) -> None:
    with room.tools() as tools:
        means = means_of_workers(tools.catalog, {"gpu": [gpu(cpu)]}, tools.max_pixels)
    assert refusal(ask(), means=means).code == "LICENCE_NOT_ACCEPTED"


def test_workers_with_different_files_of_one_checkpoint_are_told(room: Workroom, cpu: Facts) -> None:
    other = replace(gpu(cpu), weights={"svd-xt/unet": "ef" * 32})
    means = accepted(room, ("gpu", gpu(cpu)), ("gpu", other))
    assert any("not the same" in warning for warning in means.svd["svd-xt"].warnings)


def test_workers_of_older_code_are_not_counted_on(room: Workroom, cpu: Facts) -> None:
    old = gpu(cpu, plan_version=PLAN_VERSION - 1)
    assert not accepted(room, ("cpu", cpu), ("gpu", old)).svd
    with pytest.raises(ValueError, match="no worker reads plans"):
        accepted(room, ("gpu", old))
