"""What a run of a machine can take: states, ways from one to the next, rules, retriers, catchers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from asfini.asl._problem import at
from asfini.asl.definition import Definition
from asfini.asl.states import State

Kind = Literal["state", "transition", "choice", "retry", "catch"]


@dataclass(frozen=True, slots=True)
class Element:
    """One of them. It is told from others of its definition by its pointer."""

    kind: Kind
    pointer: str
    """Where it stands, as a JSON Pointer: `/States/pay/Retry/0`."""
    thing: Any
    """The state, rule, retrier or catcher. Of a way it is what has that way: the state of a `Next`, an `End`
    or a `Default`, the definition of a `StartAt`."""
    path: tuple[str, ...]
    """The names of the state that it belongs to and of those around it, the outermost first."""
    target: str | None = None
    """The name of the state that it leads to, if it leads to one."""


def elements(definition: Definition, place: str = "", path: tuple[str, ...] = ()) -> Iterator[Element]:
    """List the elements of a definition, with those of branches and processors after the state they are in.

    Args:
        definition: the definition, without problems.
        place: its own pointer.
        path: the names of the states around it.
    """
    yield Element("transition", f"{place}/StartAt", definition, path, definition.start_at)
    for name, state in definition.states.items():
        yield from elements_of(state, at(f"{place}/States", name), (*path, name))


def elements_of(state: State, place: str = "", path: tuple[str, ...] = ()) -> Iterator[Element]:
    """List the elements of a state: itself, where it leads to, its clauses, what is inside of it.

    Args:
        state: the state, without problems.
        place: its pointer.
        path: its name, after those of the states around it.
    """
    yield Element("state", place, state, path)
    if (following := state.held("next")) is not None:
        yield Element("transition", f"{place}/Next", state, path, following)
    elif state.held("end"):
        yield Element("transition", f"{place}/End", state, path)
    for field, key, kind in _CLAUSES:
        for index, clause in enumerate(state.held(field) or []):
            yield Element(kind, f"{place}/{key}/{index}", clause, path, clause.held("next"))
    if (default := state.held("default")) is not None:
        yield Element("choice", f"{place}/Default", state, path, default)
    for inner, key in _inside(state):
        yield from elements(inner, f"{place}/{key}", path)


_CLAUSES: tuple[tuple[str, str, Kind], ...] = (
    ("choices", "Choices", "choice"),
    ("retriers", "Retry", "retry"),
    ("catchers", "Catch", "catch"),
)
"""Fields with lists of clauses, their keys in JSON, and what their clauses are."""


def _inside(state: State) -> Iterator[tuple[Definition, str]]:
    """The definitions inside of a state, each with where it stands there."""
    for number, branch in enumerate(state.held("branches") or []):
        yield branch, f"Branches/{number}"
    for field, key in (("item_processor", "ItemProcessor"), ("iterator", "Iterator")):
        if (processor := state.held(field)) is not None:
            yield processor, key
