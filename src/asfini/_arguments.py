"""From JSON data to a function's arguments: what the function takes, and how pydantic makes values fit."""

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from asfini import _json
from asfini.errors import InvalidArgument, TaskInputInvalid

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_UNKNOWN = inspect.Signature([inspect.Parameter("input", inspect.Parameter.POSITIONAL_ONLY)])
"""What functions written in C take, which do not always tell."""


class Arguments:
    """What a function takes.

    Annotations are read when they are first needed: what they name may be defined later than the function.

    Args:
        function: the function.
        owner: what it belongs to, for messages.
    """

    def __init__(self, function: Callable[..., Any], owner: str) -> None:
        self._function = function
        self._owner = owner
        try:
            self.signature = inspect.signature(function)
        except ValueError:
            self.signature = _UNKNOWN
        self._taken = _bound_names(function)
        self._adapters: dict[str, Any] = {}

    @property
    def first(self) -> inspect.Parameter | None:
        """The parameter that a single argument goes to."""
        found = next(iter(self.signature.parameters.values()), None)
        return found if found is not None and found.kind in _POSITIONAL else None

    def check_single(self) -> None:
        """See whether the function can be called with a single argument, or with none.

        Raises:
            InvalidArgument: it needs more.
        """
        needed = [name for name, each in self.signature.parameters.items() if _needed(each)]
        if needed and (self.first is None or needed != [self.first.name]):
            names = ", ".join(map(repr, needed))
            raise InvalidArgument(
                f"{self._owner} gets one argument, the task's input, but its function needs {names}: "
                "a smart_activity gets the input's members by name"
            )

    def check(self) -> None:
        """Read all annotations.

        Raises:
            InvalidArgument: one names what is not there, or is no type that pydantic makes anything of.
        """
        for parameter in self.signature.parameters.values():
            self._adapter(parameter)

    def single(self, value: Any) -> inspect.BoundArguments:
        """Make a value the function's only argument.

        Raises:
            TaskInputInvalid: it does not fit; the message says what and where, but not the value.
        """
        given: dict[str, Any] = {}
        if (parameter := self.first) is not None:
            fitting = self._fit(parameter, value, f"the input of {self._owner}")
            given[parameter.name] = (fitting,) if parameter.kind in _SEVERAL else fitting
        return inspect.BoundArguments(self.signature, given)

    def by_name(self, values: Any) -> inspect.BoundArguments:
        """Make an object's members the function's arguments.

        Raises:
            TaskInputInvalid: it is no object, one that the function needs is missing, or does not fit.
        """
        what = f"the input of {self._owner}"
        if not isinstance(values, Mapping):
            kind = _KINDS.get(type(values), type(values).__name__)
            raise TaskInputInvalid(f"{what} must be an object, to give arguments by name, not {kind}")
        parameters = self.signature.parameters
        if missing := [name for name, each in parameters.items() if _needed(each) and name not in values]:
            raise TaskInputInvalid(f"{what} lacks {', '.join(map(repr, missing))}")
        given: dict[str, Any] = {}
        for name, each in parameters.items():
            if each.kind is inspect.Parameter.VAR_KEYWORD:
                others = {key: value for key, value in values.items() if not _named(parameters.get(key))}
                if taken := sorted(self._taken & others.keys()):
                    raise TaskInputInvalid(f"{what} must not have {', '.join(map(repr, taken))}")
                given[name] = {
                    key: self._fit(each, value, f"{what}, a member for {name!r}")
                    for key, value in others.items()
                }
            elif _named(each) and name in values:
                given[name] = self._fit(each, values[name], f"{what}, {name!r}")
        bound = inspect.BoundArguments(self.signature, given)
        bound.apply_defaults()  # else the second of two positional-only ones would become the first
        return bound

    def schema(self, *, by_name: bool) -> Any:
        """What the input must be, as pydantic's core schema; `None` where anything may be.

        Args:
            by_name: whether the function gets the input's members as arguments.
        """
        if not by_name:
            return None if self.first is None else self._schema(self.first)
        fields = {
            name: {
                "type": "typed-dict-field",
                "schema": self._schema(each) or {"type": "any"},
                "required": _needed(each),
            }
            for name, each in self.signature.parameters.items()
            if _named(each)
        }
        return {"type": "typed-dict", "fields": fields}

    def result_schema(self) -> Any:
        """What the function gives, as pydantic's core schema; `None` where nothing can be said of it."""
        parameter = inspect.Parameter("return", inspect.Parameter.POSITIONAL_ONLY)
        return self._schema(parameter.replace(annotation=self.signature.return_annotation))

    def _schema(self, parameter: inspect.Parameter) -> Any:
        try:
            adapter = self._adapter(parameter)
        except InvalidArgument:  # a worker says so
            return None
        return None if adapter is None else adapter.core_schema

    def _fit(self, parameter: inspect.Parameter, value: Any, what: str) -> Any:
        """Make JSON data what a parameter's annotation says."""
        adapter = self._adapter(parameter)
        if adapter is None:
            return value
        from pydantic import ValidationError

        try:
            return adapter.validate_json(_json.dumps(value))
        except ValidationError as error:  # it quotes the value, which may be secret
            told = reasons(error, adapter.core_schema)
            raise TaskInputInvalid(f"{what} does not fit: {told}") from None

    def _adapter(self, parameter: inspect.Parameter) -> Any:
        """What makes values fit a parameter; `None` where any do."""
        if parameter.name not in self._adapters:
            self._adapters[parameter.name] = self._made(parameter)
        return self._adapters[parameter.name]

    def _made(self, parameter: inspect.Parameter) -> Any:
        if parameter.annotation in (inspect.Parameter.empty, Any, "Any"):
            return None
        from pydantic import TypeAdapter

        try:
            adapter = TypeAdapter(self._annotation(parameter))
            adapter.rebuild()
        except Exception as error:
            raise InvalidArgument(
                f"nothing can be made to fit {parameter.name!r} of {self._owner}, annotated as "
                f"{inspect.formatannotation(parameter.annotation)}: {str(error).splitlines()[0]}"
            ) from error
        return adapter

    def _annotation(self, parameter: inspect.Parameter) -> Any:
        """A parameter's annotation, with all names in it looked up where the function was written."""
        alone = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
        names = _namespace(self._function)
        return typing.get_type_hints(alone, names, include_extras=True)[parameter.name]


