"""Filters of a JSONPath, `[?(@.price < 10 && @.kind == book)]`, as Jayway json-path 2.0.0 applies them.

There is little grammar: `&&` and `||` split the text wherever they stand, `&&` binds tighter, round brackets
at the ends are dropped, an operator splits a criterion at its first place, and an operand that is neither a
path, nor in single quotes, nor a pattern `/…/` is a string. Criteria are applied from the last to the first.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from asfini._json import dumps
from asfini.query._path_regex import Pattern, compile_pattern
from asfini.query._path_steps import Missed, Name, PathNotApplicable, PathSyntaxError, Predicate, Route, Run

BLANKS = "".join(map(chr, range(0x21)))
"""What Java's `trim` drops."""

_CHARACTERS_A_VALUE = 256
"""How much of a text takes about as long to compare as looking at a value."""
_LOGIC = re.compile(r"(?<=&&|\|\|)|(?=&&|\|\|)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
_OPERATORS = ("==", ">=", "<=", "!=", "<", ">", "=~")
"""In the order in which they are looked for: `<` is found in `<=`, so that comes first."""

Operand = Callable[[Any, Run], Any]


def parse_filter(text: str, parse_route: Callable[[str], Route]) -> Predicate:
    """Read a filter with its square brackets.

    Raises:
        PathSyntaxError: it is not one.
    """
    pieces = [piece.strip(BLANKS) for piece in _LOGIC.split(_inner(text)) if piece]
    if len(pieces) % 2 == 0 or any(piece not in ("&&", "||") for piece in pieces[1::2]):
        raise PathSyntaxError(text, "a criterion is missing")
    groups: list[list[Predicate]] = [[]]
    for piece, before in zip(pieces[::2], ["&&", *pieces[1::2]], strict=True):
        if before == "||":
            groups.append([])
        groups[-1].append(_criterion(_bare(piece), parse_route))
    return partial(_holds, [group[::-1] for group in groups[::-1]], len(pieces) // 2 + 1)


def _holds(groups: list[list[Predicate]], count: int, item: Any, run: Run) -> bool:
    run.spend(count)
    for group in groups:
        for criterion in group:
            if not criterion(item, run):
                break
        else:
            return True
    return False


def _inner(text: str) -> str:
    inner = text.strip(BLANKS)
    for opening, closing in (("[", "]"), ("?", ""), ("(", ")")):
        if not (inner.startswith(opening) and inner.endswith(closing)):
            raise PathSyntaxError(text, "a filter is written [?(…)]")
        inner = inner[len(opening) : len(inner) - len(closing)].strip(BLANKS)
    return inner


def _bare(piece: str) -> str:
    bare = piece.lstrip("[?( ").rstrip(") ")
    if not bare:
        raise PathSyntaxError(piece, "a criterion is missing")
    return bare


def _criterion(text: str, parse_route: Callable[[str], Route]) -> Predicate:
    operator = next((operator for operator in _OPERATORS if operator in text), "")
    left, _, right = text.partition(operator) if operator else (text, "", "")
    left, right = left.strip(BLANKS), right.strip(BLANKS)
    if right.startswith("!@"):
        raise PathSyntaxError(text, "only a path that stands alone can be negated")
    path = left.removeprefix("!") if left.startswith("!@") else left
    if operator:
        return _compared(_operand(path, parse_route), operator, _operand(right, parse_route))
    if not path.startswith(("$", "@")):
        raise PathSyntaxError(text, "a criterion without an operator must be a path")
    return partial(_exists, _definite("$" + path[1:], parse_route), path == left)


def _operand(text: str, parse_route: Callable[[str], Route]) -> Operand:
    """Give what an operand's value is found with."""
    if text.startswith("$"):
        route = _definite(text, parse_route)
        return lambda _, run: route.read(run.document, run)
    if text.startswith("@"):
        return _definite("$" + text[1:], parse_route).read
    literal = _literal(text)
    return lambda _item, _run: literal


def _definite(text: str, parse_route: Callable[[str], Route]) -> Route:
    if not (route := parse_route(text)).definite:
        raise PathSyntaxError(text, "a path in a filter must lead to one value")
    return route


def _literal(text: str) -> str | Pattern:
    if text[:1] == text[-1:] == "'":
        if len(text) == 1:
            raise PathSyntaxError(text, "a quote is not closed")
        return text[1:-1]
    if text.startswith("/") and text.endswith(("/", "/i")):
        if (end := text.rindex("/")) == 0:
            raise PathSyntaxError(text, "a pattern is not closed")
        return compile_pattern(text[1:end], text.endswith("i"))
    return text


def _exists(route: Route, expected: bool, item: Any, run: Run) -> bool:
    """Say whether a path leads to something other than null, from the item, even if it starts with `$`."""
    try:
        value = route.read(item, run)
    except Missed:
        return not expected
    names = route.steps[-1].names if route.steps and isinstance(route.steps[-1], Name) else ()
    some_lack = len(names) > 1 and not value.keys() >= set(names)
    return (value is not None and not some_lack) is expected


def _compared(left: Operand, operator: str, right: Operand) -> Predicate:
    test = _TESTS[operator]

    def holds(item: Any, run: Run) -> bool:
        try:
            value, expected = left(item, run), right(item, run)
        except Missed:
            return False
        return test(expected, value, run)

    return holds


def _ordered(
    allowed: tuple[int | None, ...], same_nullness: bool, expected: Any, value: Any, run: Run
) -> bool:
    if isinstance(expected, str):
        run.spend(len(expected) // _CHARACTERS_A_VALUE)
    if same_nullness and (expected is None) is not (value is None):
        return False
    return _order(expected, value) in allowed


def _order(expected: Any, value: Any) -> int | None:
    """Compare as Java's `compareTo` does, the expected value first; None says that the two cannot be."""
    nulls = expected in (None, "null"), value in (None, "null")
    if any(nulls):
        return nulls[1] - nulls[0]
    order = _ORDERS.get((_kind(expected), _kind(value)))
    return order(expected, value) if order else None


def _kind(value: Any) -> str:
    if type(value) is int:  # Jackson's big integers are left as they are, and compare with nothing
        return "number" if -(2**63) <= value < 2**63 else "big"
    return _KINDS.get(type(value), "other")


_KINDS = {str: "string", float: "number", bool: "boolean"}


def _sign(first: Any, second: Any) -> int:
    return int(first > second) - int(first < second)


def _order_strings(expected: str, value: str) -> int:
    expected = expected.replace("\\'", "'")
    if expected.isascii() and value.isascii():
        return _sign(expected, value)
    return _sign(*(text.encode("utf-16-be", "surrogatepass") for text in (expected, value)))


def _order_as_number(expected: str, value: float) -> int:
    number = _decimal(expected)
    if number is None:
        raise PathNotApplicable(f"cannot compare '{expected}' with the number {dumps(value)}")
    return _sign(number, value if type(value) is int else Decimal(repr(value)))


@lru_cache(16)
def _decimal(text: str) -> Decimal | None:
    """Read an operand, once for all items."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


_ORDERS: dict[tuple[str, str], Callable[[Any, Any], int]] = {
    ("string", "string"): _order_strings,
    ("number", "number"): lambda expected, value: _sign(Decimal(repr(expected)), Decimal(repr(value))),
    ("string", "number"): _order_as_number,
    ("string", "boolean"): lambda expected, value: _sign(expected.lower() == "true", value),
    ("boolean", "boolean"): _sign,
}
"""By the kinds of the right operand and of the left one. Other pairs cannot be compared."""


def _matches(expected: Any, value: Any, run: Run) -> bool:
    pattern, target = (value, expected) if isinstance(value, Pattern) else (expected, value)
    if not isinstance(pattern, Pattern):
        raise PathNotApplicable(f"{dumps(pattern)} is not a pattern: write /…/")
    if target is None:
        return False
    text = (
        target if isinstance(target, str) else str(target) if isinstance(target, Pattern) else dumps(target)
    )
    return pattern.matches(text, run.spend)


_TESTS: dict[str, Callable[[Any, Any, Run], bool]] = {
    "==": partial(_ordered, (0,), False),
    "!=": partial(_ordered, (-1, 1), False),
    ">": partial(_ordered, (-1,), True),
    ">=": partial(_ordered, (-1, 0), True),
    "<": partial(_ordered, (1,), True),
    "<=": partial(_ordered, (1, 0), True),
    "=~": _matches,
}
"""What holds for the right operand, then the left one."""
