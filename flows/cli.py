"""`dailies`: the command line. Exit status: 0 all done, 1 some shots failed, 2 the request was wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from catalog.errors import CatalogError
from catalog.queries import latest_run, list_runs, run_status
from catalog.runs import Priority
from catalog.trace import trace as trace_lineage
from flows import boards, dashboard_command, log_lines, schedule_command, up, weights, worker
from flows import doctor as doctoring
from flows.backup import backup, migrate, restore
from flows.chosen import chosen_run
from flows.export import export
from flows.gc import gc
from flows.json_output import JSON, print_json
from flows.lineage_tree import lineage_tree
from flows.listener import listener
from flows.live import TerminalListener
from flows.notify import command as notify
from flows.parent import join, run_parent
from flows.request import Request
from flows.settings import Settings
from flows.terminal import (
    counted,
    out,
    plan_as_dict,
    print_outcome,
    print_plan,
    print_problems,
    print_runs,
    print_status,
    said,
)
from flows.trial import OUT as TRIAL_OUT
from flows.trial import Trial, print_trial
from flows.verify import verify
from flows.workshop import workshop
from manifests.errors import InputError, ManifestError, Problem
from manifests.schema import json_schema
from models.errors import EngineError


def _exit(status: int, **_: object) -> None:
    raise typer.Exit(status)


app = typer.Typer(
    name="dailies",
    help="Stills go in at night; in the morning the dailies are ready, and every clip can say where it came from.",
    no_args_is_help=True,
    result_callback=_exit,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(weights.app)
for one in (backup, restore, migrate):
    app.command()(one)
app.command("import")(boards.import_)
app.command()(export)
app.command()(verify)
app.command()(gc)
app.add_typer(worker.app)
app.add_typer(schedule_command.app)
app.command()(up.up)
app.command()(dashboard_command.dashboard)
app.add_typer(dashboard_command.tokens)
app.add_typer(notify.app)

MANIFEST = Annotated[Path, typer.Argument(help="The manifest, a YAML file.", show_default=False)]
RUN = Annotated[str, typer.Argument(help="A run's id or its beginning; the latest run if left out.")]
SET = Annotated[list[str] | None, typer.Option("--set", help="key=value over every row, such as motion.amount=0.2.")]
SAMPLE = Annotated[int, typer.Option("--sample", min=0, help="Only so many shots, spread evenly; 0 for all.")]
STRICT = Annotated[bool, typer.Option("--strict", help="Refuse the whole manifest for one bad row, picture or sound.")]
REFRESH = Annotated[bool, typer.Option("--refresh", help="Make again what newer code or weights make differently.")]
DRAFT = Annotated[bool, typer.Option("--draft", help="Everything small and quick, to see pacing and moves.")]


def main() -> None:
    """Entry point of the command `dailies`."""
    log_lines.begin()
    sys.exit(command(sys.argv[1:]))


def command(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; what is wrong with a request is told, never thrown."""
    try:
        app(args=list(arguments))
        return 0
    except SystemExit as end:  # typer ends by it, having told what was wrong with the words themselves
        return end.code if isinstance(end.code, int) else 1
    except ManifestError as error:
        _tell(arguments, error.problems)
    except InputError as error:
        _tell(arguments, [error.problem])
    except (CatalogError, EngineError) as error:
        _tell(arguments, [Problem(error.code, str(error), getattr(error, "remedy", ""))])
    except ValidationError as error:  # of settings: the environment is part of the request
        _tell(arguments, [Problem("BAD_SETTING", _setting_fault(fault)) for fault in error.errors()])
    except KeyboardInterrupt:
        said("stopped; `dailies resume` goes on")
        return 130
    return 2


def _tell(arguments: Sequence[str], problems: Sequence[Problem]) -> None:
    if "--json" in arguments:
        print_json({"problems": problems})
    else:
        print_problems(problems)


def _setting_fault(fault: Any) -> str:
    found = "" if "ping_url" in fault["loc"] else f", found {fault['input']!r}"  # that one is a secret
    return f"DAILIES_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}{found}"


@app.command()
def run(
    manifest: MANIFEST,
    overrides: SET = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Folder for people, not the manifest's own.")] = None,
    sample: SAMPLE = 0,
    refresh: REFRESH = False,
    strict: STRICT = False,
    draft: DRAFT = False,
    priority: Annotated[
        Priority, typer.Option(help="Before or after other runs, where workers are shared.")
    ] = "normal",
    as_json: JSON = False,
) -> int:
    """Make every clip of a manifest, and leave them in its out folder."""
    request = Request(manifest, tuple(overrides or ()), sample, refresh, out_folder, strict, draft)
    kind = request.load().kind  # everything wrong with the manifest is told before anything starts
    return _work(
        kind,
        as_json,
        manifest=str(manifest),
        overrides=request.overrides,
        sample=sample,
        refresh=refresh,
        strict=strict,
        draft=draft,
        out=str(out_folder or ""),
        priority=priority,
    )


@app.command()
def resume(run_id: RUN = "", as_json: JSON = False) -> int:
    """Go on with a run in whatever state it is: what is done stays done, what another process keeps is followed."""
    with workshop(Settings()) as tools:
        found = run_status(tools.catalog, chosen_run(tools.catalog, run_id)).run
    return _work(found.kind, as_json, resume=found.id)


