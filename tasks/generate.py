"""The middle of a shot's way: what is stored of its frames, the master and, where they are enlarged, the mezzanine."""

from __future__ import annotations

from dataclasses import replace

from catalog.claims import Claim
from catalog.made import Made
from catalog.publication import StagedFile
from models.errors import EngineError
from models.svd import checkpoint
from tasks import upscale
from tasks.animate import animate, clip_of
from tasks.execute import Execution, Result, staged, standing
from tasks.master import Target, write_master
from tasks.planner.plan import RenditionPlan
from tasks.recipe import SvdRecipe
from tasks.stored import Storing, run_stored
from tasks.svd import Bench, svd
from tasks.tools import Tools
from tasks.way import chain_of, files_of


class NotLicensed(EngineError):
    """The licence's acceptance ended, or its text changed, after the shot was planned."""

    code = "LICENCE_NOT_ACCEPTED"


def generate_shot(tools: Tools, claim: Claim, rendition: RenditionPlan, still: Made) -> Made:
    """The stored frames of one rendition: its mezzanine if frames are enlarged, else its master.

    Raises `tasks.svd.Drifted` where SVD's clip was not true to its product, EngineError, Cancelled.
    """
    step = _Step(tools, rendition, still)
    stage = step.chain.animate(rendition, still)
    if isinstance(rendition.animate, SvdRecipe) and standing(tools, stage.sha256) is None:
        stage = replace(stage, grant=_grant(tools, rendition.animate.model))
    try:
        animated = run_stored(tools, Storing(claim, rendition.name, stage, step.animate))
        if rendition.upscale is None:
            return animated
        stage = step.chain.upscale_frames(rendition.upscale, rendition, animated)
        enlarge = Storing(claim, rendition.name, stage, lambda execution: step.upscale(execution, animated))
        return run_stored(tools, enlarge)
    finally:
        step.discard()


class _Step:
    """Both stages of one rendition. SVD's frames are enlarged on their way out where that runs in torch too; the
    mezzanine then waits here until its master is published."""

    def __init__(self, tools: Tools, rendition: RenditionPlan, still: Made) -> None:
        self.chain = chain_of(tools)
        self._tools, self._rendition, self._still = tools, rendition, files_of(still)
        delivery = rendition.deliveries[0].encode
        clip = clip_of(rendition.animate)
        self._master = Target(staged(tools, ".mkv"), clip)
        self._mezzanine = Target(staged(tools, ".mkv"), replace(clip, width=delivery.width, height=delivery.height))
        self._enlarged: Result | None = None

    def animate(self, execution: Execution) -> Result:
        """The master."""
        tools, recipe, master = self._tools, self._rendition.animate, self._master
        file = StagedFile(master.path, "master", "master", master.facts)
        if not isinstance(recipe, SvdRecipe):
            frames = animate(self._still, recipe, planes=False, workers=tools.workers)
            write_master(frames, master.clip, master.path, ffmpeg=tools.ffmpeg, progress=execution.progress)
            return Result([file])
        device = execution.stage.device
        bench = Bench(
            tools.engines, device, tools.weights_dir, tools.ffmpeg, tools.workers, tools.compiled, tools.cancelled
        )
        enlarge = self._rendition.upscale
        fused = enlarge is not None and enlarge.runtime == "torch"
        mezzanine = self._mezzanine if fused else None
        drawn = svd(bench, recipe, self._still, master, enlarge, mezzanine, progress=execution.progress)
        if mezzanine is not None:
            enlarging = drawn.ran.pop("upscale")
            seconds = enlarging["seconds"]
            made = StagedFile(mezzanine.path, "mezzanine", "mezzanine", mezzanine.facts)
            self._enlarged = Result([made], enlarging, seconds=seconds)
            return Result([file], drawn.ran, drawn.figures, drawn.seconds - seconds)
        return Result([file], drawn.ran, drawn.figures, drawn.seconds)

    def upscale(self, execution: Execution, animated: Made) -> Result:
        """The mezzanine, from the way or from the stored master."""
        if (enlarged := self._enlarged) is not None:
            self._enlarged = None
            return enlarged
        recipe, target = self._rendition.upscale, self._mezzanine
        assert recipe is not None
        ran = upscale.upscale_frames(
            animated.output("master").path,
            recipe,
            target,
            ffmpeg=self._tools.ffmpeg,
            engines=self._tools.engines,
            device=execution.stage.device,
            progress=execution.progress,
        )
        return Result([StagedFile(target.path, "mezzanine", "mezzanine", target.facts)], ran)

    def discard(self) -> None:
        """Drop a mezzanine nobody took: it stood already, or its master was not published."""
        if self._enlarged is not None:
            self._mezzanine.path.unlink(missing_ok=True)


def _grant(tools: Tools, model: str) -> str:
    """The acceptance under which the checkpoint is used, as it stands now."""
    checkpoint.require(tools.weights_dir, model)
    offer = tools.means.svd[model]
    if offer.problem is not None:
        raise NotLicensed(offer.problem.message, remedy=offer.problem.remedy, code=offer.problem.code)
    assert offer.grant is not None
    return offer.grant.id
