"""An error in an engine child, judged where it happened and sent as words: its class may not exist in the worker.

A CUDA error that is not out-of-memory stays with the context it happened in: every later call in that process fails
too, or gives wrong pixels (CUDA C++ Programming Guide, "Error Checking"). Such a child has lost its device. Judged by
type name and message, because this package does not load torch.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import NamedTuple

from models import errors
from models.errors import Blames, DeviceLost, EngineError, OutOfMemory

_CARRIED = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, EngineError)
}
_DEVICE = re.compile(
    r"CUDA (driver )?error|cudaError|CUDA_ERROR|\[CUDA\]|CU(BLAS|DNN|SOLVER|SPARSE|FFT|RAND)_STATUS_"
    r"|cuDNN error|CUFFT_|NVRTC_ERROR|NCCL error|HIP error|device-side assert|illegal memory access"
    r"|unspecified launch failure|misaligned address|\bXid\b|VK_ERROR_DEVICE_LOST",
    re.IGNORECASE,
)
_NO_ROOM = re.compile(
    r"(CUDA|HIP|\[CUDA\]).*out of memory|out of memory.*(CUDA|HIP)|_ALLOC_FAILED|ALLOCATION_FAILED"
    r"|unable to find an engine to execute|MemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|can't allocate memory",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device, or the machine, had no room; the device itself is well."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"  # torch's, and its older torch.cuda's
        or (not isinstance(error, EngineError) and _NO_ROOM.search(str(error)) is not None)
    )


def is_device_lost(error: BaseException) -> bool:
    """Whether `error`, or one that it came from, says that the device cannot be used by this process any more."""
    return any(
        isinstance(one, DeviceLost)
        or (
            not isinstance(one, EngineError)
            and not is_out_of_memory(one)
            and (type(one).__name__ == "AcceleratorError" or _DEVICE.search(str(one)) is not None)
        )
        for one in _roots(error)
    )


def _roots(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it came from. What was caught on the way counts: a lost device stays lost."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__  # type: ignore[assignment]


class Fault(NamedTuple):
    """An error as it crosses: the nearest class of `models.errors`, and what it says."""

    kind: str
    message: str
    remedy: str
    evidence: str
    code: str
    blames: Blames = "worker"

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        """Engine errors as they are, others wrapped, all with evidence; a lost device is DeviceLost whatever it was."""
        trace = "".join(traceback.format_exception(error))
        if is_device_lost(error):
            told = str(error) if isinstance(error, DeviceLost) else f"{type(error).__name__}: {error}"
            return cls("DeviceLost", told, getattr(error, "remedy", ""), trace, DeviceLost.code)
        if isinstance(error, EngineError):
            kind = next(name for name, known in _CARRIED.items() if known is _nearest(type(error)))
            return cls(kind, str(error), error.remedy, error.evidence or trace, error.code, error.blames)
        wrapped = OutOfMemory if is_out_of_memory(error) else EngineError
        return cls(wrapped.__name__, f"{type(error).__name__}: {error}", "", trace, wrapped.code)

    def error(self) -> EngineError:
        """The error to raise."""
        error = _CARRIED[self.kind](self.message, remedy=self.remedy, evidence=self.evidence, code=self.code)
        error.blames = self.blames
        return error


def _nearest(kind: type) -> type:
    return next(base for base in kind.__mro__ if base in _CARRIED.values())
