"""What people do from the dashboard. Whoever starts it supplies these; `flows` does.

Each writes who did it to the audit in the transaction that does it, and raises `Refused`, or an error with a `code`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Actions(Protocol):
    """Everything that changes something."""

    def submit(self, who: str, manifest: str) -> str:
        """Start a run of a manifest's text; returns in words what was started: planning takes its time."""
        ...

    def resume(self, who: str, run_id: str) -> str:
        """Go on with a run, its failed and cancelled shots too."""
        ...

    def cancel(self, who: str, run_id: str) -> str:
        """Stop a run within seconds; what is finished stays."""
        ...

    def retry(self, who: str, shot_ids: Sequence[str]) -> str:
        """Try shots again that failed, were quarantined or cancelled, and nothing else of their runs."""
        ...

    def quarantine(self, who: str, shot_ids: Sequence[str], why: str) -> str:
        """Set shots aside that are not made: nobody works them until they are retried."""
        ...

    def make_another(self, who: str, shot_id: str, changes: Mapping[str, str]) -> str:
        """Make a new shot like this one with other words, such as `seed: 7`; the old one stays."""
        ...

    def review(self, who: str, verdict: str, delivery_ids: Sequence[str], note: str) -> str:
        """Say what a person thinks of deliveries: `approved`, `rejected` or `redo`; it covers what goes with them."""
        ...

    def reopen(self, who: str, delivery_ids: Sequence[str], note: str) -> str:
        """Have deliveries wait for a verdict again."""
        ...

    def send(self, who: str, run_id: str) -> str:
        """Export what is approved of a run, and say where: of what was exported before, only what changed."""
        ...
