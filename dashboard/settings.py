"""What a dashboard is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


@dataclass(frozen=True)
class Rates:
    """Money per hour of a GPU's work and of a CPU's; 0 where nobody counts it. `currency` stands before figures."""

    gpu_hour: float = 0.0
    cpu_hour: float = 0.0
    currency: str = ""

    @property
    def known(self) -> bool:
        """Whether there is any money to show."""
        return bool(self.gpu_hour or self.cpu_hour)

    def money(self, seconds: float, gpu_seconds: float) -> float:
        """What so much work costs: the time on a GPU by its rate, the rest by the CPU's."""
        return (gpu_seconds * self.gpu_hour + max(0.0, seconds - gpu_seconds) * self.cpu_hour) / 3600


@dataclass(frozen=True)
class DashboardSettings:
    """Where a dashboard keeps what is its own, whom it answers, and what work costs.

    `home` gets its secret, its tokens and its small pictures. `names` are the hosts it answers to besides loopback:
    where there is one, or `open` is False, whoever comes needs a token.
    """

    home: Path
    names: tuple[str, ...] = ()
    open: bool = True
    rates: Rates = field(default_factory=Rates)
    poll_seconds: float = 1.0
    """How often the catalog is asked whether anything changed, while somebody looks."""
    roll_up_seconds: float = 60.0
    """How often hours of work are added up."""

    @property
    def wants_tokens(self) -> bool:
        """Whether whoever comes has to say who they are."""
        return bool(self.names) or not self.open

    @property
    def tokens(self) -> Path:
        """Who may come in: names, roles and digests of tokens."""
        return self.home / "dashboard" / "tokens.json"

    @property
    def secret(self) -> Path:
        """What signs the sessions: they outlive a restart."""
        return self.home / "dashboard" / "secret"

    @property
    def pictures(self) -> Path:
        """Thumbnails and light previews, made once; may be deleted at any time."""
        return self.home / "dashboard" / "pictures"
