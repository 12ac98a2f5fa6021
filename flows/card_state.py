"""A worker's own card, as it tells the catalog of it with every heartbeat."""

from __future__ import annotations

import logging

from catalog.workers import CardState
from tasks.card import CardLost, card_of
from tasks.gpu_use import CardOf

log = logging.getLogger("dailies.card")


class OwnCard:
    """The card of a device as torch names it; a card that is lost stays told of, as lost, until it is back."""

    def __init__(self, device: str, find: CardOf = card_of) -> None:
        self._device, self._find = device, find
        self._last: CardState | None = None

    def state(self) -> CardState | None:
        """How it is; None where there is none, or none that tells."""
        try:
            card = self._find(self._device)
            if card is None:
                return self._gone()
            now = card.sample()
        except CardLost:
            return self._gone()
        except Exception:  # an odd driver shall not silence a worker that works
            log.exception("the card of %s cannot be looked at", self._device)
            return self._last
        self._last = CardState(
            uuid=card.uuid,
            name=card.name,
            lost=False,
            busy=now.busy,
            memory_bytes=now.memory_bytes,
            memory_total_bytes=card.memory_bytes,
        )
        return self._last

    def _gone(self) -> CardState | None:
        if self._last is not None:
            self._last = {**self._last, "lost": True}
        return self._last
