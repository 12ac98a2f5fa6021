"""Review: outliers first, one verdict and on to the next, many at once, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest
from fastapi.testclient import TestClient

from catalog import facts
from dashboard.app import create_app
from dashboard.pages.review import policies_of
from dashboard.settings import DashboardSettings
from flows.actions import FlowActions
from flows.settings import Settings
from tests.dashboard.conftest import Browser
from tests.dashboard.gallery import Gallery
from tests.dashboard.test_security import sign_in


@pytest.fixture
def real(gallery: Gallery) -> Iterator[Browser]:
    """Of a dashboard whose actions write into the catalog."""
    actions = FlowActions(gallery.catalog, Settings(home=gallery.folder))
    app = create_app(gallery.catalog, actions, DashboardSettings(gallery.folder))
    with TestClient(app, base_url="http://127.0.0.1:4300") as client:
        yield Browser(client, "/review")


def delivered(gallery: Gallery, seeds: list[int]) -> str:
    """A run in which every shot is made; figures beyond 6 are outliers."""
    run_id = gallery.submit(len(seeds))
    for claim, seed in zip(gallery.claim(run_id, gallery.shots(run_id, len(seeds))), seeds, strict=True):
        gallery.deliver(claim, seed)
    gallery.catalog.finish_run(run_id)
    return run_id


def shown(page: str) -> str:
    """The shot that is to be judged."""
    found = re.search(r'<h2 class="big"><a href="/shots/([^"]+)"', page)
    return found[1] if found else ""


def chosen(page: str) -> list[str]:
    form = page[page.index('class="verdicts"') :]
    return re.findall(r'name="delivery" value="([^"]+)"', form)


def test_outliers_come_first_and_a_verdict_leads_on(real: Browser, gallery: Gallery) -> None:
    run_id = delivered(gallery, [1, 9, 3])
    order, page = [], real.client.get("/review").text
    assert "beyond a threshold" in page
    for verdict in ("approved", "rejected", "redo"):
        order.append(shown(page)[-5:])
        answer = real.post("/do/review", delivery=chosen(page), verdict=verdict, note=f"a note: {verdict}", next="1")
        assert answer.status_code == 200 and verdict in answer.text
        page = answer.text
    assert order == ["00002", "00003", "00001"]
    assert "Everything is judged" in page and "3 of 3 judged" in page
    said = [facts.shot_facts(gallery.catalog, f"{run_id}.{number:05d}").deliveries[0].verdict for number in (2, 3, 1)]
    assert [one.verdict for one in said if one] == ["approved", "rejected", "redo"]
    assert [one.reviewer for one in said if one] == ["local"] * 3
    back = real.post("/do/reopen", delivery=re.findall(r'name="delivery" value="([^"]+)"', page), next="1")
    assert shown(back.text)[-5:] == "00001", "taken back, it waits again"


def test_many_are_approved_in_the_grid(real: Browser, gallery: Gallery) -> None:
    delivered(gallery, [1, 2, 3])
    grid = real.client.get("/review?view=grid").text
    boxes = re.findall(r'type="checkbox" name="delivery" value="([^"]+)"', grid)
    assert len(boxes) == 3
    answer = real.post("/do/review", delivery=boxes[:2], verdict="approved", next="1", view="grid")
    assert answer.text.count('type="checkbox" name="delivery"') == 1 and "2 of 3 judged" in answer.text


def test_only_what_is_flagged_is_asked_for(real: Browser, gallery: Gallery) -> None:
    run_id = delivered(gallery, [1, 9])
    flagged = real.client.get(f"/review?policy=flagged&run={run_id}&view=grid").text
    assert flagged.count('type="checkbox" name="delivery"') == 1
    assert real.client.get("/review?after=nonsense").status_code == 409
    assert real.client.get("/review?policy=nonsense&run=nonsense").status_code == 404


def test_what_was_replaced_meanwhile_is_not_judged(real: Browser, gallery: Gallery) -> None:
    delivered(gallery, [1])
    page = real.client.get("/review").text
    old = chosen(page)
    delivered(gallery, [2])
    answer = real.post("/do/review", delivery=old, verdict="approved", next="1")
    assert answer.status_code == 409 and "SUPERSEDED" in answer.text
    assert real.post("/do/review", delivery=old, verdict="splendid").status_code == 400
    assert real.post("/do/review", verdict="approved").status_code == 400


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("reviewer", 200), ("operator", 200)])
def test_a_viewer_judges_nothing(
    guarded: TestClient, words: Mapping[str, str], gallery: Gallery, role: str, status: int
) -> None:
    delivered(gallery, [1])
    sign_in(guarded, words[role])
    page = guarded.get("/review").text
    assert ("data-verdict" in page) == (role != "viewer")
    answer = Browser(guarded, "/review").post("/do/review", delivery="d", verdict="approved")
    assert answer.status_code == status


def test_a_manifest_says_what_of_its_run_is_reviewed(real: Browser, gallery: Gallery) -> None:
    """Whoever wants more says so, and the verdict leads on with that."""
    run_id = gallery.submit(3, review="flagged")
    for claim, seed in zip(gallery.claim(run_id, gallery.shots(run_id, 3)), [1, 9, 3], strict=True):
        gallery.deliver(claim, seed)
    page = real.client.get(f"/review?run={run_id}").text
    assert shown(page).endswith("00002") and "0 of 1 judged" in page and 'aria-current="true">Flagged</a>' in page
    page = real.client.get(f"/review?run={run_id}&policy=all").text
    assert "0 of 3 judged" in page
    answer = real.post(
        "/do/review", deliveries="", delivery=chosen(page), verdict="redo", next="1", run=run_id, policy="all"
    )
    assert "1 of 3 judged" in answer.text


@pytest.mark.parametrize(
    ("said", "chosen_policy", "words"),
    [("all", "all", "5 of 100"), ("flagged", "flagged", "5 of 100"), ("sample 12%", "sample", "12 of 100")],
)
def test_what_a_manifest_may_say_of_its_review(said: str, chosen_policy: str, words: str) -> None:
    found, known = policies_of({"review": said})
    assert found == chosen_policy and words in known["sample"][0]
    assert policies_of({}) == policies_of({"review": "all"}), "runs of an older Dailies"
