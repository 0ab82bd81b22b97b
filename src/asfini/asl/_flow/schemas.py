"""What annotations say of JSON, read from pydantic's core schemas: the values that they are written as."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, cast

from asfini.asl._flow.values import ANY, NOTHING, List, Member, Object, Scalar, Values, join, scalar

Schema = Mapping[str, Any]

_PLAIN = {
    "none": "null",
    "bool": "boolean",
    "int": "number",
    "float": "number",
    "decimal": "text",
    "str": "text",
    "bytes": "text",
    "uuid": "text",
    "url": "text",
    "multi-host-url": "text",
}
"""The kinds of JSON that values of plain types are written as."""
_TEMPORAL = frozenset({"date", "time", "datetime", "timedelta"})
"""Types that are written as text or, as some models are configured, as numbers."""


def definitions_of(schema: Schema) -> dict[str, Schema]:
    """The schemas that others refer to, by what they are referred to by."""
    return {each["ref"]: each for each in schema["definitions"]}


def fields_of(schema: Schema) -> list[tuple[str, Schema]]:
    """The fields of a model, a typed dict or a dataclass, by name."""
    fields = schema.get("fields", ())
    return [*fields.items()] if isinstance(fields, Mapping) else [(each["name"], each) for each in fields]


def members_of(schema: Schema) -> Sequence[Any] | None:
    """The values that a literal or an enum has; `None` for an enum that makes others of its own."""
    if schema["type"] == "literal":
        return cast("Sequence[Any]", schema["expected"])
    makes_others = schema["cls"]._missing_.__func__ is not vars(Enum)["_missing_"].__func__
    return None if makes_others else cast("Sequence[Any]", schema["members"])


def given(schema: Schema, by: str) -> Values:
    """The JSON that values of a type may be written as.

    An annotation is taken at its word: objects have the members that their class declares, and no others
    unless it allows any or has subclasses, whose objects may stand for its own. For a typed dict any may
    stand that has more members, unless it forbids them.

    Args:
        schema: pydantic's core schema of the type.
        by: the name of the state that gives them.
    """
    return _Given(by).values(schema)


class _Given:
    """The reading of one schema."""

    def __init__(self, by: str) -> None:
        self.by = by
        self.definitions: dict[str, Schema] = {}
        self.open: list[str] = []
        """The definitions that are being read; one that holds itself may be anything in there."""

    def values(self, schema: Schema) -> Values:
        if "serialization" in schema:
            return ANY
        kind = schema["type"]
        if kind in _PLAIN:
            return Values((Scalar(_PLAIN[kind], by=self.by),))  # type: ignore[arg-type]
        if kind in _TEMPORAL:
            return Values((Scalar("text", by=self.by), Scalar("number", by=self.by)))
        read = _READ.get(kind)
        return ANY if read is None else read(self, schema)

    def definitions_(self, schema: Schema) -> Values:
        self.definitions |= definitions_of(schema)
        return self.values(schema["schema"])

    def reference(self, schema: Schema) -> Values:
        name = schema["schema_ref"]
        if name in self.open or name not in self.definitions:
            return ANY
        self.open.append(name)
        found = self.values(self.definitions[name])
        self.open.pop()
        return found

    def inner(self, schema: Schema) -> Values:
        return self.values(schema["schema"])

    def with_default(self, schema: Schema) -> Values:
        """Defaults are not validated: they may be of another type."""
        default = scalar(schema["default"], self.by) if "default" in schema else NOTHING
        return join(self.inner(schema), default if not default.unknown else NOTHING)

    def validated(self, schema: Schema) -> Values:
        """What a function makes of a value may be anything, but for models, which validate themselves."""
        inner = schema["schema"]
        while inner["type"].startswith("function-") and "schema" in inner:
            inner = inner["schema"]
        return self.values(inner) if inner["type"] in ("model", "dataclass") else ANY

    def nullable(self, schema: Schema) -> Values:
        return join(self.inner(schema), Values((Scalar("null", None, self.by),)))

    def union(self, schema: Schema) -> Values:
        choices = schema["choices"]
        schemas = choices.values() if isinstance(choices, Mapping) else choices
        members = [choice[0] if isinstance(choice, tuple) else choice for choice in schemas]
        return join(*(self.values(member) for member in members))

    def one_of(self, schema: Schema) -> Values:
        members = members_of(schema)
        if members is None:
            return ANY
        return join(*(scalar(each.value if isinstance(each, Enum) else each, self.by) for each in members))

    def items(self, schema: Schema) -> Values:
        rest = self.values(schema["items_schema"]) if "items_schema" in schema else ANY
        return Values((List(rest=rest, by=self.by),))

    def tuple_(self, schema: Schema) -> Values:
        if any(item["type"] == "tuple" for item in schema["items_schema"]):
            return Values((List(rest=ANY, by=self.by),))  # to pydantic, unpacked ones look like nested ones
        items = [self.values(item) for item in schema["items_schema"]]
        place = schema.get("variadic_item_index")
        if place is None:
            return Values((List(tuple(items), by=self.by),))
        return Values((List(tuple(items[:place]), join(*items[place:]), self.by),))

    def mapping(self, schema: Schema) -> Values:
        rest = self.values(schema["values_schema"]) if "values_schema" in schema else ANY
        return Values((Object({}, rest, self.by),))

    def model(self, schema: Schema) -> Values:
        if schema.get("root_model"):
            return self.inner(schema)
        inner = schema["schema"]
        while inner["type"] == "function-before" or (
            inner["type"] in ("function-after", "function-wrap") and "schema" in inner
        ):
            inner = inner["schema"]
        if inner["type"] not in ("model-fields", "dataclass-args") or "serialization" in inner:
            return ANY
        subclassed = bool(schema["cls"].__subclasses__())
        members = self._members(inner, aliased=schema["type"] == "model", certain=not subclassed)
        if members is None:
            return Values((Object({}, ANY, self.by),))
        for name in getattr(schema["cls"], "__dataclass_fields__", ()):  # of which some are not validated
            members.setdefault(name, Member(ANY, required=False))
        rest = ANY if subclassed or _allows_more(inner, schema) else None
        return Values((Object(members, rest, self.by),))

    def typed_dict(self, schema: Schema) -> Values:
        """A typed dict stands for those that have more members, too, unless it forbids them."""
        members = self._members(schema, aliased=False, certain=True)
        if members is None:
            return Values((Object({}, ANY, self.by),))
        return Values((Object(members, None if forbids(schema) else ANY, self.by),))

    def _members(self, schema: Schema, *, aliased: bool, certain: bool) -> dict[str, Member] | None:
        """The members of a model; `None` where the names by which they are written are not known."""
        members: dict[str, Member] = {}
        for name, field in fields_of(schema):
            if field.get("init_only"):
                continue
            alias = field.get("serialization_alias", name)
            if alias != name and not aliased:  # it is heeded where a model holds the data only
                return None
            left_out = bool(field.get("serialization_exclude"))
            values = NOTHING if left_out and aliased and certain else self.values(field["schema"])
            required = certain and not left_out and field.get("required", True)
            members[alias] = Member(values, required and "serialization_exclude_if" not in field)
        for field in schema.get("computed_fields", ()):
            name = field.get("alias") or field["property_name"]
            required = certain and aliased and "serialization_exclude_if" not in field
            members[name] = Member(self.values(field["return_schema"]), required)
        return members


def forbids(schema: Schema) -> bool:
    """Whether members that are not declared are refused."""
    own = schema.get("extra_behavior") or (schema.get("config") or {}).get("extra_fields_behavior")
    return bool(own == "forbid")


def _allows_more(*schemas: Schema) -> bool:
    """Whether objects may have members that are not declared."""
    behaviours = {schema.get("extra_behavior") for schema in schemas}
    behaviours |= {(schema.get("config") or {}).get("extra_fields_behavior") for schema in schemas}
    return "allow" in behaviours or any("extras_schema" in schema for schema in schemas)


_READ: dict[str, Callable[[_Given, Schema], Values]] = {
    "definitions": _Given.definitions_,
    "definition-ref": _Given.reference,
    "default": _Given.with_default,
    "function-before": _Given.inner,
    "function-after": _Given.validated,
    "function-wrap": _Given.validated,
    "nullable": _Given.nullable,
    "union": _Given.union,
    "tagged-union": _Given.union,
    "literal": _Given.one_of,
    "enum": _Given.one_of,
    "list": _Given.items,
    "set": _Given.items,
    "frozenset": _Given.items,
    "deque": _Given.items,
    "tuple": _Given.tuple_,
    "dict": _Given.mapping,
    "model": _Given.model,
    "dataclass": _Given.model,
    "typed-dict": _Given.typed_dict,
}
"""By the types of schemas. Of all others nothing is known."""
