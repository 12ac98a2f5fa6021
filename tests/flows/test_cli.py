"""The command line, as people use it: what it says, what it leaves, and how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from flows.cli import command
from flows.doctor import masked
from tests.workroom import Workroom, flip_a_byte, index_of

FULL = {"deliver": ["web_1080p"], "upscale": {"still": False}}
"""Real presets, real sizes: what ships, not what tests add."""

Said = pytest.CaptureFixture[str]


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is not measured before its first plan, which takes seconds."""
    monkeypatch.setattr("flows.doctor.measure", lambda *_: {})


def tell(said: Said, *arguments: str) -> tuple[int, str, str]:
    """Run one command line: (exit status, what it printed, what it complained)."""
    said.readouterr()
    status = command(arguments)
    printed = said.readouterr()
    assert "Traceback" not in printed.err + printed.out, printed.err
    return status, printed.out, printed.err


def told(said: Said, *arguments: str) -> tuple[int, Any]:
    """The same with `--json`: nothing but JSON on stdout."""
    status, printed, _ = tell(said, *arguments, "--json")
    return status, json.loads(printed)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_a_manifest_goes_in_and_catalogued_clips_come_out(home: Workroom, prefect_server: str, capsys: Said) -> None:
    """The main road with the commands people type: run, again, trace, status, plan, export."""
    home.picture("a.png", 1)
    home.picture("b.png", 2)
    rows: list[dict[str, Any]] = [
        {"id": "mug", "source": "a.png", "title": "=cmd|' /C calc'!A0", "meta": {"sku": 7, "shade": "red"}},
        {"id": "cup", "source": "b.png", "meta": {"sku": 8, "shade": "-blue"}, "tags": ["summer"]},
    ]
    manifest = str(home.manifest(rows, defaults=FULL))

    status, printed, _ = tell(capsys, "run", manifest)
    out = home.folder / "out"
    assert status == 0, printed
    assert {path.name for path in out.iterdir()} == {
        *(f"{item}_web_1080p.{ending}" for item in ("mug", "cup") for ending in ("mp4", "jpg")),
        "contact-sheet.jpg",
        "index.csv",
        "index.json",
    }
    for place in (out, out / "index.csv", out / "contact-sheet.jpg", home.settings.home / "catalog.db"):
        assert str(place) in printed, printed
    mug, cup = index_of(out)
    assert mug["title"] == "'=cmd|' /C calc'!A0"
    assert [(row["meta.sku"], row["meta.shade"]) for row in (mug, cup)] == [("7", "red"), ("8", "'-blue")]
    assert [row["meta.sku"] for row in json.loads((out / "index.json").read_text())] == [7, 8]

    status, printed, _ = tell(capsys, "run", manifest)
    assert status == 0
    assert "0 stages ran" in printed, printed

    whole = (out / "cup_web_1080p.mp4").read_bytes()
    flip_a_byte(out / "cup_web_1080p.mp4")  # a link to the stored file
    status, printed, _ = tell(capsys, "run", manifest)
    assert status == 0
    assert "damaged cup, web_1080p" in printed, printed
    assert (out / "cup_web_1080p.mp4").read_bytes() == whole

    copy = home.folder / "sent by mail.mp4"
    copy.write_bytes((out / "mug_web_1080p.mp4").read_bytes())
    status, printed, _ = tell(capsys, "trace", str(copy))
    assert status == 0
    for words in ("encode by ffmpeg", "animate by camera", "prepare by dailies", "libx264", "move=push", "a.png"):
        assert words in printed, f"'{words}' is not in the lineage:\n{printed}"

    status, found = told(capsys, "status")
    assert (status, found["run"]["state"], found["run"]["shots"], found["deliveries"]) == (0, "done", {"done": 2}, 2)
    status, printed, _ = tell(capsys, "status")
    assert status == 0 and found["run"]["id"] in printed

    status, plan = told(capsys, "plan", manifest)
    assert (status, plan["deliveries_standing"], plan["deliveries_to_make"]) == (0, 2, 0)
    status, plan = told(capsys, "plan", manifest, "--set", "motion.amount=0.2")
    assert (plan["deliveries_standing"], plan["deliveries_to_make"]) == (0, 2)
    assert {stage["from"] for stage in plan["stages"]} == {"history"}

    stick = home.folder / "stick"
    status, made = told(capsys, "export", str(stick), "--tag", "summer")
    assert status == 0
    assert [Path(file).name for file in made["files"]] == ["cup_web_1080p.mp4"]
    assert (stick / "cup_web_1080p.mp4").stat().st_nlink == 1
    assert [row["id"] for row in index_of(stick)] == ["cup"]


