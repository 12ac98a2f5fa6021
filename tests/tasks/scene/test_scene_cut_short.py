"""Scenes that were cut short: a shot that failed, a process that was stopped, a person who cancelled."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from catalog.queries import shots_of
from tasks.errors import Cancelled
from tests.tasks.scene.storyroom import board, differing, made_by_all, states, submitted, worked
from tests.workroom import Workroom

SIX, TWELVE = 6, 12  # frames of the leader, and of a panel, at 24


def test_a_panel_that_fails_is_a_card_and_after_resuming_the_scene_is_made_anew(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scene is a file meanwhile, and the run says what is missing."""
    with room.tools() as tools:
        run_id = submitted(room, tools, board(room, {}, {}, {}))
        with monkeypatch.context() as failing:
            failing.setattr("tasks.steps.deliver", _failing("r1"))
            ended = worked(tools, run_id)
        assert states(tools, run_id) == {"r0": "done", "r1": "failed", "r2": "done", "scene/s": "done"}
        assert ended.status.run.state == "failed" and ended.status.failures
        with_card = ended.file()
        assert tools.catalog.reopen_run(run_id, "tests") == 1
        assert states(tools, run_id) == {"r0": "done", "r1": "waiting", "r2": "done", "scene/s": "waiting"}
        again = worked(tools, run_id)
    assert again.status.run.state == "done"
    files = [row.delivery.path for row in again.rows if row.item == "s"]
    assert with_card != files[-1]
    assert differing(with_card, files[-1]) == set(range(SIX + TWELVE, SIX + 2 * TWELVE))
    assert made_by_all(room)["segment"] == 5, "four with the card, and one more: what does not show it was kept"


def _failing(key: str) -> Any:
    from models.errors import EngineError
    from tasks import steps

    deliver = steps.deliver

    def some(tools: Any, works: Any) -> list[Exception | None]:
        if len(works) > 1:
            raise EngineError("one of them breaks", code="ENGINE_CRASHED")
        if works[0].row.key == key:
            return [EngineError("the encoder broke", code="BROKEN")]
        return deliver(tools, works)

    return some


def test_killed_between_segments_the_finished_ones_are_not_made_again(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.scene import assemble

    encode, calls = assemble.encode, iter(range(100))

    def until_the_third(*args: Any, **told: Any) -> Any:
        if next(calls) == 2:
            raise Cancelled("the process is told to stop")
        return encode(*args, **told)

    with room.tools() as tools:
        run_id = submitted(room, tools, board(room, {}, {}, {}))
        monkeypatch.setattr(assemble, "encode", until_the_third)
        worked_once = _once(tools, run_id)
        assert worked_once["scene/s"] == "waiting" and made_by_all(room)["segment"] == 2
        monkeypatch.setattr(assemble, "encode", encode)
        ended = worked(tools, run_id)
    assert ended.status.run.state == "done"
    assert made_by_all(room)["segment"] == 4
    assert [shot.attempts for shot in _shots(room, run_id)][-1] <= 1


@pytest.mark.parametrize("after", ["join", "inspect"])
def test_a_scene_that_is_joined_is_still_cancelled(after: str, room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is read back, and while its poster is looked for; nothing of it is left."""
    from tasks.scene import assemble

    stop = threading.Event()

    def stopping(do: Any) -> Any:
        def done(*args: Any, **told: Any) -> Any:
            made = do(*args, **told)
            stop.set()
            return made

        return done

    with room.tools(cancelled=stop.is_set) as tools:
        run_id = submitted(room, tools, board(room, {}, {}))
        with monkeypatch.context() as patched:
            if after == "join":
                patched.setattr(assemble, "join", stopping(assemble.join))
            else:
                patched.setattr(assemble, "inspect_joined", stopping(assemble.inspect_joined))
            assert _once(tools, run_id) == {"r0": "done", "r1": "done", "scene/s": "waiting"}
        assert not made_by_all(room)["assemble"] and not list(tools.catalog.store.incoming.iterdir())
        stop.clear()
        assert worked(tools, run_id).status.run.state == "done"


def _once(tools: Any, run_id: str) -> dict[str, str]:
    """The shots, and the scene as far as it comes."""
    from tasks.line import Line

    catalog = tools.catalog
    for _ in range(2):
        waiting = [shot.id for shot in shots_of(catalog, run_id, ["waiting"])]
        claims = catalog.claim(catalog.new_batch(run_id, waiting), waiting, "tests:1", 600)
        for step in Line(tools, claims, shots_of(catalog, run_id, ["claimed"])).steps:
            step()
    return states(tools, run_id)


def _shots(room: Workroom, run_id: str) -> list[Any]:
    with room.tools() as tools:
        return list(shots_of(tools.catalog, run_id))
