"""Runs tell of themselves: at their end, and by whoever finishes them where they were killed."""

from __future__ import annotations

import signal

import pytest
import yaml

from flows.cli import command
from tests.flows.conftest import Start
from tests.flows.like_shots import manifest_of
from tests.flows.processes import ENOUGH, until
from tests.flows.receivers import SECRET, Shop, serving
from tests.workroom import Workroom


def tell(home: Workroom, **target: str) -> None:
    home.settings.home.mkdir(exist_ok=True)
    path = home.settings.home / "notify.yaml"
    path.write_text(yaml.safe_dump({"targets": {"shop": target}}), encoding="utf-8")
    path.chmod(0o600)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_run_tells_at_its_end_and_says_whether_that_arrived(home: Workroom, dailies: Start) -> None:
    home.picture("a.png")
    manifest = str(home.manifest([{"id": "mug", "source": "a.png"}, {"id": "cup", "source": "gone.png"}]))
    with serving(Shop(200, 200, *[503] * 50)) as shop:
        tell(home, webhook=shop.url, secret=SECRET)
        ran = dailies("run", manifest, DAILIES_RUN_ON="here")
        said, _ = ran.communicate(timeout=ENOUGH)
        assert ran.returncode == 1 and "told shop: run.failed" in said and "not told" not in said, said
        refused, ended = shop.effects.values()  # also what was set aside before the run began, of the very first run
        assert (refused["type"], refused["data"]["shots"][0]["code"]) == ("shot.quarantined", "PICTURE_MISSING")
        assert ended["type"] == "run.failed" and ended["data"]["run"]["shots"] == {"done": 1, "quarantined": 1}
        again = dailies("run", manifest, DAILIES_RUN_ON="here")
        said, _ = again.communicate(timeout=ENOUGH)
        assert again.returncode == 1 and "not told yet shop: run.failed (503)" in said, said
    assert len(shop.effects) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_run_that_was_killed_before_its_end_is_told_once_by_reconcile(
    home: Workroom, dailies: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILIES_RUN_ON", "here")
    monkeypatch.setenv("DAILIES_LEASE_SECONDS", "5")
    with serving(Shop()) as shop:
        tell(home, webhook=shop.url, secret=SECRET)
        killed = dailies("run", str(manifest_of(home, 1)), DAILIES_FAILPOINT="run.filled")
        said, _ = killed.communicate(timeout=ENOUGH)
        assert killed.returncode == -signal.SIGKILL, said
        assert shop.effects == {}
        from flows.reconcile import reconcile

        def told() -> bool:
            reconcile()
            return bool(shop.effects)

        until("reconcile", told)
        reconcile()
    assert [message["type"] for message in shop.effects.values()] == ["run.finished"] and len(shop.ids) == 1


@pytest.mark.usefixtures("small")
def test_a_run_does_not_start_where_nobody_could_be_told(home: Workroom, capsys: pytest.CaptureFixture[str]) -> None:
    tell(home, webhook="https://shop.example/hook", secret="too short")
    assert command(["run", str(manifest_of(home, 1))]) == 2
    assert "NOTIFY_FILE" in capsys.readouterr().err
    assert not (home.settings.home / "catalog.db").exists()
