"""Those who are told, in tests: a web server that checks signatures by itself, and a mail server."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = b"a key of thirty-two bytes, exact"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Shop(ThreadingHTTPServer):
    """Answers `answers` one after the other, then 200; has an effect for each id that it meets for the first time."""

    daemon_threads = True

    def __init__(self, *answers: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers = list(answers)
        self.ids: list[str] = []
        self.effects: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks/a-secret-path"


class _Answer(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.effects["redirected"] = self.path
        self._say(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        message, moment = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        wanted = hmac.digest(KEY, f"{message}.{moment}.".encode() + body, hashlib.sha256)
        signed = self.headers["webhook-signature"] == f"v1,{base64.b64encode(wanted).decode()}"
        if not signed or abs(time.time() - int(moment)) > 300:
            self._say(401)
            return
        self.server.ids.append(message)
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status < 300:
            self.server.effects.setdefault(message, json.loads(body))
        self._say(status)

    def _say(self, status: int) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("location", self.server.url)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Chat(ThreadingHTTPServer):
    """A Mattermost, which speaks as Slack does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.lines: list[str] = []

    @property
    def url(self) -> str:
        return f"mmost://127.0.0.1:{self.server_address[1]}/{'a' * 26}"


class _Chat(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        self.server.lines.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Post(socketserver.ThreadingTCPServer):
    """A mail server that takes everything; with `refuses`, nothing."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refuses: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.refuses = refuses
        self.letters: list[EmailMessage] = []

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.server_address[1]}/?from=dailies@studio.example&to=ann@studio.example"


class _Smtp(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            match line.split(":")[0].split()[0].upper():
                case "DATA":
                    self._say("354 go on")
                    lines: list[bytes] = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        lines.append(part.removeprefix(b".") if part.startswith(b"..") else part)
                    letter = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                    assert isinstance(letter, EmailMessage)
                    self.server.letters.append(letter)
                    self._say("250 taken")
                case "RCPT" if self.server.refuses:
                    self._say("550 nobody here")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 well")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """The server, answering until the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
