"""A lineage as a tree in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from catalog.trace import Lineage, Node
from flows.terminal import duration, size


def lineage_tree(lineage: Lineage) -> Tree:
    """Everything a file stands on, from the newest thing down to the source picture."""
    tree = Tree(f"[bold]{lineage.kind}[/bold] {lineage.id}")
    for root in lineage.roots:
        _grow(tree, root, set())
    if lineage.shots:
        shots = ", ".join(lineage.shots[:6]) + (f" and {len(lineage.shots) - 6} more" if len(lineage.shots) > 6 else "")
        tree.add(f"[dim]shots standing on it: {shots}; runs: {', '.join(lineage.runs[:6])}[/dim]")
    return tree


def _grow(tree: Tree, node: Node, told: set[str]) -> None:
    """Each execution is told once, under the first thing of its making that is met."""
    branch = tree.add(_said(node))
    for line in _details(node):
        branch.add(f"[dim]{escape(line)}[/dim]")
    for before in node.made_from:
        if before.kind == "execution" and before.id in told:
            continue
        told.add(before.id)
        _grow(branch, before, told)


def _said(node: Node) -> str:
    facts = node.facts
    role = f"[cyan]{escape(node.role)}[/cyan] " if node.role else ""
    match node.kind:
        case "execution":
            spent = duration(facts["seconds"]) if facts.get("seconds") is not None else facts.get("state", "")
            version = ", ".join(f"{name} {value}" for name, value in facts.get("engine_versions", {}).items())
            said = f"{facts['stage']} by {facts['engine']}"
            return f"{role}[bold]{escape(said)}[/bold] ({escape(version)})  {spent} on {escape(str(facts.get('host')))}"
        case "artifact":
            kind = str(facts.get("kind", "file"))
            named = "" if kind == node.role else role
            return f"{named}[green]{escape(kind)}[/green] {node.id[:16]}  {size(facts.get('bytes') or 0)}"
        case "delivery":
            return f"[bold]delivery[/bold] {escape(str(facts.get('preset')))} {escape(str(facts.get('rendition')))}"
        case _:
            return f"{role}[bold]{node.kind}[/bold] {escape(node.id)}"


def _details(node: Node) -> list[str]:
    facts = node.facts
    if node.kind == "execution":
        lines = [f"execution {node.id}  recipe {facts['recipe_sha256'][:16]}", _pairs(facts.get("recipe", {}))]
        if facts.get("ran"):
            lines.append("ran: " + _pairs({name: value for name, value in facts["ran"].items() if name != "gpu"}))
            lines += [_card(use)] if (use := facts["ran"].get("gpu")) else []
        lines += [_weights(one) for one in facts.get("weights", ())]
        if grant := facts.get("grant"):
            lines.append(_grant(grant))
        return [line for line in lines if line]
    if node.kind == "artifact":
        media = facts.get("media") or {}
        return [_pairs(media)] if media else []
    if node.kind == "delivery":
        return [f"put at {path}" for path in facts.get("placed", ())]
    return []


def _card(use: Mapping[str, Any]) -> str:
    """How it used its card (tasks/gpu_use.py); the series is in `--json`."""
    busy = "" if use["busy_mean"] is None else f"busy {use['busy_mean']:.0%}, at most {use['busy_peak']:.0%}; "
    return f"on {use['card']}: {busy}memory at most {size(use['memory_peak_bytes'])}"


def _weights(one: Any) -> str:
    if isinstance(one, Mapping):
        return "weights " + " ".join(str(value) for value in one.values() if value)
    return f"weights {one}"


def _grant(grant: Mapping[str, Any]) -> str:
    until = f"until {grant['expires_at'][:10]}" if grant["expires_at"] else "with no end"
    accepted = f"accepted by {grant['accepted_by']} on {grant['accepted_at'][:10]}"
    return f"licence {grant['licence']}: {grant['kind']} grant of {grant['holder']}, {accepted}, {until}"


def _pairs(facts: Mapping[str, Any]) -> str:
    """What there is to tell; a seed is told even where it is 0."""
    told = ((name, value) for name, value in facts.items() if name != "boxes")
    empty = ("", None, 0, 0.0, False, [])
    return "  ".join(f"{name}={_short(value)}" for name, value in told if name == "seed" or value not in empty)


def _short(value: Any) -> str:
    """Floats to four digits: the exact ones are in `--json`."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ",".join(_short(part) for part in value)
    return str(value)
