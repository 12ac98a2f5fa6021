"""Every benchmark in turn, or those named: `python -m tests.benchmarks [--quick] [name ...]`.

Each runs in a process of its own, prints one table, and leaves nothing behind but what it prints.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

QUICK = {
    "animatic": ["--quick"],
    "camera": ["--rounds", "1"],
    "gpu": ["--small", "--device", "cpu", "--out", "/tmp/dailies-gpu-small"],
    "first_paint": ["--quick"],
    "flow": ["--size", "320x180", "--frames", "3", "--rounds", "1"],
    "memory": ["--quick"],
    "overhead": ["--quick"],
    "pages": ["--quick"],
    "planning": ["--quick"],
    "throughput": ["--quick"],
}
"""Every benchmark, and what makes it short: figures of a quick run mean nothing, but it runs."""


def main() -> int:
    """Run them; 1 if one did not end well. A bar that was missed is told, not judged: the machine may be busy."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", choices=[[], *QUICK], help="which; all of them if none is named")
    options.add_argument("--quick", action="store_true", help="only see that they run")
    asked = options.parse_args()
    ended = 0
    for name in asked.names or QUICK:
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *(QUICK[name] if asked.quick else [])]
        ended |= subprocess.run(command, check=False).returncode != 0
    return int(ended)


if __name__ == "__main__":
    sys.exit(main())
