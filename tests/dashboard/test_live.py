"""Viewers hear of changes, and share what they cause."""

from __future__ import annotations

import asyncio

import pytest

from dashboard.live import Live
from dashboard.shared import Shared


class Counted:
    """A catalog's version that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.version = "first"

    def __call__(self) -> str:
        self.asked += 1
        return self.version


async def heard(live: Live, last: str, wanted: int) -> list[str]:
    """The versions one viewer is told."""
    found: list[str] = []
    async for text in live.events(last):
        found += [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        if len(found) == wanted:
            break
    return found


def test_fifty_viewers_ask_as_often_as_one() -> None:
    async def watch(viewers: int) -> int:
        ask = Counted()
        live = Live(ask, 0.02)

        async def change() -> None:
            for number in range(5):
                await asyncio.sleep(0.1)
                ask.version = f"version {number}"

        streams = [heard(live, "first", 5) for _ in range(viewers)]
        *told, _ = await asyncio.gather(*streams, change())
        assert all(one == [f"version {number}" for number in range(5)] for one in told)
        live.stop()
        return ask.asked

    one, fifty = asyncio.run(watch(1)), asyncio.run(watch(50))
    assert fifty <= one + 3, f"one viewer: {one} questions, fifty: {fifty}"


def test_a_viewer_that_missed_something_hears_it_at_once() -> None:
    async def watch() -> None:
        live = Live(Counted(), 0.02)
        assert await heard(live, "another version, of before the restart", 1) == ["first"]
        live.stop()

    asyncio.run(watch())


def test_an_answer_is_read_once_while_nothing_changes() -> None:
    shared, reads = Shared(Live(Counted())), []

    def read() -> int:
        reads.append(1)
        return len(reads)

    assert [shared.get("a", read), shared.get("a", read), shared.get("b", read)] == [1, 1, 2]
    shared.forget()
    assert shared.get("a", read) == 3


def test_what_nobody_waits_for_leaves_nothing_behind() -> None:
    """However many things are asked for that are not there."""
    shared = Shared(Live(Counted()))

    def absent() -> int:
        raise KeyError("no such run")

    for number in range(1_000):
        with pytest.raises(KeyError):
            shared.get(number, absent)
        shared.get(("there", number % 3), lambda: 1)
    shared.forget()
    assert len(shared._reading) == 0  # pyright: ignore[reportPrivateUsage]
