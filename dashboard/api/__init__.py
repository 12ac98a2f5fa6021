"""The same facts as JSON, and the document that describes them."""

from typing import Any

from fastapi import APIRouter, Request, Security

from dashboard.api import act, read
from dashboard.api.told import webhooks
from dashboard.api.words import BEARER

__all__ = ["router", "webhooks"]

router = APIRouter(prefix="/api", dependencies=[Security(BEARER)])
for part in (read, act):
    router.include_router(part.router)


@router.get("/openapi.json", include_in_schema=False)
def document(request: Request) -> dict[str, Any]:
    """OpenAPI's, for whoever may come in."""
    return request.app.openapi()
