"""Whether values can be made what an annotation says, as pydantic makes it of JSON.

The answer is no only where that is sure for each value of a set. Validators before, around or in place of
pydantic's own may take whatever they like, and so may every type that is not in the tables.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from asfini.asl._flow.schemas import Schema, definitions_of, fields_of, forbids, members_of
from asfini.asl._flow.values import List, Object, Part, Scalar, Values, scalar

_TEXT = frozenset({"text"})
_NUMBERS = frozenset({"number", "text"})
_FLAGS = frozenset({"boolean", "number", "text"})
_LAX: dict[str, frozenset[str]] = {
    "none": frozenset({"null"}),
    "bool": _FLAGS,
    "int": _FLAGS,
    "float": _FLAGS,
    "decimal": _NUMBERS,
    "str": _TEXT,
    "bytes": _TEXT,
    "date": _NUMBERS,
    "time": _NUMBERS,
    "datetime": _NUMBERS,
    "timedelta": _NUMBERS,
    "uuid": _TEXT,
    "url": _TEXT,
    "multi-host-url": _TEXT,
    "json": _TEXT,
}
"""The kinds of JSON that pydantic makes values of plain types of; its "Conversion Table" lists them."""
_STRICT: dict[str, frozenset[str]] = {
    "bool": frozenset({"boolean"}),
    "int": frozenset({"number"}),
    "float": frozenset({"number"}),
}
"""The same in strict mode, where that makes a difference."""
_CONTAINERS: dict[str, str] = {
    "list": "list",
    "set": "list",
    "frozenset": "list",
    "deque": "list",
    "tuple": "list",
    "dict": "object",
    "model-fields": "object",
    "typed-dict": "object",
    "dataclass-args": "object",
}
_NAMES = {
    "none": "null",
    "bool": "a boolean",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal number",
    "str": "text",
    "bytes": "bytes",
    "date": "a date",
    "time": "a time",
    "datetime": "a date and time",
    "timedelta": "a duration",
    "uuid": "a UUID",
    "url": "a URL",
    "multi-host-url": "a URL",
    "json": "text of JSON",
    "list": "a list",
    "set": "a list",
    "frozenset": "a list",
    "deque": "a list",
    "tuple": "a list",
    "dict": "an object",
    "typed-dict": "an object",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why no value of a set fits."""

    kind: str
    """`type`: it is of another type; `missing`: it is not there; `refused`: it is not allowed; `lost`: a path
    that is wanted leads nowhere.
    """
    wanted: str
    part: Part
    """What is given: the value itself or, where something is missing, the object that lacks it."""
    path: tuple[str | int, ...] = ()
    """Where, from the whole input on."""

    def below(self, key: str | int) -> "Misfit":
        """The same, seen from what holds it under a key."""
        return replace(self, path=(key, *self.path))


def misfit(values: Values, schema: Schema) -> Misfit | None:
    """Tell why none of some values can be validated; `None` where one may be.

    Args:
        values: what comes.
        schema: pydantic's core schema of what is needed.
    """
    return _Fitting().misfit(values, schema)


