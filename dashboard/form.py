"""What a form or a script sends: names and texts, of a bounded size."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from fastapi import Request

from dashboard.errors import Refused

MOST_BYTES = 2_000_000


class Form(dict[str, str]):
    """Fields by name; of one sent several times the last, all of them in `many`."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def many(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        return [value for key, value in self._pairs if key == name]


async def form_of(request: Request) -> Form:
    """The form of a request, as browsers and scripts send it. Raises Refused (413) beyond 2 MB, 415 for other kinds."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MOST_BYTES:
        raise _too_much()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    if not hasattr(request, "_body"):
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > MOST_BYTES:
                raise _too_much()
            parts.append(part)
        request._body = b"".join(parts)  # Starlette's own place for it: who asks next gets the same
    body = await request.body()
    if not body:
        return Form([])
    try:
        if kind == "application/json":
            sent = json.loads(body)
            if not isinstance(sent, dict):
                raise ValueError("wanted an object")
            return Form([(str(name), part) for name, value in sent.items() for part in _texts(value)])
        if kind == "application/x-www-form-urlencoded":
            return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2_000))
    except (ValueError, RecursionError) as error:
        raise Refused("BAD_FORM", f"what was sent cannot be read: {error}", "send a form or a JSON object") from error
    raise Refused("BAD_FORM", f"'{kind[:60]}' is not read here", "send a form or a JSON object", 415)


def _texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value if isinstance(value, str) else json.dumps(value)]


def _too_much() -> Refused:
    return Refused("TOO_LARGE", f"more than {MOST_BYTES // 1_000_000} MB was sent", "send less", 413)
