"""How a run went, state by state: `mark` lays a folded history over a graph."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from asfini.view.graphs import Edge, Graph, Node
from asfini.view.tree import Line, Run, StateRun

Outcome = Literal["succeeded", "failed", "caught", "running", "aborted", "unreached"]
"""How a state did: of several runs, the one that a person looks for first."""
_OUTCOMES: dict[str, Outcome] = {
    "SUCCEEDED": "succeeded",
    "CAUGHT": "caught",
    "FAILED": "failed",
    "TIMED_OUT": "failed",
    "RUNNING": "running",
    "ABORTED": "aborted",
}
_NOTABLE = 0.001
"""Seconds from which on a duration is worth being told."""
_WEIGHTS: tuple[Outcome, ...] = ("failed", "running", "aborted", "caught", "succeeded")


@dataclass(slots=True, eq=False)
class Mark:
    """How the runs of one state went."""

    runs: list[StateRun] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of all its runs."""
        found: set[Outcome] = {_OUTCOMES[run.status] for run in self.runs}
        for outcome in _WEIGHTS:
            if outcome in found:
                return outcome
        return "unreached"

    @property
    def retries(self) -> int:
        """How often it was tried again, in all its runs."""
        return sum(run.retries for run in self.runs)

    @property
    def said(self) -> str:
        """How it went in a few words: `×50, 2 failed, 3 retries, 1.2 s at most`."""
        counts = Counter(_OUTCOMES[run.status] for run in self.runs)
        many = len(self.runs) > 1
        words = [f"×{len(self.runs)}"] if many else []
        words += [f"{counts[each]} {each}" for each in _WEIGHTS[:-1] if many and counts[each]]
        if self.retries:
            words.append("1 retry" if self.retries == 1 else f"{self.retries} retries")
        seconds = [run.seconds for run in self.runs if run.seconds is not None]
        if seconds and max(seconds) >= _NOTABLE:
            words.append(lasting(max(seconds)) + (" at most" if many else ""))
        return ", ".join(words)


@dataclass(slots=True, eq=False)
class Marks:
    """How a run went, over a graph."""

    by_key: dict[str, Mark] = field(default_factory=dict)
    """The marks of states that were reached, by their nodes' keys."""
    taken: set[tuple[str, str, bool]] = field(default_factory=set)
    """The transitions that were taken: keys of both ends, and whether an error was caught."""

    def mark(self, node: Node) -> Mark | None:
        """The mark of a state; `None` if it was not reached.

        Args:
            node: the state in the graph.
        """
        return self.by_key.get(node.key)

    def outcome(self, node: Node) -> Outcome:
        """How a state did.

        Args:
            node: the state in the graph.
        """
        found = self.by_key.get(node.key)
        return "unreached" if found is None else found.outcome

    def ended(self, node: Node) -> bool:
        """Whether a state was left.

        Args:
            node: the state in the graph.
        """
        return any(run.exited is not None for run in self.by_key.get(node.key, Mark()).runs)

    def is_taken(self, edge: Edge) -> bool:
        """Whether a transition was taken.

        Args:
            edge: the transition in the graph.
        """
        return (edge.source.key, edge.target.key, edge.kind == "catch") in self.taken


def mark(graph: Graph, run: Run) -> Marks:
    """Lay a run over a graph.

    Args:
        graph: the graph of the machine, as it was when the run started; states that it does not have are
            left out.
        run: the run, as `fold` makes it.
    """
    marks = Marks()
    named = {node.name: node for node in graph.walk()}
    ways: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for edge in graph.transitions():
        ways[edge.source.key, edge.target.key].add(edge.kind == "catch")
    waiting: list[tuple[Graph, Line]] = [(graph, run.line)]
    while waiting:
        part, line = waiting.pop()
        previous: tuple[StateRun, Node] | None = None
        for state in line.states:
            node = part.nodes.get(state.name) or named.get(state.name)  # a part of a history lacks ways
            if node is None:
                previous = None
                continue
            marks.by_key.setdefault(node.key, Mark()).runs.append(state)
            if previous is not None:
                ends = (previous[1].key, node.key)
                caught = previous[0].status == "CAUGHT" or ways[ends] == {True}  # where no event tells it
                marks.taken.add((*ends, caught))
            previous = (state, node)
            waiting += _inside(node, state)
    return marks


def _inside(node: Node, state: StateRun) -> Iterable[tuple[Graph, Line]]:
    """The lines inside of a state, each with the part of the graph that it runs through."""
    for attempt in state.attempts:
        for line in attempt.lines:
            if (part := _part(node, line)) is not None:
                yield part, line


def _part(node: Node, line: Line) -> Graph | None:
    """The branch of a line: the one with its first state, since branches may begin in any order."""
    if line.kind == "iteration" or not line.states:
        return node.parts[0] if node.parts else None
    first = line.states[0].name
    fitting = [part for part in node.parts if part.start is not None and part.start.name == first]
    if len(fitting) == 1:
        return fitting[0]
    return node.parts[line.index] if line.index < len(node.parts) else None


def titled(node: Node, marks: Marks | None) -> str:
    """What a picture of text says of a state: its name, what it does, and how it went, line by line."""
    found = None if marks is None else marks.mark(node)
    said = [" ".join(node.name.split()), " ".join(node.kind.split()), "" if found is None else found.said]
    return "\n".join(line for line in said if line) or "?"


def lasting(seconds: float) -> str:
    """A duration for people, of two figures or two units: `12 ms`, `1.2 s`, `3 min 20 s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    whole = round(seconds)
    first = next(index for index, (_, size) in enumerate(units) if whole >= size)
    (unit, size), (lesser, part) = units[first], units[first + 1]
    rest = whole % size // part
    return f"{whole // size} {unit}" + (f" {rest} {lesser}" if rest else "")
