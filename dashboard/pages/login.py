"""Signing in and out, for dashboards that want a token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from dashboard.auth import checked, close_session, open_session
from dashboard.errors import Refused
from dashboard.form import Form, form_of
from dashboard.render import render

router = APIRouter()


@router.get("/login")
def ask(request: Request, next: str = "/") -> Response:
    """A field for the token."""
    return render(request, "login.html", {"title": "Sign in", "next": own_path(next), "notice": None})


@router.post("/login")
def sign_in(request: Request, form: Annotated[Form, Depends(form_of)]) -> Response:
    """Open a session, and go on to where they wanted."""
    back = own_path(form.get("next", "/"))
    try:
        token = checked(request, form.get("token", "").strip())
    except Refused as error:
        facts = {"title": "Sign in", "next": back, "notice": error}
        return render(request, "login.html", facts, status=error.status)
    response = RedirectResponse(back, status_code=303)
    open_session(request, response, token)
    return response


@router.post("/logout")
def sign_out() -> Response:
    """Close it."""
    response = RedirectResponse("/login", status_code=303)
    close_session(response)
    return response


def own_path(value: str) -> str:
    """Only a page of ours: an address elsewhere, or one that browsers read as such, becomes the first page."""
    plain = value.startswith("/") and not value.startswith(("//", "/\\")) and value.isprintable() and "\\" not in value
    return value if plain and not value.startswith("/login") else "/"