@pytest.mark.slow
@pytest.mark.usefixtures("small", "unmeasured")
def test_bad_pictures_among_good_ones_exit_with_one(home: Workroom, prefect_server: str, capsys: Said) -> None:
    home.picture("a.png")
    (home.folder / "b.png").write_bytes((home.folder / "a.png").read_bytes()[:200])
    manifest = str(home.manifest([{"id": name, "source": f"{name}.png"} for name in "ab"]))
    status, printed, _ = tell(capsys, "run", manifest)
    assert status == 1
    assert "1 done, 1 quarantined" in printed, printed
    states = {row["id"]: (row["state"], bool(row["file"]), bool(row["error_code"])) for row in index_of(Path("out"))}
    assert states == {"a": ("done", True, False), "b": ("quarantined", False, True)}
    assert tell(capsys, "status")[0] == 1
    status, plan = told(capsys, "plan", manifest)
    assert (status, [problem["item"] for problem in plan["problems"]]) == (1, ["b"])


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_panels_are_animated_by_a_flow_of_their_own(home: Workroom, prefect_server: str, capsys: Said) -> None:
    home.picture("panel.png", size=(640, 360))
    row = {
        "id": "010",
        "source": "panel.png",
        "shot": "010",
        "panel": "A",
        "dialogue": "Not tonight.",
        "motion": {"move": "pan"},
    }
    manifest = home.manifest([row], kind="storyboard")
    status, outcome = told(capsys, "run", str(manifest))
    assert status == 0
    assert outcome["status"]["run"]["kind"] == "storyboard"
    (line,) = index_of(home.folder / "out")
    assert (line["shot"], line["panel"], line["dialogue"]) == ("010", "A", "Not tonight.")


TEN = """\
version: 1
name: ten
out: {folder: out}
defaults:
  motion: {amount: 7}
rows:
  - {id: one, source: a.png, seed: -4}
  - {id: two, source: missing.png}
  - {id: three, source: ../outside.png}
  - {id: four, source: "https://example.com/x.png"}
  - {id: five, source: a.png, deliver: [web_1080p, tiktok]}
  - {id: two, source: a.png}
  - {source: a.png}
  - {id: eight, source: a.png, engine: blender}
  - {id: nine, source: a.png, motoin: {move: push}}
"""


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_ten_faults_are_ten_sentences_and_nothing_is_touched(home: Workroom, capsys: Said, verb: str) -> None:
    home.picture("a.png")
    manifest = home.folder / "ten.yaml"
    manifest.write_text(TEN)
    before = sorted(home.folder.rglob("*"))
    status, printed, complained = tell(capsys, verb, str(manifest))
    assert (status, printed) == (2, "")
    lines = [line for line in complained.splitlines() if "✗" in line]
    assert len(lines) == 11, complained  # two rows share an id, and each is told
    for line in lines:
        assert "ten.yaml:" in line and line.rstrip().endswith("]"), line
    assert [int(line.split("ten.yaml:")[1].split(":")[0]) for line in lines] == [5, 7, 8, 8, *range(9, 16)]
    assert sorted(home.folder.rglob("*")) == before, "no home, no catalog, no out folder"
    status, faults = told(capsys, verb, str(manifest))
    assert (status, len(faults["problems"])) == (2, 11)
    assert all(fault["code"] and fault["line"] and fault["remedy"] for fault in faults["problems"])
    assert sorted(home.folder.rglob("*")) == before


def test_a_plan_tells_stages_reasons_and_costs_and_makes_nothing(home: Workroom, capsys: Said) -> None:
    home.picture("a.png", size=(240, 240))
    row = {"id": "a", "source": "a.png", "seconds": 3, "deliver": ["web_1080p", "tiktok_ads"]}
    manifest = str(home.manifest([row], defaults=FULL | {"upscale": {"still": "auto"}}))
    status, printed, _ = tell(capsys, "plan", manifest)
    assert status == 0
    for words in ("realesrgan-x4plus x4 first", "product takes", "camera push straight at 1920x1080", "money"):
        assert words in printed, f"'{words}' is missing:\n{printed}"
    assert "note tiktok_ads wants at least 5 s" in printed
    assert "benchmark" in printed, "this machine was measured once"
    assert not (home.folder / "out").exists()
    status, plan = told(capsys, "plan", manifest, "--set", "seconds=4")
    assert status == 0
    assert plan["deliveries_to_make"] == 2
    assert plan["seconds"] == pytest.approx(sum(stage["seconds"] for stage in plan["stages"]))
    assert 0 < plan["new_bytes"] < plan["free_bytes"]
    assert {stage["from"] for stage in plan["stages"]} == {"benchmark"}
    assert plan["shots"][0]["renditions"][0]["animate"]["frames"] == 120


