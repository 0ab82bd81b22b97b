"""What tests took of a machine: `MachineCoverage`, counted, told in words, drawn over the machine's graph."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asfini.asl._elements import Element, Kind, elements
from asfini.asl.definition import Definition
from asfini.asl.states import State
from asfini.view._wording import cut, errors_said, retry_said, rule_said
from asfini.view.graphs import Edge, Graph, Node, graph
from asfini.view.marks import Mark, Marks, Outcome

KINDS: dict[Kind, str] = {
    "state": "states",
    "transition": "transitions",
    "choice": "choices",
    "retry": "retries",
    "catch": "catches",
}
"""The kinds of elements, and what many of each are called in JSON."""
HEADS: dict[Kind, str] = {
    "state": "States",
    "transition": "Transitions",
    "choice": "Choice rules",
    "retry": "Retries",
    "catch": "Catches",
}
"""What they are called for people."""
_LONGEST_RULE = 60
_UNMEASURED = frozenset({"Assign", "Comment", "Next", "Output"})
"""Fields of a rule that do not tell when it holds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some elements were taken."""

    taken: int = 0
    total: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.taken + other.taken, self.total + other.total)

    @property
    def percent(self) -> float:
        """The share that was taken; where nothing was measured, none."""
        return 100.0 * self.taken / self.total if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.taken}/{self.total}" if self.total else "-"


class MachineCoverage:
    """What was taken of one machine.

    Args:
        name: its name, with a number where machines of that name have different elements.
        definition: its definition.
    """

    def __init__(self, name: str, definition: Definition) -> None:
        self.name = name
        self.definition = definition
        self.elements = [*elements(definition)]
        self.counts: dict[str, int] = {}
        """How often each element was taken, by its JSON Pointer, such as `/States/pay/Retry/0`."""

    def add(self, counts: Mapping[str, int]) -> None:
        """Add what was counted elsewhere."""
        for pointer, count in counts.items():
            self.counts[pointer] = self.counts.get(pointer, 0) + count

    def count(self, element: Element) -> int:
        """How often an element was taken."""
        return self.counts.get(element.pointer, 0)

    @property
    def executed(self) -> bool:
        """Whether anything of it was taken."""
        return any(self.counts.values())

    def tally(self, kind: Kind | None = None) -> Tally:
        """Count the elements of a kind, or all."""
        counts = [self.count(each) for each in self.elements if kind in (None, each.kind)]
        return Tally(sum(count > 0 for count in counts), len(counts))

    @property
    def percent(self) -> float:
        """The share of its elements that was taken."""
        return self.tally().percent

    @property
    def missing(self) -> list[Element]:
        """The elements that were not taken."""
        return [each for each in self.elements if not self.count(each)]

    def missing_said(self) -> list[str]:
        """Say what was not taken; of a state that was never entered, that alone."""
        missing = self.missing
        unentered = [each.pointer for each in missing if each.kind == "state"]
        inside = tuple(f"{pointer}/" for pointer in unentered)
        return [element_said(each) for each in missing if not each.pointer.startswith(inside)]

    def to_dict(self) -> dict[str, Any]:
        """Tell it as JSON data."""
        tallies = {many: self.tally(kind) for kind, many in KINDS.items()}
        return {
            "name": self.name,
            "percent": self.percent,
            **{many: {"taken": found.taken, "total": found.total} for many, found in tallies.items()},
            "elements": {each.pointer: self.count(each) for each in self.elements},
            "missing": self.missing_said(),
            "definition": self.definition.to_dict(),
        }


def tally_of(machines: Iterable[MachineCoverage], kind: Kind | None = None) -> Tally:
    """Count the elements of several machines."""
    return sum((machine.tally(kind) for machine in machines), Tally())


def shape(found: Iterable[Element]) -> tuple[Any, ...]:
    """What two definitions have in common that have the same elements, whatever else they differ in."""
    return tuple((each.pointer, each.target, _content(each)) for each in found)


def _content(element: Element) -> str:
    """What makes an element this one, besides its place."""
    data = element.thing.to_dict() if element.kind != "transition" else {}
    if element.kind == "choice":
        return "" if isinstance(element.thing, State) else _text(data, data.keys() - _UNMEASURED)
    return _text(data, {"ErrorEquals", "Type"} & data.keys())


def _text(data: Mapping[str, Any], keys: Iterable[str]) -> str:
    return json.dumps({key: data[key] for key in keys}, sort_keys=True)


def percent_said(percent: float) -> str:
    """A percentage, rounded down: only what is whole is 100 %."""
    return f"{math.floor(percent * 10) / 10:g} %"


def element_said(element: Element) -> str:
    """Say which element it is, in one line that does nothing to a terminal: `each parcel: pack → weigh`."""
    said = "".join(f"{name}: " for name in _around(element)) + _SAYING[element.kind](element)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in said)


def _around(element: Element) -> tuple[str, ...]:
    return element.path if isinstance(element.thing, Definition) else element.path[:-1]


def _way_said(element: Element) -> str:
    source = "start" if isinstance(element.thing, Definition) else element.path[-1]
    return f"{source} → {element.target or 'end'}"


def _rule_said(element: Element) -> str:
    if isinstance(element.thing, State):
        return f"{_way_said(element)}, otherwise"
    return f"{_way_said(element)} if {cut(rule_said(element.thing.to_dict()), _LONGEST_RULE)}"


_SAYING: dict[Kind, Callable[[Element], str]] = {
    "state": lambda element: f"state {element.path[-1]}",
    "transition": _way_said,
    "choice": _rule_said,
    "retry": lambda element: f"{element.path[-1]} retries {retry_said(element.thing.to_dict())}",
    "catch": lambda element: f"{_way_said(element)} on {errors_said(element.thing.to_dict())}",
}


# Pictures


class _Seen(Mark):
    """How often a state was entered, and whether all that leads on from it was taken."""

    __slots__ = ("_count", "_whole")

    def __init__(self, count: int, *, whole: bool) -> None:
        super().__init__()
        self._count = count
        self._whole = whole

    @property
    def outcome(self) -> Outcome:
        """Drawn as what succeeded; as what was caught where something is missing."""
        return "succeeded" if self._whole else "caught"

    @property
    def said(self) -> str:
        """How often it was entered."""
        return f"×{self._count}"


class _Taken(Marks):
    """What was taken, over a graph."""

    __slots__ = ("_edges", "_ended")

    def __init__(self) -> None:
        super().__init__()
        self._ended: set[str] = set()
        self._edges: set[Edge] = set()

    def add(self, node: Node, own: list[tuple[Element, int]]) -> None:
        """Mark a state by how often what belongs to it was taken."""
        entered = next(count for element, count in own if element.kind == "state")
        if entered:
            self.by_key[node.key] = _Seen(entered, whole=all(count for _, count in own))
        if any(count and element.pointer.endswith("/End") for element, count in own):
            self._ended.add(node.key)

    def add_edge(self, edge: Edge) -> None:
        """Mark a transition of which nothing is missing."""
        self._edges.add(edge)

    def ended(self, node: Node) -> bool:
        """Whether a line ended with a state."""
        return node.key in self._ended

    def is_taken(self, edge: Edge) -> bool:
        """Whether a transition was taken, by all of the ways that it stands for."""
        return edge in self._edges


def covered(machine: MachineCoverage) -> tuple[Graph, Marks]:
    """Lay what was taken over a machine's graph; what was not taken of several is marked by a cross."""
    drawn, marks = graph(machine.definition), _Taken()
    owned = _owned(machine)
    nodes = [node for node in drawn.walk() if node.type != "Missing"]
    own_of = dict(zip((node.key for node in nodes), owned, strict=True))
    for node in nodes:
        own = own_of[node.key]
        marks.add(node, own)
        node.retries = _crossed(node.retries, [count for each, count in own if each.kind == "retry"])
    for edge in drawn.transitions():
        counts = [count for each, count in own_of[edge.source.key] if _is_of(each, edge)]
        edge.labels = _crossed(edge.labels, counts) if edge.labels else []
        if all(counts):
            marks.add_edge(edge)
    return drawn, marks


def _owned(machine: MachineCoverage) -> list[list[tuple[Element, int]]]:
    """What belongs to each state, itself first, in the order of the graph's nodes."""
    owned: list[list[tuple[Element, int]]] = []
    for element in machine.elements:
        if element.kind == "state":
            owned.append([])
        if not isinstance(element.thing, Definition):
            owned[-1].append((element, machine.count(element)))
    return owned


def _is_of(element: Element, edge: Edge) -> bool:
    """Whether a transition stands for an element of its source."""
    if element.target != edge.target.name:
        return False
    if edge.kind in ("choice", "default"):
        return element.kind == "choice" and isinstance(element.thing, State) == (edge.kind == "default")
    return element.kind == ("transition" if edge.kind == "next" else edge.kind)


def _crossed(texts: list[str], counts: list[int]) -> list[str]:
    return [text if count else f"✗ {text}" for text, count in zip(texts, counts, strict=True)]
