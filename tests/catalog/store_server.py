"""An S3 server of the tests' own: moto's, a process of its own, reached over HTTP through a line that tests can cut."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import httpx


class Line:
    """A TCP relay on a port of its own: `away()` makes its far end vanish, `answer` makes it answer by itself."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self.answer: bytes | None = None
        """What every new connection gets instead of the server, if anything."""
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            if self.answer is not None:
                near.recv(65536)
                near.sendall(self.answer)
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)

    def cut(self) -> None:
        """Connections break, and new ones are refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """It is there again, at the same address."""
        self._listener = self._listen(self.port)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Cut meanwhile."""
        self.cut()
        try:
            yield
        finally:
            self.mend()

    @contextmanager
    def answering(self, status: str) -> Iterator[None]:
        """Every request gets this status meanwhile, as from a server in trouble."""
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            self.answer = None


class StoreServer:
    """`python -m moto.server` and the line to it. What it holds is in its memory."""

    def __init__(self) -> None:
        self._count = itertools.count()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"  # past the line: for what tests look at and change by themselves
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._await()
        self.line = Line(port)
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=self._url,
            region_name="us-east-1",
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.line.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
        }

    def new(self) -> str:
        """Name of a bucket just made, empty."""
        name = f"bucket-{next(self._count)}"
        self._client.create_bucket(Bucket=name)
        return name

    @staticmethod
    def address(bucket: str) -> str:
        """The store that tests keep in it."""
        return f"s3://{bucket}/some/prefix"

    def read(self, bucket: str, location: str) -> bytes | None:
        """An object's bytes as anybody sees them."""
        try:
            return self._client.get_object(Bucket=bucket, Key=f"some/prefix/{location}")["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None

    def overwrite(self, bucket: str, location: str, content: bytes) -> None:
        """Other bytes under the same name, as a stranger would leave them."""
        self._client.put_object(Bucket=bucket, Key=f"some/prefix/{location}", Body=content)

    def delete(self, bucket: str, location: str) -> None:
        """An object is gone."""
        self._client.delete_object(Bucket=bucket, Key=f"some/prefix/{location}")

    def keys(self, bucket: str) -> list[str]:
        """Locations of all objects."""
        listed = self._client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(one["Key"].removeprefix("some/prefix/") for one in listed)

    def stop(self) -> None:
        """End it."""
        self.line.cut()
        self.process.kill()
        self.process.wait()

    def _await(self) -> None:
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(f"moto's server ended with {self.process.returncode} before it answered")
            try:
                httpx.get(self._url, timeout=1)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        self.process.kill()
        raise RuntimeError("moto's server does not answer")


@functools.cache
def shared() -> StoreServer:
    """One for the whole test run; it ends with it."""
    server = StoreServer()
    atexit.register(server.stop)
    return server
