"""`dailies notify`: who is told of what, whether that works, and what still waits to be sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from catalog.ids import new_id
from catalog.outbox import Due
from catalog.queries import notice_targets
from flows.json_output import JSON, print_json
from flows.notify.targets import Target, Targets, read_targets
from flows.notify.telling import attempt, telling
from flows.settings import Settings
from flows.terminal import counted, said
from flows.workshop import workshop
from manifests.errors import InputError, Problem

app = typer.Typer(name="notify", help="Webhooks, mail and chat that are told what happens.", no_args_is_help=True)

NAME = Annotated[str, typer.Argument(help="A target of notify.yaml; all of them if left out.")]


@app.command("list")
def list_(as_json: JSON = False) -> int:
    """Who is told of what, and how that goes. No address or secret is shown."""
    settings = Settings()
    targets = read_targets(settings)
    _show(settings, targets, as_json)
    return 0


@app.command()
def test(name: NAME = "", as_json: JSON = False) -> int:
    """Send a test now, and say what came back; a target that wanted no more and answers is told again."""
    settings = Settings()
    targets = read_targets(settings)
    wanted = [one for one in targets.all if name in ("", one.name)]
    if not wanted:
        found = f"no target '{name}'" if name else "it names no target"
        raise InputError(Problem("NOTIFY_FILE", found, "README's 'Being told' shows one", file=str(settings.notify)))
    answers = [(one, attempt(one, _trial(one), targets.dashboard)) for one in wanted]
    with workshop(settings) as tools:
        for one, answer in answers:
            if answer.state == "told":
                tools.catalog.know_target(one.name, one.kind)
                tools.catalog.target_back(one.name)
    if as_json:
        print_json([{"target": one.name, "state": answer.state, "answer": answer.words} for one, answer in answers])
    for one, answer in () if as_json else answers:
        said(f"{one.name}: {'it arrived' if answer.state == 'told' else 'it did not arrive'} ({answer.words})")
    return 0 if all(answer.state == "told" for _, answer in answers) else 1


@app.command()
def forget(
    name: Annotated[str, typer.Argument(help="A target that is in no notify.yaml any more.", show_default=False)],
    as_json: JSON = False,
) -> int:
    """Tell somebody nothing more, and drop what waits; one that is named again is told from then on."""
    settings = Settings()
    if name in (one.name for one in read_targets(settings).all):
        raise InputError(Problem("NOTIFY_FILE", f"it names '{name}'", "take it out first", file=str(settings.notify)))
    with workshop(settings) as tools:
        tools.catalog.forget_target(name)
    if as_json:
        print_json({"forgotten": name})
    else:
        said(f"{name} is told nothing more")
    return 0


@app.command()
def send(as_json: JSON = False) -> int:
    """Send what is due now, and say what still waits: for machines where nothing runs all the time."""
    settings = Settings()
    targets = read_targets(settings)
    with workshop(settings) as tools, telling(tools.catalog, settings):
        pass
    return 1 if _show(settings, targets, as_json) else 0


def _show(settings: Settings, targets: Targets, as_json: bool) -> int:
    """Print the targets; returns how many notices wait."""
    with workshop(settings) as tools:
        known = {row.name: row for row in notice_targets(tools.catalog)}
    rows = [(one, known.get(one.name)) for one in targets.all]
    if as_json:
        print_json(
            [
                {
                    "target": one.name,
                    "kind": one.kind,
                    "where": one.where,
                    "events": one.events,
                    "state": row.state if row else "new",
                    "reason": row.reason if row else None,
                    "told_at": row.told_at if row else None,
                    "waiting": row.waiting if row else 0,
                }
                for one, row in rows
            ]
        )
    elif not rows:
        said(f"nobody is told: {settings.notify} names no target")
    for one, row in () if as_json else rows:
        state = "nothing was told yet" if row is None else row.state
        reason = f" ({row.reason})" if row is not None and row.reason else ""
        waits = f", {counted(row.waiting, 'notice waits', 'notices wait')}" if row is not None and row.waiting else ""
        said(f"{one.name}: {one.where}, {', '.join(one.events)}: {state}{reason}{waits}")
    return sum(row.waiting for _, row in rows if row is not None)


def _trial(target: Target) -> Due:
    words = "This is a test. Whoever reads it will be told what Dailies makes."
    body = {"text": words}
    return Due(new_id("n"), target.name, "test", "a test", None, body, datetime.now(UTC), 1)
