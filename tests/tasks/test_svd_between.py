"""A shot by SVD that leads from one picture to another: from two pictures and a manifest to file and catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="SVD needs the gpu extra")

import torch

from catalog.lineage import Node
from catalog.trace import trace
from models.clip import Frame
from models.svd import checkpoint
from models.svd.conditioning import latent
from models.svd.decoding import decode
from models.svd.loading import Networks, load
from tasks.guide import guide
from tasks.master import read_master
from tasks.recipe import SvdRecipe
from tests.svd_checkpoints import tiny_checkpoint
from tests.workroom import Ended, Workroom, product_photo


def row(item: str, **asked: Any) -> dict[str, Any]:
    """A row whose clip ends on the picture that `until` says."""
    return {"id": item, "source": f"{item}.png", "engine": "svd", "svd": {"canvas": [256, 128], "steps": 3} | asked}


@dataclass(frozen=True)
class Made:
    """A delivered shot, read back from what the catalog knows of it."""

    recipe: SvdRecipe
    sources: frozenset[tuple[str, str]]
    """Role and SHA-256 of the pictures it was made from."""
    stills: dict[str, Path]
    frames: list[Frame]
    """The master's."""


@pytest.fixture(scope="module")
def svd_xt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that makes four frames at once, and draws each from its own latent."""
    return tiny_checkpoint(tmp_path_factory.mktemp("weights") / "svd-xt", frames=4, apart=True)


def made(room: Workroom, ended: Ended, item: str) -> Made:
    (found,) = [one for one in ended.rows if one.item == item]
    with room.tools() as tools:
        nodes = list(_all(trace(tools.catalog, found.delivery.artifact).roots))
        (recipe,) = {node.id: node.facts["recipe"] for node in nodes if node.facts.get("stage") == "animate"}.values()
        files = [node for node in nodes if node.kind == "artifact"]
        stills = {node.role: tools.catalog.store.path(node.id) for node in files if node.facts["kind"] == "still"}
        (master,) = {node.id for node in files if node.facts["kind"] == "master"}
        frames = list(read_master(tools.catalog.store.path(master))[1])
    sources = frozenset((node.role, node.id) for node in files if node.facts["kind"] == "source")
    return Made(SvdRecipe.model_validate(recipe), sources, stills, frames)


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.made_from)


def drawn(networks: Networks, rgb: Frame, like: Frame) -> np.ndarray:
    """A picture as this checkpoint's decoder draws its latent; the middle that is kept."""
    (frames,) = decode(networks, latent(networks, rgb), 1)
    whole = frames[0].permute(1, 2, 0).numpy() * 255
    top, left = (whole.shape[0] - like.shape[0]) // 2, (whole.shape[1] - like.shape[1]) // 2
    return whole[top : top + like.shape[0], left : left + like.shape[1]]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_clip_begins_as_its_picture_and_ends_as_the_next_rows(svd_room: Workroom, svd_xt: Path) -> None:
    pictures = {"a": svd_room.picture("a.png", 1), "b": svd_room.picture("b.png", 2)}
    source = svd_room.manifest([row("a", until="next"), row("b", until="a.png")])
    ended = svd_room.run(source)
    assert ended.status.run.shots == {"done": 2}, ended.status.failures
    networks = load(checkpoint.require(svd_xt.parent, svd_xt.name), torch.device("cpu"), torch.float32)
    for item, other in (("a", "b"), ("b", "a")):
        clip = made(svd_room, ended, item)
        assert clip.recipe.task == "inbetween" and len(clip.frames) == 4
        assert clip.sources == {("source", digest(pictures[item])), ("until", digest(pictures[other]))}
        assert {"still", "header", "until-still", "until-header"} <= clip.stills.keys()
        begins, ends = (
            drawn(networks, view.rgb, clip.frames[0]) for view in guide(clip.stills, clip.recipe, workers=1)
        )
        first, last = clip.frames[0].astype(float), clip.frames[-1].astype(float)
        near = np.abs(first - begins).mean(), np.abs(last - ends).mean()
        far = np.abs(first - ends).mean(), np.abs(last - begins).mean()
        told = f"{item}: levels off its own picture {np.round(near, 1)}, off the other {np.round(far, 1)}"
        print(told)
        assert max(near) < 1 and min(far) > 10, told
    assert {"first_frame_psnr_db", "last_frame_psnr_db"} <= svd_room.measurements().keys()
    assert svd_room.run(source).made == {}


@pytest.mark.slow
def test_a_next_picture_redrawn_after_planning_is_the_one_it_ends_on(svd_room: Workroom) -> None:
    """And, too small for its frame, it is enlarged first."""

    def draw(seed: int) -> None:
        product_photo(seed).resize((72, 54)).save(svd_room.folder / "b.png")

    svd_room.picture("a.png", 1)
    draw(2)
    rows: list[dict[str, Any]] = [row("a", until="next"), {"id": "b", "source": "b.png", "engine": "camera"}]
    ended = svd_room.run(svd_room.manifest(rows), between=lambda: draw(3))
    assert ended.status.run.shots == {"done": 2}, ended.status.failures
    clip = made(svd_room, ended, "a")
    assert clip.sources == {("source", digest(svd_room.folder / name)) for name in ("a.png", "b.png")}
    assert any(one.recipe["of"] == "still" for one in svd_room.executions(stage="upscale")), "nothing was enlarged"
    assert svd_room.run(svd_room.manifest(rows)).made == {}
    draw(4)
    assert svd_room.run(svd_room.manifest(rows)).made["animate"] == 2
