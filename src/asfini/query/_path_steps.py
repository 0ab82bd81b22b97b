"""The steps of a JSONPath, taken as Jayway json-path 2.0.0 takes them on Jackson's trees.

Step Functions answers as that library does, its oddities included: a step that leads nowhere is an error, is
passed over, or gives null, depending on what stands before and after it. So each step says what it leads to
from one value, and `Route` goes depth first: an error below a wildcard drops only what comes after it there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from asfini._json import dumps
from asfini.query.scope import QueryError

MAX_WORK = 200_000
"""The most values that one reading of a path may look at, for an event loop waits for it. A payload has at
most some 131,000 values, in 262,144 bytes, but a path can multiply them: `$[0,0][0,0]…`, `$..[*]..[*]`."""

_MAX_SHOWN = 200
"""The most characters of a text that an error shows."""

Trail = tuple["Trail", str | int] | None
"""Where a value was found, innermost key last; None for the document itself."""


class PathSyntaxError(QueryError):
    """A text is not a path.

    Args:
        text: the text that should be a path.
        problem: what is wrong with it.
    """

    def __init__(self, text: str, problem: str) -> None:
        shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
        super().__init__(f"{shown!r} is not a path: {problem}")
        self.problem = problem


class PathNotFound(QueryError):  # noqa: N818 - named as asfini.errors names
    """A path leads nowhere; the message is AWS's detail, such as `No results for path: $['a']`."""


class PathNotApplicable(PathNotFound):
    """A step cannot be taken at all on what it meets, such as an index on an object."""


class PathLimitExceeded(QueryError):  # noqa: N818 - named as asfini.errors names
    """A path looks at too many values: see `MAX_WORK`."""


class Missed(Exception):  # noqa: N818 - a signal from a step to whoever takes it
    """A step leads nowhere. The text is made only when asked for: it may be long, and most are caught."""

    def __init__(self, prefix: str, trail: Trail, suffix: str = "") -> None:
        self.prefix, self.trail, self.suffix = prefix, trail, suffix

    def __str__(self) -> str:
        return self.prefix + shown_trail(self.trail) + self.suffix


class Node(NamedTuple):
    """A value on the way, and the step to take on it next."""

    value: Any
    trail: Trail
    step: int


Nodes = Iterator[Node]

_NULL_NODE: Any = object()
"""A null that stands in an array and was reached by its index. Jackson keeps it apart from other nulls."""


@dataclass(slots=True)
class Run:
    """One reading of a path: the document that `$` means in filters, and how much may still be looked at."""

    document: Any
    left: int = MAX_WORK

    def spend(self, amount: int = 1) -> None:
        """Count values as looked at."""
        self.left -= amount
        if self.left < 0:
            raise PathLimitExceeded(f"the path looks at more than {MAX_WORK:,} values")


def shown_trail(trail: Trail) -> str:
    """Write a trail as Jayway does: `$['a'][0]`."""
    parts = []
    while trail is not None:
        outer, key = trail
        parts.append(f"[{key}]" if isinstance(key, int) else f"['{key}']")
        trail = outer
    return "$" + "".join(reversed(parts))


@dataclass(slots=True, eq=False)
class Step:
    """One step of a path. What it does may depend on its place, which `Route` tells it."""

    forgiving: ClassVar[bool] = False
    """Whether an element of an array that leads nowhere is passed over."""

    steps: Sequence["Step"] = field(default=(), init=False)
    """The whole path's steps, this one at `place`."""
    place: int = field(default=0, init=False)
    strict: bool = field(default=True, init=False)
    """Whether the step before, this one and all after it are definite."""

    @property
    def leaf(self) -> bool:
        """Whether it is the path's last."""
        return self.place + 1 == len(self.steps)

    @property
    def definite(self) -> bool:
        """Whether it gives one value at most."""
        return False

    @property
    def fragment(self) -> str:
        """The step as Jayway writes it."""
        raise NotImplementedError

    def accepts(self, value: Any, run: Run) -> bool:
        """Say whether `..` before this step stops at an object or array to take it."""
        return False

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        """Give what the step leads to from a value, in order."""
        raise NotImplementedError

    def refused(self, value: Any, trail: Trail, problem: str) -> PathNotApplicable:
        """Make the error for a value that the step cannot be taken on."""
        by_name = isinstance(value, str) and trail and isinstance(trail[1], str)
        context = value if by_name else dumps(None if value is _NULL_NODE else value)
        rest = "".join(step.fragment for step in self.steps[self.place :])
        return PathNotApplicable(f"Filter: {rest} {problem}. Current context is: {context}")


@dataclass(slots=True, eq=False)
class Name(Step):
    """`.name`, `['name']`, or `['one', 'two']`, which makes an object of those that are there."""

    names: tuple[str, ...]

    @property
    def definite(self) -> bool:
        return True

    @property
    def fragment(self) -> str:
        return "[" + ", ".join(f"'{name}'" for name in self.names) + "]"

    def accepts(self, value: Any, run: Run) -> bool:
        return isinstance(value, dict) and all(name in value for name in self.names)

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        if not isinstance(value, dict):
            raise Missed(f"Property {self.fragment} not found in path ", trail)
        return self._one(value, trail) if len(self.names) == 1 else self._several(value, trail)

    def _one(self, value: dict[str, Any], trail: Trail) -> Nodes:
        place = (trail, self.names[0])
        if self.names[0] in value:
            yield Node(value[self.names[0]], place, self.place + 1)
        elif self.leaf:
            raise Missed("No results for path: ", place)
        elif self.strict:
            raise Missed("Missing property in path ", place)

    def _several(self, value: dict[str, Any], trail: Trail) -> Nodes:
        if not self.leaf:
            path = shown_trail(trail) + self.fragment
            raise PathNotApplicable(f"Multi properties can only be used as path leafs: {path}")
        yield Node({name: value[name] for name in self.names if name in value}, trail, self.place + 1)


