"""One ffmpeg process fed raw frames through its standard input, without deadlocks, leftovers or zombies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from models.errors import EngineError
from tasks.errors import Cancelled

_POLL_SECONDS = 0.2
_STALL_SECONDS = 900.0
_PIPE_BYTES = 1 << 20
_TAIL_BYTES = 16_384

# Text of libav's own messages -> (stable code, what a person can do).
_KNOWN = (
    ("No space left on device", "DISK_FULL", "free some space (`dailies gc`), then run again"),
    (
        "Unknown encoder",
        "ENCODER_MISSING",
        "unset DAILIES_FFMPEG to use the bundled ffmpeg, or name one with this encoder",
    ),
    ("Permission denied", "NOT_WRITABLE", "make the folder writable for the user that runs the worker"),
)


class EncodeError(EngineError):
    """ffmpeg could not make the file. Keeps `argv`, `returncode` (None if it did not end by itself) and `stderr_tail`.

    Codes: `ENCODE_FAILED`, `DISK_FULL` (worth a retry once there is room), `ENCODER_MISSING`, `NOT_WRITABLE`,
    `STALLED`, `FRAME_COUNT`, `WRONG_SIZE`, `TOO_LARGE`, `BAD_RECIPE`.
    """

    code = "ENCODE_FAILED"

    def __init__(
        self,
        message: str,
        *,
        argv: Sequence[str] = (),
        returncode: int | None = None,
        stderr_tail: str = "",
        remedy: str = "",
        code: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, evidence=stderr_tail or " ".join(argv), code=code)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr_tail = stderr_tail

    @classmethod
    def of(cls, who: str, argv: Sequence[str], status: int, tail: str, *, killed_here: bool = False) -> Self:
        """An ffmpeg that ended with `status`, by what it said last; `killed_here`: nobody else is to be blamed."""
        code, remedy = next(((c, r) for text, c, r in _KNOWN if text in tail), (None, ""))
        lines = tail.strip().splitlines() or ["nothing on stderr"]
        said = next((line for line in lines if "[error]" in line or "[fatal]" in line), lines[-1])
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return cls(
            f"{who}: ffmpeg {how}: {said}",
            argv=argv,
            returncode=None if killed_here else status,
            stderr_tail=tail,
            remedy=remedy or "the whole of ffmpeg's last words are kept with the execution",
            code=code,
        )


class FfmpegPipe:
    """A running ffmpeg as a context: `write` frames, then `finish`. Left any other way it is killed and `made` removed.

    `cancelled` is asked between and during writes; once true, `tasks.errors.Cancelled` is raised.
    """

    def __init__(
        self, argv: Sequence[str], made: Sequence[Path], cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._argv = tuple(argv)
        self._made = tuple(made)
        self._cancelled = cancelled
        self._finished = False
        self._tail = b""

    def __enter__(self) -> FfmpegPipe:
        # A session of its own: Ctrl-C reaches us, and we decide what happens to the encoder.
        self._process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1", "SVT_LOG": "2"},
        )
        assert self._process.stdin is not None and self._process.stderr is not None
        self._stdin = self._process.stdin
        self._stderr = self._process.stderr
        with contextlib.suppress(OSError):  # an unprivileged user may have used up the room for large pipes
            fcntl.fcntl(self._stdin, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._stdin.fileno(), False)
        self._writable = select.poll()
        self._writable.register(self._stdin, select.POLLOUT)
        self._drain = threading.Thread(target=self._keep_tail, name="ffmpeg-stderr", daemon=True)
        self._drain.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._stdin.close()
        self._drain.join()
        self._stderr.close()
        if not self._finished:
            for path in self._made:
                path.unlink(missing_ok=True)

    def write(self, data: memoryview) -> None:
        """Feed all of `data` (a contiguous buffer of bytes). Raises EncodeError when ffmpeg ends or stalls."""
        deadline = time.monotonic() + _STALL_SECONDS
        while data:
            self._stop_if_cancelled()
            if not self._writable.poll(_POLL_SECONDS * 1000):
                self._stop_if_stalled(deadline)
                continue
            try:
                data = data[os.write(self._stdin.fileno(), data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as broken:
                raise self._failure() from broken

    def finish(self) -> None:
        """End the stream and wait for whole files. Raises EncodeError unless ffmpeg ends with status 0."""
        self._stdin.close()
        deadline = time.monotonic() + _STALL_SECONDS
        while True:
            self._stop_if_cancelled()
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._process.wait(_POLL_SECONDS) != 0:
                    raise self._failure()
                break
            self._stop_if_stalled(deadline)
        self._finished = True

    def _keep_tail(self) -> None:
        while chunk := self._stderr.read(4096):
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]

    def _stop_if_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled("encode: cancelled before the last frame was written")

    def _stop_if_stalled(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise EncodeError(
                f"encode: ffmpeg took nothing for {_STALL_SECONDS:.0f} s",
                argv=self._argv,
                stderr_tail=self._tail.decode(errors="replace"),
                code="STALLED",
                remedy="look at the machine's load and disks, then run again",
            )

    def _failure(self) -> EncodeError:
        """What ffmpeg said before it went away; it has closed its input, so it is ending or has ended."""
        killed_here = False
        try:
            status = self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            killed_here, status = True, self._process.wait()
        self._drain.join()
        tail = self._tail.decode(errors="replace")
        return EncodeError.of("encode", self._argv, status, tail, killed_here=killed_here)
