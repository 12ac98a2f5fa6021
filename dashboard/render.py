"""Templates: every value is escaped, and every page knows who looks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from dashboard import words
from dashboard.assets import asset
from dashboard.csrf import cookie, word_of
from dashboard.remedies import remedy_of

THEMES: Final = ("light", "dark")

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(asset=asset, remedy_of=remedy_of)
_environment.filters.update(
    seconds=words.seconds,
    size=words.size,
    count=words.count,
    figure=words.figure,
    moment=words.moment,
    day=words.day,
    short=words.short,
    worded=words.worded,
    pretty=words.pretty,
)


def render(request: Request, name: str, facts: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """One page or part of one."""
    desk, theme = request.app.state.desk, cookie(request.headers, "dailies_theme")
    always = {
        "path": request.url.path,
        "address": f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path,
        "person": getattr(request.state, "person", None),
        "csrf": word_of(request.state.visit, desk.secret),
        "theme": theme if theme in THEMES else "",
        "signs_in": desk.settings.wants_tokens,
        "version": desk.live.version,
        "rates": desk.settings.rates,
    }
    return HTMLResponse(_environment.get_template(name).render(always | dict(facts)), status_code=status)