_KINDS: dict[type, str] = {
    list: "a list",
    str: "text",
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}
"""How JSON calls what is no object."""


def _needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty and parameter.kind not in _SEVERAL


def _named(parameter: inspect.Parameter | None) -> bool:
    """Whether it is one parameter, rather than none or `*args` or `**kwargs`."""
    return parameter is not None and parameter.kind not in _SEVERAL


def _bound_names(function: Any) -> frozenset[str]:
    """The names of arguments that are given already, such as a method's `self`."""
    inner: Any = function
    given = 0
    while not inspect.isfunction(inner):
        if isinstance(inner, functools.partial):
            inner, given = inner.func, given + len(inner.args)
        elif inspect.ismethod(inner):
            inner, given = inner.__func__, given + 1
        else:
            found = inner.__init__ if inspect.isclass(inner) else type(inner).__call__
            if not inspect.isfunction(found):
                return frozenset()
            inner, given = found, given + 1
    first = list(inspect.signature(inner).parameters.values())[:given]
    return frozenset(each.name for each in first if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _namespace(function: Any) -> dict[str, Any]:
    """The names that a function's annotations can use."""
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    module = sys.modules.get(getattr(inner, "__module__", None) or "")
    names: dict[str, Any] = getattr(inner, "__globals__", None) or vars(module or SimpleNamespace())
    return names


def reasons(error: Any, schema: Any) -> str:
    """Say what does not fit and where, without the values and keys given, which may be secret.

    Args:
        error: pydantic's `ValidationError`.
        schema: the core schema of what was to be made.
    """
    known = set(_words(schema))

    def place(detail: Any) -> str:
        return ".".join(
            str(part) if part in known or isinstance(part, int) else "…" for part in detail["loc"]
        )

    return "; ".join(
        f"{place(detail)}: {_message(detail)}".removeprefix(": ")
        for detail in error.errors(include_url=False, include_input=False)
    )


def _words(schema: Any) -> Iterator[Any]:
    """All names in a core schema: of fields, aliases, members of unions."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            yield key
            if key != "metadata":
                yield from _words(value)
    elif isinstance(schema, (list, tuple)):
        for value in schema:
            yield from _words(value)
    elif isinstance(schema, str):
        yield schema
    elif isinstance(schema, type):
        yield schema.__name__


def _message(detail: Any) -> str:
    """What is wrong at one place: in pydantic's words, of which just these quote the value."""
    message: str = detail["msg"]
    if detail["type"] == "union_tag_invalid":
        return message.replace(f"'{detail['ctx']['tag']}' ", "", 1)
    return message
