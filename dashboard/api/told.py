"""What webhooks are sent, described in the API's document; `flows/notify` sends it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field

webhooks = APIRouter(tags=["webhooks"])

Event = Literal[
    "run.finished", "run.failed", "run.cancelled", "run.paused", "shot.quarantined", "report", "test"
]  # catalog.notices.EVENTS and a test


class Told(BaseModel):
    """Something that happened. The same `id` may come again and means the same: have its effect once."""

    type: Event
    version: Literal[1]
    id: str
    timestamp: datetime = Field(description="When it happened.")
    subject: str = Field(description="A run's id, or a title.")
    data: dict[str, Any] = Field(
        description="Of a run: `run` with its names, times, shots by state and failures by code. Of shots: `shots`, "
        "and their `count`. Of a report: its `headline`, `figures`, `notes` and `troubles`, `shots` by state, and "
        "its `page`."
    )
    links: dict[str, str] = Field(description="`dashboard`, where notify.yaml tells its address.")


@webhooks.post("told", responses={410: {"description": "Nothing more is wanted: no more is sent"}})
def told(
    message: Told,
    webhook_id: Annotated[str, Header(description="`id` of the message.")],
    webhook_timestamp: Annotated[int, Header(description="When this try was sent, in seconds since 1970.")],
    webhook_signature: Annotated[
        str, Header(description="`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, by the target's secret.")
    ],
) -> None:
    """By https://www.standardwebhooks.com. Answer 2xx within 15 s; anything else is tried again for a day."""
