"""What is counted of random machines, held against their histories."""

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from machines import Case, cases
from runs import run

from asfini.testing import coverage
from asfini.view import Edge, Graph, Node, fold, graph, mark
from asfini.view.covering import MachineCoverage

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
APART = "each item, as an execution of its own"
"""What a graph calls the processor of a distributed Map, whose states have histories of their own."""


@SETTINGS
@given(cases("JSONPath", mixed=True) | cases("JSONata"))
def test_what_a_history_tells_of_a_random_machine_is_counted(case: Case) -> None:
    assume(case.end_after is None or case.seed % 3)  # else it ends between two states, of which one is left
    with coverage("machine") as measured:
        events = run(case).events
    (machine,) = measured.machines
    drawn = graph(case.definition)
    marks = mark(drawn, fold(events))
    pointers = {node.key: pointer for node, pointer in placed(drawn, case.definition)}
    for part in parts(drawn):
        for node in part.nodes.values():
            counted = machine.counts.get(pointers[node.key], 0)
            assert bool(counted) == (marks.mark(node) is not None), node.name
        for ends in {way(edge) for edge in part.edges}:
            ways = [edge for edge in part.edges if way(edge) == ends]
            counted = sum(sum(counts(machine, pointers[edge.source.key], edge)) for edge in ways)
            assert bool(counted) == any((*ends, caught) in marks.taken for caught in (False, True)), ends


def way(edge: Edge) -> tuple[str, str]:
    """Where a transition leads from and to: a history does not always tell whether something was caught."""
    return edge.source.key, edge.target.key


def parts(drawn: Graph) -> Iterator[Graph]:
    """The definitions whose states are told of in the same history."""
    yield drawn
    for node in drawn.nodes.values():
        for part in node.parts:
            if part.title != APART:
                yield from parts(part)


def placed(drawn: Graph, definition: Any, place: str = "") -> Iterator[tuple[Node, str]]:
    """The pointers of states."""
    for node in drawn.nodes.values():
        pointer, state = f"{place}/States/{node.name}", definition["States"][node.name]
        yield node, pointer
        key = next((key for key in ("ItemProcessor", "Iterator") if key in state), "Branches")
        for number, part in enumerate(node.parts):
            if key == "Branches":
                yield from placed(part, state[key][number], f"{pointer}/{key}/{number}")
            else:
                yield from placed(part, state[key], f"{pointer}/{key}")


def counts(machine: MachineCoverage, place: str, edge: Edge) -> Iterator[int]:
    """How often each of the fields was taken that a transition stands for."""
    state: Any = machine.definition.to_dict()
    for part in place.split("/")[1:]:
        state = state[int(part)] if isinstance(state, list) else state[part]
    if edge.kind in ("next", "default"):
        yield machine.counts.get(f"{place}/{'Next' if edge.kind == 'next' else 'Default'}", 0)
        return
    field = "Catch" if edge.kind == "catch" else "Choices"
    for number, clause in enumerate(state[field]):
        if clause["Next"] == edge.target.name:
            yield machine.counts.get(f"{place}/{field}/{number}", 0)
