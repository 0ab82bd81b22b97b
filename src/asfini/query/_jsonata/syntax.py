"""The nodes of a parsed expression."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class Slot:
    """What a `%` refers to: the value some steps before it."""

    label: str
    level: int
    index: int
    """Which of the expression's `%` it is."""


@dataclass(slots=True, eq=False)
class Stage:
    """What is done to the values of a step: a predicate, or counting them."""

    predicate: "Node | None" = None
    index: str | None = None


@dataclass(slots=True, eq=False)
class Node:
    """A part of an expression.

    The kinds are `name string number value regex variable wildcard descendant parent`, `path` of steps, among
    them `sort`, `binary negate condition bind`, `array object block`, `function partial hole apply`, and
    `lambda tail transform`; `end` stands where the text ends too early.
    """

    kind: str
    value: Any = None
    """A literal's value, a name, or an operator."""
    parts: list["Node"] = field(default_factory=list)
    """Operands, items, steps, arguments, terms, parameters; a condition's alternatives."""
    pairs: Sequence[tuple["Node", "Node"]] = ()
    """Keys and values of an object or a group."""
    procedure: "Node | None" = None
    """What is called; a lambda's body."""
    signature: Any = None
    descending: Sequence[bool] = ()
    """For each term of a sort, whether its order is reversed."""
    predicates: list[Stage] | None = None
    """Predicates on what is not a step."""
    stages: list[Stage] | None = None
    """Predicates and counting on a step."""
    group: "Node | None" = None
    keep_array: bool = False
    """`[]` followed: a single value stays an array."""
    keep_singleton: bool = False
    """A step of the path has `[]`."""
    constructs: bool = False
    """An array that is a step of its own is not taken apart."""
    bare: bool = False
    """A path that is just a name so far, with predicates perhaps."""
    focus: str | None = None
    """The variable that `@` binds."""
    index: str | None = None
    """The variable that `#` binds."""
    ancestor: Slot | None = None
    tuple: bool = False
    """The step binds variables for those that follow."""
    slot: Slot | None = None
    """What a `%` refers to."""
    seeking: list[Slot] | None = None
    """What `%` in it refers to, not found yet."""

    @property
    def last(self) -> "Node":
        """The last step of a path; another node is its own."""
        return self.parts[-1] if self.kind == "path" else self

    def children(self) -> Iterator["Node"]:
        """All nodes directly within this one."""
        yield from self.parts
        if self.procedure is not None:
            yield self.procedure
        for pair in self.pairs:
            yield from pair
        for stage in [*(self.predicates or ()), *(self.stages or ())]:
            if stage.predicate is not None:
                yield stage.predicate
        if self.group is not None:
            yield self.group
