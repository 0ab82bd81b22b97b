"""Definitions in files: the file itself, or the state machines of CloudFormation's and SAM's templates."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from asfini.checking._documents import Step

TYPES = {"AWS::StepFunctions::StateMachine": "StateMachineType", "AWS::Serverless::StateMachine": "Type"}
"""Resources that are state machines, with their properties for the machine's type."""
_PLACEHOLDER = re.compile(r"\$\{([\w.:-]+)\}")
_QUOTED_OR_BARE = re.compile(r'("(?:[^"\\]|\\.)*")|(\$\{[^}]*\})', re.DOTALL)
_UNSAFE = re.compile(r'["\\\x00-\x1f]')


@dataclass
class Found:
    """A definition, and where it stands."""

    value: Any
    """JSON as text or data, in which placeholders stand for what only a deployment will tell."""
    place: tuple[Step, ...] = ()
    """The way to it in its file."""
    name: str | None = None
    """The machine's logical id in the template."""
    type: Literal["STANDARD", "EXPRESS"] | None = None
    file: str | None = None
    """The file that has the definition, named relative to the template; then there is no value."""
    substitutions: Mapping[str, Any] | None = None
    """What the template fills in for placeholders; none outside of templates."""
    placed_substitutions: tuple[Step, ...] = ()
    unfilled: list[str] = field(default_factory=list)
    """Placeholders that nothing fills."""
    unused: list[str] = field(default_factory=list)

    def fill_in(self) -> None:
        """Put substitutions in the places of placeholders, as far as they are known."""
        if self.substitutions is not None:
            names = set(_names(self.value))
            self.unfilled = sorted(names - self.substitutions.keys())
            self.unused = [name for name in self.substitutions if name not in names]
        if isinstance(self.value, str):
            self.value = quote_bare(substitute(self.value, self.substitutions or {}))
        else:
            self.value = resolved(self.value)


def definitions(data: Any, *, certain: bool) -> Iterator[Found]:
    """Find the definitions in a file's data.

    Args:
        data: the data.
        certain: whether the file is said to be a definition, whatever it has.
    """
    if not isinstance(data, dict):
        return
    if certain or {"StartAt", "States"} <= data.keys():
        yield Found(data)
    elif isinstance(resources := data.get("Resources"), dict):
        for name, resource in resources.items():
            if isinstance(resource, dict) and resource.get("Type") in TYPES:
                type_given = _type(resource["Type"], resource.get("Properties"))
                yield from _of_resource(str(name), resource.get("Properties"), type_given)


def _type(resource_type: str, properties: Any) -> Literal["EXPRESS"] | None:
    """The machine's type, if it forbids anything."""
    given = properties.get(TYPES[resource_type]) if isinstance(properties, dict) else None
    return "EXPRESS" if given == "EXPRESS" else None


def _of_resource(name: str, properties: Any, machine_type: Literal["EXPRESS"] | None) -> Iterator[Found]:
    if not isinstance(properties, dict):
        return
    given = properties.get("DefinitionSubstitutions")
    before = ("Resources", name, "Properties")
    options: dict[str, Any] = {
        "name": name,
        "type": machine_type,
        "substitutions": given if isinstance(given, dict) else {},
        "placed_substitutions": (*before, "DefinitionSubstitutions"),
    }
    if isinstance(whole := properties.get("Definition"), dict) and not _is_function(whole):
        yield Found(whole, (*before, "Definition"), **options)
    elif isinstance(text := properties.get("DefinitionString"), str):
        yield Found(text, (*before, "DefinitionString"), **options)
    elif isinstance(text, dict) and (made := _text(text)) is not None:
        string, steps = made
        options["substitutions"] = None  # what is left is for Fn::Sub
        yield Found(string, (*before, "DefinitionString", *steps), **options)
    for field_name in ("DefinitionUri", "DefinitionS3Location"):
        uri = properties.get(field_name)
        if isinstance(uri, str) and "://" not in uri and "${" not in uri:
            yield Found(None, (*before, field_name), file=uri, **options)


# Functions of templates


def _is_function(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = next(iter(value))
    return name == "Ref" or str(name).startswith("Fn::")


def _text(value: dict[str, Any]) -> tuple[str, tuple[Step, ...]] | None:
    """A definition that functions make, with the steps to its text; none where nothing is known of it."""
    name = next(iter(value), "")
    if name == "Fn::Sub":
        steps: tuple[Step, ...] = (name,) if isinstance(value[name], str) else (name, 0)
        return _substituted(value[name]), steps
    if name == "Fn::Join":
        return str(resolved(value)), ()
    return None


def resolved(value: Any) -> Any:
    """Put placeholders, or what is known, in the places of functions."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not _is_function(value):
        return {key: resolved(item) for key, item in value.items()}
    name, argument = next(iter(value.items()))
    return _FUNCTIONS[name](argument) if name in _FUNCTIONS else f"${{{name}}}"


def _joined(argument: Any) -> str:
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], list)):
        return "${Fn::Join}"
    return str(argument[0]).join(str(resolved(item)) for item in argument[1])


def _substituted(argument: Any) -> str:
    if isinstance(argument, list) and argument:
        values = argument[1] if len(argument) > 1 and isinstance(argument[1], dict) else {}
        return substitute(str(argument[0]), values)
    return str(argument)


def _attribute(argument: Any) -> str:
    name = ".".join(map(str, argument)) if isinstance(argument, list) else argument
    return f"${{{name}}}"


def _chosen(argument: Any) -> Any:
    return resolved(argument[1]) if isinstance(argument, list) and len(argument) == 3 else "${Fn::If}"


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Ref": lambda name: f"${{{name}}}",
    "Fn::GetAtt": _attribute,
    "Fn::If": _chosen,
    "Fn::Join": _joined,
    "Fn::Sub": _substituted,
}


# Placeholders


def substitute(text: str, values: Mapping[str, Any]) -> str:
    """Fill in the values that are known and plain; the rest stay placeholders."""

    def fill(found: re.Match[str]) -> str:
        value = values.get(found[1])
        if isinstance(value, bool):
            return "true" if value else "false"
        plain = isinstance(value, (int, float)) or (isinstance(value, str) and not _UNSAFE.search(value))
        return str(value) if plain else found[0]

    return _PLACEHOLDER.sub(fill, text)


def quote_bare(text: str) -> str:
    """Put quotes around placeholders that stand for whole values, which would not be JSON."""
    if "${" not in text:
        return text
    return _QUOTED_OR_BARE.sub(lambda found: found[1] or f'"{found[2]}"', text)


def _names(value: Any) -> Iterator[str]:
    """The placeholders that stand in texts, but not in functions."""
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, dict) and not _is_function(value):
        for key, item in value.items():
            yield from _names(key)
            yield from _names(item)
