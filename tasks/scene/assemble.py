"""A claimed scene from its shots' deliveries to its own: segments, mix and joined file, each an execution."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from catalog.claims import Claim
from catalog.deliveries import Delivered, NewDelivery, Reuse
from catalog.made import Made
from catalog.publication import Figure, StagedFile
from catalog.queries import ShotRow, deliveries_of, each_shot, run
from manifests.presets import cut_preset, preset
from models.clip import Clip
from models.errors import EngineError
from tasks.encode import Output, encode
from tasks.encode.poster import write_poster
from tasks.execute import Execution, Result, Stage, intact, staged
from tasks.inspect import Report
from tasks.planner.scene import ScenePlan
from tasks.scene.inspection import inspect_joined, inspect_segment
from tasks.scene.join import join
from tasks.scene.morph import LEAST, Morph
from tasks.scene.picture import frames_of
from tasks.scene.planes import read_planes
from tasks.scene.recipe import AssembleRecipe
from tasks.scene.segments import IN, Segment, segments
from tasks.scene.sound import scene_sound
from tasks.scene.stages import assemble_recipe, assemble_stage, segment_stage
from tasks.stored import Storing, run_stored
from tasks.tools import Tools

Make = Callable[[Execution], Result]


def assemble(tools: Tools, claim: Claim, row: ShotRow) -> None:
    """Deliver the scene of a claimed shot, made of what its run has delivered; shots that failed are cards in it.

    Raises EngineError, Cancelled, StaleClaim, and what else a stage raises.
    """
    _Assembly(tools, claim, row, ScenePlan.model_validate(row.plan)).run()


class _Assembly:
    """One scene on its way."""

    def __init__(self, tools: Tools, claim: Claim, row: ShotRow, plan: ScenePlan) -> None:
        self._tools, self._claim, self._row, self._plan = tools, claim, row, plan
        self._rendition = plan.renditions[0].name
        self._rate = Fraction(plan.rate)

    def run(self) -> None:
        self._follow()
        clips, missing = self._clips()
        asked = self._plan.asked(missing)
        standing = None if self._plan.refresh else self._tools.catalog.current_delivery(asked)
        if standing is not None and self._whole(standing):
            self._tools.catalog.reuse_deliveries([Reuse(self._row.id, self._rendition, standing.id)])
            return
        date = f"{run(self._tools.catalog, self._row.run_id).created_at:%Y-%m-%d}"
        pieces = segments(self._plan, missing, date)
        made = [self._segment(piece, clips) for piece in pieces]
        frames = sum(piece.frames for piece in pieces)
        sound = scene_sound(self._tools, self._claim, self._rendition, self._plan, frames)
        whole = self._joined(pieces, made, sound, missing)
        file, poster = whole.output("file").sha256, whole.output("poster").sha256
        delivery = self._plan.delivery
        before = self._tools.catalog.current_delivery(asked) if self._plan.refresh else None
        refreshed = before is not None and before.recipe_sha256 != whole.recipe_sha256
        self._tools.catalog.deliver(
            NewDelivery(
                self._claim, self._row.id, self._rendition, delivery.preset, asked, file, poster, whole.id, refreshed
            )
        )

    def _follow(self) -> None:
        """Shots whose picture changed after the scene was planned were planned anew, and are asked for as they are."""
        name = cut_preset(preset(self._plan.delivery.preset)).name
        now = {
            shot.key: one["ask_sha256"]
            for shot in each_shot(self._tools.catalog, self._row.run_id)
            if shot.state == "done"
            for shared in shot.plan.get("renditions", ())
            for one in shared["deliveries"]
            if one["preset"] == name
        }
        events = tuple(
            event.model_copy(update={"ask_sha256": now.get(event.key, event.ask_sha256)}) if event.ask_sha256 else event
            for event in self._plan.events
        )
        if events != self._plan.events:
            self._plan = self._plan.model_copy(update={"events": events})
            self._tools.catalog.replan(self._claim, self._plan.model_dump(mode="json"), ())

    def _clips(self) -> tuple[dict[str, Delivered], dict[str, str]]:
        """What is cut in, by the shots' keys, and why others have no clip."""
        asked = [event.ask_sha256 for event in self._plan.events if event.ask_sha256]
        found = self._tools.catalog.current_deliveries(asked)
        clips: dict[str, Delivered] = {}
        missing = {event.key: event.missing for event in self._plan.events if event.missing}
        for event in self._plan.events:
            standing = found.get(event.ask_sha256, [])
            if standing and self._whole(standing[-1]):
                clips[event.key] = standing[-1]
        if lost := {event.key for event in self._plan.events} - clips.keys() - missing.keys():
            self._look_again(lost, clips, missing)
        return clips, missing

    def _look_again(self, lost: Collection[str], clips: dict[str, Delivered], missing: dict[str, str]) -> None:
        """Clips that are not current: of shots that failed, or that another run has superseded meanwhile."""
        catalog, run_id = self._tools.catalog, self._row.run_id
        served = {row.delivery.ask_sha256: row.delivery for row in deliveries_of(catalog, run_id=run_id)}
        asked = {event.key: event.ask_sha256 for event in self._plan.events}
        for shot in each_shot(catalog, run_id):
            if shot.key not in lost:
                continue
            delivered = served.get(asked[shot.key])
            if delivered is not None and self._whole(delivered):
                clips[shot.key] = delivered
            elif shot.state == "done":
                raise EngineError(
                    f"shot {shot.key} is done, but its clip is not whole",
                    remedy=f"`dailies resume {run_id}` makes it again",
                    code="CLIP_LOST",
                )
            else:
                missing[shot.key] = (shot.error_message or f"it is {shot.state}").splitlines()[0]

    def _whole(self, delivered: Delivered) -> bool:
        return all(intact(self._tools, part) for part in (delivered.artifact, delivered.poster) if part)

    def _segment(self, piece: Segment, clips: Mapping[str, Delivered]) -> Made:
        recipe = piece.recipe.encode
        paths = {role: clips[event.key].path for role, event in piece.clips.items()}

        def make(execution: Execution) -> Result:
            path = staged(self._tools, f".{recipe.container}")
            clip = Clip(recipe.width, recipe.height, Fraction(recipe.rate), recipe.frames)
            with Morph() as morph:
                frames = frames_of(piece.recipe, paths, morph)
                (file,) = encode(
                    frames, clip, [Output(recipe, path)], ffmpeg=self._tools.ffmpeg, progress=execution.progress,
                    cancelled=self._tools.cancelled,
                )  # fmt: skip
            file.poster.unlink()
            inspect_segment(path, self._plan.delivery, recipe.frames, cancelled=self._tools.cancelled)
            self._tell(piece, morph)
            return Result([StagedFile(path, "segment", "segment", {"frames": recipe.frames})], morph.ran)

        stage = segment_stage(self._tools.ffmpeg, piece, {key: one.artifact for key, one in clips.items()})
        return self._made(stage, make)

    def _tell(self, piece: Segment, morph: Morph) -> None:
        """A morph that became a dissolve is said: somebody asked for something else."""
        if morph.ran.get("morph") != "dissolve":
            return
        into = piece.clips[IN].name if IN in piece.clips else "a card"
        alike = f"{morph.ran['alike']:.0%} of the two pictures is alike, wanted {LEAST:.0%}"
        self._tools.catalog.note_incident(
            "MORPH_DISSOLVED",
            f"the morph into {into} is a dissolve: {alike}",
            run_id=self._row.run_id,
            shot_id=self._row.id,
        )

    def _joined(self, pieces: Sequence[Segment], made: Sequence[Made], sound: Made, missing: Mapping[str, str]) -> Made:
        delivery = self._plan.delivery
        recipe = assemble_recipe(self._plan, pieces, missing)
        files = [one.output("segment") for one in made]

        def make(execution: Execution) -> Result:
            path = staged(self._tools, f".{delivery.encode.container}")
            segment_files, mixed = [one.path for one in files], sound.output("sound").path
            cancelled = self._tools.cancelled
            try:
                pictures = join(
                    recipe, segment_files, mixed, path, ffmpeg=self._tools.ffmpeg, progress=execution.progress,
                    cancelled=cancelled,
                )  # fmt: skip
                report = inspect_joined(path, delivery, pictures, cancelled=cancelled)
                return self._with_poster(path, report, recipe)
            except BaseException:
                path.unlink(missing_ok=True)
                raise

        heard = sound.output("sound").sha256
        return self._made(assemble_stage(self._tools.ffmpeg, recipe, [one.sha256 for one in files], heard), make)

    def _with_poster(self, path: Path, report: Report, recipe: AssembleRecipe) -> Result:
        poster = path.with_suffix(".jpg")
        frames = read_planes(path, recipe.poster_at, cancelled=self._tools.cancelled)
        write_poster(next(frames), poster, recipe.encode.width, recipe.encode.height)
        frames.close()
        figures = [Figure(x.name, x.value, threshold=x.threshold, passed=x.passed) for x in report.measurements]
        size = {"width": recipe.encode.width, "height": recipe.encode.height}
        files = [StagedFile(path, "file", "delivery", report.facts), StagedFile(poster, "poster", "poster", size)]
        return Result(files, figures=figures)

    def _made(self, stage: Stage, make: Make) -> Made:
        return run_stored(self._tools, Storing(self._claim, self._rendition, stage, make))
