"""What the line does about faults that are nobody's: it waits, tries again, leaves, and says so."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from catalog.claims import Claim
from catalog.errors import StoreUnavailable
from catalog.queries import incidents_of, run_status, shots_of
from flows.request import Request
from models.errors import Killed
from tasks.line import KILLS, Line
from tasks.tools import Tools
from tasks.waiting import Waiting
from tasks.work import Work
from tests.workroom import Workroom


class Fault:
    """In place of a stage's work: raises what `error` gives while it gives something, then does the work."""

    def __init__(self, error: Callable[[], BaseException | None], work: Any) -> None:
        self.error, self.work, self.calls = error, work, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.calls += 1
        if (error := self.error()) is not None:
            raise error
        return self.work(*given, **named)


def faulty(monkeypatch: pytest.MonkeyPatch, error: Callable[[], BaseException | None]) -> Fault:
    from tasks.prepare import prepare

    fault = Fault(error, prepare)
    monkeypatch.setattr("tasks.way.prepare.prepare", fault)
    monkeypatch.setattr("tasks.line.BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 0.01)
    return fault


def times(error: BaseException, number: int) -> Callable[[], BaseException | None]:
    """`error` so often, then nothing."""
    left = iter([error] * number)
    return lambda: next(left, None)


@contextmanager
def batch(
    room: Workroom, shots: int, deliver: Sequence[str] = ("small_wide",), **changes: Any
) -> Iterator[tuple[Tools, str, Line, list[Claim]]]:
    """A claimed batch of `shots`, on the line but not worked."""
    for number in range(shots):
        room.picture(f"{number}.png", number)
    rows = [{"id": f"s{number}", "source": f"{number}.png"} for number in range(shots)]
    manifest = room.manifest(rows, defaults={"deliver": list(deliver)})
    with room.tools(**changes) as tools:
        request = Request(manifest)
        run_id = room.submit(tools, request.plan(tools, request.load()))
        ids = [shot.id for shot in shots_of(tools.catalog, run_id)]
        made = tools.catalog.new_batch(run_id, ids)
        tools.catalog.set_batch_state(made, "running", worker_id=tools.worker_id or None)
        claims = tools.catalog.claim(made, ids, "tests:1", 600)
        yield tools, run_id, Line(tools, claims, shots_of(tools.catalog, run_id)), claims


def work(line: Line) -> None:
    line.prepare()
    line.generate()
    line.deliver()


def states(tools: Tools, run_id: str) -> list[tuple[str, int]]:
    return [(shot.state, shot.attempts) for shot in shots_of(tools.catalog, run_id)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable("the mount is lost"), "STORE_UNAVAILABLE"),
        (OSError(errno.EIO, "Input/output error"), "STORE_UNAVAILABLE"),
        (OSError(errno.ENOSPC, "No space left on device"), "DISK_FULL"),
        (StoreUnavailable("the server restarts", code="DATABASE_AWAY"), "DATABASE_AWAY"),
    ],
)
def test_what_is_away_is_waited_for_and_costs_nothing(
    room: Workroom, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: str
) -> None:
    fault = faulty(monkeypatch, times(error, 4))
    with batch(room, 2) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1), ("done", 1)]
        assert fault.calls == 6
        (incident,) = incidents_of(tools.catalog, run_id)
        assert (incident.code, incident.seconds is not None and incident.seconds > 0) == (code, True)
        assert "went on" in incident.message
        assert run_status(tools.catalog, run_id).incident_counts == {code: 1}


def test_steps_that_wait_together_are_one_episode(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 0.01)
    both = threading.Barrier(2, timeout=60)
    back = threading.Event()
    with batch(room, 1) as (tools, run_id, _, _):
        waiting = Waiting(tools, run_id, lambda: False)

        def one() -> None:
            met = False

            def step() -> None:
                nonlocal met
                if met and not back.is_set():
                    both.wait()  # both have been away by now
                    back.set()
                if not back.is_set():
                    met = True
                    raise StoreUnavailable("the mount is lost")

            waiting.through(step)

        threads = [threading.Thread(target=one) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [incident.code for incident in incidents_of(tools.catalog, run_id)] == ["STORE_UNAVAILABLE"]


def test_beyond_patience_everything_goes_back_and_the_run_pauses(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty(monkeypatch, lambda: OSError(errno.ENOSPC, "No space left on device"))
    with batch(room, 3, patience_seconds=0.05) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("waiting", 0)] * 3
        status = run_status(tools.catalog, run_id)
        assert (status.run.state, status.run.paused_code) == ("paused", "DISK_FULL")
        assert "No space left" in (status.run.paused_why or "") and "resume" in (status.run.paused_why or "")
        assert set(status.incident_counts) == {"DISK_FULL", "RUN_PAUSED"}
        assert any("gave up" in incident.message for incident in status.incidents)


def test_what_is_made_waits_to_be_published_and_is_not_made_again(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 0.01)
    with batch(room, 1) as (tools, run_id, line, _):
        settle, away = tools.catalog.store.settle, times(StoreUnavailable("the mount is lost"), 3)
        monkeypatch.setattr(tools.catalog.store, "settle", Fault(away, settle))
        work(line)
        assert states(tools, run_id) == [("done", 1)]
        assert [one.code for one in incidents_of(tools.catalog, run_id)] == ["STORE_UNAVAILABLE"]
    assert {row.state for row in room.executions()} == {"done"}, "a stage was made again"


def test_what_a_stopped_worker_had_begun_to_publish_is_finished_and_stands(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    with batch(room, 1, cancelled=stop.is_set) as (tools, run_id, line, _):
        settle = tools.catalog.store.settle

        def lost() -> BaseException | None:
            """Nothing for the picture's own file, which comes before any stage; then the mount is away for good."""
            if not room.executions():
                return None
            stop.set()
            return StoreUnavailable("the mount is lost")

        with monkeypatch.context() as patch:
            patch.setattr(tools.catalog.store, "settle", Fault(lost, settle))
            work(line)
        assert states(tools, run_id) == [("waiting", 0)]
        assert [row.state for row in room.executions()] == ["publishing"]
        tools.catalog.recover()
    assert [row.state for row in room.executions()] == ["done"]


def test_a_wait_ends_at_once_when_a_person_cancels(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 600.0)

    def error() -> BaseException:
        threading.Timer(0.2, stop.set).start()
        return StoreUnavailable("the mount is lost")

    faulty(monkeypatch, error)
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 600.0)
    with batch(room, 2, cancelled=stop.is_set) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("waiting", 0)] * 2


