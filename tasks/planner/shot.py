"""From the ask of one shot to its plan: the least work that meets every delivery it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby

from manifests.ask import Ask
from manifests.errors import Problem
from manifests.faults import shortened
from manifests.presets import Preset, preset
from manifests.prompt import Mapped, read
from manifests.requirements import check
from tasks.planner.engine import PATIENCE, Choice, choice
from tasks.planner.placement import safe_margins
from tasks.planner.plan import PLAN_VERSION, UNTIL_VERSION, Means, Picture, RenditionPlan, ShotPlan
from tasks.planner.rendition import Share, even, plan_rendition
from tasks.planner.subject import Subject
from tasks.planner.svd import obstacles
from tasks.planner.timing import timing
from tasks.prepare import PictureFacts


def plan_shot(
    key: str,
    item: str,
    variant: str,
    line: int,
    ask: Ask,
    kind: str,
    facts: PictureFacts,
    means: Means,
    name_of: Callable[[Preset], str],
    *,
    refresh: bool = False,
    fallback: str = "",
    until: PictureFacts | None = None,
) -> ShotPlan | list[Problem]:
    """The plan of one shot, or everything about it that cannot be met.

    `facts` are the picture's (`tasks.prepare.look`); `name_of` gives a delivery's readable file name. `fallback`: why
    the camera engine makes it, whatever the row asks. `until`: facts of the picture that its `svd.until` names.
    """
    subject = Subject(ask, kind, facts, means, until)
    engine = Choice(why=fallback) if fallback else choice(subject)
    problems = [*_refusals(_at(subject, engine)), *engine.problems]
    notes: list[str] = []
    shares: dict[object, Share] = {}
    for spec in map(preset, ask.deliver):
        size = _frame_of(spec, facts)
        when = timing(ask, spec)
        problems += check(spec, width=size[0], height=size[1], rate=when.rate, seconds=when.seconds)
        notes += when.notes
        safe = safe_margins(ask, spec, whole=subject.whole)
        frames = (size, when.rate, when.frames, when.cycle, when.after, safe)
        shares.setdefault(frames, Share(size, when, safe)).presets.append(spec)
    if engine.offer is not None:
        checkpoint = engine.offer.checkpoint
        found = [one for share in shares.values() for one in obstacles(subject, share.size, share.timing, checkpoint)]
        if found and ask.engine == "auto":
            engine = Choice(why=found[0].message)
        else:
            problems += dict.fromkeys(found)
    if problems:
        return problems

    renditions, said = _renditions(subject, shares.values(), name_of, engine)
    if engine.offer is not None and ask.engine == "auto" and (why := _too_much(means, renditions)):
        renditions, said = _renditions(subject, shares.values(), name_of, Choice(why=why))
    notes += [*said, *_understood(subject)]
    return ShotPlan(
        key=key,
        item=item,
        variant=variant,
        line=line,
        picture=_picture(subject, renditions),
        renditions=tuple(renditions),
        notes=tuple(dict.fromkeys([*facts.warnings, *notes])),
        seconds=0.0,
        refresh=refresh,
        version=UNTIL_VERSION if any(one.prepare.until for one in renditions) else PLAN_VERSION,
    )


def _picture(subject: Subject, renditions: Iterable[RenditionPlan]) -> Picture:
    """The pictures it is made from; the one it was to end on is none of them where the camera engine makes it all."""
    ending = subject.ending if any(one.prepare.until for one in renditions) else None
    return Picture(
        path=str(subject.ask.source.path),
        sha256=subject.facts.sha256,
        pixels=subject.facts.width * subject.facts.height,
        mask=str(subject.ask.source.mask or ""),
        mask_sha256=subject.facts.mask_sha256,
        until=_picture(ending, ()) if ending else None,
    )


def camera_fallback(
    rendition: RenditionPlan,
    ask: Ask,
    kind: str,
    facts: PictureFacts,
    means: Means,
    why: str,
    until: PictureFacts | None = None,
) -> RenditionPlan | list[Problem]:
    """The same rendition by the camera engine: same name, same deliveries with the same `ask_sha256`.

    `why` says in words what was wrong with the clip it takes the place of; the plan's `why["animate"]` carries it.
    """
    names = {one.preset: one.name for one in rendition.deliveries}
    asked = ask.model_copy(update={"deliver": tuple(names)})
    planned = plan_shot(
        "", "", "", 0, asked, kind, facts, means, lambda spec: names[spec.name], fallback=why, until=until
    )
    if not isinstance(planned, ShotPlan):
        return planned
    return planned.renditions[0].model_copy(update={"name": rendition.name})


def _renditions(
    subject: Subject, shares: Iterable[Share], name_of: Callable[[Preset], str], engine: Choice
) -> tuple[list[RenditionPlan], list[str]]:
    """A rendition for each share, names apart, and what people may want to know."""
    subject = _at(subject, engine)
    renditions: list[RenditionPlan] = []
    notes: list[str] = []
    taken: set[str] = set()
    for share in shares:
        name = share.name if share.name not in taken else f"{share.name}-{len(renditions) + 1}"
        taken.add(name)
        plan, said = plan_rendition(subject, share, name, name_of, engine)
        renditions.append(plan)
        notes += said
    return renditions, notes


def _at(subject: Subject, engine: Choice) -> Subject:
    """The subject where it will be made: by SVD, or by the machines that make all else."""
    camera = subject.means.camera
    return subject if camera is None or engine.offer is not None else replace(subject, means=camera)


def _too_much(means: Means, renditions: Iterable[RenditionPlan]) -> str:
    """Why this machine had better not make a shot by SVD; empty where it can."""
    plans, device = list(renditions), means.device
    need, seconds = max(plan.vram_bytes for plan in plans), sum(plan.tflop for plan in plans) * means.tflop_seconds
    if device.vram_bytes and need > device.vram_bytes:
        return f"svd would need {need / 2**30:.1f} GiB, {device.name} has {device.vram_bytes / 2**30:.1f}"
    if seconds > PATIENCE:
        hours, minutes = divmod(round(seconds / 60), 60)
        about = f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
        return f"svd would take about {about} on this {device.kind}; engine: svd makes it all the same"
    return ""


def _understood(subject: Subject) -> Iterable[str]:
    """What became of the prompt's words, and which of them nobody here understands."""
    if not subject.ask.prompt:
        return
    reading = read(subject.ask.prompt)
    told: list[str] = []
    for words, group in groupby(reading.mapped, key=lambda one: one.words):
        keys = [f"{one.key} {_said(one.value)}{_unless(subject, one)}" for one in group]
        told.append(f"'{shortened(words)}' -> {', '.join(keys)}")
    if reading.unmapped:
        told.append("not understood: " + ", ".join(f"'{shortened(words)}'" for words in reading.unmapped))
    yield f"prompt: {'; '.join(told) or 'it says nothing'}; no network reads it"


