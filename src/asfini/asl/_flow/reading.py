"""What paths, templates and expressions give of values that are known in part.

Only Reference Paths are followed, and expressions that do no more than name a member. Whatever else there is
may give anything.
"""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asfini.asl._checks import is_expression
from asfini.asl._flow.values import (
    ANY,
    NOTHING,
    List,
    Member,
    Object,
    Part,
    Scalar,
    Values,
    closed,
    constant,
    join,
    scalar,
)
from asfini.asl._problem import PLACEHOLDER

Key = str | int

_STEPS = r"(?:\.[^\W\d][\w-]*|\[\d+\]|\['[^'\\\[\]]+'\])*"
_PATH = re.compile(rf"\$(\$|[^\W\d]\w*)?({_STEPS})")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]")
_CALL = re.compile(r"\s*States\.(\w+)\(")
_READING = re.compile(r"\{%\s*\$([^\W\d]\w*)((?:\.[^\W\d]\w*)*)\s*%\}")
_LITERAL = re.compile(r"""\{%\s*(-?\d+(?:\.\d+)?|true|false|null|"[^"\\]*"|'[^'\\]*')\s*%\}""")
_OPERATORS = frozenset({"and", "or", "in"})

_GIVING: dict[str, str] = {
    "ArrayContains": "boolean",
    "ArrayLength": "number",
    "Base64Decode": "text",
    "Base64Encode": "text",
    "Format": "text",
    "Hash": "text",
    "JsonToString": "text",
    "MathAdd": "number",
    "MathRandom": "number",
    "UUID": "text",
}
"""The intrinsic functions that give values of one plain kind."""
_GIVING_LISTS = {"Array": "", "ArrayRange": "number", "ArrayUnique": "", "StringSplit": "text"}
"""Those that give lists, with the kind of their items where it is one."""


@functools.lru_cache(2048)
def parse_path(text: str) -> tuple[str, tuple[Key, ...]] | None:
    """Take a Reference Path apart: its root (empty for `$`) and its keys; `None` for any other text."""
    found = _PATH.fullmatch(text)
    if found is None:
        return None
    keys = (int(index) if index else name or quoted for name, index, quoted in _STEP.findall(found[2]))
    return found[1] or "", tuple(keys)


def read(values: Values, keys: tuple[Key, ...]) -> Values:
    """What a Reference Path leads to; nothing where it surely leads nowhere."""
    for key in keys:
        if values.unknown:
            return ANY
        values = join(*(_step(part, key) for part in values.parts))
    return values


def _step(part: Part, key: Key) -> Values:
    if isinstance(part, Object) and isinstance(key, str):
        return part.member(key).values
    if isinstance(part, List):
        return part.first[key] if isinstance(key, int) and key < len(part.first) else ANY
    return NOTHING if isinstance(key, str) else ANY


def read_by_name(values: Values, keys: tuple[Key, ...]) -> Values:
    """What JSONata's `.` leads to: as a Reference Path, but through lists it reads all items."""
    for key in keys:
        if values.unknown or any(part.kind == "list" for part in values.parts):
            return ANY
        values = join(*(_step(part, key) for part in values.parts))
    return values


def write(values: Values, keys: tuple[Key, ...], result: Values) -> Values:
    """What ResultPath makes of an input; nothing where the result surely cannot be placed."""
    if not keys or not result:
        return result
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        return ANY
    if values.unknown:
        return Values((Object({key: Member(write(ANY, rest, result))}, ANY),))
    return join(*(_written(part, key, rest, result) for part in values.parts))


def _written(part: Part, key: str, rest: tuple[Key, ...], result: Values) -> Values:
    if not isinstance(part, Object):
        return NOTHING
    member = part.member(key)
    there = write(member.values, rest, result) if member.values else NOTHING
    made = NOTHING if member.required else write(Values((Object({}, by=part.by),)), rest, result)
    placed = join(there, made)
    return Values((part.having(key, Member(placed)),)) if placed else NOTHING


