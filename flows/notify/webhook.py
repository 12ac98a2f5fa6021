"""Webhooks by the convention of https://www.standardwebhooks.com: signed, with one id however often they are sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import httpx

from flows.notify.answer import Answer
from flows.notify.targets import Target

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
GONE = 410


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def post(target: Target, message_id: str, body: bytes) -> Answer:
    """Send a message once. Redirects are not followed: whoever moved says so to people, not to us."""
    now = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "Dailies",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(target.key, message_id, now, body),
    }
    limits = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    try:
        with (
            httpx.Client(timeout=limits, follow_redirects=False) as client,
            client.stream("POST", target.url, content=body, headers=headers) as answer,
        ):
            status = answer.status_code  # what it says besides is not read: it may be without end
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # their words may hold the address
        return Answer("failed", f"no answer ({type(error).__name__})")
    if answer.is_success:
        return Answer("told", str(status))
    if status == GONE:
        return Answer("gone", str(status))
    return Answer("failed", f"{status}, and redirects are not followed" if answer.is_redirect else str(status))
