"""Who comes in, what they may do, and what comes to nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient

from dashboard.tokens import Tokens
from tests.dashboard.conftest import Asked, Browser
from tests.dashboard.gallery import HOSTILE, Gallery


def routes(client: TestClient) -> list[tuple[str, str]]:
    """Every path and method there is, those of included routers too."""
    found: list[tuple[str, str]] = []
    for route in client.app.router.routes:  # type: ignore[attr-defined]
        nested = getattr(route, "effective_route_contexts", None)
        for one in nested() if nested else [route]:
            found += [(one.path, method) for method in getattr(one, "methods", None) or ()]
    return found


def sign_in(client: TestClient, word: str) -> None:
    answer = client.post(
        "/login",
        data={"token": word, "csrf": Browser(client, "/login").word(), "next": "/"},
        headers={"origin": "https://dailies.example"},
        follow_redirects=False,
    )
    assert answer.status_code == 303, answer.text


def test_every_answer_forbids_what_is_inline(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    for path in ("/", f"/runs/{run_id}", f"/shots/{run_id}.00001", "/nowhere", "/static/dailies.css", "/api/nowhere"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "html" in answer.headers["content-type"]:
            assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|<style", answer.text), path


def test_a_hostile_title_is_only_text(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.submit(1, name=HOSTILE, title=HOSTILE)
    for path in ("/", f"/runs/{run_id}", f"/shots/{run_id}.00001", f"/runs/{run_id}/manifest"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert HOSTILE not in answer.text and "&lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "../../etc/passwd", "/etc/passwd", "%00", "a" * 63, "A" * 64, "a" * 65]
)
@pytest.mark.parametrize("tail", ["", "/thumbnail", "/preview"])
def test_a_path_for_a_digest_does_nothing(client: TestClient, name: str, tail: str) -> None:
    answer = client.get(f"/media/{name}{tail}")
    assert answer.status_code in (404, 422) and "root:" not in answer.text


def test_nothing_is_done_without_the_pages_word(client: TestClient, asked: Asked, gallery: Gallery) -> None:
    """Every route that changes something, also those that come later."""
    unsafe = [(path, method) for path, method in routes(client) if method not in ("GET", "HEAD", "OPTIONS")]
    assert {("/do/retry", "POST"), ("/api/runs", "POST"), ("/login", "POST")} <= set(unsafe), "the walk misses some"
    browser = Browser(client)
    word = browser.word()
    for path, method in unsafe:
        path = re.sub(r"\{\w+\}", "x", path)
        for headers in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": word, "Origin": "https://elsewhere.example"},
                        {"X-CSRF-Token": word, "Sec-Fetch-Site": "cross-site"}):  # fmt: skip
            answer = client.request(method, path, headers=headers, data={"shot": "x"})
            assert answer.status_code == 403, (path, headers, answer.status_code)
    assert asked.calls == []
    assert browser.post("/do/retry", shot="x").status_code == 200
    assert asked.calls == [("retry", "local", ("x",))]


def test_another_name_for_this_machine_is_not_answered(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/", headers={"host": "localhost:4300"}).status_code == 200


def test_who_has_no_token_is_asked_for_one(guarded: TestClient) -> None:
    page = guarded.get("/runs/abc", follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/runs/abc")
    assert guarded.get("/media/" + "a" * 64).status_code == 401
    assert guarded.get("/api/openapi.json").status_code == 401
    assert guarded.get("/live").status_code == 401


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", set()), ("reviewer", {"send"}), ("operator", {"send", "retry", "resume", "cancel"})]
)
def test_a_role_does_what_is_its_own(
    guarded: TestClient, words: Mapping[str, str], asked: Asked, gallery: Gallery, role: str, may: set[str]
) -> None:
    run_id = gallery.night()
    sign_in(guarded, words[role])
    page = guarded.get(f"/runs/{run_id}")
    assert page.status_code == 200 and ("/do/retry" in page.text) == (role == "operator")
    browser = Browser(guarded)
    for what in ("retry", "resume", "cancel", "send"):
        path = "/do/retry" if what == "retry" else f"/do/{what}/{run_id}"
        answer = browser.post(path, shot=f"{run_id}.00003")
        assert answer.status_code == (200 if what in may else 403), answer.text
    assert {call[0] for call in asked.calls} == may
    assert {call[1] for call in asked.calls} <= {f"a {role}"}


def test_a_token_that_is_taken_back_ends_its_sessions(
    guarded: TestClient, words: Mapping[str, str], gallery: Gallery
) -> None:
    sign_in(guarded, words["viewer"])
    assert guarded.get("/", follow_redirects=False).status_code == 200
    Tokens(gallery.folder / "dashboard" / "tokens.json").remove("a viewer")
    assert guarded.get("/", follow_redirects=False).status_code == 303


def test_a_session_cannot_be_made_up(guarded: TestClient, words: Mapping[str, str]) -> None:
    sign_in(guarded, words["viewer"])
    real = guarded.cookies["dailies_session"]

    guarded.cookies.delete("dailies_session")
    made_up = {"cookie": f"dailies_session={real[:-3]}xyz"}
    assert guarded.get("/", headers=made_up, follow_redirects=False).status_code == 303


def test_guessing_is_slow(guarded: TestClient, words: Mapping[str, str]) -> None:
    wrong = [guarded.get("/api/openapi.json", headers={"authorization": "Bearer no"}).status_code for _ in range(7)]
    assert wrong == [401] * 5 + [429] * 2
    right = {"authorization": f"Bearer {words['viewer']}"}
    assert guarded.get("/api/openapi.json", headers=right).status_code == 429, "whoever guesses is not told either"


def test_only_digests_of_tokens_are_kept(gallery: Gallery, words: Mapping[str, str]) -> None:
    file = gallery.folder / "dashboard" / "tokens.json"
    assert file.stat().st_mode & 0o077 == 0
    assert not any(word in file.read_text() for word in words.values())


@pytest.mark.parametrize("back", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "x"])
def test_signing_in_leads_nowhere_else(guarded: TestClient, words: Mapping[str, str], back: str) -> None:
    fields = {"token": words["viewer"], "csrf": Browser(guarded, "/login").word(), "next": back}
    answer = guarded.post("/login", data=fields, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_form_is_not_read_without_end(client: TestClient) -> None:
    answer = client.post("/do/retry", content=b"shot=" + b"x" * 2_000_001,
                         headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert answer.status_code == 413
    deep = client.post("/do/retry", content=b"[" * 100_000, headers={"content-type": "application/json"})
    assert deep.status_code == 400
