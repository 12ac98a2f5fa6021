"""Keeping a run: what one step does, whoever does it, and however often; batches go to somebody else here."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import update

from catalog.errors import StoreUnavailable
from catalog.queries import OpenBatch, batch_shots, incidents_of, open_batches, run, shots_of
from catalog.tables import Shot
from flows.hand_out import Pools
from flows.keeper import take_over, tend
from flows.prefect_hints import PrefectAway, cancelled_by_a_person
from flows.worker_name import worker_name
from tasks.batches import Cut
from tasks.planner.facts import facts_of
from tasks.planner.plan import Means
from tasks.tools import Tools
from tests.workroom import Workroom, index_of


@dataclass
class Elsewhere:
    """A hand-out that only takes note; `away`: there is no Prefect; `gone`: batches that nobody will begin."""

    handed: list[tuple[str, str, str]] = field(default_factory=list)
    called_back: list[str] = field(default_factory=list)
    away: bool = False
    unfit: str = ""
    gone: list[str] = field(default_factory=list)
    tools: Tools | None = None

    def means(self, tools: Tools) -> Means:
        return tools.means

    def slots(self, pool: str) -> int:
        return 2

    def place(self, cut: Cut) -> tuple[str, str]:
        return ("", self.unfit) if self.unfit else (cut.pools[0], "")

    def serves(self, batch: OpenBatch) -> bool:
        return batch.pool != "local"

    def bring(self, plans: Sequence[Mapping[str, Any]]) -> None:
        pass

    def hand_out(self, run_id: str, batch_id: str, pool: str, queue: str) -> None:
        if self.away:
            raise PrefectAway("no answer")
        assert self.tools is not None
        self.tools.catalog.set_batch_state(batch_id, "planned", flow_run_id=f"flow-{batch_id}")
        self.handed.append((batch_id, pool, queue))

    def lost(self, batches: Sequence[OpenBatch]) -> list[str]:
        return [batch.id for batch in batches if batch.id in self.gone]

    def withdraw(self, batches: Sequence[OpenBatch]) -> None:
        self.called_back += [batch.id for batch in batches]


@contextmanager
def submitted(room: Workroom, shots: int = 3, **changes: Any) -> Iterator[tuple[Tools, str, Elsewhere]]:
    """A run in the catalog that nobody works yet."""
    room.picture("a.png")
    rows = [{"id": f"s{n}", "source": "a.png", "motion": {"amount": 0.05 + n / 100}} for n in range(shots)]
    planned = room.plan(room.manifest(rows))
    with room.tools() as tools:
        run_id = room.submit(tools, planned, **changes)
        yield tools, run_id, Elsewhere(tools=tools)


def deaths(tools: Tools, shot_id: str, count: int) -> None:
    with tools.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == shot_id).values(deaths=count))


def test_a_step_hands_every_idle_shot_out_once(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        assert [tend(tools, run_id, out) for _ in range(3)] == [False] * 3
        assert [(pool, queue) for _, pool, queue in out.handed] == [("cpu", "normal")]
        shots = [row.id for row in batch_shots(tools.catalog, out.handed[0][0])]
        assert shots == [row.id for row in shots_of(tools.catalog, run_id)]


@pytest.mark.parametrize("priority", ["urgent", "low"])
def test_the_queue_is_the_runs_priority(room: Workroom, priority: str) -> None:
    with submitted(room, priority=priority) as (tools, run_id, out):
        tend(tools, run_id, out)
        assert {queue for _, _, queue in out.handed} == {priority}


def test_a_batch_waits_while_prefect_is_away_and_keeps_its_name(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        out.away = True
        tend(tools, run_id, out)
        (planned,) = open_batches(tools.catalog, run_id)
        assert (planned.state, planned.flow_run_id) == ("planned", None)
        out.away = False
        tend(tools, run_id, out)
        assert [batch for batch, _, _ in out.handed] == [planned.id], "Prefect knows a batch by its id: no second one"


def test_shots_of_a_batch_nobody_will_begin_are_cut_anew(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        tend(tools, run_id, out)
        first = out.handed[0][0]
        out.gone = [first]
        tend(tools, run_id, out)
        (planned,) = open_batches(tools.catalog, run_id)
        assert planned.id == out.handed[1][0] != first
        assert len(batch_shots(tools.catalog, planned.id)) == 3
        tools.catalog.set_batch_state(first, "running")  # its flow run starts late all the same
        assert [one.id for one in open_batches(tools.catalog, run_id)] == [planned.id]


def test_a_batch_planned_by_a_process_that_is_gone_is_cut_anew_for_the_pools(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        shots = [row.id for row in shots_of(tools.catalog, run_id)]
        tools.catalog.new_batch(run_id, shots)
        tend(tools, run_id, out)
        assert [pool for _, pool, _ in out.handed] == ["cpu"]


def test_a_shot_with_three_deaths_has_a_batch_of_its_own(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        deaths(tools, f"{run_id}.00002", 3)
        tend(tools, run_id, out)
        handed = sorted([row.id[-1] for row in batch_shots(tools.catalog, one)] for one, _, _ in out.handed)
        assert handed == [["1", "3"], ["2"]]


def test_a_batch_that_fits_nobody_is_told_once_and_waits(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        out.unfit = "host/cpu: weights: svd-xt is not here"
        assert [tend(tools, run_id, out) for _ in range(3)] == [False] * 3
        told = [one.message for one in incidents_of(tools.catalog, run_id) if one.code == "BATCH_DOES_NOT_FIT"]
        assert len(told) == 1 and "svd-xt is not here" in told[0]
        assert not open_batches(tools.catalog, run_id)
        out.unfit = ""
        tend(tools, run_id, out)
        assert len(out.handed) == 1


def test_a_cancelled_run_calls_its_batches_back_fills_the_folder_and_ends(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        tend(tools, run_id, out)
        tools.catalog.cancel_run(run_id, "test")
        assert tend(tools, run_id, out)
        assert out.called_back == [out.handed[0][0]]
        assert run(tools.catalog, run_id).state == "cancelled"
    assert {row["state"] for row in index_of(room.folder / "out")} == {"cancelled"}


def test_a_shot_given_back_while_its_run_is_cancelled_is_cancelled_too(room: Workroom) -> None:
    """Its worker had not heard of it when the shot failed, and gave it up for somebody else to try."""
    with submitted(room) as (tools, run_id, out):
        tools.catalog.cancel_run(run_id, "test")
        with tools.catalog.database.write() as connection:
            connection.execute(update(Shot).where(Shot.run_id == run_id).values(state="waiting", ended_at=None))
        assert tend(tools, run_id, out)
        assert run(tools.catalog, run_id).state == "cancelled"


def test_an_out_folder_that_cannot_be_written_is_waited_for_like_a_store(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        shots = [row.id for row in shots_of(tools.catalog, run_id)]
        for claim in tools.catalog.claim(None, shots, "tests:1", 600):
            tools.catalog.finish_shot(claim, "done")
        (room.folder / "out").write_text("a file is in its place", encoding="utf-8")
        with pytest.raises(StoreUnavailable, match="cannot be written") as refused:
            tend(tools, run_id, out)
        assert refused.value.code == "OUT_FOLDER_AWAY" and f"dailies resume {run_id}" in str(refused.value)
        (room.folder / "out").unlink()
        assert tend(tools, run_id, out)


@pytest.mark.timeout(45)  # it was a minute, and with Prefect's own patience seven
def test_a_prefect_that_listens_and_says_nothing_holds_nobody_up() -> None:
    """Who asks renews leases in the same thread."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/api"
        with temporary_settings({PREFECT_API_URL: address}):
            assert not cancelled_by_a_person("00000000-0000-0000-0000-000000000000")


