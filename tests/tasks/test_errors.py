"""Errors are decided once, by type: who is retried, who is quarantined, and what people are told."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from catalog.errors import CatalogError, Damaged, StaleClaim, StoreUnavailable
from manifests.errors import InputError, Problem
from models.errors import DeviceLost, EngineMissing, Killed, OutOfMemory
from tasks.deliver import Refused
from tasks.encode.process import EncodeError
from tasks.errors import Cancelled, decide
from tasks.svd import Drifted
from tests.workroom import Workroom


@pytest.mark.parametrize(
    ("error", "action", "code"),
    [
        (InputError(Problem("BAD_IMAGE", "half a file", "send it again")), "quarantine", "BAD_IMAGE"),
        (StaleClaim("another worker has it"), "drop", "STALE_CLAIM"),
        (Cancelled("stopped"), "drop", "CANCELLED"),
        (OutOfMemory("no room"), "step_down", "OUT_OF_MEMORY"),
        (MemoryError(), "step_down", "OUT_OF_MEMORY"),
        (DeviceLost("gone"), "retry", "DEVICE_LOST"),
        (EngineMissing("no weights"), "fail", "ENGINE_MISSING"),
        (Killed("shot down"), "again", "ENGINE_KILLED"),
        (EncodeError("ffmpeg ended", returncode=-9), "again", "ENGINE_KILLED"),
        (EncodeError("ffmpeg ended", returncode=-11), "fail", "ENCODE_FAILED"),
        (EncodeError("no room", returncode=1, code="DISK_FULL"), "wait", "DISK_FULL"),
        (StoreUnavailable("mount lost"), "wait", "STORE_UNAVAILABLE"),
        (StoreUnavailable("server restarts", code="DATABASE_AWAY"), "wait", "DATABASE_AWAY"),
        (Damaged("other bytes", "ab" * 32), "retry", "ARTIFACT_DAMAGED"),
        (CatalogError("newer", code="CATALOG_NEWER"), "fail", "CATALOG_NEWER"),
        (OSError(errno.ENOSPC, "No space left on device"), "wait", "DISK_FULL"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "wait", "DISK_FULL"),
        (OSError(errno.EIO, "Input/output error"), "wait", "STORE_UNAVAILABLE"),
        (OSError(errno.ESTALE, "Stale file handle"), "wait", "STORE_UNAVAILABLE"),
        (OSError(errno.ENOENT, "No such file"), "fail", "UNEXPECTED"),
        (ZeroDivisionError("division by zero"), "fail", "UNEXPECTED"),
    ],
)
def test_what_becomes_of_a_shot_is_decided_by_the_errors_type(error: BaseException, action: str, code: str) -> None:
    verdict = decide(error)
    assert (verdict.action, verdict.code) == (action, code)
    assert verdict.message, "people must be told something"


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (Refused("too dark"), "shot"),
        (Drifted("left its product"), "shot"),
        (InputError(Problem("BAD_IMAGE", "half a file", "send it again")), "shot"),
        (EngineMissing("no weights"), "worker"),
        (DeviceLost("gone"), "worker"),
        (MemoryError(), "worker"),
        (ZeroDivisionError(), "worker"),
    ],
)
def test_an_error_says_what_it_is_evidence_against(error: BaseException, blamed: str) -> None:
    assert decide(error).blames == blamed


def test_an_unexpected_error_names_its_type() -> None:
    assert decide(KeyError("home")).message == "KeyError: 'home'"


class Failing:
    """A stage that fails `times` times with `error`, then does its work."""

    def __init__(self, error: BaseException, times: int, work: Any) -> None:
        self.error, self.left, self.work, self.calls = error, times, work, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return self.work(*given, **named)


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, times: int) -> Failing:
    from tasks.prepare import prepare

    failing = Failing(error, times, prepare)
    monkeypatch.setattr("tasks.way.prepare.prepare", failing)
    monkeypatch.setattr("tasks.line.BACKOFF_SECONDS", 0.001)
    return failing


def test_what_may_pass_is_tried_again_and_counted(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    room.picture("a.png")
    failing = _failing(monkeypatch, DeviceLost("the card fell off the bus"), times=2)
    ended = room.run(room.manifest([{"id": "a", "source": "a.png"}]))
    assert (ended.status.run.state, failing.calls) == ("done", 3)
    states = [row.state for row in room.executions(stage="prepare")]
    assert states == ["failed", "failed", "done"], "every try is in the ledger"


@pytest.mark.parametrize(
    ("error", "calls", "state", "code"),
    [
        (DeviceLost("the card fell off the bus"), 3, "failed", "DEVICE_LOST"),
        (Refused("too dark"), 1, "failed", "INSPECTION_FAILED"),
        (RuntimeError("who knows"), 1, "failed", "UNEXPECTED"),
        (InputError(Problem("BAD_IMAGE", "half a file", "send it again")), 1, "quarantined", "BAD_IMAGE"),
    ],
)
def test_one_bad_shot_leaves_the_line_and_does_not_stop_it(
    room: Workroom, monkeypatch: pytest.MonkeyPatch, error: BaseException, calls: int, state: str, code: str
) -> None:
    room.picture("a.png", 1)
    room.picture("b.png", 2)
    failing = _failing(monkeypatch, error, times=calls)
    ended = room.run(room.manifest([{"id": name, "source": f"{name}.png"} for name in "ab"]))
    assert dict(ended.status.run.shots) == {state: 1, "done": 1}
    (failure,) = ended.status.failures
    assert (failure.code, failure.state) == (code, state)
    assert failing.calls == calls + 1
    assert [row.item for row in ended.rows] == ["b"]