@app.command()
def plan(
    manifest: MANIFEST,
    overrides: SET = None,
    sample: SAMPLE = 0,
    refresh: REFRESH = False,
    strict: STRICT = False,
    draft: DRAFT = False,
    as_json: JSON = False,
) -> int:
    """Show which stages each shot will run and why, and what the run will cost. Makes nothing."""
    request = Request(manifest, tuple(overrides or ()), sample, refresh, strict=strict, draft=draft)
    loaded = request.load()
    settings = Settings()
    with workshop(settings) as tools, TerminalListener(settings, quiet=as_json) as told:
        listener.set(told)
        doctoring.measure_once(tools)
        planned = request.plan(tools, loaded)
    if as_json:
        print_json(plan_as_dict(planned, settings))
    else:
        print_plan(planned, settings)
    return 1 if planned.problems else 0


@app.command()
def status(run_id: RUN = "", as_json: JSON = False) -> int:
    """How a run is doing; without one, the latest runs too."""
    with workshop(Settings()) as tools:
        if not run_id and not as_json:
            print_runs(list_runs(tools.catalog, limit=10))
        if not run_id and latest_run(tools.catalog) is None:
            print_json(None) if as_json else said("no runs yet: `dailies run MANIFEST` makes the first")
            return 0
        found = run_status(tools.catalog, chosen_run(tools.catalog, run_id))
        if as_json:
            print_json(found)
        else:
            print_status(found)
    return 1 if found.failures else 0


@app.command()
def cancel(run_id: RUN = "", as_json: JSON = False) -> int:
    """Stop a run within seconds; what is finished stays, `dailies resume` goes on with the rest."""
    settings = Settings()
    join(settings)
    with workshop(settings) as tools:
        found = chosen_run(tools.catalog, run_id)
        from flows.cancel import cancel as cancelling  # what keeps a run imports Prefect

        done = cancelling(tools, found)
    if as_json:
        print_json({"run": found, "state": done.state, "cancelled_shots": done.shots})
    elif done.was_over:
        said(f"run {found} is {done.state}: there was nothing to stop")
    else:
        waiting = counted(done.shots, "waiting shot") + " will not be made, those in work stop within seconds"
        said(f"run {found} is {done.state}: {waiting}; `dailies resume {found}` goes on")
    return 0


@app.command()
def trace(
    what: Annotated[str, typer.Argument(help="A file, or a digest or id or its beginning.")], as_json: JSON = False
) -> int:
    """How a file was made: every stage with engine, recipe, weights, time and machine, back to the source."""
    with workshop(Settings()) as tools:
        found = trace_lineage(tools.catalog, what)
    if as_json:
        print_json(found.as_dict())
    else:
        out.print(lineage_tree(found))
    return 0


@app.command()
def doctor(
    engine: Annotated[str, typer.Option("--try", help="svd: make seven pictures in three shapes, and measure.")] = "",
    pictures: Annotated[Path | None, typer.Option(help="Take up to seven of this folder, not the examples'.")] = None,
    model: Annotated[str, typer.Option(help="The checkpoint; auto: the best whose licence is accepted.")] = "auto",
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for clips, figures and sheet.")] = TRIAL_OUT,
    overrides: SET = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Draw every clip again with nothing of the product put back.")
    ] = False,
    as_json: JSON = False,
) -> int:
    """What is set, from where, and what is missing on this machine; with --try, what SVD makes of pictures here."""
    if engine:
        if engine != "svd":
            raise typer.BadParameter(f"{engine} cannot be tried, wanted svd", param_hint="--try")
        return _try(Trial(pictures, model, out_folder.absolute(), tuple(overrides or ()), raw), as_json)
    if pictures or overrides or raw or model != "auto":
        raise typer.BadParameter("--pictures, --model, --set and --raw are a trial's", param_hint="--try svd")
    findings = doctoring.examine()
    if as_json:
        print_json(findings)
    else:
        doctoring.print_findings(findings)
    return 2 if any(finding.state == "missing" for finding in findings) else 0


@app.command()
def schema() -> int:
    """The manifest's JSON Schema, for editors that complete."""
    print_json(json_schema())
    return 0


def _work(kind: str, as_json: bool, **parameters: Any) -> int:
    """Carry a run out, and tell how it went."""
    outcome, seconds = run_parent(kind, quiet=as_json, **parameters)
    if as_json:
        print_json(outcome)
    else:
        print_outcome(outcome, Settings(), seconds)
    return 0 if outcome.status.run.state == "done" else 1


def _try(trial: Trial, as_json: bool) -> int:
    """Carry a trial's run out, and tell what came of its clips."""
    settings = Settings()
    planned = trial.plan(settings)
    outcome, _ = run_parent("product", quiet=as_json, manifest=str(trial.manifest), overrides=trial.overrides)
    with TerminalListener(settings, quiet=as_json) as told:
        report = trial.report(settings, planned, outcome, told)
    if as_json:
        print_json(report.facts())
    else:
        print_trial(report)
    return 0 if report.complete else 1
