"""Runs with scenes: what is made, what is not made again, and what becomes of a scene whose shots fail."""

from __future__ import annotations

from typing import Any

import av
import pytest

from catalog.retention import Rules
from catalog.trace import trace
from manifests.errors import ManifestError
from tasks.retention import collect
from tasks.verification import check_files, read_again
from tests.tasks.scene.sounding import click, onsets
from tests.tasks.scene.storyroom import board, differing, run, told
from tests.workroom import Workroom, decoded, flip_a_byte, index_of

DISSOLVE = {"transition": {"kind": "dissolve", "seconds": 0.25}}
SIX, TWELVE = 6, 12  # frames of the leader, and of a panel, at 24


def sources(room: Workroom, what: str) -> set[str]:
    """Names of the pictures and sounds that a file was made from."""
    with room.tools() as tools:
        roots = trace(tools.catalog, what).as_dict()["roots"]
    found: set[str] = set()
    while roots:
        node = roots.pop()
        if node["kind"] == "artifact" and node["facts"].get("kind") == "source":
            found.add(node["facts"]["media"]["name"])
        roots += node["made_from"]
    return found


def test_a_run_with_a_scene_delivers_it_beside_its_panels(room: Workroom) -> None:
    ended = run(room, board(room, {}, {"dialogue": "Now!"}, DISSOLVE))
    assert ended.status.run.state == "done", ended.status.failures
    assert ended.made == {"prepare": 3, "animate": 3, "encode": 3, "segment": 5, "mix": 1, "assemble": 1}
    assert decoded(ended.file()).shape == (SIX + 3 * TWELVE, 180, 320, 3)
    rows = {row["id"]: row for row in index_of(ended.out)}
    assert rows["s"]["state"] == "done" and (ended.out / rows["s"]["file"]).read_bytes() == ended.file().read_bytes()
    assert (ended.out / rows["s"]["file"]).with_suffix(".srt").read_text().endswith("Now!\n\n")


def test_a_scene_is_traced_to_every_source_picture(room: Workroom) -> None:
    ended = run(room, board(room, {}, {}, DISSOLVE))
    assert sources(room, str(ended.file())) == {"p0.png", "p1.png", "p2.png"}
    deliveries = {row.delivery.artifact for row in ended.rows if row.item != "s"}
    with room.tools() as tools:
        lineage = str(trace(tools.catalog, str(ended.file())).as_dict())
    assert len(deliveries) == 3 and all(one in lineage for one in deliveries), (
        "panels' deliveries are what it is cut of"
    )


def test_the_same_board_again_makes_nothing(room: Workroom) -> None:
    manifest = board(room, {}, {}, DISSOLVE)
    first = run(room, manifest)
    again = run(room, manifest)
    assert (again.made, again.status.run.state) == ({}, "done")
    assert again.file() == first.file()
    refreshed = run(room, manifest, refresh=True)
    assert (refreshed.made, refreshed.status.run.state) == ({}, "done"), "nothing is newer"
    assert refreshed.file() == first.file()


def test_a_changed_picture_makes_its_panel_its_segments_and_the_join_again(room: Workroom) -> None:
    """Cut on both sides it is one segment; into a dissolve it is two."""
    manifest = board(room, {}, {}, {}, DISSOLVE, {})
    first = run(room, manifest)
    room.picture("p1.png", seed=77)
    second = run(room, manifest)
    assert second.made == {"prepare": 1, "animate": 1, "encode": 1, "segment": 1, "assemble": 1}
    assert differing(first.file(), second.file()) == set(range(SIX + TWELVE, SIX + 2 * TWELVE))
    room.picture("p3.png", seed=78)
    third = run(room, manifest)
    assert third.made == {"prepare": 1, "animate": 1, "encode": 1, "segment": 2, "assemble": 1}
    changed = differing(second.file(), third.file())
    assert changed <= set(range(SIX + 3 * TWELVE - 3, SIX + 4 * TWELVE)) and len(changed) >= TWELVE, changed


def test_a_changed_word_makes_no_picture_again(room: Workroom) -> None:
    run(room, board(room, {"dialogue": "Then."}, {}))
    again = run(room, board(room, {"dialogue": "Now!"}, {}))
    assert again.made == {"assemble": 1}


def test_a_longer_last_panel_leaves_all_segments_before_it(room: Workroom) -> None:
    run(room, board(room, {}, {}, {}))
    again = run(room, board(room, {}, {}, {"seconds": 1.0}))
    assert again.made == {"animate": 1, "encode": 1, "segment": 2, "mix": 1, "assemble": 1}, (
        "the slate tells the length"
    )


