"""Whoever is to be told is told, once in effect, whatever fails; and nobody learns a secret by it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.queries import notice_targets, tellings_of
from flows.cli import command
from flows.notify import telling as sender
from flows.notify.targets import read_targets
from flows.notify.telling import pause_seconds, send_due, telling
from flows.notify.webhook import sign
from flows.report.facts import Line, Report, Trouble
from flows.settings import Settings
from manifests.errors import InputError
from tests.dashboard.gallery import HOSTILE, Gallery
from tests.flows.receivers import SECRET, Chat, Post, Shop, serving

ROOT = Path(__file__).parents[2]
TELL = """
from catalog import Catalog
from flows.notify.telling import telling
from flows.settings import Settings
settings = Settings()
with Catalog.open(settings.catalog_url, settings.store) as catalog, telling(catalog, settings):
    pass
"""


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    for name in [name for name in os.environ if name.startswith("DAILIES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAILIES_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0.02)
    made = Gallery(tmp_path)
    yield made
    made.catalog.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever did not answer is asked again without a pause."""
    monkeypatch.setattr(sender, "pause_seconds", lambda attempt: 0.0)


def write(gallery: Gallery, dashboard: str = "", **targets: dict[str, Any]) -> Settings:
    path = gallery.folder / "notify.yaml"
    path.write_text(yaml.safe_dump({"dashboard": dashboard, "targets": targets}), encoding="utf-8")
    path.chmod(0o600)
    return Settings()


def awaited(condition: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)


def test_the_signature_is_the_conventions_own() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks, spec, "Signature scheme"."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_that_fails_twice_gets_exactly_one_effect(gallery: Gallery, at_once: None) -> None:
    with serving(Shop(500, 503)) as shop:
        settings = write(gallery, "https://dailies.example/", shop={"webhook": shop.url, "secret": SECRET})
        with telling(gallery.catalog, settings):
            run_id = gallery.night()
            awaited(lambda: {"run.failed", "shot.quarantined"} <= {one["type"] for one in shop.effects.values()})
        for number in range(3):  # others look too, and after it
            with telling(gallery.catalog, settings):
                pass
            assert len(shop.ids) == 4, number
    assert len(shop.effects) == 2 and len(set(shop.ids)) == 2
    quarantined, ended = shop.effects.values()
    if quarantined["type"] == "run.failed":
        quarantined, ended = ended, quarantined
    assert quarantined["data"]["shots"][0]["message"] == "the picture is torn"
    assert ended["version"] == 1 and ended["data"]["run"]["id"] == run_id
    assert ended["data"]["run"]["shots"] == {"done": 2, "failed": 1, "quarantined": 1}
    assert {one["code"] for one in ended["data"]["run"]["failures"]} == {"ENGINE_FAILED", "BAD_IMAGE"}
    assert ended["links"] == {"dashboard": f"https://dailies.example/runs/{run_id}"}
    assert {(one.state, one.target) for one in tellings_of(gallery.catalog, run_id)} == {("told", "shop")}


def test_a_sender_that_dies_before_it_wrote_that_down_sends_the_same_again(gallery: Gallery, at_once: None) -> None:
    with serving(Shop()) as shop:
        settings = write(gallery, shop={"webhook": shop.url, "secret": SECRET})
        gallery.catalog.know_target("shop", "webhook")
        notice = gallery.catalog.post_notice("report", "Morning report", {"markdown": "# 3 runs"})
        environment = os.environ | {"DAILIES_FAILPOINT": "notice.sent", "PYTHONPATH": str(ROOT)}
        died = subprocess.run([sys.executable, "-c", TELL], env=environment, timeout=120, check=False, cwd=ROOT)
        assert died.returncode == -9 and shop.ids == [notice]
        from tests.catalog.test_notices import later

        later(gallery.catalog, seconds=61)
        with telling(gallery.catalog, settings):
            pass
    assert shop.ids == [notice, notice] and list(shop.effects) == [notice]


