"""Only names that are ours are answered: a page elsewhere that points its own name at this machine gets nothing."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.settings import LOOPBACK


class Hosts:
    """ASGI around everything: the `Host` of a request is loopback's, or one of `names`; else 421."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in (*LOOPBACK, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http" and host_of(Headers(scope=scope).get("host", "")) not in self._names:
            told = "this dashboard does not answer to that name; start it with --name, or use its address"
            await PlainTextResponse(told, status_code=421)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def host_of(value: str) -> str:
    """`Host` without its port: `[::1]:4300` and `localhost:4300` are `[::1]` and `localhost`."""
    if value.startswith("["):
        return value.partition("]")[0].lower() + "]"
    return value.partition(":")[0].lower()
