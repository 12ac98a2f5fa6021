"""A lineage as a drawing: columns from the source on the left to what was delivered on the right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog.lineage import Node
from dashboard.words import seconds, short, size, worded

WIDTH: Final = 172
HEIGHT: Final = 64
GAP_X: Final = 40
GAP_Y: Final = 18
MOST: Final = 80
"""Boxes in one drawing; more say nothing to anybody."""


@dataclass(frozen=True)
class Box:
    """One thing, where it is drawn (px), and what is said of it."""

    id: str
    kind: str
    x: int
    y: int
    title: str
    line: str
    detail: str
    facts: Any


@dataclass(frozen=True)
class Edge:
    """An arrow between two boxes, as an SVG path."""

    path: str


@dataclass(frozen=True)
class Drawing:
    """Boxes and arrows in a frame of `width` by `height` px; `left_out` boxes were too many."""

    boxes: Sequence[Box]
    edges: Sequence[Edge]
    width: int
    height: int
    left_out: int
    box_width: int = WIDTH
    box_height: int = HEIGHT


def drawn(roots: Iterable[Node]) -> Drawing:
    """The drawing of trees that may share branches; each thing is drawn once."""
    nodes: dict[str, Node] = {}
    depth: dict[str, int] = {}
    edges: dict[tuple[str, str], None] = {}
    _walk(list(roots), nodes, depth, edges)
    kept = dict(list(nodes.items())[:MOST])
    deepest = max((depth[one] for one in kept), default=0)
    rows: dict[int, int] = {}
    boxes: dict[str, Box] = {}
    for name, node in kept.items():
        column = deepest - depth[name]
        row = rows.get(column, 0)
        rows[column] = row + 1
        boxes[name] = Box(
            name, node.kind, column * (WIDTH + GAP_X) + 2, row * (HEIGHT + GAP_Y) + 2, *_said(node), node.facts
        )
    arrows = [_edge(boxes[a], boxes[b]) for a, b in edges if a in boxes and b in boxes]
    return Drawing(
        list(boxes.values()),
        arrows,
        (deepest + 1) * (WIDTH + GAP_X) - GAP_X + 4,
        max(rows.values(), default=0) * (HEIGHT + GAP_Y) - GAP_Y + 4,
        len(nodes) - len(kept),
    )


def _walk(roots: list[Node], nodes: dict[str, Node], depth: dict[str, int], edges: dict[tuple[str, str], None]) -> None:
    waiting = [(node, 0) for node in reversed(roots)]
    while waiting:
        node, level = waiting.pop()
        known = depth.get(node.id, -1)
        nodes.setdefault(node.id, node)
        for before in node.made_from:
            edges[(before.id, node.id)] = None
        if level > known:
            depth[node.id] = level
            waiting += [(before, level + 1) for before in reversed(node.made_from)]


def _said(node: Node) -> tuple[str, str, str]:
    """Title, line and detail."""
    told = node.facts
    match node.kind:
        case "execution":
            weights = ", ".join(one["name"] for one in told.get("weights", ()))
            line = f"{told.get('engine', '')} on {told.get('host', '')}"
            return worded(told.get("stage")), line, f"{seconds(told.get('seconds'))}{f', {weights}' if weights else ''}"
        case "artifact":
            return worded(node.role or told.get("kind")), short(node.id), size(told.get("bytes"))
        case "delivery":
            return str(told.get("preset", "")), str(told.get("rendition", "")), worded(told.get("state"))
        case _:
            return str(told.get("key", node.id)), node.kind, worded(told.get("state"))


def _edge(start: Box, end: Box) -> Edge:
    x1, y1 = start.x + WIDTH, start.y + HEIGHT // 2
    x2, y2 = end.x, end.y + HEIGHT // 2
    middle = (x1 + x2) // 2
    return Edge(f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}")