def test_a_paused_run_hands_nothing_out_and_lets_its_parent_end(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, out):
        tend(tools, run_id, out)
        tools.catalog.pause_run(run_id, "ENGINE_FAILED", "five in a row", "test")
        assert tend(tools, run_id, out), "nothing is in work: there is nothing to wait for"
        assert run(tools.catalog, run_id).state == "paused"
        tools.catalog.reopen_run(run_id, "test")
        assert not tend(tools, run_id, out)
        assert len(out.handed) == 2


def test_a_run_ends_only_after_its_folder_is_filled(room: Workroom) -> None:
    states: list[str] = []
    with submitted(room) as (tools, run_id, out):
        shots = [row.id for row in shots_of(tools.catalog, run_id)]
        for claim in tools.catalog.claim(None, shots, "tests:1", 600):
            tools.catalog.finish_shot(claim, "done")
        assert tend(tools, run_id, out, lambda folder: states.append(run(tools.catalog, run_id).state))
        assert states == ["planned"], "a run that is over has its folder"
        assert run(tools.catalog, run_id).state == "done"
    assert [row["state"] for row in index_of(room.folder / "out")] == ["done"] * 3


def test_one_keeper_at_a_time_and_an_adoption_is_told_once(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, _):
        host, pid, _start = worker_name().split(":")
        assert tools.catalog.keep_run(run_id, "elsewhere:1:1", 60)
        assert not take_over(tools.catalog, run_id, 60), "it lives, for all we know"
        tools.catalog.let_go(run_id, "elsewhere:1:1")
        assert tools.catalog.keep_run(run_id, f"{host}:{pid}:0", 60)  # a process of this host that is gone
        assert take_over(tools.catalog, run_id, 60) and take_over(tools.catalog, run_id, 60)
        assert [one.code for one in incidents_of(tools.catalog, run_id)] == ["RUN_ADOPTED"]


def test_the_pools_take_a_batch_where_a_worker_has_all_of_it(room: Workroom) -> None:
    with submitted(room) as (tools, run_id, _):
        pools = Pools(tools, room.settings)
        needs = {"plan_version": 1, "engines": ["camera"], "weights": [], "codecs": ["h264"], "vram_bytes": 0}
        camera = Cut((f"{run_id}.00001",), needs, 1.0)
        svd = Cut((f"{run_id}.00002",), needs | {"engines": ["svd"], "weights": ["svd-xt"]}, 1.0)
        assert pools.place(camera)[0] == "" and "no worker of pool cpu" in pools.place(camera)[1]
        facts = facts_of(tools.ffmpeg, tools.weights_dir, "cpu", hashed=False)
        mine = {"device": "cpu", "engines": facts.engines, "weights": {}, "code_version": "1"}
        tools.catalog.register_worker(name="h/cpu", pool="cpu", slots=3, **mine)
        assert pools.place(camera) == ("cpu", "")
        assert pools.place(svd)[0] == "" and "svd-xt" in pools.place(svd)[1]
        assert pools.slots("cpu") == 3
        tools.catalog.drain_worker("h/cpu", "test", "a test")
        assert pools.place(camera) == ("", "h/cpu is draining")
