"""Containers, compose and systemd say what the package needs and what the commands know."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prefect.settings import Settings as PrefectSettings
from typer.core import TyperGroup

from flows.cli import app
from flows.settings import Settings
from flows.station import CONTROL, QUEUES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILES = sorted(DEPLOY.glob("*.Dockerfile"))
OF_DAILIES = ("control", "cpu", "gpu")


def steps(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, words) of a Dockerfile, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def command_of(words: list[str]) -> Any:
    """The command those words name. Raises KeyError."""
    found: Any = typer.main.get_command(app)
    while isinstance(found, TyperGroup):
        found, words = found.commands[words[0]], words[1:]
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, words
    return found


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_installs_the_package_whole(dockerfile: Path) -> None:
    told = steps(dockerfile)
    copied = " ".join(words for instruction, words in told if instruction == "COPY").split()
    rooms = {name.rstrip("*") for name in PACKAGE["tool"]["setuptools"]["packages"]["find"]["include"]}
    needed = rooms | {"pyproject.toml", "constraints.txt", PACKAGE["project"]["readme"], "LICENSE"}
    assert needed <= set(copied), f"not copied: {needed - set(copied)}"
    assert all((ROOT / name).exists() for name in copied if name not in ("./", "deploy/")), copied
    (install,) = [words for _, words in told if "pip install" in words]
    extras = re.search(r"\.\[([\w,]+)\]", install)
    assert extras and set(extras[1].split(",")) <= set(PACKAGE["project"]["optional-dependencies"])
    assert "-c constraints.txt" in install
    (base,) = [words for instruction, words in told if instruction == "FROM"]
    version = tuple(map(int, re.findall(r"python:(\d+)\.(\d+)", base)[0]))
    assert (3, 11) <= version < (3, 13), PACKAGE["project"]["requires-python"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_runs_a_worker_as_a_plain_user(dockerfile: Path) -> None:
    told = steps(dockerfile)
    assert [words for instruction, words in told if instruction == "USER"] == ["dailies"]
    entry, command = (yaml.safe_load(next(w for i, w in told if i == name)) for name in ("ENTRYPOINT", "CMD"))
    assert entry == ["dailies"]
    command_of(command)
    libraries = next(number for number, (_, words) in enumerate(told) if "sh deploy/debian-libraries.sh" in words)
    installed = next(number for number, (_, words) in enumerate(told) if "pip install" in words)
    assert libraries < installed
    assert told[-2:][0][0] == "ENTRYPOINT" and any("chown -R dailies" in words for _, words in told)


def test_compose_starts_commands_that_exist() -> None:
    for name in OF_DAILIES:
        words = COMPOSE["services"][name]["command"]
        command_of(words)
        pool = words[words.index("--pool") + 1]
        queues = [words[n + 1] for n, word in enumerate(words) if word == "--queue"]
        assert pool in ("cpu", "gpu") and set(queues) <= {*QUEUES, CONTROL}
    assert COMPOSE["services"]["gpu"]["command"][3] == "gpu"
    command_of(COMPOSE["services"]["dashboard"]["command"])
    (device,) = COMPOSE["services"]["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_compose_sets_what_is_known() -> None:
    settings = {f"DAILIES_{name.upper()}" for name in Settings.model_fields}
    for name in OF_DAILIES:
        service = COMPOSE["services"][name]
        used = {variable for variable in service["environment"] if variable.startswith("DAILIES_")}
        assert used <= settings, used - settings
        assert service["environment"]["DAILIES_DATABASE_URL"].startswith("postgresql+psycopg://")
        back = "unless-stopped" if name == "dashboard" else "on-failure"
        assert service["restart"] == back, "a drained worker has to stay away; nobody drains a dashboard"
        assert service["init"] and service["shm_size"], "frames cross in shared memory; orphans have to be buried"


def test_compose_has_a_server_that_schedules_and_asks_who_is_there() -> None:
    server = COMPOSE["services"]["server"]
    assert server["entrypoint"][:3] == ["python", "-m", "flows.prefect_server"]
    environment = server["environment"]
    assert environment["PREFECT_API_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")
    assert environment["PREFECT_SERVER_EVENTS_CAUSAL_ORDERING"] == "prefect_redis.ordering"
    assert environment["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert "PREFECT_AUTH" in environment["PREFECT_SERVER_API_AUTH_STRING"]
    assert server["ports"] == ["${PREFECT_ADDRESS:-127.0.0.1}:4200:4200"], "nobody outside unless asked for"
    known = {field_of(name) for name in environment if name.startswith("PREFECT_") and "REDIS" not in name}
    assert None not in known


def field_of(variable: str) -> str | None:
    """Prefect's setting of that name."""
    names: set[str] = set()

    def walk(model: Any, prefix: str) -> None:
        for name, field in model.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and hasattr(kind, "model_fields"):
                walk(kind, f"{prefix}{name}_")
            names.add(f"{prefix}{name}".upper())
            alias = field.validation_alias
            names.update(str(choice).upper() for choice in getattr(alias, "choices", ()))

    walk(PrefectSettings, "PREFECT_")
    return variable if variable in names else None


def test_what_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    told = set(re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked == {"POSTGRES_PASSWORD", "PREFECT_AUTH"} and asked <= told


def test_the_unit_runs_dailies_up_and_gives_it_time() -> None:
    lines = (DEPLOY / "dailies.service").read_text(encoding="utf-8").splitlines()
    told = dict(line.split("=", 1) for line in lines if "=" in line and line[0] not in "#[")
    program, *words = shlex.split(told["ExecStart"])
    assert program.endswith("/dailies")
    command_of(words)
    assert told["KillMode"] == "mixed" and told["Restart"] == "on-failure"
    assert int(told["TimeoutStopSec"]) >= 60
