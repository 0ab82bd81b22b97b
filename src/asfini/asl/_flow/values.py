"""Sets of JSON values, as far as they are known: what may flow from one state to the next.

All that is done with them errs to the side of too many values: a set never lacks one that may come.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["null", "boolean", "number", "text", "list", "object"]

MAX_PARTS = 8
"""How many parts a set is kept apart in; beyond that, those of one kind are made one."""
_MAX_NAMED = 5
_MAX_SHOWN = 40
_PHRASES: dict[str, str] = {"boolean": "a boolean", "number": "a number", "list": "a list"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """Nulls, booleans, numbers or texts: one of them, or all."""

    kind: Kind
    value: Any = ...
    """The value; `...` stands for all of the kind."""
    by: str = ""
    """The name of the state that gives it."""

    def __str__(self) -> str:
        if self.value is ... or self.value is None:
            return _PHRASES.get(self.kind, self.kind)
        shown = repr(self.value) if self.kind == "text" else str(self.value).lower()
        return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"


@dataclass(frozen=True, slots=True)
class List:
    """Lists that begin with certain items."""

    first: "tuple[Values, ...]" = ()
    rest: "Values | None" = None
    """The items that may follow, any number of them; `None` where there are no more."""
    by: str = ""
    kind: Literal["list"] = "list"

    @property
    def items(self) -> "Values":
        """What any of the items may be."""
        return join(*self.first, self.rest or NOTHING)

    def __str__(self) -> str:
        return "a list" if self.rest is not None else f"a list of {len(self.first)}"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of objects: what it may be, and whether all of them have it."""

    values: "Values"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Object:
    """Objects with certain members."""

    members: Mapping[str, Member]
    rest: "Values | None" = None
    """What members of other names may be; `None` where there are no others."""
    by: str = ""
    kind: Literal["object"] = "object"

    def member(self, name: str) -> Member:
        """The member of a name; where there is none, one that is nothing."""
        return self.members.get(name) or Member(self.rest or NOTHING, required=False)

    def having(self, name: str, member: Member) -> "Object":
        """The same objects with another member of a name."""
        return Object({**self.members, name: member}, self.rest, self.by)

    def __str__(self) -> str:
        names = [name for name, member in self.members.items() if member.values != NOTHING]
        if self.rest is not None:
            return "an object"
        if not names:
            return "an empty object"
        shown = ", ".join(map(repr, names[:_MAX_NAMED]))
        return f"an object of {shown}{', …' if len(names) > _MAX_NAMED else ''}"


Part = Scalar | List | Object


@dataclass(frozen=True, slots=True)
class Values:
    """A set of JSON values: all that are in one of its parts, or any at all."""

    parts: tuple[Part, ...] = ()
    unknown: bool = False
    """Whether any value may be among them."""

    def __bool__(self) -> bool:
        """Whether there may be one at all."""
        return self.unknown or bool(self.parts)


ANY = Values(unknown=True)
NOTHING = Values()


def join(*several: Values) -> Values:
    """The values that are in one of some sets."""
    if len(several) == 1:
        return several[0]
    found: list[Part] = []
    for values in several:
        if values.unknown:
            return ANY
        found += [part for part in values.parts if not _is_in(part, found)]
        if len(found) > MAX_PARTS:
            found = _merged(found)
    return Values(tuple(found))


def _is_in(part: Part, parts: Sequence[Part]) -> bool:
    if part in parts:
        return True
    return isinstance(part, Scalar) and Scalar(part.kind, by=part.by) in parts


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Make parts of one kind one part."""
    found: dict[str, Part] = {}
    for part in parts:
        other = found.get(part.kind)
        found[part.kind] = part if other is None else _both(other, part)
    return [*found.values()]


def _both(one: Part, other: Part) -> Part:
    if isinstance(one, Object) and isinstance(other, Object):
        return _both_objects(one, other)
    if isinstance(one, List) and isinstance(other, List):
        return List(rest=join(one.items, other.items), by=one.by)
    return Scalar(one.kind, by=one.by)


def _both_objects(one: Object, other: Object) -> Object:
    members: dict[str, Member] = {}
    for name in {**one.members, **other.members}:
        left, right = one.member(name), other.member(name)
        if left is right:
            members[name] = left
        else:
            members[name] = Member(join(left.values, right.values), left.required and right.required)
    rests = [each.rest for each in (one, other) if each.rest is not None]
    return Object(members, join(*rests) if rests else None, one.by)


def scalar(value: Any, by: str = "") -> Values:
    """The set of one null, boolean, number or text; any values for whatever else is given."""
    kind = _KINDS.get(type(value))
    return ANY if kind is None else Values((Scalar(kind, value, by),))


_KINDS: dict[type, Kind] = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "text"}


def constant(value: Any, by: str, leaf: Callable[[Any], Values]) -> Values:
    """The set of one JSON value.

    Args:
        value: the value.
        by: the state that gives it.
        leaf: makes sets of the nulls, booleans, numbers, texts and names in it.
    """
    if isinstance(value, list):
        return Values((List(tuple(constant(item, by, leaf) for item in value), by=by),))
    if isinstance(value, dict):
        members = {name: Member(constant(item, by, leaf)) for name, item in value.items()}
        return closed(members, by, leaf)
    return leaf(value)


def closed(members: Mapping[str, Member], by: str, leaf: Callable[[Any], Values]) -> Values:
    """Objects of some members and no others, unless a name among them may become another one."""
    if not all(member.values for member in members.values()):
        return NOTHING
    known = {name: member for name, member in members.items() if not leaf(name).unknown}
    return Values((Object(known, None if len(known) == len(members) else ANY, by),))