@dataclass
class Scope:
    """What a state's paths and expressions can read."""

    by: str
    """The state's name."""
    input: Values
    """What `$` or, in JSONata, `$states.input` stands for."""
    variables: Callable[[str], Values]
    """What a variable may be, by its name."""
    is_open: Callable[[Any], bool]
    """Whether only a deployment will tell what a text is."""
    states: dict[str, Values] = field(default_factory=dict)
    """What `$states` has besides: `result`, `errorOutput`."""
    item: Values = ANY
    """The item of a Map whose ItemSelector is read."""
    lost: list[tuple[str, Values]] = field(default_factory=list)
    """The paths that surely lead nowhere, with what they were looked for in."""

    def leaf(self, value: Any) -> Values:
        """A plain value in a definition."""
        return ANY if self.is_open(value) else scalar(value, self.by)

    def constant(self, value: Any) -> Values:
        """JSON that stands in a definition, and nothing in it is evaluated."""
        return constant(value, self.by, self.leaf)

    # JSONPath

    def path(self, text: Any) -> Values:
        """What a path gives; `null` selects an empty object."""
        if text is None:
            return Values((Object({}, by=self.by),))
        parsed = parse_path(text) if isinstance(text, str) else None
        if parsed is None:
            return ANY
        root, keys = parsed
        start = self._start(root, keys) if root else self.input
        if root == "$":
            return start
        found = read(start, keys)
        if start and not found:
            self.lost.append((text, start))
        return found

    def _start(self, root: str, keys: tuple[Key, ...]) -> Values:
        return self._context(keys, read) if root == "$" else self.variables(root)

    def _context(self, keys: tuple[Key, ...], reader: Callable[..., Values]) -> Values:
        """What the context object has."""
        if keys[:3] == ("Map", "Item", "Value"):
            return reader(self.item, keys[3:])
        return Values((Scalar("number", by=self.by),)) if keys == ("Map", "Item", "Index") else ANY

    def template(self, value: Any) -> Values:
        """What a payload template gives."""
        if isinstance(value, list):
            return self._list([self.template(item) for item in value])
        if not isinstance(value, dict):
            return self.leaf(value)
        members = {name.removesuffix(".$"): Member(self.assigned(name, item)) for name, item in value.items()}
        return closed(members, self.by, self.leaf)

    def assigned(self, name: str, value: Any) -> Values:
        """What a field of a template or an Assign is set to."""
        return self._dynamic(value) if name.endswith(".$") else self.template(value)

    def _list(self, items: list[Values]) -> Values:
        return Values((List(tuple(items), by=self.by),)) if all(items) else NOTHING

    def _dynamic(self, text: Any) -> Values:
        if not isinstance(text, str) or self.is_open(text):
            return ANY
        call = _CALL.match(text)
        return self.path(text) if call is None else self._called(call[1])

    def _called(self, function: str) -> Values:
        """What an intrinsic function gives, whatever it is given."""
        if function in _GIVING:
            return Values((Scalar(_GIVING[function], by=self.by),))  # type: ignore[arg-type]
        if function in _GIVING_LISTS:
            kind = _GIVING_LISTS[function]
            item = Values((Scalar(kind, by=self.by),)) if kind else ANY  # type: ignore[arg-type]
            return Values((List(rest=item, by=self.by),))
        return Values((Object({}, ANY, self.by),)) if function == "JsonMerge" else ANY

    # JSONata

    def expressions(self, value: Any) -> Values:
        """What JSON gives in which texts may be expressions."""
        if isinstance(value, list):
            return self._list([self.expressions(item) for item in value])
        if isinstance(value, dict):
            members = {name: Member(self.expressions(item)) for name, item in value.items()}
            return closed(members, self.by, self.leaf)
        return self._expression(value) if is_expression(value) else self.leaf(value)

    def _expression(self, text: str) -> Values:
        if PLACEHOLDER.search(text):
            return ANY
        if literal := _LITERAL.fullmatch(text):
            written = literal[1]
            value = written[1:-1] if written[0] in "\"'" else json.loads(written)
            return scalar(value, self.by)
        found = _READING.fullmatch(text)
        keys: tuple[Key, ...] = tuple(found[2].split(".")[1:]) if found else ()
        if found is None or _OPERATORS & {*keys}:
            return ANY
        return self._named(text, found[1], keys)

    def _named(self, text: str, root: str, keys: tuple[Key, ...]) -> Values:
        start, rest = self.variables(root), keys
        if root == "states":
            if keys[:1] == ("context",):
                return self._context(keys[1:], read_by_name)
            known = {"input": self.input, **self.states}
            start, rest = (known.get(str(keys[0]), ANY), keys[1:]) if keys else (ANY, ())
        found = read_by_name(start, rest)
        if start and not found:
            self.lost.append((text[2:-2].strip(), start))
        return found
