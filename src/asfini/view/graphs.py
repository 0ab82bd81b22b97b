"""Graphs of definitions: `graph`, and what a `Graph` can be drawn as.

A graph is made of a definition's JSON, and of whatever that holds: a picture helps most where something is
not yet right. What a transition names that is not there becomes a node of the type `Missing`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from asfini.asl.definition import read_definition
from asfini.view._wording import doing, errors_said, retry_said, rule_said

if TYPE_CHECKING:
    from asfini.view.marks import Marks

EdgeKind = Literal["next", "choice", "default", "catch"]
_COMPOSITES = ("Parallel", "Map")


@dataclass(slots=True, eq=False)
class Node:
    """A state."""

    key: str
    """What tells it from all others in its picture; the same for the same definition."""
    name: str
    type: str
    """`Task`, `Map`, …; `Missing` of what is only named."""
    does: str = ""
    """What it does, in a few words."""
    ends: bool = False
    """Whether its line can end with it by `End`."""
    retries: list[str] = field(default_factory=list)
    """Its Retry, clause by clause: errors and how often."""
    parts: "list[Graph]" = field(default_factory=list)
    """A Parallel's branches, a Map's processor."""

    @property
    def kind(self) -> str:
        """Its type and what it does: `Task: sqs:sendMessage`."""
        return f"{self.type}: {self.does}" if self.does else self.type

    @property
    def retry(self) -> str:
        """All of its Retry, in a line."""
        return f"retry {', '.join(self.retries)}" if self.retries else ""


@dataclass(slots=True, eq=False)
class Edge:
    """A transition, or several of one kind between the same two states."""

    source: Node
    target: Node
    kind: EdgeKind
    """Which field of the definition leads there."""
    labels: list[str] = field(default_factory=list)
    """When each is taken: a rule, or the errors that are caught."""


@dataclass(slots=True, eq=False)
class Graph:
    """The states of a definition, a branch or a processor, with their transitions."""

    title: str = ""
    """What to call it among its like: `branch 0`."""
    start: Node | None = None
    """The state that it starts at."""
    nodes: dict[str, Node] = field(default_factory=dict)
    """By name, in the definition's order."""
    edges: list[Edge] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """All nodes, each followed by those inside of it."""
        for node in self.nodes.values():
            yield node
            for part in node.parts:
                yield from part.walk()

    def transitions(self) -> Iterator[Edge]:
        """All transitions, followed by those inside of nodes."""
        yield from self.edges
        for node in self.nodes.values():
            for part in node.parts:
                yield from part.transitions()

    def to_mermaid(self, marks: "Marks | None" = None) -> str:
        """Write it for Mermaid, which GitHub and many other sites draw.

        Args:
            marks: how a run went, to draw over it.
        """
        from asfini.view._mermaid import mermaid

        return mermaid(self, marks)

    def to_dot(self, marks: "Marks | None" = None) -> str:
        """Write it for Graphviz.

        Args:
            marks: how a run went, to draw over it.
        """
        from asfini.view._dot import dot

        return dot(self, marks)

    def to_svg(self, marks: "Marks | None" = None) -> str:
        """Draw it as SVG, light or dark as its reader likes.

        Args:
            marks: how a run went, to draw over it.
        """
        from asfini.view._svg import svg

        return svg(self, marks)

    def _repr_svg_(self) -> str:
        """Show it in a notebook."""
        return self.to_svg()


def graph(definition: Any) -> Graph:
    """Make a graph of a definition.

    Args:
        definition: a definition, a machine, the first of some linked states, or a definition's JSON data.

    Raises:
        InvalidArgument: it is none of these.
    """
    return _graph(read_definition(definition).to_dict(), "", count())


def _graph(data: Mapping[str, Any], title: str, numbers: Iterator[int]) -> Graph:
    made, states = Graph(title), data.get("States")
    known = {str(name): state for name, state in states.items()} if isinstance(states, Mapping) else {}
    for name, state in known.items():
        made.nodes[name] = _node(name, state if isinstance(state, Mapping) else {}, numbers)
    edges: dict[tuple[str, str, str], Edge] = {}
    for name, state in known.items():
        for kind, target, label in _transitions(state if isinstance(state, Mapping) else {}):
            ends = (made.nodes[name], _named(made, target, numbers))
            edge = edges.setdefault((name, target, kind), Edge(*ends, kind))
            edge.labels += [label] if label else []
    made.edges = list(edges.values())
    if isinstance(start := data.get("StartAt"), str):
        made.start = _named(made, start, numbers)
    return made


def _named(made: Graph, name: str, numbers: Iterator[int]) -> Node:
    if name not in made.nodes:
        made.nodes[name] = Node(f"s{next(numbers)}", name, "Missing")
    return made.nodes[name]


def _node(name: str, state: Mapping[str, Any], numbers: Iterator[int]) -> Node:
    kind = str(state.get("Type", "?"))
    node = Node(f"s{next(numbers)}", name, kind, doing(state), ends=state.get("End") is True)
    node.retries = [retry_said(retrier) for retrier in _list(state.get("Retry"))]
    if kind in _COMPOSITES:
        node.parts = [_graph(part, title, numbers) for title, part in _parts(state)]
    return node


def _parts(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The definitions inside of a state, each with its title."""
    for number, branch in enumerate(_list(state.get("Branches"))):
        if isinstance(branch, Mapping):
            yield f"branch {number}", branch
    for key in ("ItemProcessor", "Iterator"):
        processor = state.get(key)
        if isinstance(processor, Mapping):
            config = processor.get("ProcessorConfig")
            apart = isinstance(config, Mapping) and config.get("Mode") == "DISTRIBUTED"
            yield ("each item, as an execution of its own" if apart else "each item"), processor


def _transitions(state: Mapping[str, Any]) -> Iterator[tuple[EdgeKind, str, str]]:
    """Where a state leads: how, to which state, and when."""
    if isinstance(target := state.get("Next"), str):
        yield "next", target, ""
    for rule in _list(state.get("Choices")):
        if isinstance(rule, Mapping) and isinstance(target := rule.get("Next"), str):
            yield "choice", target, rule_said(rule)
    if isinstance(target := state.get("Default"), str):
        yield "default", target, "otherwise"
    for catcher in _list(state.get("Catch")):
        if isinstance(catcher, Mapping) and isinstance(target := catcher.get("Next"), str):
            yield "catch", target, errors_said(catcher)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
