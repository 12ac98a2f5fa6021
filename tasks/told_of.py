"""What a line of the log is about: the run, batch, worker and shot that are worked where it is written.

Whoever begins such work says so once, here; whoever writes lines for machines (flows/log_lines.py) adds it to each.
Context variables go along into threads that are given a copy of the context, as Prefect gives its tasks'.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=MappingProxyType({}))


def told_of() -> Mapping[str, str]:
    """Names of what is worked here: `run_id`, `batch_id`, `worker`, `shot_id`, as far as they are known."""
    return _subject.get()


@contextmanager
def telling_of(**names: str) -> Generator[None]:
    """Within, lines are about these too; an empty name says that there is none."""
    token = _subject.set({name: value for name, value in {**_subject.get(), **names}.items() if value})
    try:
        yield
    finally:
        _subject.reset(token)
