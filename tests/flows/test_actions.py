"""What people do in the dashboard, carried out on a real catalog; what would be started is only noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from catalog.queries import incidents_of, run, shots_of
from dashboard.errors import Refused
from flows import detached
from flows.actions import FlowActions
from flows.cli import command
from flows.hand_out import Here
from flows.request import Request
from tests.tasks.scene.storyroom import board
from tests.tasks.scene.storyroom import run as scene_run
from tests.workroom import Workroom, index_of

Started = list[tuple[str, ...]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    found: Started = []

    def note(settings: object, what: str, subject: str, who: str, more: Sequence[str] = ()) -> Path:
        found.append((what, subject, who, *more))
        return Path("log")

    monkeypatch.setattr(detached, "start", note)
    return found


@pytest.fixture
def actions(room: Workroom, started: Started) -> Iterator[FlowActions]:
    with room.tools() as tools:
        yield FlowActions(tools.catalog, room.settings)


def test_a_manifest_is_submitted_as_text(room: Workroom, actions: FlowActions, started: Started) -> None:
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}], roots=[str(room.folder)])
    said = actions.submit("anna", manifest.read_text())
    assert said == "tests is being planned, 1 shot; it appears under Today"
    ((what, path, who),) = started
    assert (what, who) == ("run", "anna") and Path(path).parent == room.settings.home / "submitted"
    assert len(Request(Path(path)).load().shots) == 1
    actions.submit("anna", f"{manifest}\n")
    assert started[1] == ("run", str(manifest), "anna"), "the absolute path of a manifest will do"


def test_a_manifest_that_is_wrong_starts_nothing(actions: FlowActions, started: Started) -> None:
    for wrong, code in (
        ("version: 1\nname: x\nrows: [{id: a, source: b.png, sorce: c.png}]\n", "UNKNOWN_KEY"),
        (": [", "YAML_BROKEN"),
        ("/somewhere/a\0b.yaml", "YAML_BROKEN"),
    ):
        with pytest.raises(Refused) as refused:
            actions.submit("anna", wrong)
        assert (refused.value.status, refused.value.code) == (422, code)
    assert started == []


def test_another_is_made_of_a_shots_own_words(room: Workroom, actions: FlowActions, started: Started) -> None:
    room.picture("a.png")
    done = room.run(room.manifest([{"id": "a", "source": "a.png", "title": "<b>Mug</b>", "motion": {"move": "push"}}]))
    with room.tools() as tools:
        (shot,) = shots_of(tools.catalog, done.run_id)
    actions.make_another("anna", shot.id, {"motion.move": "arc", "seed": "7", "nonsense": "x"})
    ((what, path, who, *words),) = started
    assert (what, who, words) == ("run", "anna", ["motion.move=arc", "seed=7"])
    (row,) = yaml.safe_load(Path(path).read_text())["rows"]
    assert (row["id"], row["title"]) == ("a-move-arc-seed-7", "<b>Mug</b>")
    (asked,) = Request(Path(path), tuple(words)).load().shots
    assert (asked.ask.motion.move, asked.ask.seed, asked.ask.title) == ("arc", 7, "<b>Mug</b>")
    with pytest.raises(Refused):
        actions.make_another("anna", shot.id, {"motion.move": "sideways"})


def test_another_of_a_panel_keeps_its_move_and_stands_alone(
    room: Workroom, actions: FlowActions, started: Started
) -> None:
    """A push is no panel's default; its scene, and what scenes are cut from, are not in the other manifest."""
    room.picture("a.png")
    rows = [{"id": "p", "source": "a.png", "motion": {"move": "push"}, "transition": {"kind": "dissolve"}, "rate": 24}]
    scenes = {"s": {"preset": "small_shop", "speed": "draft", "leader": 0, "rate": 24}}
    manifest = room.manifest(rows, kind="storyboard", scenes=scenes)
    with room.tools() as tools:
        run_id = room.submit(tools, room.plan(manifest))
        panel = next(shot for shot in shots_of(tools.catalog, run_id) if shot.key == "p")
    assert "small_shop_shot" in panel.ask["deliver"]
    actions.make_another("anna", panel.id, {"seed": "3"})
    ((_, path, _, *words),) = started
    (asked,) = Request(Path(path), tuple(words)).load().shots
    assert (asked.ask.motion.move, asked.ask.seed, asked.ask.scene, asked.ask.rate) == ("push", 3, "", 24)
    assert asked.ask.deliver == ("small_wide", "small_shop") and asked.ask.product == "whole"


