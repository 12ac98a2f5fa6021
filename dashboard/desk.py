"""What every page has at hand."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from catalog.catalog import Catalog
from dashboard.actions import Actions
from dashboard.live import Live
from dashboard.login_rate import LoginRate
from dashboard.previews import Previews
from dashboard.rolling_up import RollingUp
from dashboard.settings import DashboardSettings
from dashboard.shared import Shared
from dashboard.tokens import Tokens


@dataclass(frozen=True)
class Desk:
    """The catalog to read, the actions to take, and what the dashboard keeps for itself."""

    catalog: Catalog
    actions: Actions
    settings: DashboardSettings
    live: Live
    shared: Shared
    previews: Previews
    tokens: Tokens
    login_rate: LoginRate
    secret: str
    rolling_up: RollingUp


def desk_of(request: Request) -> Desk:
    """As a dependency."""
    return request.app.state.desk
