"""Which variables states read, as DescribeStateMachine tells it."""

from collections.abc import Iterator, Mapping
from typing import Any

from asfini.asl import _paths
from asfini.asl._checks import is_expression

_TEMPLATES = frozenset({"Assign", "BatchInput", "ItemSelector", "Parameters", "ResultSelector"})
"""Fields whose own fields are the author's: only those whose names end in `.$` are read."""
_HOLDERS = ("Branches", "ItemProcessor", "Iterator")
_PLAIN = frozenset({"Comment", "Result", *_HOLDERS})
"""Fields in which nothing is read."""


def variable_references(definition: Mapping[str, Any], *, jsonata: bool = False) -> dict[str, list[str]]:
    """List the variables that states read, by state, without those that read none.

    Args:
        definition: a machine, a branch or a processor, as JSON data.
        jsonata: whether its states are in JSONata unless they say otherwise.
    """
    jsonata = definition.get("QueryLanguage", "JSONata" if jsonata else "JSONPath") == "JSONata"
    found: dict[str, set[str]] = {}
    for name, state in definition.get("States", {}).items():
        own = state.get("QueryLanguage", "JSONata" if jsonata else "JSONPath") == "JSONata"
        found.setdefault(name, set()).update(_read_by(state, jsonata=own))
        for inner in _inner(state):
            for key, names in variable_references(inner, jsonata=jsonata).items():
                found.setdefault(key, set()).update(names)
    return {name: sorted(names) for name, names in found.items() if names}


def _inner(state: Mapping[str, Any]) -> Iterator[Any]:
    yield from state.get("Branches", ())
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield state[field]


def _read_by(state: Mapping[str, Any], *, jsonata: bool) -> Iterator[str]:
    for field, value in state.items():
        if field in _PLAIN:
            continue
        for key, text in _texts(field, value):
            if jsonata:
                yield from _of_expression(text)
            elif key.endswith((".$", "Path")) or key == "Variable":
                yield from _paths.variables(text)


def _texts(key: str, value: Any, *, template: bool = False) -> Iterator[tuple[str, str]]:
    """All texts within JSON, each with the name of the field that it is in, if that is not the author's."""
    template = template or key in _TEMPLATES
    if isinstance(value, str):
        yield key if key.endswith(".$") or not template else "", value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item, template=template)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(name, item, template=template)


def _of_expression(text: str) -> Iterator[str]:
    if is_expression(text):
        from asfini.query.jsonata import variables  # few machines need it

        yield from variables(text) - {"states"}
