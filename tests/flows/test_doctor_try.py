"""`dailies doctor --try svd`: refused with a remedy where SVD cannot run, measured and shown where it can."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

pytest.importorskip("torch", reason="SVD needs the gpu extra")

from catalog.queries import latest_run, shots_of
from flows.cli import command
from flows.trial import Trial
from manifests.loader import load
from tasks.contact_sheet import GAP, MARGIN, frames_at
from tasks.master import read_master
from tasks.planner.svd import DRIFT, Drift
from tasks.trial import ASPECTS, MOST, manifest_of, pictures_of
from tasks.trial_sheet import CELL
from tests.svd_checkpoints import tiny_checkpoint
from tests.workroom import Workroom

pytestmark = pytest.mark.usefixtures("one_thread")
Said = pytest.CaptureFixture[str]
SMALL = {"16:9": "small_wide", "9:16": "small_tall"}
TINY = tuple(f"--set={key}" for key in ("svd.canvas=[256, 128]", "svd.steps=2", "seconds=0.5", "speed=draft"))


@pytest.fixture
def folder(home: Workroom, small: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One picture; deliveries are small, and there are two shapes of them."""
    monkeypatch.setattr("tasks.trial.ASPECTS", SMALL)
    (home.folder / "photos").mkdir()
    home.picture("photos/cup.png")
    return home.folder / "photos"


def weights(room: Workroom, frames: int = 4) -> None:
    folder = tiny_checkpoint(room.settings.weights / "svd-xt", frames=frames)
    text = hashlib.sha256((folder / "LICENSE.md").read_bytes()).hexdigest()
    with room.tools() as tools:
        tools.catalog.accept_licence(
            weights="svd-xt", licence="ours", text_sha256=text, kind="community", holder="Studio", accepted_by="Ann"
        )


def tell(said: Said, *arguments: str) -> tuple[int, str, str]:
    said.readouterr()
    status = command(arguments)
    printed = said.readouterr()
    assert "Traceback" not in printed.err + printed.out, printed.err
    return status, printed.out, printed.err


def tell_json(said: Said, *arguments: str) -> tuple[int, Any]:
    status, printed, _ = tell(said, *arguments, "--json")
    return status, json.loads(printed)


def test_without_weights_it_says_so_once_and_leaves_nothing(home: Workroom, folder: Path, capsys: Said) -> None:
    status, answer = tell_json(capsys, "doctor", "--try", "svd", "--pictures", str(folder), "--out", "trial")
    assert status == 2
    assert [problem["code"] for problem in answer["problems"]] == ["WEIGHTS_MISSING"]
    assert "dailies weights pull svd-xt" in answer["problems"][0]["remedy"]
    assert not (home.folder / "trial").exists()


def test_a_licence_nobody_accepted_stops_it(home: Workroom, folder: Path, capsys: Said) -> None:
    tiny_checkpoint(home.settings.weights / "svd-xt", frames=4)
    status, _, complained = tell(capsys, "doctor", "--try", "svd", "--pictures", str(folder))
    assert status == 2
    assert "LICENCE_NOT_ACCEPTED" in complained and "dailies weights accept svd-xt" in complained


def test_a_missing_extra_stops_it(home: Workroom, folder: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    weights(home)
    monkeypatch.setattr("tasks.planner.means.torch_installed", lambda: False)
    status, _, complained = tell(capsys, "doctor", "--try", "svd", "--pictures", str(folder), *TINY)
    assert status == 2 and ".[gpu]" in complained


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--try", "sora"), "sora"),
        (("--raw",), "--try svd"),
        (("--try", "svd", "--pictures", "nowhere"), "no picture in nowhere"),
    ],
)
def test_a_wrong_request_is_told(home: Workroom, capsys: Said, arguments: tuple[str, ...], said: str) -> None:
    status, _, complained = tell(capsys, "doctor", *arguments)
    assert status == 2 and said in complained, complained


def test_seven_pictures_are_chosen_evenly_and_only_such_that_can_be_read(tmp_path: Path) -> None:
    for number in range(15):
        (tmp_path / f"{number:02}.jpg").touch()
    (tmp_path / "00.txt").touch()
    assert [path.stem for path in pictures_of(tmp_path)] == ["00", "02", "05", "07", "09", "12", "14"]


