"""What `dailies plan` says of SVD: the reason, the memory, the time, and what became of a prompt."""

from __future__ import annotations

import json

import pytest

from flows.settings import Settings
from flows.terminal import plan_as_dict, print_plan
from flows.workshop import chain_of, speeds_of
from manifests.loader import load
from tasks.planner.plan import Means
from tasks.planner.planner import RunPlan, plan_run
from tests.tasks.svd_means import BARE, HERE, SLOW, UNACCEPTED, means, offer
from tests.workroom import Workroom

ROW = {"id": "mug", "source": "a.png", "prompt": "slow orbit, steam rising", "deliver": ["web_1080p"], "seconds": 2}


def planned(room: Workroom, here: Means, **asked: object) -> RunPlan:
    room.picture("a.png", size=(960, 720))
    with room.tools() as tools:
        manifest = load(room.manifest([ROW | asked]))
        return plan_run(manifest, tools.catalog, chain_of(tools), here, speeds_of(tools.catalog), workers=1)


def told(room: Workroom, here: Means, capsys: pytest.CaptureFixture[str], **asked: object) -> str:
    print_plan(planned(room, here, **asked), Settings(home=room.folder))
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_memory_time_and_words_are_printed(room: Workroom, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(room, HERE, capsys)
    for text in (
        "GiB of memory",
        "svd-xt",
        "experimental",
        "'slow' -> motion.amount 0.06",
        "not understood: 'steam rising'",
    ):
        assert text in said, said
    assert "animate svd" in said, "the estimate has a line of its own"


def test_without_weights_the_camera_says_why(room: Workroom, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(room, BARE, capsys)
    assert "camera orbit" in said and "no SVD weights here" in said
    assert "GiB of memory" not in said


def test_a_licence_nobody_accepted_is_a_problem_of_the_shot(room: Workroom, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(room, means(offer(problem=UNACCEPTED)), capsys)
    assert "LICENCE_NOT_ACCEPTED" in said and "item 'mug'" in said


def test_the_estimate_knows_the_device(room: Workroom) -> None:
    fast, slow = planned(room, HERE, engine="svd"), planned(room, SLOW, engine="svd")
    key = ("animate", "svd")
    assert slow.seconds[key] == pytest.approx(fast.seconds[key] * 600)
    assert fast.speeds.basis[key] == "shipped"
    assert fast.new_bytes == slow.new_bytes > 0


def test_machines_read_the_same(room: Workroom) -> None:
    plan = plan_as_dict(planned(room, HERE), Settings(home=room.folder))
    shared = json.loads(json.dumps(plan["shots"], default=str))[0]["renditions"][0]
    assert shared["animate"]["engine"] == "svd"
    assert shared["vram_bytes"] > 2**30 and shared["tflop"] > 100
