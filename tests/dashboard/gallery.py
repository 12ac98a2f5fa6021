"""A catalog with something to look at, made in a second: real small clips and pictures, by no engine."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from PIL import Image

from catalog import Catalog
from catalog.artifacts import Figure
from catalog.claims import Claim
from catalog.deliveries import NewDelivery
from catalog.executions import Used
from catalog.new_shots import NewRendition, NewShot
from catalog.publication import StagedFile
from catalog.schedules import Scheduled

HOSTILE = "<script>alert(1)</script>"


def picture(seed: int, width: int = 160, height: int = 90) -> Image.Image:
    random = np.random.default_rng(seed)
    small = random.integers(30, 220, (9, 16, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def clip(path: Path, seed: int, frames: int = 12) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_image(picture(seed).rotate(number))
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@dataclass
class Gallery:
    """A catalog in a folder, and makers of what is looked at."""

    folder: Path
    catalog: Catalog = field(init=False)

    def __post_init__(self) -> None:
        self.catalog = Catalog.open(f"sqlite:///{self.folder / 'catalog.db'}", self.folder / "store")

    def submit(
        self,
        count: int = 3,
        name: str = "Spring counter",
        title: str = "",
        scheduled: Scheduled | None = None,
        review: str = "all",
        **facts: object,
    ) -> str:
        rendition = NewRendition("160x90@12", 160, 90, "12", 12)
        shots = [
            NewShot(
                f"item{n}",
                f"item{n}",
                ask={"title": title or f"Product {n}", "source": {"kind": "image", "path": "/p.png"}},
                plan={"key": f"item{n}"},
                meta={"title": title or f"Product {n}", "meta.sku": f"SKU-{n}"},
                tags=["kitchen"] if n % 2 else ["audio"],
                renditions=[rendition],
                **facts,  # type: ignore[arg-type]
            )
            for n in range(1, count + 1)
        ]
        return self.catalog.submit_run(
            name=name,
            kind="product",
            manifest_sha256="0" * 64,
            manifest={"name": name, "review": review},
            triggered_by="tester",
            out_folder=str(self.folder / "out"),
            shots=shots,
            scheduled=scheduled,
        )

    def shots(self, run_id: str, count: int) -> list[str]:
        return [f"{run_id}.{number:05d}" for number in range(1, count + 1)]

    def claim(self, run_id: str, shots: list[str]) -> list[Claim]:
        self.catalog.set_run_state(run_id, "running")
        return self.catalog.claim(self.catalog.new_batch(run_id, shots), shots, "worker", 600)

    def _execution(self, claim: Claim, stage: str, engine: str, *inputs: Used) -> str:
        return self.catalog.begin(
            stage=stage,
            version=1,
            recipe={"stage": stage, "shot": claim.shot_id},
            recipe_sha256=f"{stage} {claim.shot_id}",
            engine=engine,
            engine_versions={engine: "1.0"},
            weights={},
            device="cpu",
            inputs=inputs,
            claim=claim,
        )

    def deliver(self, claim: Claim, seed: int) -> str:
        """Make a shot: a still, an animation, a clip with its poster and figures. The delivery's id."""
        catalog = self.catalog
        source = self.folder / f"{seed}.png"
        picture(seed).save(source)
        origin = catalog.ingest(source)
        staged = catalog.store.stage_file(".png")
        picture(seed).rotate(1).save(staged)
        still = catalog.publish(
            self._execution(claim, "prepare", "dailies", Used("source", origin)),
            [StagedFile(staged, "still", "still", {})],
            ran={},
            seconds=0.5,
            claim=claim,
        )
        movement = self._execution(claim, "animate", "camera", Used("still", still.outputs[0].sha256))
        catalog.finish_streamed(movement, ran={}, seconds=1.5, claim=claim)
        film, poster = catalog.store.stage_file(".mp4"), catalog.store.stage_file(".jpg")
        clip(film, seed)
        buffer = io.BytesIO()
        picture(seed).save(buffer, "JPEG")
        poster.write_bytes(buffer.getvalue())
        made = catalog.publish(
            self._execution(claim, "encode", "ffmpeg", Used("frames", producer=movement)),
            [StagedFile(film, "clip", "delivery", {}), StagedFile(poster, "poster", "poster", {})],
            ran={},
            seconds=2.0,
            claim=claim,
            measurements=[Figure("flicker_levels", float(seed), "", 6.0, seed <= 6)],
        )
        files = {one.role: one.sha256 for one in made.outputs}
        delivered = catalog.deliver(
            NewDelivery(claim, claim.shot_id, "160x90@12", "web_1080p", f"ask {claim.shot_id}", files["clip"],
                        files["poster"], made.id)
        )  # fmt: skip
        catalog.finish_shot(claim, "done")
        return delivered.id

    def night(self) -> str:
        """A run of four: two made, one failed, one refused. Its id."""
        run_id = self.submit(4)
        claims = self.claim(run_id, self.shots(run_id, 4))
        for seed, claim in enumerate(claims[:2], start=1):
            self.deliver(claim, seed)
        self.catalog.finish_shot(claims[2], "failed", "ENGINE_FAILED", "the engine said no")
        self.catalog.finish_shot(claims[3], "quarantined", "BAD_IMAGE", "the picture is torn")
        self.catalog.finish_run(run_id)
        return run_id