def _unless(subject: Subject, one: Mapped) -> str:
    """What stands over a prompt's key, where another key of the row or of a higher layer does."""
    part, _, name = one.key.partition(".")
    found = getattr(getattr(subject.ask, part), name)
    return "" if found == one.value else f" ({_said(found)} stands over it)"


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusals(subject: Subject) -> Iterable[Problem]:
    ask = subject.ask
    if ask.svd.last and ask.motion.loop:
        yield Problem(
            "EXCLUSIVE_KEYS",
            f"motion.loop leads back to the first picture, svd.until to '{ask.svd.last.path.name}'",
            "keep one of the two",
        )
    if ask.interpolate == "rife" and not subject.means.rife:
        yield Problem(
            "ENGINE_MISSING",
            "interpolate is rife, but RIFE's weights are not on this machine",
            "put them where `dailies doctor` says, or use interpolate: auto (optical flow where RIFE is missing)",
        )
    yield from _backdrop_refusals(subject)
    for problem in _backdrop_refusals(subject.ending) if subject.ending else ():
        yield replace(problem, message=f"svd.until: {problem.message}")


def _backdrop_refusals(subject: Subject) -> Iterable[Problem]:
    ask = subject.ask
    if ask.backdrop.kind not in ("auto", "extend") and not subject.cutout:
        yield Problem(
            "BACKDROP_NEEDS_CUTOUT",
            f"backdrop.kind is {ask.backdrop.kind}, but nothing tells the product from its own backdrop",
            "give a picture with transparency or a source.mask, or use backdrop.kind: extend",
        )
    if ask.backdrop.kind == "extend" and subject.facts.product == "alpha":
        yield Problem(
            "BACKDROP_NEEDS_PICTURE",
            "backdrop.kind is extend, but the picture is a cut-out with no backdrop of its own",
            "use backdrop.kind: floor, gradient or color",
        )


def _frame_of(spec: Preset, facts: PictureFacts) -> tuple[int, int]:
    """The delivery's frame; a native preset takes the picture's own shape, its long side from 1280 to 3840 px."""
    if not spec.native:
        return spec.width, spec.height
    scale = min(max(1280 / max(facts.width, facts.height), 1.0), 3840 / max(facts.width, facts.height))
    return even(facts.width * scale), even(facts.height * scale)
