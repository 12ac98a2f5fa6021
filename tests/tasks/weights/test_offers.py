"""A checkpoint is offered only while a person's acceptance covers the very text that lies with it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from catalog import Catalog
from catalog.store import hash_file
from catalog.tables import LicenceGrant
from models.svd.checkpoint import NETWORKS
from tasks.weights.offers import Offer, svd_offers

NOW = datetime.now(UTC)
CONFIGS = (
    *("vae/config.json", "image_encoder/config.json"),
    *("scheduler/scheduler_config.json", "feature_extractor/preprocessor_config.json"),
)


def lay_checkpoint(weights_dir: Path, name: str = "svd-xt", licence: str = "Be kind.\n") -> Path:
    """A checkpoint folder with every file and no numbers in it: enough for whoever only looks at it."""
    folder = weights_dir / name
    configs: dict[str, dict[str, object]] = {name: {} for name in CONFIGS}
    configs["model_index.json"] = {"_class_name": "StableVideoDiffusionPipeline"}
    configs["unet/config.json"] = {"num_frames": 25, "block_out_channels": [320, 640, 1280, 1280]}
    configs["vae/config.json"] = {"block_out_channels": [128, 256, 512, 512]}
    for file, content in configs.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content))
    for network in NETWORKS:
        stem = "model" if network == "image_encoder" else "diffusion_pytorch_model"
        (folder / network / f"{stem}.fp16.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    if licence:
        (folder / "LICENSE.md").write_text(licence)
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path / "store") as opened:
        yield opened


def accept(catalog: Catalog, folder: Path, days: float | None = None) -> str:
    grant = catalog.accept_licence(
        weights=folder.name,
        licence="stable-video-diffusion-community",
        text_sha256=hash_file(folder / "LICENSE.md"),
        kind="membership",
        holder="Example Ltd",
        accepted_by="Ana",
        expires_at=NOW + timedelta(days=days) if days is not None else None,
    )
    return grant.id


def only(catalog: Catalog, weights_dir: Path) -> Offer:
    (offer,) = svd_offers(catalog, weights_dir).values()
    return offer


def code_of(offer: Offer) -> str:
    assert offer.problem is not None and offer.grant is None
    assert f"dailies weights accept {offer.checkpoint.name} --holder" in offer.problem.remedy
    return offer.problem.code


def test_nothing_is_offered_where_nothing_is(catalog: Catalog, tmp_path: Path) -> None:
    assert svd_offers(catalog, tmp_path / "nowhere") == {}


def test_an_acceptance_opens_its_own_checkpoint_and_no_other(catalog: Catalog, tmp_path: Path) -> None:
    folder = lay_checkpoint(tmp_path)
    assert code_of(only(catalog, tmp_path)) == "LICENCE_NOT_ACCEPTED"
    lay_checkpoint(tmp_path, "svd")
    grant = accept(catalog, folder)
    offers = svd_offers(catalog, tmp_path)
    assert offers["svd-xt"].problem is None and not offers["svd-xt"].warnings
    assert offers["svd-xt"].grant is not None and offers["svd-xt"].grant.id == grant
    assert code_of(offers["svd"]) == "LICENCE_NOT_ACCEPTED"


def test_another_text_was_not_accepted(catalog: Catalog, tmp_path: Path) -> None:
    folder = lay_checkpoint(tmp_path)
    accept(catalog, folder)
    (folder / "LICENSE.md").write_text("Be kind, and pay.\n")
    changed = only(catalog, tmp_path)
    assert code_of(changed) == "LICENCE_CHANGED"
    assert changed.problem is not None and hash_file(folder / "LICENSE.md")[:12] in changed.problem.message
    (folder / "LICENSE.md").unlink()
    missing = only(catalog, tmp_path)
    assert code_of(missing) == "LICENCE_TEXT_MISSING"
    assert missing.problem is not None and str(folder / "LICENSE.md") in missing.problem.remedy


def test_a_grant_ends_and_says_so_30_days_before(catalog: Catalog, tmp_path: Path) -> None:
    folder = lay_checkpoint(tmp_path)
    accept(catalog, folder, days=31)
    assert only(catalog, tmp_path).warnings == ()
    grant = accept(catalog, folder, days=400)
    with catalog.database.write() as connection:
        connection.execute(update(LicenceGrant).values(expires_at=NOW + timedelta(days=29, hours=1)))
    soon = only(catalog, tmp_path)
    assert soon.problem is None and soon.grant is not None
    assert len(soon.warnings) == 1 and "29 days" in soon.warnings[0] and "Example Ltd" in soon.warnings[0]
    with catalog.database.write() as connection:
        connection.execute(update(LicenceGrant).values(expires_at=NOW - timedelta(seconds=1)))
    over = only(catalog, tmp_path)
    assert code_of(over) == "LICENCE_EXPIRED"
    renewed = accept(catalog, folder, days=None)
    offer = only(catalog, tmp_path)
    assert offer.grant is not None and offer.grant.id == renewed != grant and not offer.warnings
