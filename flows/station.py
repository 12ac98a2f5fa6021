"""What a worker is asked to be: its pool, queues, name and device, filled in and held against this machine."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from typing import Final

from flows.settings import Settings
from manifests.errors import InputError, Problem
from tasks.encode import ffmpeg_path
from tasks.planner.device import cards
from tasks.planner.facts import Facts, facts_of

QUEUES: Final = ("urgent", "normal", "low")
CONTROL: Final = "control"
"""The queue of parents and of reconcile, in pool `cpu`."""
PARENTS: Final = 12
"""Slots of a control worker, whose flow runs mostly wait: runs of hours shall not keep reconcile waiting."""


@dataclass(frozen=True)
class Station:
    """`device`: as the setting says it, on this machine. `card`: CUDA_VISIBLE_DEVICES of a worker that has one card to
    itself, which that worker then calls cuda:0; else ""."""

    pool: str
    queues: tuple[str, ...]
    slots: int
    name: str
    device: str
    card: str = ""

    @classmethod
    def of(
        cls,
        settings: Settings,
        pool: str,
        queues: tuple[str, ...] = (),
        slots: int = 0,
        name: str = "",
        device: str = "",
    ) -> Station:
        """With what was left out filled in; `slots` 0: one batch, or twelve parents. Raises InputError for queues and
        cards that are not there."""
        known = (*QUEUES, CONTROL) if pool == "cpu" else QUEUES
        if unknown := [queue for queue in queues if queue not in known]:
            found = f"--queue: pool {pool} has no queue '{unknown[0]}'"
            raise InputError(Problem("UNKNOWN_QUEUE", found, f"use {', '.join(known)}"))
        station = cls(pool, queues or QUEUES, slots, name, device or settings.device)
        if pool == "gpu":
            station = station._with_a_card()
        elif not device and station.device.startswith(("auto", "cuda")):
            station = replace(station, device="cpu")  # a cpu worker leaves this machine's cards alone, unless asked
        place = f"gpu{station.card}" if station.card else station.catalog_pool
        usual = PARENTS if station.catalog_pool == CONTROL else 1
        return replace(station, name=name or f"{platform.node()}/{place}", slots=slots or usual)

    @property
    def catalog_pool(self) -> str:
        """Its pool in the catalog: one that serves `control` alone is apart, so that nobody counts it for batches."""
        return CONTROL if self.queues == (CONTROL,) else self.pool

    @property
    def prefect_name(self) -> str:
        """Its name for Prefect, which takes no slash."""
        return self.name.replace("/", "-").replace("%", "-")

    @property
    def environment(self) -> dict[str, str]:
        """What its flow runs work with. A card that is pinned is the only one they see."""
        pinned = {"CUDA_VISIBLE_DEVICES": self.card} if self.card else {}
        cores = len(os.sched_getaffinity(0)) // self.slots
        batches = self.slots > 1 and self.catalog_pool != CONTROL  # parents mostly wait
        shared = {"DAILIES_WORKERS": str(max(1, cores))} if batches else {}
        return {**shared, **pinned, "DAILIES_DEVICE": "cuda:0" if self.card else self.device}

    def facts(self, settings: Settings) -> Facts:
        """What it has. Raises EngineMissing."""
        told = facts_of(ffmpeg_path(settings.ffmpeg or None), settings.weights, self.device)
        if not self.card:
            return told
        return replace(told, engines={**told.engines, "device": {**told.engines["device"], "index": 0}})

    def _with_a_card(self) -> Station:
        kind, _, number = self.device.partition(":")
        if kind not in ("auto", "cuda"):
            return self  # a gpu worker on a CPU is slow, but somebody asked for it
        index, here = int(number or 0), [card.index for card in cards()]
        if index not in here:
            seen = f"this machine has {len(here)}" if here else "no CUDA card is here"
            problem = f"pool gpu: cuda:{index} is wanted, {seen}"
            raise InputError(Problem("NO_CARD", problem, "`dailies doctor` tells the cards; --device cpu does without"))
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        card = visible.split(",")[index].strip() if visible else str(index)
        return replace(self, device=f"cuda:{index}", card=card)
