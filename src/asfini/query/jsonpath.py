"""JSONPath as Step Functions reads and writes it.

Nearly all paths in real machines are reference paths, names and indexes only, and are walked at once. The
rest, and what a reference path does where it leads nowhere, is left to the steps in `_path_steps`.
"""

import re
from functools import lru_cache
from typing import Any

from asfini._json import dumps
from asfini.query._path_filter import BLANKS
from asfini.query._path_steps import (
    MAX_WORK,
    Missed,
    Name,
    PathLimitExceeded,
    PathNotApplicable,
    PathNotFound,
    PathSyntaxError,
    Pick,
    Route,
    Run,
    Step,
)
from asfini.query._path_syntax import index_step, parse_route
from asfini.query.scope import QueryError, Scope

__all__ = [
    "MAX_WORK",
    "Path",
    "PathLimitExceeded",
    "PathNotApplicable",
    "PathNotFound",
    "PathNotWritable",
    "PathSyntaxError",
    "compile_path",
]

_ROOT = re.compile(r"\$(\$|[^\W\d]\w*)?")
_PLAIN = re.compile(r"(?:\.[^.\[\]'*\s]+|\[[0-9]{1,9}\]|\['[^'\[\]]*'\])*")
"""What follows the root of a reference path, in the ways in which it is nearly always written."""
_PLAIN_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]|\['([^']*)'\]")

_MISSING: Any = object()


class PathNotWritable(QueryError):  # noqa: N818 - named as asfini.errors names
    """A result cannot be placed where a path says; the message is AWS's."""


class Path:
    """A compiled path.

    Args:
        text: the path.

    Raises:
        PathSyntaxError: the text is not a path.
    """

    __slots__ = ("_keys", "_route", "definite", "reference", "root", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        """The path as it was given."""
        trimmed = text.strip(BLANKS)
        if (match := _ROOT.match(trimmed)) is None:
            raise PathSyntaxError(text, "it does not start with '$'")
        self.root: str = match[1] or ""
        """Where it starts: empty for `$`, `$` for `$$`, else the variable's name."""
        self._keys, self._route = _compiled(text, trimmed[match.end() :])
        self.definite = self._route is None or self._route.definite
        """Whether it leads to one value; else it gives a list."""
        self.reference = self._keys is not None
        """Whether it is a reference path: names and indexes only."""

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def read(self, scope: Scope) -> Any:
        """Give what the path leads to: a value, or a list of values if the path is not definite.

        An index outside an array gives None; a wildcard or slice of nothing gives an empty list.

        Args:
            scope: what can be read: input, context object and variables.

        Raises:
            PathNotFound: it leads nowhere; the message is AWS's detail.
            PathLimitExceeded: it looks at too many values.
        """
        value = scope.input if not self.root else self._start(scope)
        if self._keys is None:
            return self._follow(value)
        document = value
        try:
            for key in self._keys:
                if value.__class__ is str:  # which has indexes, too
                    return self._follow(document)
                value = value[key]
        except (LookupError, TypeError):
            return self._follow(document)
        return value

    def write(self, document: Any, value: Any) -> Any:
        """Place a value in a document as ResultPath does, and give the new document.

        Only the objects and arrays on the way are copied. Objects that are missing are made; arrays are
        neither made nor made longer.

        Args:
            document: the input.
            value: the result.

        Raises:
            PathNotWritable: something on the way is no object, or no array long enough, or the path is not a
                reference path into the input.
        """
        if self._keys is None or self.root:
            raise PathNotWritable(f"{self.text} is not a reference path into the input")
        outer: Any = [document]
        container = outer
        at: str | int = 0
        for key in self._keys:
            inner = self._opened(container, at, key, document)
            container[at] = inner
            container, at = inner, key
        container[at] = value
        return outer[0]

    def _start(self, scope: Scope) -> Any:
        if self.root == "$":
            return scope.context
        if self.root not in scope.variables:
            raise PathNotFound(f"No results for path: ${self.root}")
        return scope.variables[self.root]

    def _follow(self, document: Any) -> Any:
        route = self._route or Route([_step(key) for key in self._keys or ()])
        try:
            return route.read(document, Run(document))
        except Missed as missed:
            raise PathNotFound(str(missed)) from None

    def _opened(self, container: Any, at: str | int, key: str | int, document: Any) -> Any:
        """Copy what stands at a place, or make it, if the next key can be set in it."""
        inner = container.get(at, _MISSING) if isinstance(container, dict) else container[at]
        if isinstance(key, str) and (inner is _MISSING or isinstance(inner, dict)):
            return {} if inner is _MISSING else dict(inner)
        if isinstance(key, int) and isinstance(inner, list) and key < len(inner):
            return list(inner)
        raise PathNotWritable(f"Unable to apply ReferencePath {self.text} to input {dumps(document)}")


@lru_cache(maxsize=2048)
def compile_path(text: str) -> Path:
    """Compile a path, or give one that was compiled before.

    Args:
        text: the path.

    Raises:
        PathSyntaxError: the text is not a path.
    """
    return Path(text)


def _compiled(text: str, rest: str) -> tuple[tuple[str | int, ...] | None, Route | None]:
    """Give a reference path's keys, or the steps of any other."""
    if _PLAIN.fullmatch(rest):
        steps = _PLAIN_STEP.findall(rest)
        return tuple(int(index) if index else name or quoted for name, index, quoted in steps), None
    try:
        route = parse_route("$" + rest)
    except PathSyntaxError as error:
        raise PathSyntaxError(text, error.problem) from error
    keys = [_key(step) for step in route.steps]
    return (None if None in keys else tuple(key for key in keys if key is not None)), route


def _key(step: Step) -> str | int | None:
    """Give a step's name or index, if it is one and no more."""
    if isinstance(step, Name) and len(step.names) == 1:
        return step.names[0]
    if isinstance(step, Pick) and step.text[1:-1].isdecimal():
        return int(step.text[1:-1])
    return None


def _step(key: str | int) -> Name | Pick:
    return Name((key,)) if isinstance(key, str) else index_step(key)