def test_who_is_gone_is_left_alone_until_a_test_arrives(
    gallery: Gallery, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Shop(410, 307, 200)) as shop:
        settings = write(gallery, shop={"webhook": shop.url, "secret": SECRET})
        with telling(gallery.catalog, settings):
            gallery.catalog.post_notice("report", "Morning report", {})
            awaited(lambda: [row.state for row in notice_targets(gallery.catalog)] == ["gone"])
        with telling(gallery.catalog, settings):
            gallery.catalog.post_notice("report", "another", {})
        assert len(shop.ids) == 1
        assert command(["notify", "test"]) == 1
        assert "redirects are not followed" in capsys.readouterr().out
        assert command(["notify", "test", "shop"]) == 0
        assert "it arrived (200)" in capsys.readouterr().out
        assert [one["type"] for one in shop.effects.values()] == ["test"]
        assert command(["notify", "list"]) == 0
        shown = capsys.readouterr().out
    assert "shop: http://127.0.0.1, run.finished" in shown and "well" in shown
    for secret in ("a-secret-path", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in shown


def test_a_file_that_changes_is_followed(gallery: Gallery, at_once: None) -> None:
    def report(subject: str) -> None:
        gallery.catalog.post_notice("report", subject, {})

    def told(shop: Shop) -> list[str]:
        return [one["subject"] for one in shop.effects.values()]

    with serving(Shop()) as old, serving(Shop()) as new:
        settings = Settings()
        with telling(gallery.catalog, settings):
            write(gallery, shop={"webhook": old.url, "secret": SECRET})
            awaited(lambda: notice_targets(gallery.catalog))
            report("first")
            awaited(lambda: told(old) == ["first"])
            write(
                gallery,
                shop={"webhook": new.url, "secret": SECRET},
                chat={"apprise": "mmost://127.0.0.1:1/" + "a" * 26},
            )
            awaited(lambda: len(notice_targets(gallery.catalog)) == 2)
            awaited(lambda: not [one for one in threading.enumerate() if one.name == "shop"][1:])
            report("second")
            awaited(lambda: told(new) == ["second"])
            (gallery.folder / "notify.yaml").unlink()
            awaited(lambda: not [one for one in threading.enumerate() if one.name in ("shop", "chat")])
            report("third")
        assert (told(old), told(new)) == (["first"], ["second"])


def test_nobody_waits_long_for_who_does_not_answer(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(sender, "LAST_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes the call and says nothing
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        settings = write(gallery, shop={"webhook": url, "secret": SECRET})
        began = time.monotonic()
        with telling(gallery.catalog, settings):
            gallery.catalog.post_notice("report", "Morning report", {})
        assert time.monotonic() - began < 5
    (row,) = notice_targets(gallery.catalog)
    assert row.waiting == 1


def test_people_get_mail_that_hostile_names_do_nothing_in(gallery: Gallery) -> None:
    hostile = f"{HOSTILE}\r\nBcc: all@studio.example @everyone <!channel> `x` **y** [a](https://b.example)"
    with serving(Post()) as post:
        settings = write(gallery, "https://dailies.example", team={"apprise": post.url, "events": ["run.failed"]})
        with telling(gallery.catalog, settings):
            run_id = gallery.submit(1, name=hostile)
            (claim,) = gallery.claim(run_id, gallery.shots(run_id, 1))
            gallery.catalog.finish_shot(claim, "failed", "ENGINE_FAILED", f"no {hostile}")
            gallery.catalog.finish_run(run_id)
        (mail,) = post.letters
    assert mail["bcc"] is None and mail["to"] == "ann@studio.example"
    assert mail["subject"].startswith("Dailies: ‹script›alert(1)‹/script›") and "\n" not in mail["subject"]
    page = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for tag in ("<script", "<!channel", "@everyone", 'href="https://b.example', "<strong"):
        assert tag not in page
    assert f'<a href="https://dailies.example/runs/{run_id}">' in page and "ENGINE_FAILED: 1" in page


def test_a_chat_is_told_in_words_that_command_nothing(gallery: Gallery) -> None:
    with serving(Chat()) as chat:
        settings = write(gallery, team={"apprise": chat.url, "events": ["shot.quarantined"]})
        with telling(gallery.catalog, settings):
            name = f"{HOSTILE} @channel <!channel> [a](https://b.example)"
            gallery.submit(2, name=name, state="quarantined", error_code="BAD_IMAGE", error_message="torn")
    (line,) = chat.lines
    assert line.startswith("Dailies: 2 shots of ‹script›") and "- item1 : BAD_IMAGE: torn" in line
    assert not [sign for sign in ("<", "@", "[a]") if sign in line], line


def test_a_long_report_is_told_in_short(gallery: Gallery) -> None:
    from flows.report.summary import summary

    hostile = f"{HOSTILE} @channel [a](https://b.example)"
    lines = tuple(Line(f"mug{n}", hostile, "failed", (), f"CODE_{n % 30}", hostile, None) for n in range(300))
    troubles = tuple(Trouble(f"CODE_{n}", "Export it again. " * 10, ("mug1", "mug2")) for n in range(30))
    night = Report(
        schedule="nightly", run_id="r261122-010000-abc1234", manifest="/m/nightly.yaml", state="failed",
        headline="nightly: failed, 300 failed", figures=(("GPU time", "1:02"), ("Next start", "paused")),
        notes=(hostile,), troubles=troubles, lines=lines, retired=("cup",), out_folder=Path("/out"),
    )  # fmt: skip
    said = summary(night, Path("/reports/nightly.html"))
    assert said["shots"] == {"failed": 300} and len(said["troubles"]) == 20
    with serving(Chat()) as chat:
        settings = write(gallery, team={"apprise": chat.url})
        with telling(gallery.catalog, settings):
            gallery.catalog.post_notice("report", night.headline, said)
    (line,) = chat.lines
    assert len(line) < 2000, f"Discord takes no more: {len(line)}"
    for told in (
        "300 failed",
        "CODE_0: 2, first mug1, mug2: Export",
        "- and 1",
        "GPU time: 1:02",
        "/reports/nightly.html",
    ):
        assert told in line, (told, line)
    assert not [sign for sign in ("<", "@", "[a]", "# ", "\\", "|") if sign in line], line


def test_a_report_is_sent_as_it_was_written(gallery: Gallery) -> None:
    with serving(Post()) as post:
        settings = write(gallery, team={"apprise": post.url})
        with telling(gallery.catalog, settings):
            gallery.catalog.post_notice("report", "Morning report", {"markdown": "# 3 runs\n\n- two done"})
        (mail,) = post.letters
    assert "<h1>3 runs</h1>" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_mail_that_is_refused_is_kept_and_no_address_is_told(
    gallery: Gallery, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Post(refuses=True)) as post:
        url = post.url.replace("mailto://", "mailto://ann:hunter22@")
        settings = write(gallery, team={"apprise": url})
        gallery.catalog.know_target("team", "mailto")
        gallery.catalog.post_notice("report", "Morning report", {"markdown": "# 3 runs"})
        (target,) = read_targets(settings).all
        assert send_due(gallery.catalog, target, "", until_failed=True) == 0
    assert "hunter22" not in repr(target)
    assert command(["notify", "list"]) == 0
    told = capsys.readouterr()
    assert "1 notice waits" in told.out and "team: mailto" in told.out
    assert "hunter22" not in told.out + told.err


def test_the_pauses_grow_over_a_day() -> None:
    for attempt, about in ((1, 5), (2, 15), (5, 405), (9, 21600), (40, 21600)):
        assert 0.8 * about <= pause_seconds(attempt) <= 1.2 * about
    assert sum(5 * 3**n for n in range(8)) < 24 * 3600, "a dozen tries fit into the day"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"a": {"webhook": "http://shop.example/hook", "secret": SECRET}}, "http can be read on its way"),
        ({"a": {"webhook": "https://shop.example/hook", "secret": "hunter22"}}, "wants 24 to 64 bytes"),
        ({"a": {"webhook": "https://shop.example/hook", "secret": "$NOBODY_SET_THIS"}}, "$NOBODY_SET_THIS is not in"),
        ({"a": {"webhook": "https://[::1/secret-word", "secret": SECRET}}, "webhook: is no address"),
        ({"a": {"webhook": "x", "apprise": "y"}}, "needs one address"),
        ({"a": {"apprise": "slack://T/B/C", "events": ["run.ended"]}}, "no event is called 'run.ended'"),
        ({"a": {"apprise": "slack://T/B/C", "hunter22": 1}}, "Extra inputs are not permitted"),
        ({"a": {"apprise": {"hunter22": 1}}}, "valid string"),
        ({"A b": {"apprise": "slack://T/B/C"}}, "has no plain name"),
    ],
)
def test_a_wrong_file_is_refused_by_whoever_can_mend_it(
    gallery: Gallery, capsys: pytest.CaptureFixture[str], written: dict[str, Any], told: str
) -> None:
    settings = write(gallery, **written)
    with pytest.raises(InputError, match="NOTIFY_FILE"):
        read_targets(settings)
    assert command(["notify", "list"]) == 2
    shown = capsys.readouterr().err
    assert told in shown and "secret-word" not in shown
    with telling(gallery.catalog, settings), telling(gallery.catalog, settings):
        pass  # work goes on
    from tests.catalog.test_notices import incidents

    assert incidents(gallery.catalog) == ["NOTIFY_FILE"], "it is said once a day"


