"""The web application: `create_app` puts the rooms' parts together; everything it needs it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute, Match

from catalog import facts
from catalog.catalog import Catalog
from catalog.errors import CatalogError, NotFound, StoreUnavailable
from dashboard import api, media, pages, scrape
from dashboard.actions import Actions
from dashboard.assets import Assets
from dashboard.auth import let_in
from dashboard.csrf import Visits, refuse_forgery
from dashboard.desk import Desk, desk_of
from dashboard.errors import Refused, SignInFirst
from dashboard.headers import Headers
from dashboard.hosts import Hosts
from dashboard.live import Live
from dashboard.login_rate import LoginRate
from dashboard.previews import Previews
from dashboard.render import render
from dashboard.rolling_up import RollingUp
from dashboard.settings import DashboardSettings
from dashboard.shared import Shared
from dashboard.tokens import Tokens, secret

STATIC = Path(__file__).parent / "static"
_SQUEEZE_BYTES = 1_000
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def create_app(catalog: Catalog, actions: Actions, settings: DashboardSettings) -> FastAPI:
    """The dashboard over an open catalog, which its caller closes."""
    live = Live(lambda: facts.version(catalog), settings.poll_seconds)
    desk = Desk(
        catalog=catalog,
        actions=actions,
        settings=settings,
        live=live,
        shared=Shared(live),
        previews=Previews(settings.pictures),
        tokens=Tokens(settings.tokens),
        login_rate=LoginRate(),
        secret=secret(settings.secret),
        rolling_up=RollingUp(catalog, settings.roll_up_seconds),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.rolling_up.start()
        yield
        live.stop()
        await asyncio.to_thread(desk.rolling_up.stop)

    app = FastAPI(
        title="Dailies",
        description="Runs, shots and deliveries of a Dailies catalog, and what may be done with them.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(let_in), Depends(refuse_forgery)],
        lifespan=lifespan,
    )
    app.state.desk = desk
    app.include_router(pages.router, include_in_schema=False)
    app.include_router(media.router)
    app.include_router(api.router)
    app.include_router(scrape.router, include_in_schema=False)
    app.webhooks.include_router(api.webhooks)
    app.add_api_route("/live", _live, include_in_schema=False)
    app.add_api_route("/alive", _alive, include_in_schema=False)
    app.mount("/static", Assets(STATIC), name="static")
    for kind in (Refused, CatalogError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _refused)
    app.add_middleware(GZipMiddleware, minimum_size=_SQUEEZE_BYTES)
    app.add_middleware(Visits)
    app.add_middleware(Hosts, names=settings.names)
    app.add_middleware(Headers)
    return app


async def _live(
    desk: Annotated[Desk, Depends(desk_of)], last_event_id: Annotated[str, Header()] = "", since: str = ""
) -> StreamingResponse:
    return StreamingResponse(
        desk.live.events(last_event_id or since), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _alive() -> PlainTextResponse:
    return PlainTextResponse("alive")


async def _refused(request: Request, error: Exception) -> Response:
    """Whatever was refused, as its asker reads it: JSON for programs, a line for htmx, a page for people."""
    told = _told(error)
    if wants_json(request):
        body: dict[str, Any] = {"code": told.code, "message": told.message, "remedy": told.remedy}
        headers = {"WWW-Authenticate": "Bearer"} if told.status == 401 else _own_headers(request, error)
        return JSONResponse(body, status_code=told.status, headers=headers)
    if isinstance(told, SignInFirst) and request.method == "GET":
        if request.headers.get("hx-request"):
            return Response(status_code=204, headers={"HX-Refresh": "true"})
        return RedirectResponse(f"/login?next={request.url.path}", status_code=303)
    name = "_notice.html" if request.headers.get("hx-request") else "refused.html"
    page = render(request, name, {"notice": told, "title": told.code}, status=told.status)
    page.headers.update(_own_headers(request, error))
    return page


def _own_headers(request: Request, error: Exception) -> dict[str, str]:
    """What an answer has to say by itself: `Allow`, with a 405; Starlette names the first route of a path alone."""
    if not isinstance(error, HTTPException) or error.status_code != 405:
        return {}
    routes = request.app.router.routes
    there = [one for one in METHODS if any(_takes(route, request, one) for route in routes)]
    return {"Allow": ", ".join(there)}


def _takes(route: BaseRoute, request: Request, method: str) -> bool:
    return route.matches({**request.scope, "method": method})[0] is Match.FULL


def wants_json(request: Request) -> bool:
    """Programs ask below /api, or with a token, or say so."""
    accepts = request.headers.get("accept", "")
    below = request.url.path.startswith(("/api/", "/media/", "/live", "/metrics"))
    return below or getattr(request.state, "bearer", False) or accepts.startswith("application/json")


def _told(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case NotFound():
            return Refused(error.code, str(error), status=404)
        case StoreUnavailable():
            return Refused(error.code, str(error), "this page comes back by itself when it is there again", 503)
        case CatalogError():
            return Refused(error.code, str(error), status=409)
        case RequestValidationError():
            faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
            return Refused("BAD_REQUEST", faults, status=422)
        case HTTPException():
            code = "NOT_FOUND" if error.status_code == 404 else "BAD_REQUEST"
            return Refused(code, str(error.detail), status=error.status_code)
        case _:
            raise error