def test_a_picture_that_is_missing_is_a_card_in_its_place_and_is_cut_in_once_it_is_there(room: Workroom) -> None:
    manifest = board(room, {}, {}, {})
    whole = run(room, manifest)
    other = Workroom(room.folder / "other")
    other.folder.mkdir()
    manifest = board(other, {}, {}, {})
    (other.folder / "p1.png").unlink()
    ended = run(other, manifest)
    assert ended.status.run.state == "failed"
    assert dict(ended.status.run.shots) == {"done": 3, "quarantined": 1}
    assert differing(whole.file(), ended.file()) == {*range(SIX + TWELVE, SIX + 2 * TWELVE)}, "a card, where it belongs"
    other.picture("p1.png", seed=2)
    mended = run(other, manifest)
    assert mended.status.run.state == "done"
    assert mended.made == {"prepare": 1, "animate": 1, "encode": 1, "segment": 1, "assemble": 1}
    assert differing(whole.file(), mended.file()) == set()


@pytest.mark.parametrize("preset", ["small_wide", "small_shop"])
def test_a_picture_that_changes_after_planning_is_cut_in_as_it_is_now(preset: str, room: Workroom) -> None:
    """Also where shots are delivered in what only a scene may ask for."""
    manifest = board(room, {}, {}, {}, scenes={"s": {"preset": preset, "speed": "draft", "leader": 0.25}})
    ended = run(room, manifest, between=lambda: room.picture("p1.png", seed=55))
    assert ended.status.run.state == "done"
    fresh = run(room, manifest)
    assert differing(ended.file(), fresh.file()) == set()


@pytest.mark.parametrize("there", [True, False])
def test_a_row_that_has_the_name_of_a_scene_takes_it_from_the_scene(there: bool, room: Workroom) -> None:
    """Both would have one key among the shots of the run; the row is made, or refused for its own sake."""
    manifest = board(room, {"id": "scene/s"}, {})
    if not there:
        (room.folder / "p0.png").unlink()
    ended = run(room, manifest)
    told = {one.code for one in ended.status.failures}
    assert "BAD_SCENE" in told and ("PICTURE_MISSING" in told) is not there, ended.status.failures
    assert ended.status.run.state == "failed" and sum(ended.status.run.shots.values()) == 3
    assert {row.item for row in ended.rows} == ({"scene/s", "r1"} if there else {"r1"})


def test_two_scenes_of_one_board_are_two_files(room: Workroom) -> None:
    scene = {"preset": "small_wide", "speed": "draft", "leader": 0}
    shots = [{"scene": "one"}, {"scene": "two", "seconds": 1.0}, {"scene": "one"}]
    ended = run(room, board(room, *shots, scenes={"one": scene, "two": dict(scene)}))
    assert ended.status.run.state == "done"
    assert [len(decoded(ended.file(name))) for name in ("one", "two")] == [24, 24]
    assert sources(room, str(ended.file("one"))) == {"p0.png", "p2.png"}


def test_a_product_trailer_is_exactly_as_long_as_it_is_wanted(room: Workroom) -> None:
    """Three clips of other lengths, rows of no scene beside them, with sound asked for by the preset."""
    scene = {"trailer": {"preset": "small_shop", "speed": "draft", "leader": 0, "rate": 25, "seconds": 3}}
    lengths = {"trailer": (1.3, 0.9, 2.2), "": (0.5,)}
    shots = [{"seconds": seconds, "scene": name} for name, some in lengths.items() for seconds in some]
    moving = {"deliver": ["small_wide"], "motion": {"move": "push"}}
    manifest = board(room, *shots, scenes=scene, kind="product", defaults=moving)
    ended = run(room, manifest)
    assert ended.status.run.state == "done", ended.status.failures
    with av.open(str(ended.file("trailer"))) as container:
        assert sum(1 for _ in container.decode(video=0)) == 75 and container.streams.audio
    assert {row.delivery.preset for row in ended.rows if row.item == "r0"} == {"small_wide", "small_shop_shot"}


def test_a_damaged_segment_is_noticed_by_the_run_that_needs_it(room: Workroom) -> None:
    first = run(room, board(room, {}, {}))
    for path in room.stored("segment"):
        flip_a_byte(path)
    unneeded = run(room, board(room, {}, {}))
    assert unneeded.made == {}, "a delivery that stands needs no segment"
    needed = run(room, board(room, {}, {"dialogue": "Now!"}))
    assert needed.made == {"segment": 3, "assemble": 1}
    assert differing(first.file(), needed.file()) == set()


def test_a_damaged_scene_is_joined_again_of_what_stands(room: Workroom) -> None:
    manifest = board(room, {}, {})
    first = run(room, manifest)
    whole = first.file().read_bytes()
    flip_a_byte(first.file())
    again = run(room, manifest)
    assert again.made == {"assemble": 1} and again.file().read_bytes() == whole


def test_nothing_is_told_of_a_run_without_scenes(room: Workroom) -> None:
    room.picture("a.png")
    ended = run(room, room.manifest([{"id": "a", "source": "a.png"}]))
    assert ended.made == {"prepare": 1, "animate": 1, "encode": 1}
    with room.tools() as tools:
        assert told(tools, ended.run_id).status.run.state == "done"


