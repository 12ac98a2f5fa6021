"""The whole way of a shot, on the line itself: what is made, what is not made again, and what a bad picture does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.queries import shots_of
from catalog.trace import trace
from flows.request import Request
from manifests.errors import InputError
from tasks.way import PictureChanged
from tests.workroom import Workroom, decoded, flip_a_byte, index_of


def test_a_manifest_becomes_files_an_index_and_a_contact_sheet(room: Workroom) -> None:
    room.picture("a.png")
    rows = [
        {
            "id": "a",
            "source": "a.png",
            "title": "=cmd|' /C calc'!A0",
            "deliver": ["small_wide", "small_tall"],
            "meta": {"sku": 7, "shade": "+rot", "price": None},
        }
    ]
    ended = room.run(room.manifest(rows))

    out = room.folder / "out"
    assert ended.status.run.state == "done"
    assert {path.name for path in out.iterdir()} == {
        "a_small_wide.mp4",
        "a_small_wide.jpg",
        "a_small_tall.mp4",
        "a_small_tall.jpg",
        "contact-sheet.jpg",
        "index.csv",
        "index.json",
    }
    assert decoded(out / "a_small_wide.mp4").shape == (15, 180, 320, 3)
    assert decoded(out / "a_small_tall.mp4").shape == (15, 320, 180, 3)
    wide = next(row for row in index_of(out) if row["preset"] == "small_wide")
    assert wide["title"] == "'=cmd|' /C calc'!A0", "a spreadsheet must not run a title"
    assert (wide["meta.sku"], wide["meta.shade"], wide["meta.price"]) == ("7", "'+rot", "")
    assert (wide["width"], wide["height"], wide["frames"], wide["rate"]) == ("320", "180", "15", "30")
    told = json.loads((out / "index.json").read_text())
    assert next(row for row in told if row["preset"] == "small_wide")["title"] == "=cmd|' /C calc'!A0"


@pytest.mark.promise("running again does only what is missing")
def test_the_same_manifest_again_runs_no_stage(room: Workroom) -> None:
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    first = room.run(manifest)
    again = room.run(manifest)
    assert first.made == {"prepare": 1, "animate": 1, "encode": 1}
    assert again.status.stages == ()
    assert again.status.run.state == "done"
    assert [row.made for row in again.rows] == [False]
    assert len(room.executions()) == 4


@pytest.mark.promise("a bad item never stops a batch")
def test_one_bad_picture_among_good_ones_is_quarantined_alone(room: Workroom) -> None:
    room.picture("a.png", 1)
    room.picture("c.png", 3)
    (room.folder / "b.png").write_bytes((room.folder / "a.png").read_bytes()[:300])
    ended = room.run(room.manifest([{"id": name, "source": f"{name}.png"} for name in "abc"]))
    assert ended.status.run.state == "failed"
    assert dict(ended.status.run.shots) == {"done": 2, "quarantined": 1}
    rows = {row["id"]: row for row in index_of(room.folder / "out")}
    assert rows["b"]["state"] == "quarantined"
    assert rows["b"]["error_code"], "the index must say why"
    assert rows["b"]["file"] == ""
    assert "m.yaml" in rows["b"]["error"], "and where it was asked"
    assert (room.folder / "out" / rows["a"]["file"]).is_file()


def test_the_same_picture_under_two_ids_is_made_once_and_delivered_twice(room: Workroom) -> None:
    room.picture("a.png")
    Path(room.folder / "b.png").write_bytes((room.folder / "a.png").read_bytes())
    ended = room.run(room.manifest([{"id": "one", "source": "a.png"}, {"id": "two", "source": "b.png"}]))
    assert ended.made == {"prepare": 1, "animate": 1, "encode": 1}
    assert {row["id"]: row["file"] for row in index_of(room.folder / "out")} == {
        "one": "one_small_wide.mp4",
        "two": "two_small_wide.mp4",
    }
    assert len({row.delivery.id for row in ended.rows}) == 2
    assert len({row.delivery.artifact for row in ended.rows}) == 1


def test_presets_that_share_frames_leave_in_one_pass(room: Workroom) -> None:
    room.picture("a.png")
    ended = room.run(room.manifest([{"id": "a", "source": "a.png", "deliver": ["small_wide", "small_shop"]}]))
    assert ended.made == {"prepare": 1, "animate": 1, "encode": 2}
    wide, shop = (decoded(ended.out.folder / f"a_small_{name}.mp4") for name in ("wide", "shop"))
    assert np.array_equal(wide, shop)


@pytest.mark.promise("damage is found")
def test_a_damaged_delivery_is_noticed_and_made_again(room: Workroom) -> None:
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    first = room.run(manifest)
    whole = first.rows[0].delivery.path.read_bytes()
    flip_a_byte(first.rows[0].delivery.path)

    again = room.run(manifest)
    assert again.made == {"encode": 1}, "its frames stream once more from the still that stands"
    assert again.remade == [("a", "small_wide")], "the run must say what was damaged"
    assert again.rows[0].delivery.path.read_bytes() == whole
    assert (room.folder / "out/a_small_wide.mp4").read_bytes() == whole
    third = room.run(manifest)
    assert (third.status.stages, third.remade) == ((), [])


def test_a_damaged_still_is_noticed_by_the_run_that_needs_it(room: Workroom) -> None:
    room.picture("a.png")
    row = {"id": "a", "source": "a.png"}
    room.run(room.manifest([row]))
    still = max(room.stored("still"), key=lambda path: path.stat().st_size)
    whole = still.read_bytes()
    flip_a_byte(still)

    unneeded = room.run(room.manifest([row]))
    assert unneeded.status.stages == (), "a delivery that stands needs no still"
    needed = room.run(room.manifest([row | {"speed": "best"}]))
    assert needed.made == {"prepare": 1, "encode": 1}
    assert needed.remade[0] == ("a", "prepare")
    assert still.read_bytes() == whole


def test_a_damaged_source_in_the_store_is_taken_in_again(room: Workroom) -> None:
    room.picture("a.png")
    row = {"id": "a", "source": "a.png"}
    first = room.run(room.manifest([row]))
    source = room.stored("source")[0]
    flip_a_byte(source)
    again = room.run(room.manifest([row | {"place": {"fill": 0.5}}]))
    assert again.status.run.state == "done"
    assert source.read_bytes() == (room.folder / "a.png").read_bytes()
    assert not np.array_equal(decoded(first.rows[0].delivery.path), decoded(again.rows[0].delivery.path))


def test_a_changed_profile_remakes_what_depends_on_it_and_nothing_else(room: Workroom) -> None:
    for seed, name in enumerate("abc"):
        room.picture(f"{name}.png", seed)
    rows = [{"id": "a", "source": "a.png", "profile": "hero"}] + [{"id": n, "source": f"{n}.png"} for n in "bc"]

    def asked(amount: float) -> Path:
        return room.manifest(rows, profiles={"hero": {"motion": {"amount": amount}}})

    room.run(asked(0.1))
    changed = room.run(asked(0.2))
    assert {row.item: row.made for row in changed.rows} == {"a": True, "b": False, "c": False}
    assert changed.made["encode"] == 1
    back = room.run(asked(0.1))
    assert back.made == {}, "what was made before is found again"


def test_a_newer_version_remakes_nothing_until_it_is_asked_to(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    room.picture("a.png", 1)
    room.picture("b.png", 2)
    manifest = room.manifest([{"id": name, "source": f"{name}.png"} for name in "ab"])
    first = room.run(manifest)
    monkeypatch.setattr("tasks.encode.VERSION", 1000)

    planned = room.plan(manifest)
    assert len(planned.standing.older) == 2, "the plan must say how many a refresh would remake"
    assert sum(planned.seconds.values()) == 0
    assert room.run(manifest).status.stages == ()

    refreshed = room.run(manifest, refresh=True)
    assert refreshed.made == {"encode": 2}, "exactly those, and no still"
    assert [row.delivery.artifact for row in refreshed.rows] == [row.delivery.artifact for row in first.rows]
    assert room.plan(manifest).standing.older == frozenset()
    again = room.run(manifest, refresh=True)
    assert (again.made, [row.made for row in again.rows]) == ({}, [False, False])


def test_a_picture_that_changes_after_planning_is_planned_anew_never_mixed(room: Workroom) -> None:
    room.picture("a.png", 1)
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    ended = room.run(manifest, between=lambda: room.picture("a.png", 2, (600, 480)))
    assert ended.status.run.state == "done"
    fresh = room.run(manifest)
    assert fresh.status.stages == (), "what was made is what the new picture asks for"
    lineage = json.dumps(_lineage(room, ended.rows[0].delivery.artifact))
    assert hashlib.sha256((room.folder / "a.png").read_bytes()).hexdigest() in lineage
    assert ended.plan.shots[0].plan is not None
    assert ended.plan.shots[0].plan.picture.sha256 not in lineage


def test_a_picture_that_is_gone_after_planning_is_quarantined(room: Workroom) -> None:
    picture = room.picture("a.png")
    ended = room.run(room.manifest([{"id": "a", "source": "a.png"}]), between=picture.unlink)
    failure = ended.status.failures[0]
    assert (failure.code, failure.state) == ("PICTURE_MISSING", "quarantined")
    assert "resume" in failure.example


def test_a_line_that_is_cancelled_gives_its_shots_back_unharmed(room: Workroom) -> None:
    for seed, name in enumerate("ab"):
        room.picture(f"{name}.png", seed)
    manifest = room.manifest([{"id": name, "source": f"{name}.png"} for name in "ab"])
    asked = iter([False] * 6 + [True] * 100_000)
    with room.tools(cancelled=lambda: next(asked)) as tools:
        request = Request(manifest)
        run_id = room.submit(tools, request.plan(tools, request.load()))
        stopped = room.work(tools, run_id)
        assert dict(stopped.status.run.shots) == {"waiting": 2}
        assert not list(tools.catalog.store.incoming.iterdir()), "nothing half-made is left"
    with room.tools() as tools:
        assert [shot.attempts for shot in shots_of(tools.catalog, run_id)] == [0, 0]
        done = room.work(tools, run_id)
    assert done.status.run.state == "done"
    twice = [row.recipe_sha256 for row in room.executions(state="done")]
    assert len(twice) == len(set(twice)), "what was finished is not made again"


@pytest.mark.promise("NaN, black, frozen frames are never published")
def test_a_file_that_fails_its_inspection_is_not_published(room: Workroom) -> None:
    """A grey card that is meant to move shows no motion: the finished file is refused and says why."""
    Image.new("RGB", (480, 270), (128, 128, 128)).save(room.folder / "a.png")
    room.picture("b.png")
    ended = room.run(
        room.manifest([{"id": "a", "source": "a.png", "product": "whole"}, {"id": "b", "source": "b.png"}])
    )
    states = {shot["id"]: shot["state"] for shot in index_of(room.folder / "out")}
    assert states == {"a": "failed", "b": "done"}
    assert [path.name for path in (room.folder / "out").glob("a_*")] == []
    assert ended.status.failures[0].example


def test_trace_tells_every_stage_of_a_delivery(room: Workroom) -> None:
    room.picture("a.png")
    ended = room.run(room.manifest([{"id": "a", "source": "a.png"}]))
    copy = room.folder / "renamed by a customer.mp4"
    copy.write_bytes(ended.rows[0].delivery.path.read_bytes())
    stages = {}
    for node in _walk(_lineage(room, str(copy))["roots"]):
        if node["kind"] == "execution":
            stages[node["facts"]["stage"]] = node["facts"]
    assert set(stages) == {"encode", "animate", "prepare"}
    for facts in stages.values():
        assert facts["recipe"] and facts["recipe_sha256"] and facts["engine_versions"] and facts["host"]
        assert facts["seconds"] is not None
    assert stages["animate"]["engine"] == "camera"


def test_a_picture_changed_error_is_an_input_error() -> None:
    assert issubclass(PictureChanged, InputError), "a picture that keeps changing is quarantined, not retried"


def _lineage(room: Workroom, what: str) -> dict[str, Any]:
    with room.tools() as tools:
        return trace(tools.catalog, what).as_dict()


def _walk(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [node for root in nodes for node in [root, *_walk(root["made_from"])]]
