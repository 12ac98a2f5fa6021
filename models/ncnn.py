"""What the two ncnn bindings share: loading them, choosing a Vulkan device, naming their weights."""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from models.errors import EngineError, EngineMissing

REMEDY = "apt-get install libvulkan1 libomp5 libgl1 libglib2.0-0"
CPU = -1
"""The bindings' device number for the CPU."""


@dataclass(frozen=True)
class Device:
    """One Vulkan device, numbered as the loader and ncnn number them. `software`: a CPU that plays a GPU."""

    index: int
    name: str
    software: bool


def load(module: str, distribution: str) -> ModuleType:
    """Import a binding. Raises EngineMissing where it, or a system library it is linked to, is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        raise EngineMissing(
            f"{module}: cannot be loaded ({error})",
            remedy=f"pip install {distribution}" if missing else REMEDY,
            evidence=repr(error),
        ) from error


class _InstanceInfo(ctypes.Structure):
    """VkInstanceCreateInfo of the Vulkan 1.0 specification; everything but the type is left out."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


_INSTANCE_CREATE_INFO = 1
_TYPE_CPU = 4
_PROPERTIES_BYTES = 4096
"""VkPhysicalDeviceProperties is 824 bytes; its fifth uint32 is the device's type, 256 bytes of name follow."""


def devices() -> list[Device]:
    """The Vulkan devices of this machine; none where there is no Vulkan loader or driver."""
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return []
    info = _InstanceInfo(type=_INSTANCE_CREATE_INFO)
    instance = ctypes.c_void_p()
    if vulkan.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance)) != 0:
        return []
    try:
        count = ctypes.c_uint32()
        if vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None) != 0:
            return []
        handles = (ctypes.c_void_p * count.value)()
        if vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles) != 0:
            return []
        found: list[Device] = []
        for index, handle in enumerate(handles):
            properties = ctypes.create_string_buffer(_PROPERTIES_BYTES)
            vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), properties)
            kind = int.from_bytes(properties.raw[16:20], "little")
            name = properties.raw[20:276].split(b"\0")[0].decode(errors="replace")
            found.append(Device(index, name, kind == _TYPE_CPU))
        return found
    finally:
        vulkan.vkDestroyInstance(instance, None)


def choose(device: str) -> tuple[int, str]:
    """(number for the binding, name) of `device`: `cpu`, `auto` (a real GPU, else the CPU) or `vulkan:N`.

    Software Vulkan (llvmpipe) is never chosen and refused when asked for: against ncnn on the CPU it is 8-10 times
    slower and its pictures are wrong (20.7 dB where the CPU has 31.7 dB). Raises EngineMissing.
    """
    if device == "cpu":
        return CPU, "cpu"
    found = devices()
    if device == "auto":
        real = next((d for d in found if not d.software), None)
        return (CPU, "cpu") if real is None else (real.index, real.name)
    kind, _, number = device.partition(":")
    if kind != "vulkan" or (number and not number.isdecimal()):
        raise EngineError(f"device: found {device!r}, wanted cpu, auto or vulkan:N", code="DEVICE_UNKNOWN")
    chosen = next((d for d in found if d.index == int(number or 0)), None)
    if chosen is None or chosen.software:
        what = "is not there" if chosen is None else f"is {chosen.name}, software that plays a GPU and gets it wrong"
        raise EngineMissing(
            f"device {device!r} {what}",
            remedy="use device: cpu, or install the Vulkan driver of the GPU",
            evidence=", ".join(f"{d.index}: {d.name}" for d in found) or "no Vulkan device",
            code="DEVICE_MISSING",
        )
    return chosen.index, chosen.name


@lru_cache(maxsize=64)
def _sha256(path: Path, bytes_: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a weights file as 64 hex digits; read once while the file stays as it is."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)
