"""What stands already: which deliveries are current, and which of those newer code would make differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.made import Made
from tasks.chain import Chain
from tasks.execute import Input, Stage
from tasks.planner.plan import RenditionPlan, ShotPlan


@dataclass(frozen=True)
class Standing:
    """Current deliveries by `ask_sha256`, and how many of them today's code, engines or weights would remake.

    `unsaid`: those of which only a worker can tell, for the engines are not on this machine.
    """

    current: Mapping[str, Delivered]
    older: frozenset[str]
    unsaid: frozenset[str] = frozenset()

    def serves(self, plan: ShotPlan) -> bool:
        """Whether every delivery of the shot is there."""
        return all(delivery.ask_sha256 in self.current for shared in plan.renditions for delivery in shared.deliveries)


def standing_deliveries(catalog: Catalog, chain: Chain, plans: Sequence[ShotPlan]) -> Standing:
    """Look every delivery of `plans` up, in bulk."""
    asks = [delivery.ask_sha256 for plan in plans for shared in plan.renditions for delivery in shared.deliveries]
    found = catalog.current_deliveries(list(dict.fromkeys(asks)))
    current = {ask: several[-1] for ask, several in found.items()}
    older: set[str] = set()
    standing = [
        (plan, shared)
        for plan in plans
        for shared in plan.renditions
        if any(delivery.ask_sha256 in current for delivery in shared.deliveries)
    ]
    named = [chain.names(shared) for _, shared in standing]
    affected = [one for one, here in zip(standing, named, strict=True) if here]
    unsaid = {
        delivery.ask_sha256
        for (_, shared), here in zip(standing, named, strict=True)
        for delivery in shared.deliveries
        if not here and delivery.ask_sha256 in current
    }
    frames = _frames_today(catalog, chain, affected)
    for (_, shared), identity in zip(affected, frames, strict=True):
        for delivery in shared.deliveries:
            made = current.get(delivery.ask_sha256)
            if made is not None and (
                identity is None or chain.encode(delivery.encode, identity).sha256 != made.recipe_sha256
            ):
                older.add(delivery.ask_sha256)
    return Standing(current, frozenset(older), frozenset(unsaid))


def _frames_today(
    catalog: Catalog, chain: Chain, renditions: Sequence[tuple[ShotPlan, RenditionPlan]]
) -> list[Input | None]:
    """What the encoder of each rendition would be given today; None where the catalog has not made it yet.

    Stage by stage for all renditions together: each level is one look-up.
    """
    enlarging = [chain.enlarge(shared, plan.picture) for plan, shared in renditions]
    firsts, lasts = (_made(catalog, [both[which] for both in enlarging]) for which in (0, 1))
    stills = _made(
        catalog,
        [
            chain.prepare(shared, plan.picture, big) if all(map(_whole, stages, big)) else None
            for (plan, shared), stages, big in zip(renditions, enlarging, zip(firsts, lasts, strict=True), strict=True)
        ],
    )
    animations = [
        chain.animate(shared, still) if still else None for (_, shared), still in zip(renditions, stills, strict=True)
    ]
    masters = _made(
        catalog, [stage if shared.master else None for (_, shared), stage in zip(renditions, animations, strict=True)]
    )
    mezzanines = _made(
        catalog,
        [
            chain.upscale_frames(shared.upscale, shared, made) if made and shared.upscale else None
            for (_, shared), made in zip(renditions, masters, strict=True)
        ],
    )
    return [
        frames_of(chain, shared, stage, mezzanine if shared.upscale else master)
        for (_, shared), stage, master, mezzanine in zip(renditions, animations, masters, mezzanines, strict=True)
    ]


def frames_of(chain: Chain, shared: RenditionPlan, animation: Stage | None, stored: Made | None) -> Input | None:
    """The encoder's input: streamed from the camera or the interpolator, or a stored master or mezzanine."""
    if not shared.master:
        return Input.stream("frames", animation.sha256) if animation else None
    if stored is None:
        return None
    if shared.interpolate:
        return Input.stream("frames", chain.interpolate(shared.interpolate, stored).sha256)
    return Input.file("frames", stored.outputs[0].sha256)


def _whole(stage: Stage | None, made: Made | None) -> bool:
    return stage is None or made is not None


def _made(catalog: Catalog, stages: Iterable[Stage | None]) -> list[Made | None]:
    names = [stage.sha256 if stage else "" for stage in stages]
    found = catalog.find_done_many([name for name in dict.fromkeys(names) if name])
    return [found.get(name) for name in names]
