"""Two machines, played by two network namespaces: `sudo .venv/bin/python deploy/drills/two_machines.py [MANIFEST]`.

A PostgreSQL (for the catalog and for Prefect) and Prefect's server listen on a bridge; two workers, each in a namespace
with a network, a host name and a home of its own, reach them over it. They share one store folder and nothing else. One
manifest is run; as soon as both workers have made something, one machine is switched off. Passes where every shot is
delivered all the same, and ends with 0; with 1 where it is not, with 3 where this machine allows no namespaces or has
no PostgreSQL with pg_trgm, which Prefect needs (`apt-get install postgresql`).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sqlalchemy import func, select  # noqa: E402

from catalog import Catalog  # noqa: E402
from catalog.tables import Execution  # noqa: E402
from tests.postgres import Postgres  # noqa: E402

BRIDGE, NET = "dailies0", "10.77.0"
HERE = f"{NET}.1"
MACHINES = {"worker-a": f"{NET}.11", "worker-b": f"{NET}.12"}
PORT = 4277
PATIENCE = 1800.0
DAILIES = [sys.executable, "-c", "from flows.cli import main; main()"]
BEGAN = time.monotonic()


def say(text: str) -> None:
    """A line of the transcript."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def ip(*words: str) -> None:
    """One `ip` command."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def network(stack: ExitStack) -> None:
    """A bridge, and a namespace with a cable to it for each machine. Raises CalledProcessError where it is refused."""
    ip("link", "add", BRIDGE, "type", "bridge")
    stack.callback(lambda: ip("link", "del", BRIDGE))
    ip("addr", "add", f"{HERE}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")
    for number, (name, address) in enumerate(MACHINES.items()):
        inner, outer = f"dl{number}i", f"dl{number}o"
        ip("netns", "add", name)
        stack.callback(lambda name=name: ip("netns", "del", name))
        ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        ip("link", "set", outer, "master", BRIDGE, "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", inner)
        ip("-n", name, "link", "set", inner, "up")
        ip("-n", name, "link", "set", "lo", "up")
        say(f"{name}: namespace with {address} on {BRIDGE}")


def postgresql() -> Path | None:
    """Programs of the newest PostgreSQL of this machine that has what Prefect's migrations ask for."""
    found = [
        place / "bin"
        for place in Path("/usr/lib/postgresql").glob("*")
        if (place / "bin" / "initdb").exists()
        and Path("/usr/share/postgresql", place.name, "extension", "pg_trgm.control").exists()
        and place.name.isdecimal()
        and int(place.name) >= 15
    ]
    return max(found, key=lambda programs: int(programs.parent.name), default=None)


def processes(machine: str) -> list[int]:
    """Everything that runs there."""
    told = subprocess.run(["ip", "netns", "pids", machine], capture_output=True, text=True, check=False).stdout
    return [int(pid) for pid in told.split()]


def switch_off(machine: str) -> int:
    """Kill all that runs there at once, as a power cut does; how many processes that was."""
    gone = 0
    while pids := processes(machine):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                gone += 1
        time.sleep(0.1)
    return gone


def started(command: list[str], environment: Mapping[str, str], log: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """A process of the drill, killed at its end."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def wait(what: str, until: Any, seconds: float = PATIENCE) -> Any:
    """The first answer of `until` that is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := until():
            return found
        time.sleep(1)
    raise TimeoutError(f"{what} did not happen within {seconds:g} s")


def made_by(catalog: Catalog) -> Counter[str]:
    """Stages that are done, by worker."""
    query = select(Execution.worker, func.count()).where(Execution.state == "done").group_by(Execution.worker)
    with catalog.database.read() as connection:
        return Counter({str(worker): count for worker, count in connection.execute(query)})


def drill(manifest: Path, folder: Path, stack: ExitStack) -> bool:
    """The whole drill; whether it passed."""
    network(stack)
    programs = postgresql()
    assert programs is not None  # main has looked
    postgres = stack.enter_context(Postgres(folder / "postgres", host=HERE, programs=programs))
    for name in ("dailies", "prefect"):
        postgres.new(name)
    say(f"PostgreSQL {programs.parent.name} on {HERE}:{postgres.port}, databases dailies and prefect")
    quiet = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_SERVER_UI_ENABLED": "false"}
    server = {
        **quiet,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": postgres.url("prefect", tcp=True).replace("+psycopg", "+asyncpg"),
    }
    command = [sys.executable, "-m", "flows.prefect_server", f"{HERE}:{PORT}"]
    serving = started(command, server, folder / "server.log", stack)
    api = f"http://{HERE}:{PORT}/api"

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=2):
            return True
        return False

    wait("Prefect's server", lambda: serving.poll() is not None or answers(), 300)
    if serving.poll() is not None:
        raise RuntimeError(f"Prefect's server ended: {(folder / 'server.log').read_text()[-2000:]}")
    say(f"Prefect's server on {HERE}:{PORT}, its database on that PostgreSQL")
    shared = {
        "PYTHONPATH": str(ROOT),
        "PREFECT_API_URL": api,
        "DAILIES_DATABASE_URL": postgres.url("dailies", tcp=True),
        "DAILIES_STORE_URL": str(folder / "store"),
        "DAILIES_DEVICE": "cpu",
        "DAILIES_WORKERS": "1",
        "DAILIES_LEASE_SECONDS": "20",
        "DAILIES_RUN_ON": "pools",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }
    os.environ |= {"DAILIES_DATABASE_URL": shared["DAILIES_DATABASE_URL"]}
    with Catalog.open(shared["DAILIES_DATABASE_URL"], shared["DAILIES_STORE_URL"]) as catalog:
        for machine in MACHINES:
            inside = f"hostname {machine} && exec {' '.join(map(repr, DAILIES))} worker start --pool cpu --json"
            alone = ["ip", "netns", "exec", machine, "unshare", "--uts", "sh", "-c", inside]
            environment = {**shared, "DAILIES_HOME": str(folder / machine)}
            started(alone, environment, folder / f"{machine}.log", stack)
            stack.callback(switch_off, machine)
        return work(manifest, folder, {**shared, "DAILIES_HOME": str(folder / "studio")}, catalog, stack)


