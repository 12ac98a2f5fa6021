"""Who killed a child: the kernel for want of memory, or somebody else."""

from __future__ import annotations

from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory, as far as this process may see.

    Of its memory cgroup (v2 `memory.events`, v1 `memory.oom_control`) and of the machine (`/proc/vmstat`), added up:
    only whether the number grew means anything.
    """
    return sum(_counted(path) for path in (*_of_cgroup(), Path("/proc/vmstat")))


def _of_cgroup() -> set[Path]:
    """The files of the cgroup, by its name and, inside a namespace where that name is not known, at the root."""
    files: set[Path] = set()
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, name = line.split(":", 2)
        folder = _CGROUPS / controllers if controllers else _CGROUPS
        file = "memory.oom_control" if controllers else "memory.events"
        if controllers in ("", "memory"):
            files |= {folder / name.lstrip("/") / file, folder / file}
    return files


def _counted(path: Path) -> int:
    words = [line.split() for line in _read(path).splitlines()]
    return sum(int(count) for name, count in (pair for pair in words if len(pair) == 2) if name == "oom_kill")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # another kernel, another cgroup version, or not ours to read: nothing to count
        return ""
