"""`notify.yaml`: who is told of what. It holds addresses and secrets, so nothing of them is ever printed."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.notices import EVENTS
from flows.settings import Settings
from manifests.errors import InputError, Problem

FOR_PEOPLE = ("run.finished", "run.failed", "run.paused", "report")
"""What people are told where the file does not say: the end of a run counts what was quarantined."""
KEY_BYTES = (24, 64)
"""A secret's length, as Standard Webhooks has it."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_OTHERS = 0o007


@dataclass(frozen=True)
class Target:
    """Who is told: a `webhook` with its key, or people at an Apprise `url`. `where` is what may be shown of it."""

    name: str
    kind: str
    where: str
    events: tuple[str, ...]
    url: str = field(repr=False)
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Targets:
    """Everybody who is told; `dashboard` is the address that links lead to, or empty."""

    all: tuple[Target, ...] = ()
    dashboard: str = ""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    webhook: str = ""
    secret: str = ""
    plain: bool = False
    apprise: str = ""
    events: list[str] = Field(default_factory=list)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    dashboard: str = ""
    targets: dict[str, _Entry] = Field(default_factory=dict)


def read_targets(settings: Settings) -> Targets:
    """Who this machine tells; nobody where there is no file. Raises InputError (`NOTIFY_FILE`)."""
    path = settings.notify
    try:
        if path.stat().st_mode & _OTHERS:
            raise _wrong(path, "everybody on this machine can read it, and it holds secrets", f"chmod o= {path}")
        written = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except FileNotFoundError:
        return Targets()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it cannot be read: {error}", "mend it, or take it away") from error
    except yaml.YAMLError as error:  # its own words quote the line, which may be a secret
        line = mark.line + 1 if (mark := getattr(error, "problem_mark", None)) else "?"
        raise _wrong(path, f"line {line} is no YAML", "mend it, or take it away") from None
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}" for one in error.errors())
        raise _wrong(path, found, "mend it, or take it away") from None
    if written.dashboard and _split(written.dashboard).scheme not in ("http", "https"):
        raise _wrong(path, "dashboard: is no address", "write it as https://dailies.example.com")
    targets = [_target(path, name, entry) for name, entry in written.targets.items()]
    return Targets(tuple(targets), written.dashboard.rstrip("/"))


def _target(path: Path, name: str, entry: _Entry) -> Target:
    if not _NAME.fullmatch(name):
        raise _wrong(path, f"target '{name[:63]}' has no plain name", "use small letters, digits, - and _")
    if bool(entry.webhook) == bool(entry.apprise):
        raise _wrong(path, f"target '{name}' needs one address", "write webhook: or apprise:, and not both")
    if unknown := [one for one in entry.events if one not in EVENTS]:
        raise _wrong(path, f"target '{name}': no event is called '{unknown[0]}'", f"there are {', '.join(EVENTS)}")
    if entry.webhook:
        return _webhook(path, name, entry)
    url = _secret(path, name, entry.apprise)
    schema = url.partition("://")[0].lower()
    if not re.fullmatch(r"[a-z0-9]+", schema) or schema == url.lower():
        raise _wrong(path, f"target '{name}': apprise: is no address", "write it as mailto://..., slack://...")
    return Target(name, schema, schema, tuple(entry.events) or FOR_PEOPLE, url)


def _webhook(path: Path, name: str, entry: _Entry) -> Target:
    url, secret = _secret(path, name, entry.webhook), _secret(path, name, entry.secret)
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong(path, f"target '{name}': webhook: is no address", "write it as https://...")
    if parts.scheme == "http" and not (_is_loopback(parts.hostname) or entry.plain):
        raise _wrong(path, f"target '{name}': http can be read on its way", "use https, or say plain: true")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        wanted = f"{KEY_BYTES[0]} to {KEY_BYTES[1]} bytes in base64 after whsec_"
        raise _wrong(path, f"target '{name}': secret: wants {wanted}", 'echo "whsec_$(openssl rand -base64 32)"')
    return Target(name, "webhook", f"{parts.scheme}://{parts.hostname}", tuple(entry.events) or EVENTS, url, key)


def _secret(path: Path, name: str, value: str) -> str:
    """A value, or the environment's where it is `$NAME`."""
    if (found := _VARIABLE.fullmatch(value)) is None:
        return value
    variable = found[1] or found[2]
    if not (said := os.environ.get(variable)):
        raise _wrong(path, f"target '{name}': ${variable} is not in the environment", "set it where Dailies is started")
    return said


def _split(url: str) -> SplitResult:
    """The parts of an address; none at all of what is none, such as `https://[::1/hook`."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong(path: Path, found: str, remedy: str) -> InputError:
    return InputError(Problem("NOTIFY_FILE", found, remedy, file=str(path)))
