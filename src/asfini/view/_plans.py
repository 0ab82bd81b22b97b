"""Planning a picture: what is written in boxes, how large they are, where all is put."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from asfini.view._layers import Layout, lay_out
from asfini.view._spots import Link, Spot
from asfini.view._text import NAME, TEXT, fitted, width_of
from asfini.view.graphs import Edge, Graph, Node
from asfini.view.marks import Mark, Marks

LINE, PADDING, DOT = 16.0, 14.0, 7.0
"""A line's height, what is beside texts, and the radius of the points at which machines begin and end."""
FRAME_GAP, FRAME_PADDING, FRAME_TITLE = 14.0, 12.0, 20.0
LABEL_LINE = 14.0
_NARROWEST, _WIDEST, _WIDEST_LABEL = 104.0, 330.0, 210.0
_MOST_LABELS = 3
_BOLD = ("name", "mark")
_PORT_GAP = 15.0


@dataclass(slots=True, eq=False)
class Box:
    """A state, or without one a point where the machine begins or ends."""

    spot: Spot
    node: Node | None = None
    is_end: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Classes and texts."""
    parts: "list[Plan]" = field(default_factory=list)
    mark: Mark | None = None
    outcome: str = ""
    """With a run, how it went there."""

    @property
    def head(self) -> float:
        """The height of the texts."""
        return len(self.lines) * LINE + PADDING

    @property
    def frame_height(self) -> float:
        """The height of the frames inside, which is the same for all."""
        return max(part.layout.height for part in self.parts) + FRAME_TITLE + FRAME_PADDING

    def measure(self) -> None:
        """Find out how large it is."""
        texts = max(
            (width_of(text, size_of(kind), bold=kind in _BOLD) for kind, text in self.lines), default=0
        )
        self.spot.width = max(_NARROWEST, texts + 2 * PADDING)
        self.spot.height = self.head
        if self.parts:
            frames = sum(part.frame_width for part in self.parts) + FRAME_GAP * (len(self.parts) - 1)
            self.spot.width = max(self.spot.width, frames + 2 * FRAME_PADDING)
            self.spot.height += self.frame_height + FRAME_PADDING


@dataclass(slots=True, eq=False)
class Arrow:
    """An edge, or without one the way from the beginning or to the end."""

    link: Link
    edge: Edge | None = None
    labels: list[str] = field(default_factory=list)
    taken: bool = False
    """With a run, whether it went this way."""
    port_out: float = 0.0
    """How far from the middle of its box it begins."""
    port_in: float = 0.0
    """How far from the middle of its box it ends."""


@dataclass(slots=True, eq=False)
class Plan:
    """A graph that is laid out."""

    title: str
    boxes: list[Box]
    arrows: list[Arrow]
    layout: Layout

    @property
    def frame_width(self) -> float:
        """Its width with a frame around it."""
        return max(self.layout.width, width_of(self.title, TEXT)) + 2 * FRAME_PADDING


def plan(graph: Graph, marks: Marks | None, *, outermost: bool = True) -> Plan:
    """Lay out a graph, those inside of its states first."""
    boxes = {node.key: _box(node, marks) for node in graph.nodes.values()}
    arrows = [_arrow(edge, boxes, marks) for edge in graph.edges]
    first = "" if graph.start is None else graph.start.key
    ordered = [boxes[key] for key in sorted(boxes, key=lambda key: key != first)]
    if outermost:
        ordered, ends = _with_ends(graph, boxes, ordered, marks)
        arrows += ends
    links = [arrow.link for arrow in arrows]
    layout = lay_out([box.spot for box in ordered], links) if ordered else Layout(0.0, 0.0, [], [])
    _spread_ports(arrows, {id(box.spot): box for box in ordered})
    return Plan(graph.title, ordered, arrows, layout)


def size_of(kind: str) -> float:
    """The size of a class of text."""
    return NAME if kind == "name" else TEXT


def _box(node: Node, marks: Marks | None) -> Box:
    box = Box(Spot(), node, parts=[plan(part, marks, outermost=False) for part in node.parts])
    lines = [("name", node.name), ("kind", node.kind)]
    if node.retries:
        lines.append(("retry", f"↻ {', '.join(node.retries)}"))
    if marks is not None:
        box.mark, box.outcome = marks.mark(node), marks.outcome(node)
        lines += [("mark", box.mark.said)] if box.mark and box.mark.said else []
    box.lines = [(kind, _fitted(kind, text)) for kind, text in lines]
    box.measure()
    return box


def _fitted(kind: str, text: str) -> str:
    return fitted(text, size_of(kind), _WIDEST - 2 * PADDING, bold=kind in _BOLD)


def _arrow(edge: Edge, boxes: dict[str, Box], marks: Marks | None) -> Arrow:
    shown = edge.labels if len(edge.labels) <= _MOST_LABELS else edge.labels[: _MOST_LABELS - 1]
    labels = [fitted(label, TEXT, _WIDEST_LABEL, keep=0.4) for label in shown]
    if len(shown) < len(edge.labels):
        labels.append(f"or {len(edge.labels) - len(shown)} more")
    width = max((width_of(label, TEXT) for label in labels), default=0.0)
    ends = (boxes[edge.source.key].spot, boxes[edge.target.key].spot)
    link = Link(*ends, width, LABEL_LINE * len(labels), edge.kind == "catch")
    return Arrow(link, edge, labels, marks is not None and marks.is_taken(edge))


def _with_ends(
    graph: Graph, boxes: dict[str, Box], ordered: list[Box], marks: Marks | None
) -> tuple[list[Box], list[Arrow]]:
    """Add a point to start at, and one to end at."""
    arrows: list[Arrow] = []
    size = 2 * (DOT + 2)
    if graph.start is not None:
        start = Box(Spot(size, size))
        taken = marks is not None and marks.mark(graph.start) is not None
        arrows.append(Arrow(Link(start.spot, boxes[graph.start.key].spot), taken=taken))
        ordered = [start, *ordered]
    if ending := [node for node in graph.nodes.values() if node.ends]:
        end = Box(Spot(size, size), is_end=True)
        for node in ending:
            taken = marks is not None and marks.ended(node)
            arrows.append(Arrow(Link(boxes[node.key].spot, end.spot), taken=taken))
        ordered = [*ordered, end]
    return ordered, arrows


def _spread_ports(arrows: Sequence[Arrow], boxes: dict[int, Box]) -> None:
    """Spread the ends of edges over their boxes, in the order in which the edges come."""
    leaving: dict[int, list[Arrow]] = {}
    coming: dict[int, list[Arrow]] = {}
    for arrow in arrows:
        leaving.setdefault(id(arrow.link.source), []).append(arrow)
        coming.setdefault(id(arrow.link.target), []).append(arrow)
    for key, group in leaving.items():
        group.sort(key=lambda arrow: arrow.link.bends[0].x)
        for arrow, port in zip(group, _ports(group, boxes[key]), strict=True):
            arrow.port_out = port
    for key, group in coming.items():
        group.sort(key=lambda arrow: arrow.link.bends[-1].x)
        for arrow, port in zip(group, _ports(group, boxes[key]), strict=True):
            arrow.port_in = port


def _ports(group: Sequence[Arrow], box: Box) -> list[float]:
    """Where the edges at one side of a box are: the only heavy one is in the middle, to be straight."""
    room = 0.0 if box.node is None else box.spot.width / 2
    gap = min(_PORT_GAP, room / max(len(group) - 1, 1))
    heavy = [number for number, arrow in enumerate(group) if not arrow.link.is_light]
    middle = heavy[0] if len(heavy) == 1 else (len(group) - 1) / 2
    return [(number - middle) * gap for number in range(len(group))]
