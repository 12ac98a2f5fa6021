"""Telling a worker that lives from one that is no more."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from flows.worker_name import is_gone, worker_name


def test_this_process_lives() -> None:
    assert not is_gone(worker_name())


def test_a_process_that_ended_is_gone_even_before_its_parent_has_noticed() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from flows.worker_name import worker_name; print(worker_name(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdin is not None
    name = child.stdout.readline().strip()
    assert not is_gone(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still a zombie
    assert is_gone(name)
    child.communicate()
    assert is_gone(name)


def test_a_later_process_with_the_same_number_is_another() -> None:
    host, pid, start = worker_name().split(":")
    assert is_gone(f"{host}:{pid}:{int(start) - 1}")


def test_of_other_machines_nothing_is_claimed() -> None:
    assert not is_gone(f"not-{socket.gethostname()}:1:1")
    assert not is_gone("nonsense")
