"""Objects as tables: which fields there may be, and what is looked at in each."""

from collections.abc import Mapping
from typing import Any

from asfini.asl._checks import show
from asfini.asl._problem import Check, Context


class Shape:
    """What an object may hold.

    Args:
        fields: the fields of both query languages.
        jsonpath: those of JSONPath only.
        jsonata: those of JSONata only.
        required: names of fields that must be there.
        some: groups of names, one of which must be there.
        single: groups of names, no two of which may be there.
    """

    def __init__(
        self,
        fields: Mapping[str, Check],
        jsonpath: Mapping[str, Check] | None = None,
        jsonata: Mapping[str, Check] | None = None,
        *,
        required: str = "",
        some: tuple[str, ...] = (),
        single: tuple[str, ...] = (),
    ) -> None:
        paths, expressions = jsonpath or {}, jsonata or {}
        foreign = dict.fromkeys([*paths, *expressions], _foreign)
        self.jsonpath: dict[str, Check] = {**foreign, **fields, **paths}
        self.jsonata: dict[str, Check] = {**foreign, **fields, **expressions}
        self.required = frozenset(required.split())
        self.some = tuple(group.split() for group in some)
        self.single = tuple((frozenset(group.split()), group.split()) for group in single)

    def check(self, context: Context, value: Any, location: str) -> bool:
        """Look at an object and all its fields; false if it is no object."""
        if not isinstance(value, dict):
            if not context.open(value):
                context.add(f"Expected an object, but found {show(value)}", location)
            return False
        fields = self.jsonata if context.jsonata else self.jsonpath
        for key, item in value.items():
            look = fields.get(key)
            if look is None:
                context.add(f"Field '{key}' is not supported", location or "/")
            else:
                look(context, item, location, key)
        if not self.required <= value.keys():
            missing = sorted(self.required - value.keys())
            context.add(f"These fields are required: [{', '.join(missing)}]", location or "/")
        if self.some or self.single:
            self._check_groups(context, value, location)
        return True

    def _check_groups(self, context: Context, value: dict[str, Any], location: str) -> None:
        fields = self.jsonata if context.jsonata else self.jsonpath
        for names in self.some:
            if not any(name in value for name in names):
                own = [name for name in names if fields[name] is not _foreign]
                context.add(f"One of these fields is required: [{', '.join(own)}]", location)
        for group, names in self.single:
            if len(group & value.keys()) > 1:
                given = ", ".join(name for name in names if name in value)
                context.add(f"There should only be one of the following fields: [{given}]", location)


def _foreign(context: Context, value: Any, place: str, key: str) -> None:
    """Refuse a field of the other query language."""
    mine, other = ("JSONata", "JSONPath") if context.jsonata else ("JSONPath", "JSONata")
    only = f"field '{key}' is only supported for the '{other}' QueryLanguage"
    context.add(f"The QueryLanguage is set to '{mine}', but {only}", place)
