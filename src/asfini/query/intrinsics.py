"""Calls of intrinsic functions: `States.Format('{}!', $.name)`.

An expression is parsed once, into a function of a scope. The functions themselves are in `_functions`.
"""

import inspect
import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Never

from asfini._json import dumps
from asfini.query._functions import INTRINSICS, Refused
from asfini.query.jsonpath import PathNotApplicable, PathNotFound, compile_path
from asfini.query.scope import QueryError, Scope

Value = Callable[[Scope], Any]
"""A compiled expression: call it with a scope."""

MAX_CALLS = 10
"""The most functions in one expression: the developer guide, "Intrinsic functions"."""

_LITERALS = {"true": True, "false": False, "null": None}
_BLANK = re.compile(r"\s*")
_CALL = re.compile(r"(States\.\w+)\(")
_STRING = re.compile(r"'((?:[^'\\]|\\['{}\\])*+)'")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])")
_WORD = re.compile(r"(true|false|null)\b")
_ESCAPE = re.compile(r"\\(.)")
_INDEXED = re.compile(r"(.+)\[([0-9]+)\]")


class MalformedIntrinsic(QueryError):  # noqa: N818 - named as asfini.errors names
    """A text is not the call of an intrinsic function; the message says why."""


class IntrinsicFailure(QueryError):  # noqa: N818 - named as asfini.errors names
    """A function cannot work with its arguments.

    AWS fails the execution with `States.Runtime`; `States.IntrinsicFailure` was never seen.
    """


def compile_intrinsic(text: str) -> Value:
    """Parse a call of an intrinsic function.

    The result raises `IntrinsicFailure`, worded as AWS words it, for a scope that does not suit it.

    Raises:
        MalformedIntrinsic: the text is no such call, or has more than 10 functions.
    """
    return _Parser(text).expression()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._calls = 0

    def expression(self) -> Value:
        value = self._call(match) if (match := self._match(_CALL)) else self._fail("it is not a call")
        if self._next():
            self._fail("there is more behind the call")
        return value

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if match := pattern.match(self._text, self._position):
            self._position = match.end()
        return match

    def _next(self) -> str:
        """Skip blanks and look at the character behind them."""
        self._match(_BLANK)
        return self._text[self._position : self._position + 1]

    def _fail(self, reason: str) -> Never:
        raise MalformedIntrinsic(f"{self._text!r}: {reason}, at character {self._position + 1}")

    def _call(self, match: re.Match[str]) -> Value:
        name = match[1]
        if (function := INTRINSICS.get(name)) is None:
            self._fail(f"there is no function {name}")
        self._calls += 1
        if self._calls > MAX_CALLS:
            self._fail(f"there are more than {MAX_CALLS} functions")
        # The template of a Format has escapes of its own, and reads them itself.
        return _call(self._text, name, function, self._arguments(raw_first=name == "States.Format"))

    def _arguments(self, raw_first: bool) -> list[Value]:
        arguments: list[Value] = []
        if self._next() != ")":
            arguments.append(self._argument(raw=raw_first))
            while self._next() == ",":
                self._position += 1
                arguments.append(self._argument())
        if self._next() != ")":
            self._fail("',' or ')' is missing")
        self._position += 1
        return arguments

    def _argument(self, raw: bool = False) -> Value:
        if self._next() == "$":
            return self._path()
        if match := self._match(_STRING):
            return _constant(match[1] if raw else _ESCAPE.sub(r"\1", match[1]))
        if match := self._match(_CALL):
            return self._call(match)
        if match := self._match(_NUMBER):
            return _constant(self._number(match[0]))
        if match := self._match(_WORD):
            return _constant(_LITERALS[match[1]])
        return self._fail("an argument is missing, or not one")

    def _number(self, digits: str) -> int | float:
        if digits.lstrip("-").isdigit():
            return int(digits)
        if math.isinf(number := float(digits)):
            self._fail(f"{digits} is too large")
        return number

    def _path(self) -> Value:
        start = self._position
        self._position = _path_end(self._text, start)
        path = self._text[start : self._position].rstrip()
        try:
            return _path_value(self._text, path)
        except QueryError as error:
            self._fail(str(error))


def _path_end(text: str, start: int) -> int:
    """Find the comma or parenthesis behind a path, which may hold such in brackets, quotes and escapes."""
    depth, quote, position = 0, "", start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif depth and character in "'\"":
            quote = character
        elif character in "[(":
            depth += 1
        elif not depth and character in ",)":
            break
        elif character in "])":
            depth -= 1
        position += 1
    return min(position, len(text))


def _constant(value: Any) -> Value:
    return lambda _: value


def _path_value(whole: str, text: str) -> Value:
    """Read a path for a call; `whole` is the expression around it, which errors show."""
    path, outside = compile_path(text), _outside(text)
    read, shown = path.read, text[1:] if path.root == "$" else text

    def value(scope: Scope) -> Any:
        reason = None
        try:
            if (found := read(scope)) is not None or not outside(scope):
                return found
        except PathNotApplicable as error:
            reason = str(error)
        except PathNotFound:
            pass
        missing = f"The JsonPath argument for the field '{shown}' could not be found in the input"
        reason = reason or f"{missing} '{dumps(scope.input)}'"
        raise IntrinsicFailure(f"The function '{whole}' had the following error: {reason}")

    return value


def _outside(text: str) -> Callable[[Scope], bool]:
    """Tell whether a path ends past an array's end. Elsewhere that is a null, but a call fails."""
    if (match := _INDEXED.fullmatch(text)) is None:
        return lambda _: False
    read, index = compile_path(match[1]).read, int(match[2])

    def outside(scope: Scope) -> bool:
        return isinstance(items := read(scope), list) and len(items) <= index

    return outside


def _call(whole: str, name: str, function: Callable[..., Any], arguments: list[Value]) -> Value:
    """Make a call out of its parts; `whole` is the expression around it, which errors show."""
    random, suits = _draws(function), _takes(function, len(arguments))

    def value(scope: Scope) -> Any:
        values = [argument(scope) for argument in arguments]
        try:
            if not suits:
                raise Refused
            return function(*values, random=scope.random) if random else function(*values)
        except (Refused, RecursionError) as refused:
            reason = str(refused) or f"Invalid arguments in {name}"
            problem = f"There was an error while evaluating the intrinsic function: {whole}. {reason}"
            raise IntrinsicFailure(problem) from refused

    return value


@cache
def _draws(function: Callable[..., Any]) -> bool:
    """Say whether a function draws random numbers."""
    return "random" in inspect.signature(function).parameters


@cache
def _takes(function: Callable[..., Any], count: int) -> bool:
    """Say whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*[None] * count, **({"random": None} if _draws(function) else {}))
    except TypeError:
        return False
    return True