def work(manifest: Path, folder: Path, environment: Mapping[str, str], catalog: Catalog, stack: ExitStack) -> bool:
    """Run the manifest, switch a machine off on the way, and look at what came of it."""
    from catalog.queries import incidents_of, latest_run, run_status, workers

    def both() -> bool:
        return sum("started" in (folder / f"{machine}.log").read_text() for machine in MACHINES) == len(MACHINES)

    wait("both workers", both, 600)
    for row in workers(catalog):
        say(f"{row.name}: {row.state}, {', '.join(row.queues)}, heard of {row.silent_seconds:.0f} s ago")
    out = folder / "out"
    running = started([*DAILIES, "run", str(manifest), "--out", str(out)], environment, folder / "run.log", stack)
    say(f"dailies run {manifest.name} in the studio's network; batches go to the pool cpu")

    def each_made_some() -> bool:
        if running.poll() is not None:
            raise RuntimeError(f"the run ended with {running.returncode} before both had made something")
        return len([one for one in made_by(catalog) if one.startswith(tuple(MACHINES))]) == len(MACHINES)

    wait("something made by both workers", each_made_some)
    say(f"stages done so far: {dict(made_by(catalog))}")
    victim = next(iter(MACHINES))
    before = made_by(catalog)[f"{victim}/cpu"]
    say(f"{victim} is switched off: {switch_off(victim)} processes killed at once")
    wait("the run's end", lambda: running.poll() is not None)
    found = latest_run(catalog)
    assert found is not None
    status = run_status(catalog, found)
    say(f"dailies run ended with {running.returncode}; run {found} is {status.run.state}: {dict(status.run.shots)}")
    for incident in incidents_of(catalog, found):
        say(f"incident {incident.code}: {incident.message}")
    made = made_by(catalog)
    say(f"stages done by each: {dict(made)}; {victim} had done {before} when it was switched off")
    files = sorted(path.name for path in out.glob("*.mp4"))
    say(f"{len(files)} deliveries in the out folder: {', '.join(files)}")
    undone = {state: count for state, count in status.run.shots.items() if state != "done" and count}
    passed = (
        running.returncode == 0
        and not undone
        and len(files) == status.deliveries
        and all(made[f"{machine}/cpu"] > 0 for machine in MACHINES)
    )
    say("PASSED" if passed else f"FAILED: {undone or 'see above'}")
    return passed


def main() -> int:
    """Exit status: 0 passed, 1 failed, 3 not allowed here."""
    manifest = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "manifests" / "examples" / "products.yaml"
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        print("this drill needs root, `ip` (iproute2) and `unshare` (util-linux)", file=sys.stderr)
        return 3
    if postgresql() is None:
        print("this drill needs PostgreSQL 15 or later with pg_trgm: apt-get install postgresql", file=sys.stderr)
        return 3
    try:
        ip("netns", "add", "dailies-probe")
        ip("netns", "del", "dailies-probe")
    except subprocess.CalledProcessError as refused:
        print(f"network namespaces are refused here: {refused.stderr.strip()}", file=sys.stderr)
        return 3
    folder = Path(tempfile.mkdtemp(prefix="dailies-drill-"))
    folder.chmod(0o755)  # PostgreSQL's own user has to get through
    try:
        with ExitStack() as stack:
            return 0 if drill(manifest.resolve(), folder, stack) else 1
    finally:
        kept = os.environ.get("DAILIES_DRILL_KEEP")
        say(f"everything is in {folder}") if kept else shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
