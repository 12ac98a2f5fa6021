"""Who asks: on loopback whoever is at the machine, beyond it whoever has a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import Response

from dashboard.csrf import cookie
from dashboard.errors import Refused, SignInFirst
from dashboard.roles import Person
from dashboard.tokens import Token, person

COOKIE: Final = "dailies_session"
LASTS_SECONDS: Final = 7 * 24 * 3600
HERE: Final = Person("local", "operator")
PUBLIC: Final = ("/login", "/alive")
"""What may be asked by anybody."""


async def let_in(request: Request) -> None:
    """Find out who asks; `request.state.person` is it. Raises SignInFirst."""
    desk = request.app.state.desk
    request.state.bearer, request.state.person = False, None
    scheme, _, word = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        request.state.person, request.state.bearer = person(checked(request, word.strip())), True
    elif not desk.settings.wants_tokens:
        request.state.person = HERE
    elif (token := _session(request)) is not None:
        request.state.person = person(token)
    if request.state.person is None and request.url.path not in PUBLIC:
        raise SignInFirst()


def checked(request: Request, word: str) -> Token:
    """The token of a word. Raises Refused: it is unknown (401), or too many were wrong (429)."""
    desk = request.app.state.desk
    address = request.client.host if request.client else ""
    desk.login_rate.check(address)
    if (found := desk.tokens.find(word)) is not None:
        return found
    desk.login_rate.failed(address)
    raise Refused("WRONG_TOKEN", "this token opens nothing", "ask an operator for one: `dailies token add`", 401)


def open_session(request: Request, response: Response, token: Token) -> None:
    """Remember the token in a signed cookie that belongs to this visit alone."""
    response.set_cookie(
        COOKIE,
        _signer(request).dumps({"token": token.id, "visit": request.state.visit}),
        max_age=LASTS_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def close_session(response: Response) -> None:
    """Forget it."""
    response.delete_cookie(COOKIE)


def needs(role: str) -> Callable[[Request], Awaitable[Person]]:
    """A dependency: whoever asks, if this role is theirs. Raises Refused (403)."""

    async def check(request: Request) -> Person:
        who: Person = request.state.person
        if not who.may(role):
            raise Refused("NOT_YOURS", f"{who.name} is a {who.role}", f"this needs a token of role {role}", 403)
        return who

    return check


Viewer = Annotated[Person, Depends(needs("viewer"))]
Reviewer = Annotated[Person, Depends(needs("reviewer"))]
Operator = Annotated[Person, Depends(needs("operator"))]


def _session(request: Request) -> Token | None:
    try:
        told = _signer(request).loads(cookie(request.headers, COOKIE), max_age=LASTS_SECONDS)
    except BadSignature:  # an expired one is one too
        return None
    if not isinstance(told, dict) or told.get("visit") != request.state.visit:
        return None
    return request.app.state.desk.tokens.by_id(str(told.get("token")))


def _signer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(request.app.state.desk.secret, salt="session")