def test_a_file_that_everybody_can_read_is_refused(gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    write(gallery, a={"apprise": "slack://T/B/C"})
    (gallery.folder / "notify.yaml").chmod(0o644)
    assert command(["notify", "list", "--json"]) == 2
    assert "chmod o=" in capsys.readouterr().out
    (gallery.folder / "notify.yaml").write_text("targets: {a: {secret: 'hunter22\n}")
    (gallery.folder / "notify.yaml").chmod(0o600)
    assert command(["notify", "list"]) == 2
    assert "hunter22" not in capsys.readouterr().err


def test_a_dashboard_that_is_no_address_is_refused(gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("dailies.example.com", "https://[::1"):
        write(gallery, wrong, a={"apprise": "slack://T/B/C"})
        assert command(["notify", "list"]) == 2
        assert "dashboard: is no address" in capsys.readouterr().err


def test_secrets_may_be_the_environments(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", SECRET)
    with serving(Shop()) as shop:
        settings = write(gallery, shop={"webhook": shop.url, "secret": "${SHOP_SECRET}", "events": ["report"]})
        with telling(gallery.catalog, settings):
            gallery.catalog.post_notice("report", "Morning report", {"markdown": "# 3 runs"})
            gallery.night()
    assert [one["subject"] for one in shop.effects.values()] == ["Morning report"]
