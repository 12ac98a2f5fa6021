"""An always-on Dailies to be broken: `dailies up` in a home of its own, started again as a service manager would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from flows.settings import Settings
from tests.prefect_schema import with_schema

Kind = Literal["child", "flow", "worker", "server", "group"]
KINDS: tuple[Kind, ...] = ("child", "flow", "worker", "server", "group")

_ROOT = Path(__file__).parents[2]
_SIGNS: dict[str, tuple[str, ...]] = {
    "child": ("models.host.child",),
    "flow": ("prefect.engine", "prefect.flow_engine", "flow-run execute"),
    "worker": ("worker start",),
    "server": ("flows.prefect_server", "prefect.server", "server start"),
}
"""What the command lines of each kind of process say."""


@dataclass
class House:
    """One home; `settings` are `DAILIES_` variables beside its own."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict[str, str])
    arguments: Sequence[str] = ()
    _up: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Of everything in the house: nothing of the caller's own Dailies or Prefect."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAILIES_", "PREFECT_"))}
        own = {"DAILIES_HOME": str(self.home), "DAILIES_DEVICE": "cpu", "DAILIES_WORKERS": "2", "COLUMNS": "200"}
        return kept | own | {"PYTHONPATH": str(_ROOT)} | {f"DAILIES_{name}": v for name, v in self.settings.items()}

    def as_settings(self) -> Settings:
        """The settings its processes have."""
        values = {name.lower(): value for name, value in self.settings.items()}
        return Settings(home=self.home, device="cpu", **values)  # type: ignore[arg-type]

    def command(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `dailies ...` in the house to its end."""
        line = [sys.executable, "-c", "from flows.cli import main; main()", *arguments]
        return subprocess.run(line, env=self.environment, capture_output=True, text=True, check=False, **more)

    def start(self) -> None:
        """Start `dailies up`, and wait until its API answers."""
        with_schema(self.home / "prefect")
        before = self._told()
        code = "from flows.cli import main; main()"
        with (self.home.parent / "up.log").open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-c", code, "up", "--dashboard-port", "0", *self.arguments],
                env=self.environment,
                cwd=self.home.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1
        self.wait("dailies up to answer", lambda: self._told() not in (None, before), seconds=240)

    def keep_up(self) -> None:
        """Start it again if it has ended, however it ended."""
        if self._up is None or self._up.poll() is not None:
            self.start()

    def stop(self) -> int:
        """Ctrl-C; the exit status. Whatever is left after a minute is killed, and told by -9."""
        if self._up is None:
            return 0
        if self._up.poll() is None:
            self._up.send_signal(signal.SIGINT)
        try:
            status = self._up.wait(60)
        except subprocess.TimeoutExpired:
            status = -signal.SIGKILL
        for process in self.processes():
            process.kill()
        return status

    def processes(self) -> list[psutil.Process]:
        """Everything that lives in this house, by the home in its environment; not the caller."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get("DAILIES_HOME") == str(self.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
                continue
        return [process for process in found if _alive(process)]

    def of_kind(self, kind: Kind) -> list[psutil.Process]:
        """The processes of one kind; for `group` all of them."""
        everything = self.processes()
        if kind == "group":
            return everything
        return [process for process in everything if any(sign in _line(process) for sign in _SIGNS[kind])]

    def api(self) -> str:
        """URL of its Prefect API."""
        told = self._told()
        assert told is not None, "the house is not up"
        return str(told["api"])

    def submit(self, manifest: Path, deployment: str = "product_broll/product-broll", **parameters: Any) -> None:
        """Ask the house to run a manifest, as a schedule or a person on Prefect's page does."""
        code = (
            "import json, sys\nfrom prefect.deployments import run_deployment\n"
            "run_deployment(sys.argv[1], parameters=json.loads(sys.argv[2]), timeout=0)"
        )
        asked = json.dumps({"manifest": str(manifest), **parameters})
        environment = self.environment | {"PREFECT_API_URL": self.api(), "PREFECT_HOME": str(self.home / "prefect")}

        def accepted() -> bool:  # the deployments are applied a little after the server answers
            line = [sys.executable, "-c", code, deployment, asked]
            return subprocess.run(line, env=environment, capture_output=True, check=False).returncode == 0

        self.wait(f"{deployment} to be there", accepted, seconds=240)

    @staticmethod
    def wait(what: str, until: Callable[[], bool], *, seconds: float) -> None:
        """Until something is so. Raises TimeoutError naming it: a test that waits for ever says nothing."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {seconds:.0f} s for {what}")
            time.sleep(0.2)

    def _told(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.home / "up.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