@dataclass(slots=True, eq=False)
class Pick(Step):
    """An index, several, or a slice: all that chooses from an array by position."""

    text: str
    pick: Callable[[int], Iterable[int]]
    """Gives the positions for an array's length. One outside the array gives null."""
    single: bool = False

    @property
    def definite(self) -> bool:
        return self.single

    @property
    def fragment(self) -> str:
        return self.text

    def accepts(self, value: Any, run: Run) -> bool:
        return isinstance(value, list)

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        if value is None:
            raise Missed("The path ", trail, " is null")
        if not isinstance(value, list):
            raise self.refused(value, trail, "can only be applied to arrays")
        return self._picked(value, trail)

    def _picked(self, value: list[Any], trail: Trail) -> Nodes:
        length = len(value)
        for index in self.pick(length):
            found = _node_value(value[index]) if 0 <= index < length else None
            yield Node(found, (trail, index), self.place + 1)


def _node_value(element: Any) -> Any:
    return _NULL_NODE if element is None else element


@dataclass(slots=True, eq=False)
class Wildcard(Step):
    """`*`: the members of an object, the elements of an array, nothing of anything else."""

    forgiving: ClassVar[bool] = True

    @property
    def fragment(self) -> str:
        return "[*]"

    def accepts(self, value: Any, run: Run) -> bool:
        return True

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        following = self.place + 1
        if isinstance(value, dict):
            for name, member in value.items():
                yield Node(member, (trail, name), following)
        elif isinstance(value, list):
            for index, element in enumerate(value):
                yield Node(_node_value(element), (trail, index), following)


Predicate = Callable[[Any, Run], bool]


@dataclass(slots=True, eq=False)
class Filter(Step):
    """`[?(…)]`: the elements of an array that it holds for, or an object that it holds for."""

    predicate: Predicate

    @property
    def fragment(self) -> str:
        return "[?]"

    def accepts(self, value: Any, run: Run) -> bool:
        return self.predicate(value, run)

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        if isinstance(value, dict):
            if self.predicate(value, run):
                yield Node(value, trail, self.place + 1)
        elif isinstance(value, list):
            for index, element in enumerate(value):
                if self.predicate(element, run):
                    yield Node(_node_value(element), (trail, index), self.place + 1)
        else:
            raise self.refused(value, trail, "can not be applied to primitives")


@dataclass(slots=True, eq=False)
class Scan(Step):
    """`..`: take the next step on every object and array within, from the outermost."""

    @property
    def fragment(self) -> str:
        return ".."

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        target = self.steps[self.place + 1]
        waiting = [(value, trail)]
        while waiting:
            value, trail = waiting.pop()
            inner = _keyed(value, trail)
            run.spend(1 + len(inner))
            if isinstance(value, dict | list) and target.accepts(value, run):
                if target.leaf or isinstance(value, dict):
                    yield Node(value, trail, target.place)
                else:  # an oddity of Jayway's: the step after the next is taken on every element
                    yield from (Node(element, place, target.place + 1) for element, place in inner)
            waiting.extend(reversed(inner))


def _keyed(value: Any, trail: Trail) -> list[tuple[Any, Trail]]:
    if isinstance(value, dict):
        return [(member, (trail, name)) for name, member in value.items()]
    return (
        [(element, (trail, index)) for index, element in enumerate(value)] if isinstance(value, list) else []
    )


@dataclass(slots=True, eq=False)
class Again(Step):
    """A `$` after a bracket: it changes nothing but the path in messages."""

    @property
    def definite(self) -> bool:
        return True

    @property
    def fragment(self) -> str:
        return "$"

    def expand(self, value: Any, trail: Trail, run: Run) -> Nodes:
        yield Node(value, None, self.place + 1)


class Route:
    """The steps of a path, in order: what follows its root."""

    __slots__ = ("_names", "definite", "steps")

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        names = [step.names[0] for step in steps if isinstance(step, Name) and len(step.names) == 1]
        self._names = names if len(names) == len(steps) else None
        self.definite = True
        for place in reversed(range(len(steps))):
            step = steps[place]
            self.definite = self.definite and step.definite
            step.steps, step.place = steps, place
            step.strict = self.definite and (place == 0 or steps[place - 1].definite)

    def read(self, document: Any, run: Run) -> Any:
        """Give the value, or the list of values of a path that may have several.

        Raises:
            Missed: it leads nowhere.
            PathNotApplicable: a step cannot be taken on what it meets.
            PathLimitExceeded: it looks at too many values.
        """
        if self._names is not None:
            value = document
            for name in self._names:
                if not isinstance(value, dict) or name not in value:
                    break
                value = value[name]
            else:  # most paths of filters: they are read for each item
                run.spend(1 + len(self._names))
                return value
        results = self._results(document, run)
        return results[0] if self.definite else results

    def _results(self, document: Any, run: Run) -> list[Any]:
        results: list[Any] = []
        frames: list[tuple[Nodes, bool]] = [(iter((Node(document, None, 0),)), False)]
        while frames:
            try:
                if (node := next(frames[-1][0], None)) is None:
                    frames.pop()
                elif node.step == len(self.steps):
                    run.spend()
                    results.append(None if node.value is _NULL_NODE else node.value)
                else:
                    run.spend()
                    step = self.steps[node.step]
                    expanded = step.expand(node.value, node.trail, run)
                    frames.append((expanded, step.forgiving and isinstance(node.value, list)))
            except Missed:
                while frames and not frames[-1][1]:
                    frames.pop()
                if not frames:
                    raise
        return results
