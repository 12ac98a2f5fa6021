"""An engine's methods, answered by its child."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any
from weakref import WeakSet

from models.host.parent import Host
from models.host.request import Progress


class Hosted:
    """An engine as if it were here: `upscaler.still(rgb)`.

    A method whose first argument is an iterator streams. Only methods cross, not attributes. `deadline` and `progress`
    are for every request made through this one, where the request brings none of its own (see Host).
    """

    def __init__(self, host: Host, *, deadline: float | None = None, progress: Progress | None = None) -> None:
        self.host = host
        self._asked = {"deadline": deadline, "progress": progress}
        self._streams: WeakSet[Generator[Any, None, None]] = WeakSet()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def ask(*args: Any, **kwargs: Any) -> Any:
            if not args or not isinstance(args[0], Iterator):
                return self.host.call(method, *args, **(self._asked | kwargs))
            stream = self.host.stream(method, *args, **(self._asked | kwargs))
            self._streams.add(stream)
            return stream

        return ask

    def release(self) -> None:
        """Stop the streams that were not read to their end; the child stays."""
        for stream in list(self._streams):
            stream.close()

    def close(self) -> None:
        """End the child."""
        self.host.close()

    def __enter__(self) -> Hosted:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hosted(
    factory: str,
    *,
    heartbeat_seconds: float = 30.0,
    deadline: float = 600.0,
    start_seconds: float = 300.0,
    progress: Progress | None = None,
    **kwargs: Any,
) -> Any:
    """The engine `factory(**kwargs)` in a child of its own, with the same methods: a `Hosted`, typed as it likes."""
    return Hosted(
        Host(
            factory,
            kwargs,
            heartbeat_seconds=heartbeat_seconds,
            deadline=deadline,
            start_seconds=start_seconds,
            progress=progress,
        )
    )
