"""Sockets of the servers we start, held by whoever starts them: a server that dies gives its port to nobody."""

from __future__ import annotations

import socket

from manifests.errors import InputError, Problem


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Listen there; 0 is any port. Raises InputError (PORT_TAKEN).

    What is answered leaves at once. asyncio sees to that for sockets it made, not for those it is given, and an answer
    in two parts then waits 40 ms for the first one's receipt. On Linux every connection inherits it.
    """
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        found = f"{host}:{port} cannot be listened on: {error.strerror}"
        raise InputError(Problem("PORT_TAKEN", found, "stop what listens there, or use another --port")) from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
