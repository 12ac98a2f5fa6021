"""`dailies dashboard` and `dailies token`: the pages people look at, and who may come in from elsewhere."""

from __future__ import annotations

import socket
from typing import Annotated, Final

import typer

from catalog.catalog import Catalog
from dashboard.errors import Refused
from dashboard.roles import Role
from dashboard.settings import LOOPBACK, DashboardSettings, Rates
from dashboard.tokens import Tokens
from flows import log_lines
from flows.json_output import JSON, print_json
from flows.listening import listen
from flows.settings import Settings
from flows.terminal import said
from manifests.errors import InputError, Problem

PORT: Final = 4300
_GRACE_SECONDS: Final = 3

tokens = typer.Typer(name="token", help="Tokens that open the dashboard from elsewhere.", no_args_is_help=True)

NAME = Annotated[str, typer.Argument(help="Whose it is, as the audit will name them.", show_default=False)]


def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens.")] = PORT,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond loopback people need tokens.")] = "127.0.0.1",
    names: Annotated[
        list[str] | None, typer.Option("--name", help="A host name it answers to, behind a proxy; people need tokens.")
    ] = None,
    as_json: JSON = False,
) -> int:
    """Pages of what ran, runs and failed, live; review, search, costs and an API. Until Ctrl-C."""
    settings = Settings()
    answers = [*(names or ()), *([host] if host not in (*LOOPBACK, "0.0.0.0", "::") else [])]
    told = dashboard_settings(settings, tuple(answers), open_=host in LOOPBACK)
    if told.wants_tokens and not Tokens(told.tokens).all():
        found = f"--host {host} lets others reach it, and nobody has a token"
        raise InputError(Problem("NO_TOKENS", found, "make one first: dailies token add NAME --role operator"))
    if host in ("0.0.0.0", "::") and not names:
        found = f"--host {host} needs the names that people will use"
        raise InputError(Problem("NO_NAME", found, "say them: --name dailies.example.com"))
    with listen(host, port) as listening:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        if as_json:
            print_json({"address": address, "tokens": told.wants_tokens})
        else:
            said(f"{address} shows what runs; Ctrl-C ends it")
        serve(settings, told, listening)
    return 0


def dashboard_settings(settings: Settings, names: tuple[str, ...] = (), *, open_: bool = True) -> DashboardSettings:
    """What this machine's settings say of a dashboard."""
    rates = Rates(settings.price_gpu_hour, settings.price_cpu_hour, settings.currency)
    return DashboardSettings(settings.home, names, open_, rates)


def serve(settings: Settings, told: DashboardSettings, listening: socket.socket) -> None:
    """Answer on this socket until a signal."""
    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from dashboard.app import create_app
    from flows.actions import FlowActions
    from flows.notify.telling import telling

    settings.home.mkdir(parents=True, exist_ok=True)
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        app = create_app(catalog, FlowActions(catalog, settings), told)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                log_config=None if log_lines.wanted() else LOGGING_CONFIG,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False,
            )
        )
        with telling(catalog, settings, waits=False):
            server.run(sockets=[listening])


def serve_socket(fd: int) -> None:
    """Answer on a loopback socket that `dailies up` holds."""
    log_lines.begin()
    settings = Settings()
    with socket.socket(fileno=fd) as listening:
        serve(settings, dashboard_settings(settings), listening)


@tokens.command("add")
def add(
    name: NAME,
    role: Annotated[Role, typer.Option(help="viewer looks, reviewer gives verdicts too, operator does everything.")],
    as_json: JSON = False,
) -> int:
    """Make a token and print it, once: only its digest is kept."""
    try:
        word = _tokens().add(name, role)
    except Refused as error:
        raise _as_input(error) from error
    if as_json:
        print_json({"name": name, "role": role, "token": word})
    else:
        said(f"{name} comes in as {role} with: {word}")
    return 0


@tokens.command("list")
def list_tokens(as_json: JSON = False) -> int:
    """Who has one."""
    found = _tokens().all()
    if as_json:
        print_json([{"name": one.name, "role": one.role, "created_at": one.created_at} for one in found])
    elif not found:
        said("nobody has a token: the dashboard is open to this machine alone")
    for one in () if as_json else found:
        said(f"{one.name}: {one.role}, since {one.created_at}")
    return 0


@tokens.command("remove")
def remove(name: NAME, as_json: JSON = False) -> int:
    """Take a token back; its sessions end at once."""
    try:
        _tokens().remove(name)
    except Refused as error:
        raise _as_input(error) from error
    if as_json:
        print_json({"removed": name})
    else:
        said(f"{name} has no token any more")
    return 0


def _tokens() -> Tokens:
    return Tokens(dashboard_settings(Settings()).tokens)


def _as_input(error: Refused) -> InputError:
    return InputError(Problem(error.code, error.message, error.remedy))
