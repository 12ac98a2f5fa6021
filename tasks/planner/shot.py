"""From the ask of one shot to its plan: the least work that meets every delivery it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from manifests.ask import Ask
from manifests.errors import Problem
from manifests.presets import Preset, preset
from manifests.requirements import check
from tasks.planner.placement import safe_margins
from tasks.planner.plan import Means, Picture, RenditionPlan, ShotPlan
from tasks.planner.rendition import Share, even, plan_rendition
from tasks.planner.subject import Subject
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
) -> ShotPlan | list[Problem]:
    """The plan of one shot, or everything about it that cannot be met.

    `facts` are the picture's (`tasks.prepare.look`); `name_of` gives a delivery's readable file name.
    """
    subject = Subject(ask, kind, facts, means)
    problems = list(_refusals(subject))
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
    if problems:
        return problems

    renditions: list[RenditionPlan] = []
    taken: set[str] = set()
    for share in shares.values():
        name = share.name if share.name not in taken else f"{share.name}-{len(renditions) + 1}"
        taken.add(name)
        plan, said = plan_rendition(subject, share, name, name_of)
        renditions.append(plan)
        notes += said
    picture = Picture(
        path=str(ask.source.path),
        sha256=facts.sha256,
        pixels=facts.width * facts.height,
        mask=str(ask.source.mask or ""),
        mask_sha256=facts.mask_sha256,
    )
    return ShotPlan(
        key=key,
        item=item,
        variant=variant,
        line=line,
        picture=picture,
        renditions=tuple(renditions),
        notes=tuple(dict.fromkeys([*facts.warnings, *notes])),
        seconds=0.0,
        refresh=refresh,
    )


def _refusals(subject: Subject) -> Iterable[Problem]:
    ask = subject.ask
    if ask.interpolate == "rife" and not subject.means.rife:
        yield Problem(
            "ENGINE_MISSING",
            "interpolate is rife, but RIFE's weights are not on this machine",
            "put them where `dailies doctor` says, or use interpolate: auto (optical flow where RIFE is missing)",
        )
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