@pytest.mark.usefixtures("unmeasured")
def test_money_is_time_at_the_price_that_is_set(home: Workroom, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    home.picture("a.png")
    monkeypatch.setenv("DAILIES_PRICE_CPU_HOUR", "0.36")
    _, plan = told(capsys, "plan", str(home.manifest([{"id": "a", "source": "a.png"}], defaults=FULL)))
    assert plan["money"] == pytest.approx(plan["seconds"] / 10_000)
    assert {stage["from"] for stage in plan["stages"]} == {"shipped"}


@pytest.mark.usefixtures("unmeasured")
def test_a_sample_is_planned_alone(home: Workroom, capsys: Said) -> None:
    home.picture("a.png")
    manifest = home.manifest([{"id": f"r{n}", "source": "a.png", "seed": n} for n in range(9)], defaults=FULL)
    _, plan = told(capsys, "plan", str(manifest), "--sample", "3")
    assert [shot["item"] for shot in plan["shots"]] == ["r0", "r4", "r8"]


def test_the_schema_is_one_and_takes_the_manifests_that_load(home: Workroom, capsys: Said) -> None:

    status, printed, _ = tell(capsys, "schema")
    schema = json.loads(printed)
    assert status == 0
    Draft202012Validator.check_schema(schema)
    home.picture("a.png")
    good = yaml.safe_load(home.manifest([{"id": "a", "source": "a.png"}], defaults=FULL).read_text())
    Draft202012Validator(schema).validate(good)
    bad = good | {"rows": [{"id": "a", "source": "a.png", "motion": {"amount": 7}}]}
    assert list(Draft202012Validator(schema).iter_errors(bad))


def test_a_doctor_says_what_is_set_and_from_where(
    home: Workroom, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILIES_MAX_PIXELS", "2000000")
    status, findings = told(capsys, "doctor")
    found = {finding["subject"]: finding for finding in findings}
    assert status == 0, findings
    assert found["home"]["origin"] == "DAILIES_HOME" and found["home"]["found"] == str(home.settings.home)
    assert (found["max_pixels"]["found"], found["max_pixels"]["origin"]) == ("2000000", "DAILIES_MAX_PIXELS")
    assert found["lease_seconds"]["origin"] == "built-in"
    assert found["encode h264"]["state"] == "ok" and "libx264" in found["encode h264"]["found"]
    assert found["realesrgan"]["state"] == "ok"
    assert found["rife"]["state"] == "note" and str(home.settings.weights) in found["rife"]["remedy"]
    status, printed, _ = tell(capsys, "doctor")
    assert status == 0 and "DAILIES_MAX_PIXELS" in printed


def test_a_doctor_that_finds_no_ffmpeg_exits_with_two(
    home: Workroom, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILIES_FFMPEG", str(home.folder / "nowhere"))
    status, findings = told(capsys, "doctor")
    assert status == 2
    missing = [finding for finding in findings if finding["state"] == "missing"]
    assert missing and all(finding["remedy"] for finding in missing)


def test_passwords_are_never_shown(home: Workroom, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILIES_DATABASE_URL", "postgresql://maker:s3cret@db.invalid/dailies")
    for output in ((), ("--json",)):
        _, printed, complained = tell(capsys, "doctor", *output)
        assert "s3cret" not in printed + complained
    for url in ("postgresql://maker:s3cret@db/dailies", "postgresql://db/dailies?user=maker&password=s3cret"):
        assert "s3cret" not in masked(url)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere.yaml"), "nowhere.yaml"),
        (("plan", "nowhere.yaml"), "nowhere.yaml"),
        (("resume",), "no runs yet"),
        (("cancel",), "no runs yet"),
        (("export", "somewhere"), "no runs yet"),
        (("resume", "r999999"), "r999999"),
        (("trace", "0123456789abcdef"), "0123456789abcdef"),
        (("trace", "m.yaml"), "not in this catalog"),
        (("status", "r999999"), "r999999"),
    ],
)
def test_a_wrong_request_is_a_sentence_with_a_code(
    home: Workroom, capsys: Said, arguments: tuple[str, ...], said: str
) -> None:
    if arguments[1:] == ("m.yaml",):
        home.picture("a.png")
        home.manifest([{"id": "a", "source": "a.png"}])
    status, _, complained = tell(capsys, *arguments)
    assert status == 2, complained
    assert said in complained
    assert complained.rstrip().endswith("]") and complained.count("[") >= 1, complained
    assert not (home.folder / "somewhere").exists()
    status, faults = told(capsys, *arguments)
    assert status == 2
    assert faults["problems"][0]["code"].isupper()


@pytest.mark.parametrize(
    ("name", "value"), [("DAILIES_WORKERS", "0"), ("DAILIES_MAX_PIXELS", "many"), ("DAILIES_LEASE_SECONDS", "1")]
)
def test_a_wrong_setting_is_named(
    home: Workroom, capsys: Said, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    status, _, complained = tell(capsys, "status")
    assert status == 2
    assert name in complained and repr(value) in complained


def test_no_runs_yet_is_no_fault(home: Workroom, capsys: Said) -> None:
    assert told(capsys, "status") == (0, None)
    status, printed, _ = tell(capsys, "status")
    assert status == 0 and "dailies run" in printed


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("trace", "-h")])
def test_help_helps(capsys: Said, arguments: tuple[str, ...]) -> None:
    status, printed, _ = tell(capsys, *arguments)
    assert status == 0 and "Usage" in printed


@pytest.mark.parametrize("arguments", [("rnu", "m.yaml"), ("run",), ("run", "m.yaml", "--colour")])
def test_a_word_it_does_not_know_is_exit_two(capsys: Said, arguments: tuple[str, ...]) -> None:
    assert tell(capsys, *arguments)[0] == 2
