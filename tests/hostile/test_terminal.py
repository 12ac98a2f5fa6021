"""What people wrote reaches a terminal, Prefect's page and a spreadsheet as text: nothing there obeys it."""

from __future__ import annotations

import io
import json

import pytest
from rich.markup import escape
from rich.table import Table

from flows.json_output import print_json
from flows.plain_console import PlainConsole, visible
from manifests.errors import Problem
from manifests.loader import load
from tasks.out_index import harmless
from tests.manifests.workspace import Workspace

CLEAR, TITLE, CSI, TURN = "\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\u202e"
COMMANDS = [CLEAR, TITLE, CSI, TURN, "\r", "\b\b", "\x7f"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_reaches_the_terminal(command: str) -> None:
    console = PlainConsole(file=io.StringIO(), width=200)
    table = Table("title")
    table.add_row(escape(f"mug{command}"))
    console.print(f"[bold]{escape(f'mug{command}')}[/bold]")
    console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "mug" in shown and not set(command) & set("\x1b\x9b\u202e\r\b\x7f\x07") & set(shown), repr(shown)


def test_colours_and_letters_of_every_script_pass() -> None:
    console = PlainConsole(file=io.StringIO(), force_terminal=True, width=200)
    console.print("[red]鞋 שלום مرحبا 👩\u200d🎨[/red]")
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" in shown and "鞋 שלום مرحبا 👩\u200d🎨" in shown
    assert visible("tab\tand\nline") == "tab\tand\nline"


def test_markup_is_text() -> None:
    console = PlainConsole(file=io.StringIO(), width=200)
    console.print(escape(str(Problem("X", "title is [bold red]x[/] [link=file:///etc/passwd]y[/link]"))))
    assert "[bold red]x[/]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_json_for_machines_holds_no_command_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"title": "".join(COMMANDS) + "鞋", "half": "\ud800"}
    print_json(value)
    shown = capsys.readouterr().out
    assert not set("\x1b\x9b\x7f\x07\ud800") & set(shown)
    assert json.loads(shown) == value


@pytest.mark.parametrize("command", [*COMMANDS, "[red]", "<script>", "=cmd|' /C calc'!A0"])
def test_problems_quote_what_they_found_in_one_printable_line(space: Workspace, command: str) -> None:
    rows = [
        {"id": "a", "source": "a.png"},
        {"id": "b", "source": f"{command}.png"},
        {"id": "c", "source": "a.png", command: 1},
        {"id": "d", "source": "a.png", "engine": command},
        {"id": "e", "source": "a.png", "profile": command},
    ]
    space.write("\n".join(map(json.dumps, rows)), "rows.jsonl")
    manifest = load(space.write("version: 1\nrows: {jsonl: rows.jsonl}\n"))
    assert [row.key for row in manifest.refused] == ["b", "c", "d", "e"]
    for row in manifest.refused:
        for problem in row.problems:
            assert problem.remedy and "\n" not in visible(str(problem)), problem


@pytest.mark.parametrize("text", ["\uff1d1+1", " \u00a0=1", "\n=1", "\t@x"])
def test_formulas_in_disguise_are_text(text: str) -> None:
    assert harmless(text) == f"'{text}"