def test_the_examples_stand_in_and_every_shape_of_each_is_asked_for() -> None:
    pictures = pictures_of(None)
    rows = yaml.safe_load(manifest_of(pictures, "svd-xt"))["rows"]
    assert len(pictures) == MOST and len(rows) == MOST * len(ASPECTS)
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["motion"]["move"] for row in rows}) == MOST, "every picture another move"


@pytest.mark.slow
def test_all_clips_of_the_examples_are_svds_as_they_ship(home: Workroom) -> None:
    """Real presets, real canvases, a checkpoint that makes 25 frames at once; planned, not made."""
    weights(home, frames=25)
    trial = Trial(None, "auto", home.folder / "trial", (), raw=False)
    planned = trial.plan(home.settings)
    assert not planned.problems, planned.problems
    recipes = [one.plan.renditions[0].animate for one in planned.shots if one.plan]
    assert len(recipes) == MOST * len(ASPECTS)
    assert {(recipe.engine, recipe.frames) for recipe in recipes} == {("svd", 25)}
    written = [shot.ask for shot in load(trial.manifest).shots]
    assert written == [one.shot.ask for one in planned.shots], "what was written is not what was planned"


@pytest.mark.slow
def test_clips_are_measured_shown_and_catalogued(
    home: Workroom, folder: Path, prefect_server: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights draw no product, so there are no limits here."""
    weights(home)
    monkeypatch.setitem(DRIFT, "strict", Drift(0.0, 0.0, 0.0))
    asked = ("doctor", "--try", "svd", "--pictures", str(folder), "--out", "trial", *TINY)
    status, printed, complained = tell(capsys, *asked)
    assert status == 0, printed + complained
    trial = home.folder / "trial"
    report = json.loads((trial / "report.json").read_text())
    assert [(clip["picture"], clip["aspect"], clip["verdict"]) for clip in report["clips"]] == [
        ("cup.png", aspect, "made") for aspect in SMALL
    ]
    for clip in report["clips"]:
        assert {"product_ssim", "product_ciede2000", "generated_ssim", "first_frame_psnr_db"} <= clip["figures"].keys()
        assert (clip["rung"], clip["dtype"], clip["model"]) == ("decode_25", "fp32", "svd-xt")
        assert clip["seconds"] > 0 and Path(clip["file"]).is_file()
    for words in ("cup.png", "SSIM", "decode_25", "2 clips: 2 made", str(trial / "trial.jpg")):
        assert words in printed, printed
    with Image.open(trial / "trial.jpg") as sheet:
        delivered = frames_at(Path(report["clips"][0]["file"]), (1.0,), CELL)[0]
        left = MARGIN + 2 * (delivered.width + GAP // 2)
        shown = np.asarray(sheet.crop((left, MARGIN, left + delivered.width, MARGIN + CELL)), int)
    worst = np.abs(shown - np.asarray(delivered, int)).mean()
    assert worst < 8, f"the sheet's last frame of the first clip is {worst:.1f} levels from the delivery's"
    with home.tools() as tools:
        run = latest_run(tools.catalog)
        assert run == report["run"]
        assert all(shot.state == "done" for shot in shots_of(tools.catalog, run))

    status, again = tell_json(capsys, *asked)
    assert status == 0 and again["run"] != run, "nothing was made, and all of it is told"
    assert [clip["figures"] for clip in again["clips"]] == [clip["figures"] for clip in report["clips"]]


@pytest.mark.slow
def test_clips_that_drift_are_shown_beside_the_cameras(
    home: Workroom, folder: Path, prefect_server: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights(home)
    monkeypatch.setattr("tasks.trial.ASPECTS", {"9:16": "small_tall"})
    # Prefect's handler writes to the terminal of the session's first run, which a test before this one has closed.
    monkeypatch.setattr(logging.getLogger("dailies.line"), "disabled", True)
    asked = ("doctor", "--try", "svd", "--pictures", str(folder), "--out", "trial", *TINY)
    status, answer = tell_json(capsys, *asked)
    assert (status, answer["verdicts"]) == (0, {"drifted": 1})
    [clip] = answer["clips"]
    assert "drifted" in clip["why"] and clip["figures"]["product_ssim"] < 0.85
    assert Path(clip["file"]).is_file(), "the camera engine made it"
    assert clip["rung"] == "decode_25", "how it ran is known from drawing it again"
    frames = list(read_master(Path(clip["drawn"]))[1])
    assert len(frames) == 4
    assert not np.array_equal(frames[0], frames[-1])