def test_a_worker_that_leaves_finishes_what_it_began(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = threading.Event()

    def error() -> None:
        leave.set()  # while the first shot is being prepared

    faulty(monkeypatch, error)
    with batch(room, 3, leaving=leave.is_set) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1), ("waiting", 0), ("waiting", 0)]


def test_a_killed_engine_is_tried_again_without_charge(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(monkeypatch, times(Killed("shot down from outside"), KILLS - 1))
    with batch(room, 1) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1)]


def test_a_shot_whose_engine_is_killed_again_and_again_goes_back_with_one_death(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = faulty(monkeypatch, times(Killed("shot down from outside"), KILLS))
    with batch(room, 2) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("waiting", 0), ("done", 1)]
        assert [shot.deaths for shot in shots_of(tools.catalog, run_id)] == [1, 0]
        assert fault.calls == KILLS + 1


def test_a_publication_under_a_lost_claim_is_refused_and_written_down(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between begin and publish the shot goes to somebody else, who finishes it."""
    with batch(room, 2, worker="host/slow") as (tools, run_id, line, claims):

        def stolen() -> None:
            if tools.catalog.release(claims[:1]):
                (other,) = tools.catalog.claim(None, [claims[0].shot_id], "tests:2", 600)
                tools.catalog.finish_shot(other, "done")

        faulty(monkeypatch, stolen)
        work(line)
        assert states(tools, run_id) == [("done", 1), ("done", 1)]
        (incident,) = incidents_of(tools.catalog, run_id)
        assert (incident.code, incident.shot_id, incident.worker) == ("STALE_CLAIM", claims[0].shot_id, "host/slow")
    assert [row.shot_id for row in room.executions(stage="prepare", state="done")] == [claims[1].shot_id]


def test_the_last_words_of_a_shot_wait_for_the_database(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 0.01)
    with batch(room, 1) as (tools, run_id, line, _):
        away = times(StoreUnavailable("the server restarts", code="DATABASE_AWAY"), 3)
        monkeypatch.setattr(tools.catalog, "finish_shots", Fault(away, tools.catalog.finish_shots))
        work(line)
        assert states(tools, run_id) == [("done", 1)]
        assert [incident.code for incident in incidents_of(tools.catalog, run_id)] == ["DATABASE_AWAY"]


def test_five_in_a_row_pause_a_run_that_has_only_this_worker(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest stays waiting, and so do the five."""
    faulty(monkeypatch, lambda: RuntimeError("the library is broken"))
    with room.tools() as tools:
        worker = tools.catalog.register_worker(
            name="here/local", pool="local", device="cpu", engines={}, weights={}, code_version="1"
        )
    known: list[tuple[Tools, str]] = []

    def leaving() -> bool:
        return any(tools.catalog.orders(run_id, worker).drain for tools, run_id in known)

    with batch(room, 7, worker="here/local", worker_id=worker, leaving=leaving) as (tools, run_id, line, _):
        known.append((tools, run_id))
        work(line)
        assert states(tools, run_id) == [("waiting", 0)] * 7
        status = run_status(tools.catalog, run_id)
        assert (status.run.state, status.run.paused_code) == ("paused", "UNEXPECTED")
        assert "the library is broken" in (status.run.paused_why or "")


def test_what_is_done_is_written_down_while_the_next_shot_takes_its_time(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps side by side, as in a run: two shots are done in a moment, the third one is drawn for minutes."""
    go_on = threading.Event()
    with batch(room, 3) as (tools, run_id, line, claims):
        slow, generate = claims[2].shot_id, Work.generate

        def generated(work: Work) -> None:
            if work.claim.shot_id == slow:
                assert go_on.wait(60)
            generate(work)

        monkeypatch.setattr(Work, "generate", generated)
        steps = [threading.Thread(target=step) for step in (line.prepare, line.generate, line.deliver)]
        try:
            for step in steps:
                step.start()
            until = time.monotonic() + 60
            while [state for state, _ in states(tools, run_id)] != ["done", "done", "claimed"]:
                assert time.monotonic() < until, states(tools, run_id)
                time.sleep(0.05)
        finally:
            go_on.set()
            for step in steps:
                step.join()
        assert {state for state, _ in states(tools, run_id)} == {"done"}
