"""What may be used: the checkpoints that are here, each with the grant it runs under or with what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog.licences import Grant, LicenceLedger
from catalog.store import hash_file
from manifests.errors import Problem
from models.svd import checkpoint
from models.svd.checkpoint import Checkpoint

WARN_DAYS: Final = 30
"""A grant that ends sooner is told of wherever weights are."""
_DAY: Final = 86_400


@dataclass(frozen=True)
class Offer:
    """One checkpoint on this machine. It may run where `problem` is None; `grant` is then the acceptance it runs under.

    `problem.code` is LICENCE_NOT_ACCEPTED, LICENCE_EXPIRED, LICENCE_CHANGED or LICENCE_TEXT_MISSING; `warnings` are
    sentences for people: a grant that ends within 30 days.
    """

    checkpoint: Checkpoint
    grant: Grant | None
    problem: Problem | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """How the licence of one set of weights stands: the text's SHA-256, the grant that covers it, what is wrong."""

    text_sha256: str
    grant: Grant | None
    problem: Problem | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know before it is a problem."""
        grant = self.grant
        if grant is None or grant.seconds_left is None or grant.seconds_left > WARN_DAYS * _DAY:
            return ()
        days = int(grant.seconds_left // _DAY)
        left = f"in {days} days" if days > 1 else "tomorrow" if days else "today"
        return (
            f"{grant.weights}: the {grant.kind} grant of {grant.holder} ends {left} ({grant.expires_at:%Y-%m-%d}); "
            f"renew it: {accept_command(grant.weights, grant.holder, grant.kind)} --until YYYY-MM-DD",
        )


def svd_offers(catalog: LicenceLedger, weights_dir: Path) -> dict[str, Offer]:
    """Every whole Stable Video Diffusion checkpoint in `weights_dir`, by name, with its licence's standing.

    All of them need an acceptance, also those nobody knows: a fine-tune stands on the same licence.
    """
    offers: dict[str, Offer] = {}
    for name, found in checkpoint.available(weights_dir).items():
        standing = licence_standing(catalog, name, found.folder)
        offers[name] = Offer(found, standing.grant, standing.problem, standing.warnings)
    return offers


def licence_standing(catalog: LicenceLedger, name: str, folder: Path) -> Standing:
    """Whether the licence text that lies with the weights `name` in `folder` has been accepted and still is."""
    text = checkpoint.licence_text(folder)
    if text is None:
        return text_standing(catalog, name, folder / "LICENSE.md", "")
    return text_standing(catalog, name, text, hash_file(text))


def text_standing(catalog: LicenceLedger, name: str, text: Path, sha256: str) -> Standing:
    """The same by the text's SHA-256 alone, as a worker tells it; "" where none lies with the weights."""
    if not sha256:
        problem = Problem(
            "LICENCE_TEXT_MISSING",
            f"weights '{name}': no licence text lies with them, so nobody can accept it",
            f"put the text they were published with at {text}, then: {accept_command(name)}",
        )
        return Standing("", None, problem)
    grant = catalog.covering_grant(name, sha256)
    if grant is not None:
        return Standing(sha256, grant, None)
    return Standing(sha256, None, _not_covered(name, text, sha256, catalog.grants(name)))


def accept_command(name: str, holder: str = "", kind: str = "community") -> str:
    """What a person types to accept the licence of `name`."""
    who = f'"{holder}"' if holder else "COMPANY-OR-PERSON"
    return f"dailies weights accept {name} --holder {who} --kind {kind}"


def _not_covered(name: str, text: Path, sha256: str, grants: Sequence[Grant]) -> Problem:
    """Why no grant covers this text, from the newest that comes near."""
    remedy = f"read {text}, then: {accept_command(name)}; or engine: camera"
    expired = next((grant for grant in grants if grant.text_sha256 == sha256), None)
    if expired is not None:
        message = (
            f"weights '{name}': the {expired.kind} grant of {expired.holder} ended on {expired.expires_at:%Y-%m-%d}"
        )
        return Problem(
            "LICENCE_EXPIRED",
            message,
            f"renew it: {accept_command(name, expired.holder, expired.kind)}; or engine: camera",
        )
    if grants:
        message = (
            f"weights '{name}': {grants[0].accepted_by} accepted another text on {grants[0].accepted_at:%Y-%m-%d} "
            f"({grants[0].text_sha256[:12]}); the one that lies with the weights now is {sha256[:12]}"
        )
        return Problem("LICENCE_CHANGED", message, remedy)
    return Problem("LICENCE_NOT_ACCEPTED", f"weights '{name}': nobody has accepted their licence", remedy)
