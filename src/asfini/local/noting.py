"""Takes notes of what executions take of their machines, for as long as somebody wants them.

The notes are kept for all services in this process, by machine, and outlive them; `asfini.testing.coverage`
reads them. When nobody wants them any more, they are dropped.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from asfini.asl._elements import Element, elements, elements_of
from asfini.asl.definition import Definition
from asfini.asl.states import State


class Subject(NamedTuple):
    """What notes are taken of."""

    kind: Literal["machine", "definition", "state"]
    """A registered machine; a whole definition, or a state, of which a state was tested by itself."""
    name: str
    """The machine's name; nothing else has one."""
    text: str
    """The definition or the state as JSON text."""


Counts = defaultdict[str, int]
Notes = dict[Subject, Counts]
"""How often each element was taken, by its pointer. A subject of which nothing was taken was registered."""
REGISTERED = "registered"
"""What stands among the pointers for how often a machine was registered."""
_notes: Notes = {}
_takers: list[object] = []


class Taken:
    """Counts what is taken of a definition.

    Args:
        found: the elements of the definition.
        counts: where they are counted, by their pointers.
    """

    __slots__ = ("_found", "_states", "_ways", "counts")

    def __init__(self, found: list[Element], counts: Counts) -> None:
        self.counts = counts
        self._found = found  # so that nothing else gets the identity of one of their things
        self._states = {id(each.thing): each.pointer for each in found if each.kind == "state"}
        self._ways = {id(each.thing): each.pointer for each in found if each.kind != "state"}

    def entered(self, state: State) -> None:
        """Count a state that is entered."""
        self.counts[self._states[id(state)]] += 1

    def went(self, by: object) -> None:
        """Count what led on: a rule, a retrier, a catcher, a state's own way, the start of a definition."""
        pointer = self._ways.get(id(by))
        if pointer is not None:  # nothing follows a Succeed
            self.counts[pointer] += 1


@contextmanager
def taking() -> Iterator[None]:
    """Take notes, for the length of a block; what is noted then is gone where nobody else takes any."""
    taker = object()
    _takers.append(taker)
    try:
        yield
    finally:
        _takers.remove(taker)
        if not _takers:
            _notes.clear()


def notes() -> Notes:
    """A copy of all notes so far."""
    return {subject: counts.copy() for subject, counts in _notes.copy().items()}


def note_machine(name: str, text: str) -> None:
    """Note that a machine was registered, if notes are wanted."""
    if _takers:
        _counts(Subject("machine", name, text))[REGISTERED] += 1


def taken(known: Taken | None, name: str, text: str, definition: Definition) -> Taken | None:
    """What counts what is taken of a machine; `None` where no notes are wanted.

    Args:
        known: what did so before, for these notes or others that are gone.
        name: the machine's name.
        text: its definition as it was given.
        definition: its definition.
    """
    if not _takers:
        return None
    counts = _counts(Subject("machine", name, text))
    if known is not None and known.counts is counts:
        return known
    return Taken([*elements(definition)], counts)


def taken_by_test(text: str, whole: Definition, state: State, *, alone: bool) -> Taken | None:
    """What counts what is taken by a test of a state; `None` where no notes are wanted.

    Args:
        text: what was given.
        whole: the definition in which the state is.
        state: the state.
        alone: whether the state was given by itself.
    """
    if not _takers:
        return None
    found = [*(elements_of(state) if alone else elements(whole))]
    return Taken(found, _counts(Subject("state" if alone else "definition", "", text)))


def _counts(subject: Subject) -> Counts:
    return _notes.setdefault(subject, defaultdict(int))
