"""What tests take of state machines: `coverage`.

Notes are taken by the local service while it interprets machines, rather than read from histories: a history
does not tell which of two rules or catchers led to the same state, and EXPRESS executions and tests of single
states have none.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from asfini.asl._elements import Element
from asfini.asl.definition import Definition
from asfini.errors import InvalidArgument
from asfini.local.noting import REGISTERED, Notes, Subject, notes, taking
from asfini.view.covering import HEADS, KINDS, MachineCoverage, Tally, percent_said, shape, tally_of

_MOST_MISSING = 20
"""How many elements are told of a machine in the terminal."""
_VERSION = 1
"""Of the JSON report's form."""


class Coverage:
    """What executions on local services in this process take of their machines, for the length of a block.

    Args:
        names: names of machines, in which `*` and `?` may stand for others; without any, all machines.

    Raises:
        InvalidArgument: a block is entered again before it ended.
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self._notes: dict[Subject, Counter[str]] = {}
        self._before: Notes = {}
        self._taking = ExitStack()
        self._open = False
        self._machines: list[MachineCoverage] | None = None

    def __enter__(self) -> Self:
        if self._open:
            raise InvalidArgument("this coverage is measured already: nest another one")
        self._before = notes()
        self._taking.enter_context(taking())
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._open = False
            self._add(_since(self._before))
            self._before = {}
            self._taking.close()

    def add(self, told: Iterable[Sequence[Any]]) -> None:
        """Add what was measured in another process.

        Args:
            told: what `tell` told there.
        """
        self._add({Subject(kind, name, text): counts for kind, name, text, counts in told})

    def tell(self) -> list[list[Any]]:
        """What was noted, as plain data, for another process to `add`."""
        return [[*subject, dict(counts)] for subject, counts in self._noted().items()]

    def _add(self, more: Mapping[Subject, Mapping[str, int]]) -> None:
        self._machines = None
        for subject, counts in more.items():
            self._notes.setdefault(subject, Counter()).update(counts)

    def _noted(self) -> Mapping[Subject, Mapping[str, int]]:
        return _since(self._before) if self._open else self._notes

    @property
    def machines(self) -> list[MachineCoverage]:
        """The machines that were registered or executed, by name.

        What has the same name and the same elements is one machine, whatever else its definitions differ in;
        where the elements differ, the second is called `shop (2)`.
        """
        if self._open:
            return _machines(self._noted(), self.names)
        if self._machines is None:
            self._machines = _machines(self._noted(), self.names)
        return self._machines

    @property
    def percent(self) -> float:
        """The share of all machines' elements that was taken; 0 where there is no machine."""
        return tally_of(self.machines).percent

    def to_text(self) -> str:
        """Write a table for terminals, with what was not taken."""
        return "\n".join(_table(self.machines))

    def to_dict(self) -> dict[str, Any]:
        """Tell it as JSON data."""
        machines = [machine.to_dict() for machine in self.machines]
        return {"version": _VERSION, "percent": self.percent, "machines": machines}

    def write_json(self, path: str | Path) -> None:
        """Write it to a JSON file.

        Args:
            path: the file, which is overwritten; folders that are not there are made.
        """
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        _written(Path(path), text)

    def write_html(self, folder: str | Path) -> None:
        """Write pages with the machines' graphs; `index.html` leads to them, and nothing else is loaded.

        Args:
            folder: where to, made if it is not there; files of the same names are overwritten.
        """
        from asfini.view._covering_pages import pages

        for name, text in pages(self.machines).items():
            _written(Path(folder, name), text)


def coverage(*names: str) -> Coverage:
    """Measure what of its machines is taken on local services in this process, for the length of a block.

    `with coverage("shop", "order-*") as measured: …`; then, or meanwhile, `measured.percent` and the reports.

    Args:
        names: names of machines, in which `*` and `?` may stand for others; without any, all machines.
    """
    return Coverage(*names)


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # in names are halves of characters


# Merging


def _since(before: Notes) -> dict[Subject, Counter[str]]:
    """What was noted since some notes."""
    found = {subject: Counter(counts) - Counter(before.get(subject)) for subject, counts in notes().items()}
    return {subject: counts for subject, counts in found.items() if counts}


def _machines(noted: Mapping[Subject, Mapping[str, int]], names: Sequence[str]) -> list[MachineCoverage]:
    """Make machines of notes, in an order that does not depend on that of the notes."""
    found: dict[tuple[str, Any], MachineCoverage] = {}
    numbers: Counter[str] = Counter()
    for subject, counts in _of_kind("machine", noted):
        if names and not any(fnmatchcase(subject.name, pattern) for pattern in names):
            continue
        machine = MachineCoverage(subject.name, Definition.from_json(subject.text))
        key = (subject.name, shape(machine.elements))
        if key not in found:
            numbers[subject.name] += 1
            number = numbers[subject.name]
            machine.name += f" ({number})" if number > 1 else ""
            found[key] = machine
        found[key].add({pointer: count for pointer, count in counts.items() if pointer != REGISTERED})
    _add_tests(found, noted)
    return [*found.values()]


def _of_kind(
    kind: str, noted: Mapping[Subject, Mapping[str, int]]
) -> Iterator[tuple[Subject, Mapping[str, int]]]:
    return ((subject, counts) for subject, counts in sorted(noted.items()) if subject.kind == kind)


def _add_tests(
    found: Mapping[tuple[str, Any], MachineCoverage], noted: Mapping[Subject, Mapping[str, int]]
) -> None:
    """Add tests of states to all machines that have the same elements, or the very same state."""
    for subject, counts in _of_kind("definition", noted):
        tested = shape(MachineCoverage("", Definition.from_json(subject.text)).elements)
        for (_, own), machine in found.items():
            if own == tested:
                machine.add(counts)
    for subject, counts in _of_kind("state", noted):
        state = json.loads(subject.text)
        for machine in found.values():
            for element in filter(_is_state, machine.elements):
                if element.thing.to_dict() == state:
                    machine.add({f"{element.pointer}{pointer}": count for pointer, count in counts.items()})


def _is_state(element: Element) -> bool:
    return element.kind == "state"


# The table


def _table(machines: Sequence[MachineCoverage]) -> Iterator[str]:
    rows = [_row(machine.name, [machine.tally(kind) for kind in KINDS]) for machine in machines]
    total = _row("all", [tally_of(machines, kind) for kind in KINDS])
    heads = ["machine", *(head.lower() for head in HEADS.values()), "taken"]
    widths = [max(map(len, column)) for column in zip(heads, total, *rows, strict=True)]
    line = "-" * (sum(widths) + 2 * len(widths) - 2)
    yield _aligned(heads, widths)
    yield line
    for row, machine in zip(rows, machines, strict=True):
        yield _aligned(row, widths)
        yield from _missing(machine)
    yield line
    yield _aligned(total, widths)


def _row(name: str, tallies: Sequence[Tally]) -> list[str]:
    return [name, *map(str, tallies), percent_said(sum(tallies, Tally()).percent)]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = (
        f"{text:>{width}}" if place else f"{text:<{width}}"
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([name, *numbers])


def _missing(machine: MachineCoverage) -> Iterator[str]:
    """The lines below a machine."""
    if not machine.executed:
        yield "    never executed"
        return
    said = machine.missing_said()
    yield from (f"    not taken: {each}" for each in said[:_MOST_MISSING])
    if len(said) > _MOST_MISSING:
        yield f"    not taken: {len(said) - _MOST_MISSING} more"
