"""A dead man's switch: a URL that hears of starts and ends, and alarms when it hears nothing.

The paths are those of healthchecks.io: the URL itself is a good end, `/start` a start, `/fail` a bad end.
"""

from __future__ import annotations

import logging
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx

Event = Literal["start", "done", "fail"]
_PATHS: Final[dict[Event, str]] = {"start": "/start", "done": "", "fail": "/fail"}
SECONDS: Final = 10.0

log = logging.getLogger("dailies.ping")


def ping(url: str, event: Event) -> bool:
    """GET the URL of an event; False where nobody heard. It takes ten seconds at most and never raises.

    Nothing of the answer is read or followed. The URL is a secret of sorts: of it the host alone is logged.
    """
    if not url:
        return False
    try:
        answer = httpx.get(f"{url.rstrip('/')}{_PATHS[event]}", timeout=SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        log.warning("ping %s of %s: %s", event, host(url), type(error).__name__)
        return False
    if not answer.is_success:
        log.warning("ping %s of %s: it answers %d", event, host(url), answer.status_code)
    return answer.is_success


def host(url: str) -> str:
    """What may be shown of a URL."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
