"""Work that may not fit on the device: the same again in smaller pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from models.errors import OutOfMemory
from models.svd.memory import free, is_out_of_memory

Size = TypeVar("Size")
T = TypeVar("T")


def fit(sizes: Iterable[Size], work: Callable[[Size], T], device: torch.device, who: str) -> tuple[T, Size]:
    """`work` at the first of `sizes` the device has room for: what it returned, and that size.

    Raises OutOfMemory, naming `who`, when the last one fails too; any other error goes straight up.
    """
    tried, last = [], ""
    for size in sizes:
        try:
            return work(size), size
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            last = str(error)
        # Outside of the except block: until there, the traceback holds every tensor of the failed attempt.
        free(device)
        tried.append(size)
    raise OutOfMemory(
        f"{who}: no room on {device}; tried {', '.join(map(str, tried))}",
        remedy="close what else uses the device, or use a smaller picture or device: cpu",
        evidence=last,
    )
