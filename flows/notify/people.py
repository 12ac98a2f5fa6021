"""Mail and chat, through Apprise (https://github.com/caronc/apprise, BSD-2-Clause): one address, one message."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flows.notify.answer import Answer
from flows.notify.letter import Letter, plain
from flows.notify.targets import Target

_SHORTEST_SECRET = 3


def write_to(target: Target, letter: Letter) -> Answer:
    """Send a letter once. Whatever goes wrong is a failure of this try, told without any part of the address."""
    import apprise  # a hundred services: only where somebody is told by them

    asset = apprise.AppriseAsset(
        app_id="Dailies", app_desc="Dailies", app_url="", image_url_mask="", image_url_logo="", async_mode=False
    )
    post = apprise.Apprise(asset=asset)
    with _heard() as lines:
        if not post.add(target.url):
            return Answer("failed", "Apprise does not read its address: see https://appriseit.com/services")
        for service in post:
            if service.overflow_mode == apprise.OverflowMode.UPSTREAM:  # else the address says overflow=
                service.overflow_mode = apprise.OverflowMode.SPLIT
        try:
            sent = post.notify(body=letter.body, title=letter.title, body_format=letter.format)
        except Exception as error:  # noqa: BLE001 - of a hundred services, each with faults of its own
            return Answer("failed", f"Apprise: {type(error).__name__}")
    if sent:
        return Answer("told", "sent")
    return Answer("failed", f"Apprise: {_masked(lines[-1] if lines else 'not sent', target.url)}")


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise logs of a fault in this thread, and what it says to nobody else meanwhile."""
    lines: list[str] = []
    here = threading.get_ident()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == here:
                lines.append(record.getMessage())

    log, ear = logging.getLogger("apprise"), Ear(logging.WARNING)
    log.addHandler(ear)
    log.propagate = False  # its words may hold addresses
    try:
        yield lines
    finally:
        log.removeHandler(ear)


def _masked(words: str, url: str) -> str:
    """`words` without anything that the address is made of, but for its service."""
    secrets = {part for part in re.split(r"[^\w.%+-]+|%[0-9A-Fa-f]{2}", url.partition("://")[2]) if part}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            words = words.replace(secret, "***")
    return plain(words)
