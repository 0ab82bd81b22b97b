"""Signatures of functions, such as `<s-nn?:s>`: what they take, and what the context stands in for."""

import functools
from dataclasses import dataclass
from typing import Any, NoReturn

from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.values import UNDEFINED, Function

_ARRAYS_OF = {
    "a": "arrays",
    "b": "booleans",
    "f": "functions",
    "n": "numbers",
    "o": "objects",
    "s": "strings",
}
_SYMBOLS: dict[type, str] = {str: "s", int: "n", float: "n", bool: "b", type(None): "l", dict: "o", list: "a"}
_LETTERS = {
    "a": "asnblfom",
    "b": "bm",
    "f": "f",
    "j": "asnblom",
    "l": "lm",
    "n": "nm",
    "o": "om",
    "s": "sm",
    "x": "asnblfom",
}
"""The types that an argument for a parameter may have; "m" is the undefined value's."""
_MOST = 32
"""The parameters of a signature: matching takes as many steps as parameters times arguments."""
_LOOKED_AT = 256
"""The arguments among which the one that does not fit is looked for."""


@dataclass(slots=True)
class Parameter:
    """One parameter of a signature."""

    type: str
    letters: str
    """The letters of types that an argument may have."""
    optional: bool = False
    repeated: bool = False
    context: bool = False
    """Whether the context's value, if it has such a type, may stand in for it."""
    items: str | None = None
    """What an array's items must be."""


def symbol(value: Any) -> str:
    """The letter of a value's type."""
    known = _SYMBOLS.get(type(value))
    if known:
        return known
    if value is UNDEFINED:
        return "m"
    return "f" if isinstance(value, Function) else "a" if isinstance(value, list) else "o"


class Signature:
    """What arguments a function takes.

    Raises:
        Failure: it is none, or has too many parameters.
    """

    def __init__(self, text: str) -> None:
        self.parameters = _parsed(text)
        if len(self.parameters) > _MOST:
            raise Failure(
                None, f"A signature has {len(self.parameters):,} parameters, but at most {_MOST} are read"
            )
        self._fitting: set[str] = set()
        """Types of arguments that are taken as they are."""
        self._match = functools.lru_cache(128)(functools.partial(_matched, self.parameters))

    def validate(self, arguments: list[Any], context: Any) -> list[Any]:
        """Check arguments, wrap what must be arrays, and let the context stand in for what is missing.

        Raises:
            Failure: they do not fit.
        """
        types = "".join(map(symbol, arguments))
        if types in self._fitting:
            return arguments
        match = self._match(types)
        if match is None:
            self._refuse(types[:_LOOKED_AT])
        fitting: list[Any] = []
        taken = 0
        for parameter, count in zip(self.parameters, match, strict=True):
            if not count:
                fitting.append(_substitute(parameter, context, taken + 1))
            matched = types[taken : taken + count]
            for letter in matched:
                fitting.append(_fitted(parameter, letter, matched, taken + 1, arguments[taken]))
                taken += 1
        if len(types) == len(self.parameters) and "a" not in types and all(map(_is, fitting, arguments)):
            self._fitting.add(types)  # There are only so many combinations of so few types
        return fitting

    def _refuse(self, types: str) -> NoReturn:
        """Name the first argument that does not fit."""
        good = 0
        for count in range(1, len(self.parameters) + 1):
            match = _matched(self.parameters[:count], types, whole=False)
            if match is None:
                break
            good = sum(match)
        raise Failure("T0410", index=good + 1)


def _matched(parameters: list[Parameter], types: str, *, whole: bool = True) -> list[int] | None:
    """Share arguments out among parameters, as a regular expression does: each takes as many as it can.

    Args:
        parameters: the parameters.
        types: the letters of the arguments' types.
        whole: whether all arguments must be taken.

    Returns:
        How many each takes, or None if they do not fit.
    """
    rests = [[not whole] * len(types) + [True]]
    for parameter in reversed(parameters):
        rests.append(_before(parameter, types, rests[-1]))
    rests.reverse()
    if not rests[0][0]:
        return None
    counts: list[int] = []
    start = 0
    for parameter, rest in zip(parameters, rests[1:], strict=True):
        counts.append(_most(parameter, types, start, rest))
        start += counts[-1]
    return counts


def _before(parameter: Parameter, types: str, rest: list[bool]) -> list[bool]:
    """Tell from which arguments on a parameter and those after it fit, from where those after it do."""
    fits = [False] * len(types) + [parameter.optional and rest[-1]]
    for index in reversed(range(len(types))):
        taken = types[index] in parameter.letters and (
            rest[index + 1] or (parameter.repeated and fits[index + 1])
        )
        fits[index] = taken or (parameter.optional and rest[index])
    return fits


def _most(parameter: Parameter, types: str, start: int, rest: list[bool]) -> int:
    """Count the arguments that a parameter takes so that those after it still fit."""
    most, end = 0, start
    while end < len(types) and types[end] in parameter.letters and (parameter.repeated or end == start):
        end += 1
        if rest[end]:
            most = end - start
    return most


def _substitute(parameter: Parameter, context: Any, index: int) -> Any:
    if not parameter.context:
        return UNDEFINED
    if symbol(context) not in parameter.letters:
        raise Failure("T0411", index=index, value=context)
    return context


def _fitted(parameter: Parameter, letter: str, matched: str, index: int, argument: Any) -> Any:
    if parameter.type != "a" or letter == "m":
        return argument
    if parameter.items is not None and not _holds(parameter.items, letter, matched, argument):
        raise Failure("T0412", index=index, value=argument, type=_ARRAYS_OF.get(parameter.items, UNDEFINED))
    return argument if letter == "a" else [argument]


def _holds(items: str, letter: str, matched: str, argument: Any) -> bool:
    """Whether an argument is an array of a type, or a single value of it."""
    if letter != "a":
        return matched == items
    return all(symbol(item) == items[0] for item in argument)


def _parsed(text: str) -> list[Parameter]:
    parameters: list[Parameter] = []
    position = 1
    while position < len(text) and text[position] != ":":
        letter = text[position]
        if letter in _LETTERS:
            parameters.append(Parameter(letter, _LETTERS[letter]))
        elif letter in "-?" and parameters:
            parameters[-1].optional = True
            parameters[-1].context = parameters[-1].context or letter == "-"
        elif letter == "+" and parameters:
            parameters[-1].repeated = True
        elif letter == "(":
            end = _closing(text, position, "(", ")")
            choice = text[position + 1 : end]
            if "<" in choice:
                raise Failure("S0402", value=choice)
            parameters.append(Parameter(f"({choice})", f"{choice}m"))
            position = end
        elif letter == "<":
            if not parameters or parameters[-1].type not in "af":
                raise Failure("S0401", value=parameters[-1].type if parameters else UNDEFINED)
            end = _closing(text, position, "<", ">")
            parameters[-1].items = text[position + 1 : end]
            position = end
        position += 1
    return parameters


def _closing(text: str, start: int, opening: str, closing: str) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if not depth:
            return position
    return len(text)


def _is(first: Any, second: Any) -> bool:
    return first is second


signature = functools.cache(Signature)
"""Read a signature of the library's."""