def test_sounds_of_panels_are_heard_where_their_panels_are(room: Workroom) -> None:
    """A panel's sound begins with it, `at` seconds later; the scene's own with the first frame after the leader."""
    click(room.folder, 0.0, 0.1)
    sound = {"path": "click.wav", "at": 0.2}
    scene = {"preset": "small_wide", "speed": "draft", "leader": 0.5, "loudness": "off"}
    whole = scene | {"sound": {"path": "click.wav", "at": 1.1, "gain": -6}}
    shots: list[dict[str, Any]] = [{}, {"sound": sound}, {}, {"sound": {"path": "click.wav"}}]
    ended = run(room, board(room, *shots, scenes={"s": whole}))
    assert ended.status.run.state == "done", ended.status.failures
    found, wanted = onsets(ended.file()), [0.5 + 0.5 + 0.2, 0.5 + 1.1, 0.5 + 1.5]
    assert len(found) == 3 and max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 1 / 48, found
    assert sources(room, str(ended.file())) == {"p0.png", "p1.png", "p2.png", "p3.png", "click.wav"}
    louder = run(room, board(room, *shots, scenes={"s": scene | {"sound": {"path": "click.wav", "at": 1.1}}}))
    assert louder.made == {"mix": 1, "assemble": 1}, "no picture is made again for a sound"


def test_a_sound_that_is_damaged_in_the_store_is_not_mixed_but_stored_again(room: Workroom) -> None:
    sound = click(room.folder, 0.0, 0.1)
    run(room, board(room, {"sound": {"path": "click.wav"}}))
    (stored,) = [path for path in room.stored("source") if path.read_bytes() == sound.read_bytes()]
    flip_a_byte(stored)
    again = run(room, board(room, {"sound": {"path": "click.wav", "at": 0.1}}))
    assert (again.made, again.status.run.state) == ({"mix": 1, "assemble": 1}, "done"), again.status.failures
    assert stored.read_bytes() == sound.read_bytes()


def test_a_sound_that_cannot_be_played_is_told_with_the_run_and_refuses_a_strict_one(room: Workroom) -> None:
    """The scene is made without it; a row's is told with its line, the scene's own with the scene's name."""
    (room.folder / "broken.wav").write_bytes(b"no sound at all" * 100)
    (room.folder / "empty.wav").write_bytes(b"")
    scene = {"preset": "small_wide", "speed": "draft", "leader": 0.25, "sound": {"path": "empty.wav"}}
    manifest = board(room, {}, {"sound": {"path": "broken.wav"}}, scenes={"s": scene})
    before = len(room.executions())
    with pytest.raises(ManifestError) as refused:
        run(room, manifest, strict=True)
    assert {problem.code for problem in refused.value.problems} == {"SOUND_UNREADABLE"}
    assert len(room.executions()) == before
    ended = run(room, manifest)
    assert ended.status.run.state == "done"
    scene_told, row_told = sorted(one.message for one in ended.status.incidents if one.code == "SOUND_UNREADABLE")
    assert "item 'r1': its sound 'broken.wav' is left out" in row_told and "m.yaml:" in row_told
    assert "scenes.s: its sound 'empty.wav' is left out" in scene_told


def test_what_was_collected_of_a_scene_is_made_again_only_when_something_needs_it(room: Workroom) -> None:
    """Segments and mixes save work and nothing else; they are read back whole, and traced when they are gone."""
    click(room.folder, 0.0, 0.1)
    shots: list[dict[str, Any]] = [{"sound": {"path": "click.wav"}}, DISSOLVE]
    first = run(room, board(room, *shots))
    pieces = [*room.stored("segment"), *room.stored("sound")]
    assert len(pieces) == 5
    with room.tools() as tools:
        assert not list(read_again(tools.catalog, tools.catalog.longest_unread(), threads=2, decode=True))
        sums = collect(tools.catalog, Rules(0, 0, 0, leftovers=0), remove=True)
        assert {"segment", "sound"} <= {line.kind for line in sums.go}
        assert {line.kind for line in sums.stay} == {"delivery", "poster", "source"}
        assert not list(check_files(tools.catalog)) and not any(path.exists() for path in pieces)
    assert len(sources(room, str(first.file()))) == 3
    assert run(room, board(room, *shots)).made == {}, "zero stages"
    again = run(room, board(room, shots[0] | {"dialogue": "Now!"}, shots[1]))
    assert again.made == {"assemble": 1} and all(path.exists() for path in pieces), "the same bytes are back"
    assert [one.state for one in room.executions(stage="segment")] == ["done"] * 4 + ["void"] * 4
    assert differing(first.file(), again.file()) == set()


def test_a_damaged_sound_in_the_store_is_found(room: Workroom) -> None:
    click(room.folder, 0.0, 0.1)
    run(room, board(room, {"sound": {"path": "click.wav"}}))
    (mixed,) = room.stored("sound")
    flip_a_byte(mixed)
    with room.tools() as tools:
        (found,) = read_again(tools.catalog, tools.catalog.longest_unread(), threads=2, decode=True)
    assert found.code == "FILE_DAMAGED" and found.sha256 in str(mixed)
