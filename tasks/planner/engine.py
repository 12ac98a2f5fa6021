"""Which engine makes a shot: what the row asks for, what is here, what may be used, and what the machine can carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from manifests.errors import Problem
from manifests.prompt import read
from tasks.planner.subject import Subject
from tasks.weights.offers import Offer

GPU_EXTRA = "pip install -c constraints.txt -e '.[gpu]' in the checkout"
"""How torch and diffusers come here."""
PATIENCE = 15 * 60.0
"""Seconds a shot may take by estimate before `engine: auto` leaves SVD alone: real weights on a CPU take hours."""
_BEST = ("svd-xt", "svd-xt-1.1", "svd")
"""The order `svd.model: auto` takes them in: 25 frames before 14, and free settings before locked ones."""
LOCKED = {"conditioning_fps": 6, "motion_bucket": 127}
"""What svd-xt-1.1 was tuned at, and nothing else."""


@dataclass(frozen=True)
class Choice:
    """SVD by `offer`, or the camera where it is None and `why` says why it is not SVD, if there is more to say."""

    offer: Offer | None = None
    why: str = ""
    problems: tuple[Problem, ...] = ()


def choice(subject: Subject) -> Choice:
    """The engine for a shot, or what keeps the one it asks for from making it.

    `auto` takes SVD for products where it can; it stops, as `svd` does, where weights are here whose licence nobody has
    accepted: they were put here to be used, and only a person can accept it. A row that ends on another picture is
    refused where what it says keeps SVD from it; where only this machine does, `auto` goes on without, and says so.
    """
    ask, means = subject.ask, subject.means
    panel = ask.engine == "auto" and subject.kind == "storyboard"
    if ask.svd.last and (ask.engine == "camera" or panel):
        why = "engine is auto, and for panels that is the camera" if panel else "engine is camera"
        return Choice(problems=(_needs_svd(ask.svd.last.path.name, why),))
    if ask.engine == "camera":
        return Choice()
    if panel:
        return Choice(why="panels are drawings: svd only where a row asks for it")
    asked = ask.engine == "svd"
    offer = _offer(subject)
    if offer is None:
        wanted = "svd-xt" if ask.svd.model == "auto" else ask.svd.model
        found = "no SVD weights here" if ask.svd.model == "auto" else f"no weights '{wanted}' here"
        remedy = f"dailies weights pull {wanted}, or engine: camera"
        return _missing(asked, "WEIGHTS_MISSING", f"engine is {ask.engine}: {found}", found, remedy)
    if offer.problem is not None:
        return Choice(problems=(offer.problem,))
    if not means.torch:
        found = "SVD's libraries (torch, diffusers) are not installed"
        remedy = f"{GPU_EXTRA}, or engine: camera"
        return _missing(asked, "ENGINE_MISSING", f"engine is svd, but {found}", found, remedy)
    if faults := tuple(_faults(subject, offer)):
        return Choice(problems=faults)
    return Choice(offer)


def _needs_svd(name: str, why: str) -> Problem:
    found = f"svd.until leads to '{name}', but {why}, which moves over one picture"
    return Problem("UNTIL_NEEDS_SVD", found, "use engine: svd, or svd.until: none")


def _missing(asked: bool, code: str, message: str, found: str, remedy: str) -> Choice:
    return Choice(problems=(Problem(code, message, remedy),)) if asked else Choice(why=f"{found} ({remedy})")


def _offer(subject: Subject) -> Offer | None:
    """The checkpoint the row names; for `auto` the best of those that may be used, else the best there is."""
    offers, named = subject.means.svd, subject.ask.svd.model
    if named != "auto":
        return offers.get(named)
    order = sorted(offers, key=lambda name: (_BEST.index(name) if name in _BEST else len(_BEST), name))
    usable = [name for name in order if offers[name].problem is None]
    return offers[(usable or order)[0]] if order else None


def _faults(subject: Subject, offer: Offer) -> Iterator[Problem]:
    """What the row asks of SVD that this checkpoint cannot give."""
    asked, name = subject.ask.svd, offer.checkpoint.name
    if offer.checkpoint.locked:
        for key, locked in LOCKED.items():
            found = getattr(asked, key)
            if found not in ("auto", locked) and not from_prompt(subject, f"svd.{key}"):
                yield Problem(
                    "SVD_LOCKED",
                    f"svd.{key} is {found}, but {name} was tuned at {locked} only",
                    f"leave svd.{key} out, or use svd.model: svd-xt",
                )
    for adapter in asked.adapters:
        if adapter.name not in subject.means.adapters:
            yield Problem(
                "WEIGHTS_MISSING",
                f"svd.adapters: there is no adapter '{adapter.name}'",
                f"put {adapter.name}.safetensors into the weights folder's adapters, or leave it out",
            )
    if asked.schedule == "lcm" and asked.steps != "auto" and asked.steps > 40:
        yield Problem("OUT_OF_RANGE", f"svd.steps is {asked.steps}, schedule lcm has 40 at most", "use 4 to 8 steps")


def from_prompt(subject: Subject, key: str) -> bool:
    """Whether an svd key has the value that the row's prompt gave it."""
    return read(subject.ask.prompt).values.get(key) == getattr(subject.ask.svd, key.partition(".")[2])
