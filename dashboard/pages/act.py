"""What people do: buttons and forms, each answered by a line that says what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from dashboard.auth import Operator, Reviewer
from dashboard.desk import Desk, desk_of
from dashboard.errors import Refused
from dashboard.form import Form, form_of
from dashboard.pages.login import own_path
from dashboard.render import render

router = APIRouter(prefix="/do")

Asked = Annotated[Form, Depends(form_of)]
TheDesk = Annotated[Desk, Depends(desk_of)]
CHANGES = ("seed", "motion.move", "motion.amount", "seconds")
MOST_SHOTS = 1_000


@router.post("/submit")
def submit(request: Request, who: Operator, desk: TheDesk, form: Asked) -> Response:
    """Start a run of a manifest."""
    manifest = form.get("manifest", "")
    if not manifest.strip():
        raise Refused("NO_MANIFEST", "there is no manifest", "paste its text, or the path of one on this machine")
    return answered(request, desk, form, lambda: desk.actions.submit(who.name, manifest))


@router.post("/resume/{run_id}")
def resume(request: Request, run_id: str, who: Operator, desk: TheDesk, form: Asked) -> Response:
    """Go on with a run."""
    return answered(request, desk, form, lambda: desk.actions.resume(who.name, run_id))


@router.post("/cancel/{run_id}")
def cancel(request: Request, run_id: str, who: Operator, desk: TheDesk, form: Asked) -> Response:
    """Stop a run."""
    return answered(request, desk, form, lambda: desk.actions.cancel(who.name, run_id))


@router.post("/send/{run_id}")
def send(request: Request, run_id: str, who: Reviewer, desk: TheDesk, form: Asked) -> Response:
    """Export what is approved of a run."""
    return answered(request, desk, form, lambda: desk.actions.send(who.name, run_id))


@router.post("/retry")
def retry(request: Request, who: Operator, desk: TheDesk, form: Asked) -> Response:
    """Try shots again."""
    return answered(request, desk, form, lambda: desk.actions.retry(who.name, shots_in(form)))


@router.post("/quarantine")
def quarantine(request: Request, who: Operator, desk: TheDesk, form: Asked) -> Response:
    """Set shots aside."""
    why = form.get("why", "").strip()[:500]
    return answered(request, desk, form, lambda: desk.actions.quarantine(who.name, shots_in(form), why))


@router.post("/another/{shot_id}")
def another(request: Request, shot_id: str, who: Operator, desk: TheDesk, form: Asked) -> Response:
    """Make another one of a shot."""
    changes = {name: value for name in CHANGES if (value := form.get(name, "").strip()[:100])}
    if not changes:
        raise Refused("NO_CHANGE", "nothing was changed", "give another seed, move or amount")
    return answered(request, desk, form, lambda: desk.actions.make_another(who.name, shot_id, changes))


def shots_in(form: Form) -> list[str]:
    """The shots of a form. Raises Refused: none, or too many."""
    found = list(dict.fromkeys(form.many("shot")))
    if not found:
        raise Refused("NO_SHOTS", "no shots were chosen", "tick some, or open one")
    if len(found) > MOST_SHOTS:
        raise Refused("TOO_MANY_SHOTS", f"{len(found)} shots at once", f"choose at most {MOST_SHOTS}")
    return found


def answered(request: Request, desk: Desk, form: Form, act: Callable[[], str]) -> Response:
    """Do it; for htmx a line, and the page asks again; without it back to where they were."""
    try:
        said = act()
    finally:
        desk.shared.forget()
    if request.headers.get("hx-request"):
        response = render(request, "_done.html", {"said": said})
        response.headers["HX-Trigger"] = "dailies:changed"
        return response
    return RedirectResponse(own_path(form.get("back", "/")), status_code=303)
