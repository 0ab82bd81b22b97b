"""Graphs as SVG: boxes, frames around branches and processors, edges with their labels."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from asfini.view._plans import (
    DOT,
    FRAME_GAP,
    FRAME_PADDING,
    FRAME_TITLE,
    LABEL_LINE,
    LINE,
    PADDING,
    Arrow,
    Box,
    Plan,
    plan,
)
from asfini.view._spots import Link
from asfini.view._strokes import Pen, hexagon, rectangle
from asfini.view._text import number, xml
from asfini.view.graphs import Graph, Node
from asfini.view.marks import Marks

_MARGIN, _TIP, _CORNER, _RISE = 20.0, 7.0, 8.0, 0.78
"""Around the picture, an arrow's tip, a box's corners, and where in its line text stands."""
_SIGNS = {
    "succeeded": "M-3.5 .5l2.5 2.5l4.5 -5.5",
    "failed": "M-3 -3l6 6M3 -3l-6 6",
    "caught": "M0 -4v4.5M0 4v.1",
    "running": "M-3.5 0h.1M0 0h.1M3.5 0h.1",
    "aborted": "M-3 0h6",
}
"""Signs of outcomes, for who cannot tell their colours apart."""


def svg(graph: Graph, marks: Marks | None, *, styled: bool = True) -> str:
    """Draw a graph.

    Args:
        graph: what to draw.
        marks: how a run went, to draw over it.
        styled: whether to bring the style sheet along.
    """
    planned = plan(graph, marks)
    width, height = (number(each + 2 * _MARGIN) for each in (planned.layout.width, planned.layout.height))
    size = f'width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="asfini-graph" role="group" {size} '
        f'viewBox="0 0 {width} {height}">',
        *([f"<style>{style()}</style>"] if styled else []),
        f'<rect class="ground" {size} rx="8"/>',
        f'<g class="{"machine" if marks is None else "machine of-run"}">',
        *_planned(planned, _MARGIN, _MARGIN),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


@cache
def style() -> str:
    """The style sheet."""
    return files("asfini.view").joinpath("graph.css").read_text(encoding="utf-8")


def _planned(planned: Plan, left: float, top: float) -> Iterator[str]:
    """Draw edges first, so that they are below the boxes."""
    for arrow in planned.arrows:
        yield from _arrow(planned, arrow, left, top)
    for box in planned.boxes:
        yield from _point(box, left, top) if box.node is None else _state(box, box.node, left, top)


# Boxes


def _point(box: Box, left: float, top: float) -> Iterator[str]:
    place = f'cx="{number(left + box.spot.x)}" cy="{number(top + box.spot.y)}"'
    yield f'<circle class="point" {place} r="{number(DOT - 2)}"/>'
    if box.is_end:
        yield f'<circle class="ring" {place} r="{number(DOT + 1)}"/>'


def _state(box: Box, node: Node, left: float, top: float) -> Iterator[str]:
    middle = left + box.spot.x
    left, top = middle - box.spot.width / 2, top + box.spot.y - box.spot.height / 2
    yield f'<g class="{_classes(box, node)}" data-state="{node.key}">'
    yield f"<title>{xml(_told(box, node))}</title>"
    yield from _outline(box, node, left, top)
    for place, (kind, text) in enumerate(box.lines):
        line = number(top + PADDING / 2 + LINE * (place + _RISE))
        yield f'<text class="{kind} middle" x="{number(middle)}" y="{line}">{xml(text)}</text>'
    frame = left + FRAME_PADDING
    for part in box.parts:
        yield from _framed(part, frame, top + box.head, box.frame_height)
        frame += part.frame_width + FRAME_GAP
    yield "</g>"


def _classes(box: Box, node: Node) -> str:
    known = node.type if node.type.isalpha() and node.type.isascii() else "Unknown"
    return " ".join(
        ["state", known, *([box.outcome] if box.outcome else []), *(["marked"] if box.mark else [])]
    )


def _told(box: Box, node: Node) -> str:
    """All that a box says, and what of it was cut."""
    said = [node.name, node.kind, node.retry, box.mark.said if box.mark else ""]
    return "\n".join(part for part in said if part)


def _outline(box: Box, node: Node, left: float, top: float) -> Iterator[str]:
    width, height = box.spot.width, box.spot.height
    if node.type == "Choice":
        yield f'<path class="box" d="{hexagon(left, top, width, height)}"/>'
    elif node.type in ("Succeed", "Fail"):
        yield rectangle("box", left, top, width, height, height / 2)
    else:
        yield rectangle("box", left, top, width, height, _CORNER)
        yield rectangle("strip", left, top + _CORNER, _CORNER / 2, height - 2 * _CORNER, 2)
    if box.mark is not None:
        x, y = number(left + width - 6), number(top + 4)
        yield f'<circle class="badge" cx="{x}" cy="{y}" r="8"/>'
        yield f'<path class="sign" transform="translate({x} {y})" d="{_SIGNS[box.mark.outcome]}"/>'


def _framed(part: Plan, left: float, top: float, height: float) -> Iterator[str]:
    """A branch or a processor, with a frame around it."""
    yield '<g class="part">'
    yield rectangle("frame", left, top, part.frame_width, height, 6)
    place = f'x="{number(left + 10)}" y="{number(top + 15)}"'
    yield f'<text class="title" {place}>{xml(part.title)}</text>'
    yield from _planned(part, left + (part.frame_width - part.layout.width) / 2, top + FRAME_TITLE)
    yield "</g>"


# Edges


def _arrow(planned: Plan, arrow: Arrow, left: float, top: float) -> Iterator[str]:
    kinds = ["link", *([arrow.edge.kind] if arrow.edge else []), *(["taken"] if arrow.taken else [])]
    path, tip = _path(planned, arrow, Pen(left, top))
    yield f'<g class="{" ".join(kinds)}">'
    if arrow.edge is not None and arrow.edge.labels:
        yield f"<title>{xml(' or '.join(arrow.edge.labels))}</title>"
    yield f'<path class="edge" d="{path}"/><path class="tip" d="{tip}"/>'
    bend = arrow.link.bends[0]
    first = top + bend.y - len(arrow.labels) * LABEL_LINE / 2
    for place, label in enumerate(arrow.labels):
        line = number(first + LABEL_LINE * (place + _RISE))
        yield f'<text class="label" x="{number(left + bend.x)}" y="{line}">{xml(label)}</text>'
    yield "</g>"


def _path(planned: Plan, arrow: Arrow, pen: Pen) -> tuple[str, str]:
    """An edge's line, and the tip of its arrow: out at the bottom, in at the top, straight through layers."""
    link, tops, bottoms = arrow.link, planned.layout.tops, planned.layout.bottoms
    end, into = link.target.x + arrow.port_in, tops[link.target.layer] - _TIP
    pen.move(link.source.x + arrow.port_out, link.source.y + link.source.height / 2)
    pen.line(pen.x, bottoms[link.source.layer])
    for bend in link.bends:
        if link.back and bend is link.bends[0]:
            pen.turn(_beside(link), bend.y, bottoms[bend.layer])
        elif bend.layer % 2:
            pen.curve(bend.x, bend.y)
        else:
            way = (bottoms[bend.layer], tops[bend.layer])
            pen.curve(bend.x, way[not link.back])
            pen.line(bend.x, way[link.back])
    if link.back:
        pen.turn(end, into, tops[link.bends[-1].layer])
    else:
        pen.curve(end, into)
    pen.line(end, link.target.y - link.target.height / 2 - _TIP)
    return " ".join(pen.strokes), f"M{pen.at(end, pen.y + _TIP)}l-4.5 -8.5h9z"


def _beside(link: Link) -> float:
    """Where an edge turns upwards: below its label, or where it goes up."""
    return link.bends[0 if link.label_width else 1].x
