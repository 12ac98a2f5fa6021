"""What people read in a terminal: problems, plans, outcomes and states, as tables and sentences."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog import connection
from catalog.queries import RunRow, RunStatus
from flows.plain_console import PlainConsole
from flows.settings import Settings
from manifests.errors import Problem
from tasks.planner.planner import RunPlan
from tasks.planner.scene import ScenePlan

out = PlainConsole(highlight=False)
err = PlainConsole(stderr=True, highlight=False)

SHOWN = 40
"""Rows of a table people still read; the rest is counted."""

_COLORS = {"done": "green", "failed": "red", "quarantined": "red", "cancelled": "yellow", "running": "cyan"}


def said(text: str) -> None:
    """One sentence for people."""
    out.print(escape(text), soft_wrap=True)


def print_problems(problems: Sequence[Problem]) -> None:
    """Everything that is wrong, a line each, on stderr."""
    for problem in problems:
        err.print(f"[red]✗[/red] {escape(str(problem))}", soft_wrap=True)
    if len(problems) > 1:
        err.print(f"{len(problems)} problems; nothing was started", style="bold")


def print_plan(plan: RunPlan, settings: Settings) -> None:
    """Shots x stages with the reason for each, then what it costs."""
    for planned in plan.shots[:SHOWN]:
        if (told := planned.plan) is None:
            continue
        head = f"[bold]{escape(told.key)}[/bold]"
        for shared in told.renditions:
            left = {one.preset for one in shared.deliveries if not plan.stands(one)}
            stands = [one.preset for one in shared.deliveries if one.preset not in left]
            facts = [f"stands: {', '.join(stands)}"] if stands else []
            facts += [f"needs {memory(shared.vram_bytes)}"] if shared.vram_bytes and left else []
            out.print(f"{head}  {shared.name}" + (f"  [dim]{'; '.join(facts)}[/dim]" if facts else ""))
            table = Table(box=None, show_header=False, padding=(0, 1, 0, 3))
            for stage in shared.stages if left else ():
                table.add_row(stage.replace("_", " "), f"[dim]{escape(shared.why.get(stage, ''))}[/dim]")
            if table.row_count:
                out.print(table)
        for note in told.notes:
            out.print(f"   [yellow]note[/yellow] {escape(note)}", soft_wrap=True)
    if len(plan.shots) > SHOWN:
        out.print(f"... and {len(plan.shots) - SHOWN} more shots")
    for scene in plan.scenes:
        _print_scene(scene, stands=plan.stands(scene.delivery))
    print_problems_of_shots(plan)
    _print_totals(plan, settings)


def _print_scene(scene: ScenePlan, *, stands: bool) -> None:
    """A scene in a line: what it is cut from, how long it is, what is missing in it."""
    timeline = scene.timeline
    missing = sum(bool(event.missing) for event in scene.events)
    facts = [counted(len(scene.events), "shot"), f"{float(timeline.frames / timeline.rate):.2f} s at {scene.rate}"]
    facts += [f"{counted(missing, 'card')} for what is missing"] if missing else []
    facts += [f"leader of {counted(scene.leader, 'frame')}"] if scene.leader else []
    standing = "  [dim]stands[/dim]" if stands else ""
    out.print(f"[bold]scene {escape(scene.scene)}[/bold]  {', '.join(facts)}{standing}")
    for note in scene.notes:
        out.print(f"   [yellow]note[/yellow] {escape(note)}", soft_wrap=True)


def print_problems_of_shots(plan: RunPlan) -> None:
    """Shots that cannot be made, with the reason."""
    for problem in plan.problems[:SHOWN]:
        err.print(f"[red]✗[/red] {escape(str(problem))}", soft_wrap=True)
    rows = len(plan.manifest.refused)
    bad = sum(1 for planned in plan.shots if planned.problems) + rows
    if len(plan.problems) > SHOWN:
        err.print(f"... and {len(plan.problems) - SHOWN} more problems")
    if bad:
        err.print(f"{bad} of {len(plan.shots) + rows} shots cannot be made and would be quarantined", style="bold")


def print_summary(plan: RunPlan) -> None:
    """The plan in a line or two, before it is carried out; what scenes are made without."""
    print_problems_of_shots(plan)
    for problem in plan.unheard[:SHOWN]:
        err.print(f"[yellow]note[/yellow] {escape(str(problem))}", soft_wrap=True)
    if len(plan.unheard) > SHOWN:
        err.print(f"... and {len(plan.unheard) - SHOWN} more sounds that are left out")
    told = plan_totals(plan)
    basis = ", ".join(sorted({plan.speeds.basis[speed] for speed, seconds in plan.seconds.items() if seconds}))
    estimate = f", about {duration(told['seconds'])} (from {basis})" if basis else ""
    err.print(
        f"{len(plan.shots)} shots: {told['deliveries_to_make']} deliveries to make, "
        f"{told['deliveries_standing']} stand{estimate}"
    )


def _print_totals(plan: RunPlan, settings: Settings) -> None:
    table = Table("left to do", "by", Column("about", justify="right"), "known from", box=SIMPLE_HEAD)
    for (stage, engine), seconds in sorted(plan.seconds.items()):
        if seconds:
            table.add_row(stage, engine, duration(seconds), plan.speeds.basis[stage, engine])
    if table.row_count:
        out.print(table)
    told = plan_as_dict(plan, settings)
    money = f"{told['money']:.2f}" if settings.price_cpu_hour else "not priced (DAILIES_PRICE_CPU_HOUR)"
    out.print(
        f"{told['deliveries_to_make']} deliveries to make, {told['deliveries_standing']} stand: "
        f"about [bold]{duration(told['seconds'])}[/bold], {size(told['new_bytes'])} to store"
        f"{f' of {size(free)} free' if (free := told['free_bytes']) is not None else ''}, money: {money}"
    )
    if told["free_bytes"] is not None and told["new_bytes"] > told["free_bytes"]:
        err.print("[red]✗[/red] the disk has too little room for this run; free some, or use --sample")
    if plan.standing.older:
        out.print(
            f"{len(plan.standing.older)} standing deliveries were made by older code, engines or weights; "
            "--refresh makes them again"
        )


def plan_totals(plan: RunPlan) -> dict[str, Any]:
    """What a plan adds up to: deliveries, seconds, bytes."""
    return {
        "deliveries_to_make": plan.deliveries_to_make,
        "deliveries_standing": plan.deliveries_standing,
        "deliveries_older": len(plan.standing.older),
        "seconds": sum(plan.seconds.values()),
        "new_bytes": plan.new_bytes,
    }


def plan_as_dict(plan: RunPlan, settings: Settings) -> dict[str, Any]:
    """A plan for machines: shots, totals, and what is wrong."""
    totals = plan_totals(plan)
    folder = settings.store.folder
    return {
        "manifest": plan.manifest.sha256,
        "shots": [json.loads(planned.plan_text) for planned in plan.shots if planned.packed],
        "scenes": [scene.model_dump(mode="json") for scene in plan.scenes],
        "problems": plan.problems,
        "stages": [
            {"stage": stage, "engine": engine, "seconds": spent, "from": plan.speeds.basis[stage, engine]}
            for (stage, engine), spent in sorted(plan.seconds.items())
        ],
        **totals,
        "money": totals["seconds"] / 3600 * settings.price_cpu_hour,
        "free_bytes": shutil.disk_usage(folder if folder.exists() else settings.home).free if folder else None,
    }


def print_outcome(outcome: Any, settings: Settings, seconds: float) -> None:
    """The end of a run: its deliveries, what was made and what stood, and where everything is."""
    status: RunStatus = outcome.status
    table = Table(Column("delivery", overflow="fold"), "size", "seconds", "MB", "", box=SIMPLE_HEAD)
    order = {delivery: place for place, delivery in enumerate(outcome.out.files)}
    for row in sorted(outcome.rows, key=lambda row: order[row.delivery.id])[:SHOWN]:
        file = outcome.out.files[row.delivery.id]
        table.add_row(
            escape(str(file.relative_to(outcome.out.folder))),
            f"{row.width}x{row.height}",
            f"{row.seconds:.3g}",
            f"{row.delivery.bytes / 1e6:.1f}",
            "made" if row.made else "[dim]stood[/dim]",
        )
    if outcome.rows:
        out.print(table)
    if len(outcome.rows) > SHOWN:
        out.print(f"... and {len(outcome.rows) - SHOWN} more")
    for damaged in outcome.damaged:
        out.print(f"[yellow]damaged[/yellow] {escape(damaged)}: the stored file had changed, it was made again")
    print_failures(status)
    made, reused = sum(total.made for total in status.stages), sum(total.reused for total in status.stages)
    stages = f"{made} stages ran, {reused} were there already" if made else "0 stages ran: everything was there already"
    spent = sum(total.seconds for total in status.stages)
    told = f"{duration(seconds)} in all, {duration(spent)} of it in stages"
    out.print(f"[bold]{status.run.id}[/bold]: {_states(status.run.shots)}; {stages}; {told}", soft_wrap=True)
    if held := status.run.shots.get("claimed", 0):
        who = counted(held, "shot is", "shots are")
        out.print(f"{who} still held by another process; `dailies resume` takes them once it has ended")
    print_incidents(status)
    if status.run.state == "paused":
        out.print(
            f"[yellow]paused[/yellow] {status.run.paused_code}: {escape(status.run.paused_why or '')}", soft_wrap=True
        )
    for one in outcome.tellings:
        went = {"told": "told", "due": "[yellow]not told yet[/yellow]", "given_up": "[red]not told[/red]"}[one.state]
        why = "" if one.state == "told" else f" ({one.answer or 'it is on its way'})"
        out.print(f"{went} {escape(one.target)}: {one.event}{escape(why)}", soft_wrap=True)
    if status.run.state == "cancelled":
        out.print(f"it was stopped; `dailies resume {status.run.id}` goes on with it", soft_wrap=True)
    places = [("out folder", outcome.out.folder), ("index", outcome.out.index_csv)]
    places += [("contact sheet", sheet) for sheet in outcome.out.contact_sheets[:1]]
    url = settings.database_url
    database = connection.told(connection.parse(url)) if url else settings.home / "catalog.db"
    places.append(("catalog", database))
    for name, place in places:
        out.print(f"{name:>13}  {escape(str(place))}", soft_wrap=True)


def print_status(status: RunStatus) -> None:
    """One run: shots by state, stages, what is under way, what failed and why."""
    run = status.run
    color = _COLORS.get(run.state, "white")
    out.print(f"[bold]{run.id}[/bold] {escape(run.name)} [{color}]{run.state}[/{color}]  {_states(run.shots)}")
    table = Table("stage", "engine", "made", "reused", Column("time", justify="right"), box=SIMPLE_HEAD)
    for total in status.stages:
        table.add_row(total.stage, total.engine, str(total.made), str(total.reused), duration(total.seconds))
    if table.row_count:
        out.print(table)
    for one in status.running:
        out.print(f"  {one.stage} by {one.engine} on {escape(one.host)}: {one.progress:.0%}")
    print_failures(status)
    print_incidents(status)
    if run.paused_code:
        out.print(f"[yellow]paused[/yellow] {run.paused_code}: {escape(run.paused_why or '')}", soft_wrap=True)
    made = counted(status.deliveries, "delivery", "deliveries")
    out.print(f"{made}, out folder {escape(run.out_folder)}", soft_wrap=True)


def print_failures(status: RunStatus) -> None:
    """Failures by code, with one example each."""
    for failure in status.failures:
        who = f"[red]{failure.state}[/red] {failure.code} ({counted(len(failure.shots), 'shot')})"
        out.print(f"{who}: {escape(failure.example)}", soft_wrap=True)


def print_incidents(status: RunStatus) -> None:
    """What the run survived, by code: how often, for how long in all, and the latest of its kind."""
    latest = {one.code: one for one in status.incidents}
    for code, times in status.incident_counts.items():
        one = latest.get(code)
        lasted = sum(other.seconds or 0.0 for other in status.incidents if other.code == code)
        told = f"{code} ({counted(times, 'time')}{f', {duration(lasted)}' if lasted else ''})"
        out.print(f"[yellow]survived[/yellow] {told}{escape(f': {one.message}' if one else '')}", soft_wrap=True)


def print_runs(runs: Sequence[RunRow]) -> None:
    """The latest runs, newest first."""
    table = Table(
        Column("run", no_wrap=True),
        "manifest",
        "kind",
        "state",
        "shots",
        Column("started", no_wrap=True),
        box=SIMPLE_HEAD,
    )
    for run in runs:
        color = _COLORS.get(run.state, "white")
        started = f"{run.created_at:%d %b %H:%M}"
        table.add_row(
            run.id, escape(run.name), run.kind, f"[{color}]{run.state}[/{color}]", _states(run.shots), started
        )
    if table.row_count:
        out.print(table)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 shot`, `2 shots`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """`8.2 s`, `4 min 05 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"


def size(count: float) -> str:
    """`3.4 MB`, `1.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def memory(count: float) -> str:
    """Of a device, `7.6 GiB of memory`: cards are sold in those units."""
    return f"{count / 2**30:.1f} GiB of memory"


def _states(shots: Any) -> str:
    counted = Counter(dict(shots))
    return ", ".join(f"{count} {state}" for state, count in counted.most_common()) or "no shots"