def test_a_run_is_cancelled_at_once_and_kept_to_its_end(room: Workroom, actions: FlowActions, started: Started) -> None:
    room.picture("a.png")
    request = Request(room.manifest([{"id": "a", "source": "a.png"}]))
    with room.tools() as tools:
        run_id = room.submit(tools, request.plan(tools, request.load()))
        actions.cancel("anna", run_id)
        assert run(tools.catalog, run_id).state == "cancelling"
        assert [one.state for one in shots_of(tools.catalog, run_id)] == ["cancelled"]
        actions.retry("anna", [one.id for one in shots_of(tools.catalog, run_id)])
        assert [one.state for one in shots_of(tools.catalog, run_id)] == ["waiting"]
    assert started == [("keep", run_id, "anna"), ("keep", run_id, "anna")]


def test_a_run_that_a_person_has_kept_is_no_incident(
    room: Workroom, actions: FlowActions, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.picture("a.png")
    with room.tools() as tools:
        run_id = room.submit(tools, room.plan(room.manifest([{"id": "a", "source": "a.png"}])))
        actions.cancel("anna", run_id)
        monkeypatch.setenv("DAILIES_HOME", str(room.settings.home))
        monkeypatch.setattr("flows.prefect_home.start_server", lambda: lambda: None)
        monkeypatch.setattr("flows.detached.join", lambda settings: None)
        monkeypatch.setattr("flows.hand_out.chosen", lambda tools, settings: Here())
        assert detached.main(list(started[0])) == 0
        assert run(tools.catalog, run_id).state == "cancelled"
        assert incidents_of(tools.catalog, run_id) == []


@pytest.mark.usefixtures("small")
def test_an_editor_gets_clips_that_another_run_has_superseded(
    room: Workroom, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAILIES_HOME", str(room.settings.home))
    manifest = board(room, {}, {})
    first = scene_run(room, manifest)
    room.picture("p1.png", seed=99)
    scene_run(room, manifest)
    folder = room.folder / "editor"
    assert command(["export", str(folder), "--editor", "--handles", "0", "--run", first.run_id]) == 0
    assert "has 2 shots of scene s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--editor", "--approved"], "EDITOR_ALONE"),
        (["--editor", "--index", "shop"], "EDITOR_ALONE"),
        (["--editor", "--preset", "web_1080p"], "EDITOR_ALONE"),
        (["--editor", "--tag", "spring"], "EDITOR_ALONE"),
        (["--handles", "4"], "NEEDS_EDITOR"),
        (["--approved", "--scene", "s"], "NEEDS_EDITOR"),
        (["--index", "shop"], "NEEDS_APPROVED"),
    ],
)
def test_options_of_an_export_that_would_say_nothing_are_refused(
    room: Workroom, options: list[str], code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAILIES_HOME", str(room.settings.home))
    assert command(["export", str(room.folder / "sent"), *options]) == 2
    assert code in capsys.readouterr().err and not (room.folder / "sent").exists()


def test_tokens_are_made_listed_and_taken_back(
    room: Workroom, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAILIES_HOME", str(room.settings.home))
    assert command(["dashboard", "--host", "10.255.255.1"]) == 2, "nobody has a token yet"
    assert "NO_TOKENS" in capsys.readouterr().err
    assert command(["token", "add", "anna", "--role", "reviewer"]) == 0
    assert command(["token", "add", "anna", "--role", "viewer"]) == 2
    assert "TOKEN_EXISTS" in capsys.readouterr().err
    assert command(["token", "list"]) == 0 and "anna: reviewer" in capsys.readouterr().out
    assert command(["dashboard", "--host", "0.0.0.0"]) == 2 and "NO_NAME" in capsys.readouterr().err
    assert command(["token", "remove", "anna"]) == 0 and command(["token", "remove", "anna"]) == 2


def test_what_is_approved_is_exported_into_the_out_folder(
    room: Workroom, actions: FlowActions, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the command does it, which is what is started."""
    room.picture("a.png")
    made_by = room.manifest([{"id": "a", "source": "a.png"}, {"id": "b", "source": "a.png"}])
    made = room.run(made_by)
    with pytest.raises(Refused, match="nothing of tests is approved"):
        actions.send("anna", made.run_id)
    actions.review("anna", "approved", [row.delivery.id for row in made.rows if row.item == "a"], "")
    folder = made.out.folder / "approved"
    assert actions.send("anna", made.run_id) == f"1 approved delivery goes to {folder}"
    assert started == [("send", made.run_id, "anna", str(folder))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DAILIES_HOME", str(room.settings.home))
        assert detached.main(["send", made.run_id, "anna", str(folder)]) == 0
        assert command(["export", str(folder), "--again"]) == 2
    assert "1 new, 0 replaced, 0 withdrawn" in capsys.readouterr().out
    assert [row["id"] for row in index_of(folder)] == ["a"]
    room.picture("a.png", seed=9)
    room.run(made_by)
    with pytest.raises(Refused, match="nothing of tests is approved"):
        actions.send("anna", made.run_id)
