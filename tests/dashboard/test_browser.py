"""What people do, in Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: `make test` brings it")

from playwright.sync_api import Page, expect

from catalog.queries import shot
from dashboard.settings import DashboardSettings
from dashboard.tokens import Tokens
from flows import detached
from tests.dashboard.browser import CHROMIUM, CONTRAST, PATIENCE_MS, listening, opened
from tests.dashboard.gallery import HOSTILE, Gallery
from tests.flows.processes import until
from tests.workroom import rows_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: deploy/debian-test-libraries.sh installs it"),
]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def address(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    def note(*_: object, overrides: Sequence[str] = ()) -> Path:
        return Path("log")

    monkeypatch.setattr(detached, "start", note)
    with listening(gallery) as found:
        yield found


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with opened(tmp_path) as found:
        yield found
        assert found.complaints == []  # type: ignore[attr-defined]


def test_a_run_goes_live_while_it_is_watched(page: Page, address: str, gallery: Gallery) -> None:
    page.goto(address)
    expect(page.get_by_text("Nothing has run yet")).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "on")
    run_id = gallery.submit(2)
    claims = gallery.claim(run_id, gallery.shots(run_id, 2))
    expect(page.get_by_text("0 of 2 shots")).to_be_visible()
    gallery.deliver(claims[0], 1)
    expect(page.get_by_text("1 of 2 shots")).to_be_visible()
    page.locator(".run").click()
    expect(page.locator(".card .state.claimed")).to_have_count(1)
    gallery.deliver(claims[1], 2)
    expect(page.locator(".card .state.done")).to_have_count(2)


def test_a_failure_is_opened_and_tried_again(page: Page, address: str, gallery: Gallery) -> None:
    run_id = gallery.night()
    page.goto(address)
    page.locator(".failures li", has_text="ENGINE_FAILED").get_by_role("link", name="00003").click()
    expect(page.get_by_text("the engine said no").first).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#said")).to_contain_text("1 shot tried again")
    expect(page.locator("h1 .state")).to_have_text("waiting")
    assert shot(gallery.catalog, f"{run_id}.00003").state == "waiting"


def test_shots_are_chosen_and_set_aside_together(page: Page, address: str, gallery: Gallery) -> None:
    run_id = gallery.submit(3)
    page.goto(f"{address}/runs/{run_id}")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator(".tray [data-count]")).to_have_text("2")
    page.get_by_placeholder("Why set aside").fill("the label is wrong")
    page.get_by_role("button", name="Quarantine").click()
    expect(page.locator(".card .state.quarantined")).to_have_count(2)
    assert "the label is wrong" in (shot(gallery.catalog, f"{run_id}.00001").error_message or "")


def test_five_items_are_judged_by_keys_alone(page: Page, address: str, gallery: Gallery) -> None:
    run_id = gallery.submit(5)
    for seed, claim in enumerate(gallery.claim(run_id, gallery.shots(run_id, 5)), start=1):
        gallery.deliver(claim, seed)
    page.goto(address)
    page.keyboard.press("g")
    page.keyboard.press("r")
    for judged, keys in enumerate((["a"], ["a"], ["n", *"too dark", "Escape", "r"], ["d"], ["a"])):
        expect(page.get_by_text(f"{judged} of 5 judged")).to_be_visible()
        for key in keys:
            page.keyboard.press("Space" if key == " " else key)
    expect(page.get_by_text("Everything is judged.")).to_be_visible()
    expect(page.get_by_text("3 approved, 1 rejected, 1 redo")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("4 of 5 judged")).to_be_visible()


def test_a_grid_is_approved_and_exported(page: Page, gallery: Gallery) -> None:
    """By a process of its own, into the run's out folder."""
    run_id = gallery.submit(4)
    made = [gallery.deliver(claim, n) for n, claim in enumerate(gallery.claim(run_id, gallery.shots(run_id, 4)))]
    with listening(gallery) as address:
        page.goto(f"{address}/review?view=grid&run={run_id}")
        expect(page.get_by_role("button", name="Export approved")).to_have_count(0)
        page.get_by_label("Choose Product 4").click()
        page.keyboard.press("r")
        expect(page.get_by_text("0 approved, 1 rejected")).to_be_visible()
        page.keyboard.press("*")
        page.keyboard.press("a")
        expect(page.get_by_text("3 approved, 1 rejected")).to_be_visible()
        page.get_by_role("button", name="Export approved").click()
        folder = gallery.folder / "out" / "approved"
        expect(page.get_by_text(f"3 approved deliveries go to {folder}")).to_be_visible()
        until("the export is over", lambda: all(one.poll() == 0 for one in detached._started), PATIENCE_MS / 1000)
    assert sorted(row["delivery"] for row in rows_of(folder / "index.csv")) == sorted(made[:3])
    assert len(list(folder.glob("*.mp4"))) == 3