class _Fitting:
    """The comparison with one schema."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}
        self.settings: set[str] = set()
        """The options that any model on the way sets."""

    def misfit(self, values: Values, schema: Schema) -> Misfit | None:
        first = None
        for part in () if values.unknown else values.parts:
            found = self.part(part, schema)
            if found is None:
                return None
            first = first or found
        return first

    def part(self, part: Part, schema: Schema) -> Misfit | None:
        kind = schema["type"]
        if config := schema.get("config"):
            self.settings |= {name for name, value in config.items() if value}
        if kind in _LAX:
            return self.plain(part, schema)
        if kind in _CONTAINERS and part.kind != _CONTAINERS[kind]:
            return self.other(part, schema)
        check = _CHECKS.get(kind)
        return None if check is None else check(self, part, schema)

    def other(self, part: Part, schema: Schema) -> Misfit:
        return Misfit("type", self.named(schema), part)

    def plain(self, part: Part, schema: Schema) -> Misfit | None:
        kind = schema["type"]
        kinds = (_STRICT if schema.get("strict") else _LAX).get(kind, _LAX[kind])
        if kind == "str" and "coerce_numbers_to_str" in {*self.settings, *schema}:
            kinds = _FLAGS
        if part.kind not in kinds:
            return self.other(part, schema)
        exact = (
            kind != "json"
            and "now_op" not in schema
            and (kind not in ("str", "bytes") or not self.settings - {"title"})
        )
        return self.constant(part, schema) if exact else None

    def constant(self, part: Part, schema: Schema) -> Misfit | None:
        """Validate a single value, with nothing but what pydantic brings along."""
        if not isinstance(part, Scalar) or part.value is ...:
            return None
        from pydantic_core import SchemaError, SchemaValidator, ValidationError

        try:
            SchemaValidator(cast("Any", schema)).validate_json(json.dumps(part.value))
        except ValidationError:
            return self.other(part, schema)
        except SchemaError:
            pass
        return None

    def one_of(self, part: Part, schema: Schema) -> Misfit | None:
        """Literals, and enums that do not say themselves what becomes of other values."""
        members = members_of(schema)
        if members is None:
            return None
        if schema.get("sub_type") in ("int", "float"):
            return None if part.kind in _FLAGS else self.other(part, schema)
        wanted = [scalar(getattr(member, "value", member)) for member in members]
        if any(values.unknown for values in wanted):
            return None
        kinds = {each.kind for values in wanted for each in values.parts}
        if kinds & {"boolean", "number"}:
            kinds |= {"boolean", "number"}
        return self.other(part, schema) if part.kind not in kinds else self.constant(part, schema)

    # Schemas around others

    def with_definitions(self, part: Part, schema: Schema) -> Misfit | None:
        self.definitions |= definitions_of(schema)
        return self.part(part, schema["schema"])

    def reference(self, part: Part, schema: Schema) -> Misfit | None:
        target = self.definitions.get(schema["schema_ref"])
        return None if target is None else self.part(part, target)

    def inner(self, part: Part, schema: Schema) -> Misfit | None:
        return self.part(part, schema["schema"])

    def with_default(self, part: Part, schema: Schema) -> Misfit | None:
        return None if schema.get("on_error", "raise") != "raise" else self.inner(part, schema)

    def model(self, part: Part, schema: Schema) -> Misfit | None:
        found = None if schema.get("custom_init") else self.inner(part, schema)
        if found is None:
            return self.extras(part, schema) if forbids(schema) else None
        if found.path or schema.get("root_model"):
            return found
        return replace(found, wanted=schema["cls"].__name__)

    def nullable(self, part: Part, schema: Schema) -> Misfit | None:
        return None if part.kind == "null" else self.inner(part, schema)

    def in_json(self, part: Part, schema: Schema) -> Misfit | None:
        return self.part(part, schema["json_schema"])

    def lax_or_strict(self, part: Part, schema: Schema) -> Misfit | None:
        found = self.part(part, schema["strict_schema"])
        return None if found is None else self.part(part, schema["lax_schema"])

    def chain(self, part: Part, schema: Schema) -> Misfit | None:
        return self.part(part, schema["steps"][0])

    def union(self, part: Part, schema: Schema) -> Misfit | None:
        found = []
        for choice in _choices(schema):
            if (wrong := self.part(part, choice)) is None:
                return None
            found.append(wrong)
        inside = [wrong for wrong in found if wrong.path]
        return inside[0] if len(inside) == 1 else self.other(part, schema)

    # Lists

    def items(self, part: List, schema: Schema) -> Misfit | None:
        inner = schema.get("items_schema")
        found = (self.within(index, item, inner) for index, item in enumerate(part.first)) if inner else ()
        return next(filter(None, found), None)

    def tuple_(self, part: List, schema: Schema) -> Misfit | None:
        items = schema["items_schema"]
        if "variadic_item_index" in schema:
            return self.items(part, {"items_schema": items[0]}) if len(items) == 1 else None
        known = len(part.first)
        lacking = items[known:] if part.rest is None else ()
        if known > len(items) or any(not self.has_default(item) for item in lacking):
            return Misfit("type", f"a list of {len(items)}", part)
        found = (self.within(index, item, items[index]) for index, item in enumerate(part.first))
        return next(filter(None, found), None)

    def within(self, key: str | int, values: Values, schema: Schema) -> Misfit | None:
        found = self.misfit(values, schema)
        return None if found is None else found.below(key)

    # Objects

    def mapping(self, part: Object, schema: Schema) -> Misfit | None:
        for name, member in part.members.items():
            if member.required and "values_schema" in schema:
                found = self.within(name, member.values, schema["values_schema"])
                if found is not None:
                    return found
        return None

    def fields(self, part: Object, schema: Schema) -> Misfit | None:
        for name, field in fields_of(schema):
            if found := self.field(part, name, field):
                return found
        return self.extras(part, schema) if forbids(schema) else None

    def keys_of(self, name: str, field: Schema) -> tuple[set[str], str | None]:
        """The members that a field may be read from, and the one if there is just one."""
        alias = field.get("validation_alias", name)
        if isinstance(alias, str):
            by_name = self.settings & {"validate_by_name", "populate_by_name"} or alias == name
            return ({alias, name}, alias if alias == name else None) if by_name else ({alias}, alias)
        paths = [path if isinstance(path, list) else alias for path in alias]
        return {name, *(str(path[0]) for path in paths)}, None

    def field(self, part: Object, name: str, field: Schema) -> Misfit | None:
        if field.get("init") is False:
            return None
        keys, only = self.keys_of(name, field)
        schema = field["schema"]
        required = field["required"] if "required" in field else not self.has_default(schema)
        if not any(part.member(key).values for key in keys):
            return Misfit("missing", self.named(schema), part, (only or min(keys),)) if required else None
        if only is None or not (required or part.member(only).required):
            return None
        return self.within(only, part.member(only).values, schema)

    def extras(self, part: Part, schema: Schema) -> Misfit | None:
        """Look for members that a model does not have and forbids."""
        while schema["type"] in ("model", "dataclass", "function-after"):
            schema = schema["schema"]
        if not isinstance(part, Object) or schema["type"] not in _CONTAINERS:
            return None
        taken = {key for name, field in fields_of(schema) for key in self.keys_of(name, field)[0]}
        for name, member in part.members.items():
            if member.required and name not in taken:
                given = member.values.parts[0] if member.values.parts else part
                return Misfit("refused", "nothing", given, (name,))
        return None

    def has_default(self, schema: Schema) -> bool:
        """Whether something stands for a value that is not there."""
        seen = 0
        while schema["type"] != "default" and seen < 50:
            inner = schema.get("schema") or self.definitions.get(schema.get("schema_ref", ""))
            if not isinstance(inner, Mapping):
                return False
            schema, seen = inner, seen + 1
        return True

    def named(self, schema: Schema) -> str:
        """What a schema demands, in a few words."""
        kind = schema["type"]
        if kind in ("literal", "enum"):
            return " or ".join(repr(getattr(each, "value", each)) for each in members_of(schema) or ())
        if kind in ("union", "tagged-union"):
            return " or ".join(dict.fromkeys(map(self.named, _choices(schema))))
        if "cls" in schema and isinstance(schema["cls"], type):
            return schema["cls"].__name__
        if kind == "nullable":
            return f"{self.named(schema['schema'])} or null"
        if kind == "definition-ref":
            return self.named(self.definitions.get(schema["schema_ref"], {"type": "any"}))
        if kind == "definitions":
            self.definitions |= definitions_of(schema)
        if kind not in _NAMES and isinstance(inner := schema.get("schema"), Mapping):
            return self.named(inner)
        return _NAMES.get(kind, "something else")


def _choices(schema: Schema) -> Iterator[Schema]:
    choices = schema["choices"]
    for choice in choices.values() if isinstance(choices, Mapping) else choices:
        yield choice[0] if isinstance(choice, tuple) else choice


_CHECKS: dict[str, Callable[[_Fitting, Any, Schema], Misfit | None]] = {
    "literal": _Fitting.one_of,
    "enum": _Fitting.one_of,
    "definitions": _Fitting.with_definitions,
    "definition-ref": _Fitting.reference,
    "default": _Fitting.with_default,
    "function-after": _Fitting.inner,
    "custom-error": _Fitting.inner,
    "model": _Fitting.model,
    "dataclass": _Fitting.model,
    "nullable": _Fitting.nullable,
    "json-or-python": _Fitting.in_json,
    "lax-or-strict": _Fitting.lax_or_strict,
    "chain": _Fitting.chain,
    "union": _Fitting.union,
    "tagged-union": _Fitting.union,
    "list": _Fitting.items,
    "set": _Fitting.items,
    "frozenset": _Fitting.items,
    "deque": _Fitting.items,
    "tuple": _Fitting.tuple_,
    "dict": _Fitting.mapping,
    "model-fields": _Fitting.fields,
    "typed-dict": _Fitting.fields,
    "dataclass-args": _Fitting.fields,
}
"""By the types of schemas, beside the plain ones. All others take anything, as far as is known."""
