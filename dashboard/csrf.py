"""Nobody acts in another's name: each visit has a word that only our own pages know.

The visit is a cookie; its word is made of it and our secret, is in every page, and comes back with everything that
changes something. Whoever sends a token of their own (`Authorization: Bearer`) rides on no cookie and needs none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Final

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.errors import Refused
from dashboard.form import form_of
from dashboard.hosts import host_of

COOKIE: Final = "dailies_visit"
HEADER: Final = "x-csrf-token"
FIELD: Final = "csrf"
SAFE: Final = ("GET", "HEAD", "OPTIONS")
_VISIT = re.compile(r"[A-Za-z0-9_-]{22,64}")


class Visits:
    """ASGI: who comes without a visit is given one; `request.state.visit` is it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request its visit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = cookie(Headers(scope=scope), COOKIE)
        visit = known if _VISIT.fullmatch(known) else secrets.token_urlsafe(24)
        scope.setdefault("state", {})["visit"] = visit

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and visit != known:
                secure = "; Secure" if scope.get("scheme") == "https" else ""
                MutableHeaders(scope=message).append(
                    "set-cookie", f"{COOKIE}={visit}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}"
                )
            await send(message)

        await self._app(scope, receive, with_cookie)


def cookie(headers: Headers, name: str) -> str:
    """One cookie of a request; empty where there is none, or nothing that can be read."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def word_of(visit: str, secret: str) -> str:
    """The word of a visit."""
    return hmac.new(secret.encode(), f"csrf:{visit}".encode(), hashlib.sha256).hexdigest()


async def refuse_forgery(request: Request) -> None:
    """Of whatever is not safe. Raises Refused (`FORGERY`, 403)."""
    if request.method in SAFE or getattr(request.state, "bearer", False):
        return
    origin = request.headers.get("origin")
    elsewhere = origin is not None and host_of(origin.partition("://")[2]) != host_of(request.headers.get("host", ""))
    if elsewhere or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _forged()
    sent = request.headers.get(HEADER) or (await form_of(request)).get(FIELD, "")
    wanted = word_of(request.state.visit, request.app.state.desk.secret)
    if not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise _forged()


def _forged() -> Refused:
    return Refused("FORGERY", "this did not come from one of our pages", "load the page again, and try once more", 403)
