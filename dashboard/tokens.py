"""Tokens: long random words that open the dashboard. Only their digests are kept, in one file of the home."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.errors import Refused
from dashboard.roles import ROLES, Person, Role

_SHOWN = 12


@dataclass(frozen=True)
class Token:
    """Whose it is, what it opens, and the SHA-256 of the word itself; a random word of 256 bits needs no slow hash."""

    name: str
    role: Role
    sha256: str
    created_at: str

    @property
    def id(self) -> str:
        """What a session remembers of it."""
        return self.sha256[:_SHOWN]


class Tokens:
    """The file of tokens; read again when it changes, so that one that is removed closes its sessions at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], tuple[Token, ...]] | None = None

    def all(self) -> tuple[Token, ...]:
        """Every token; none where there is no file. Raises Refused (`TOKENS_BROKEN`)."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return ()
        stamp = (found.st_mtime_ns, found.st_ino)
        if self._read is None or self._read[0] != stamp:
            try:
                rows = json.loads(self._path.read_text(encoding="utf-8"))["tokens"]
                tokens = tuple(Token(**row) for row in rows)
            except (ValueError, KeyError, TypeError) as error:
                raise Refused(
                    "TOKENS_BROKEN",
                    f"'{self._path}' cannot be read: {error}",
                    "delete it and make the tokens again with `dailies token add`",
                    status=500,
                ) from error
            self._read = (stamp, tokens)
        return self._read[1]

    def add(self, name: str, role: Role) -> str:
        """Make a token and return the word, which is kept nowhere. Raises Refused for a name that has one."""
        if role not in ROLES:
            raise Refused("UNKNOWN_ROLE", f"there is no role '{role}'", f"use {', '.join(ROLES)}")
        if any(one.name == name for one in self.all()):
            raise Refused("TOKEN_EXISTS", f"'{name}' has a token", f"`dailies token remove {name}` takes it back")
        word = secrets.token_urlsafe(32)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write([*self.all(), Token(name, role, _digest(word), now)])
        return word

    def remove(self, name: str) -> None:
        """Take a token back. Raises Refused where there is none of this name."""
        left = [one for one in self.all() if one.name != name]
        if len(left) == len(self.all()):
            raise Refused("NO_TOKEN", f"'{name}' has no token", "`dailies token list` names those there are", 404)
        self._write(left)

    def find(self, word: str) -> Token | None:
        """The token of this word; every one is compared, in the same time."""
        digest, found = _digest(word), None
        for one in self.all():
            if hmac.compare_digest(one.sha256, digest):
                found = one
        return found

    def by_id(self, name: str) -> Token | None:
        """The token a session was opened with, unless it was taken back."""
        return next((one for one in self.all() if hmac.compare_digest(one.id, name)), None)

    def _write(self, tokens: list[Token]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump({"tokens": [asdict(one) for one in tokens]}, file, indent=2)
        fresh.replace(self._path)
        self._read = None


def person(token: Token) -> Person:
    """Who comes with it."""
    return Person(token.name, token.role)


def secret(path: Path) -> str:
    """The word that signs sessions; made the first time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8")


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