def test_a_poster_plays_under_the_pointer_and_clips_scrub_together(page: Page, address: str, gallery: Gallery) -> None:
    run_id = gallery.night()
    page.goto(f"{address}/runs/{run_id}")
    page.locator(f"#shot-{run_id}\\.00001 .poster").hover()
    expect(page.locator(".poster video")).to_have_count(1)
    page.mouse.move(0, 0)
    expect(page.locator(".poster video")).to_have_count(0)
    page.goto(f"{address}/shots/{run_id}.00001")
    page.wait_for_function("document.querySelector('video[data-sync]').readyState > 1")
    page.locator("[data-scrub]").fill("500")
    page.wait_for_function("Math.abs(document.querySelector('video[data-sync]').currentTime - 0.5) < 0.1")
    page.keyboard.press("Escape")
    page.get_by_label("A frame on").click()
    page.wait_for_function("document.querySelector('video[data-sync]').currentTime > 0.5")


def test_each_role_is_refused_what_is_not_its_own(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detached, "start", lambda *_: tmp_path)
    run_id = gallery.night()
    tokens = Tokens(DashboardSettings(gallery.folder).tokens)
    words: Mapping[str, str] = {role: tokens.add(role, role) for role in ("viewer", "reviewer", "operator")}
    with listening(gallery, open=False) as address:
        for role, word in words.items():
            with opened(tmp_path) as page:
                page.goto(f"{address}/runs/{run_id}")
                page.get_by_label("Your token").fill(word)
                page.keyboard.press("Enter")
                expect(page.get_by_role("heading", name="Spring counter")).to_be_visible()
                assert page.get_by_role("button", name="Resume").count() == (role == "operator")
                page.goto(f"{address}/review")
                assert page.locator("[data-verdict]").count() == (0 if role == "viewer" else 3)
                # what the page does not offer is refused all the same
                send = """([path]) => fetch(path, {method: 'POST', headers: {'X-CSRF-Token':
                    document.querySelector('meta[name=csrf]').content}}).then((answer) => answer.status)"""
                assert (page.evaluate(send, [f"/do/cancel/{run_id}"]) == 403) == (role != "operator")


def test_a_hostile_title_runs_nothing(page: Page, address: str, gallery: Gallery) -> None:
    run_id = gallery.submit(1, name=HOSTILE, title=HOSTILE)
    page.add_init_script("window.alert = () => { throw new Error('a title ran') }")
    for path in ("/", f"/runs/{run_id}", f"/shots/{run_id}.00001", "/search?q=alert"):
        page.goto(address + path)
        expect(page.get_by_text(HOSTILE).first).to_be_visible()


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_every_page_can_be_read(tmp_path: Path, address: str, gallery: Gallery, look: str) -> None:
    """Contrast of WCAG AA, and no page wider than its screen."""
    run_id = gallery.night()
    looks = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": {"width": 390, "height": 844}}}
    with opened(tmp_path, **looks[look]) as page:
        for path in ("/", f"/runs/{run_id}", f"/shots/{run_id}.00003", f"/shots/{run_id}.00001", "/review",
                     "/review?view=grid", "/search?q=item", "/costs", "/health", "/nowhere"):  # fmt: skip
            page.goto(address + path)
            assert page.evaluate(CONTRAST) == [], path
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
        assert page.complaints == []  # type: ignore[attr-defined]
