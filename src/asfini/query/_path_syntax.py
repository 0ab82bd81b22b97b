"""JSONPath text → steps, by the rules (and to the letter of the mistakes) of Jayway json-path 2.0.0."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from asfini.query._path_filter import BLANKS, parse_filter
from asfini.query._path_steps import Again, Filter, Name, PathSyntaxError, Pick, Route, Scan, Step, Wildcard

_TELLING = re.compile(r"[?'\d:\-@]")
"""The first of these in brackets tells what the brackets hold."""
_SIZE = re.compile(r"@.([^-]*)-([^)]*)\)", re.DOTALL)
_BOUND = re.compile(r"[\d -]*")
_INTEGER = re.compile(r"-?\d+")


def parse_route(text: str) -> Route:
    """Read a path that starts with `$`.

    Raises:
        PathSyntaxError: it is not one.
    """
    path = text.strip(BLANKS)
    if not path.startswith("$") or path[1:2] not in ("", ".", "["):
        raise PathSyntaxError(text, "after its root comes neither '.' nor '['")
    if path.endswith(".."):
        raise PathSyntaxError(text, "it ends with '..'")
    try:
        return Route([_step(fragment) for fragment in _fragments(path)])
    except (IndexError, ValueError) as error:
        raise PathSyntaxError(text, "it ends too early, or a number in it is none") from error


def _fragments(path: str) -> Iterator[str]:
    """Split a path into its steps, each written with brackets but for `..` and `$`."""
    at = 1
    while at < len(path):
        start, char = at, path[at]
        if char == " ":
            raise PathSyntaxError(path, f"a blank stands at {at + 1}")
        if char == "[":
            at = _closing(path, at)
            yield path[start:at]
        elif char in "$*":
            at += 1
            yield "$" if char == "$" else "[*]"
        elif path[at : at + 2] == "..":
            at += 2
            yield ".."
        else:
            start += char == "."
            at = _name_end(path, start)
            if at > start or path[start] not in "[ ":
                yield "[*]" if path[start:at] == "*" else f"['{path[start:at]}']"


def _name_end(path: str, at: int) -> int:
    while at < len(path) and path[at] not in ".[ ":
        at += 1
    return at


def _closing(path: str, at: int) -> int:
    """Find where a bracket's step ends: quotes don't count, and a bracket left open takes all."""
    depth = 0
    for end in range(at, len(path)):
        depth += (path[end] == "[") - (path[end] == "]")
        if not depth:
            return end + 1
    return len(path)


def _step(fragment: str) -> Step:
    if fragment in _FIXED:
        return _FIXED[fragment]()
    telling = _TELLING.search(fragment)
    if telling is None:
        raise PathSyntaxError(fragment, "it has neither a name nor an index")
    return _BY_SIGN.get(telling[0], _positions)(fragment, telling.start())


def _names(fragment: str, at: int) -> Step:
    quoted = re.findall(r"'([^']*)'", fragment[at : fragment.index("]", at)])
    return Name(tuple(quoted))


def _filter(fragment: str, at: int) -> Step:
    start = fragment.rindex("[", 0, at)
    round_open = square_open = 0
    quoted = False
    for end in range(start, len(fragment)):
        char = fragment[end]
        if char == "'" and fragment[end - 1] != "\\":
            quoted = not quoted
        if quoted:
            continue
        round_open += (char == "(") - (char == ")")
        square_open += (char == "[") - (char == "]")
        if char == "]" and not round_open:
            break
    else:
        raise PathSyntaxError(fragment, "the filter is not closed")
    if square_open:
        raise PathSyntaxError(fragment, "the filter's brackets are not balanced")
    return Filter(parse_filter(fragment[start : end + 1], parse_route))


def _from_end(fragment: str, at: int) -> Step:
    """Read `[(@.length-1)]`."""
    if (match := _SIZE.match(fragment, at)) is None:
        raise PathSyntaxError(fragment, "it does not count from the end")
    if re.sub("[ ()]", "", match[1]) not in ("size", "length"):
        raise PathSyntaxError(fragment, f"there is no function {match[1]!r}")
    offset = _integer("-" + match[2].replace(" ", ""))
    return Pick(f"[@.size(){offset}]", lambda length: (length + offset,), single=True)


def _positions(fragment: str, at: int) -> Step:
    """Read `[1]`, `[1,2]`, `[1:]`, `[:2]` or `[1:2]`; what follows a character of no meaning is not read."""
    numbers: list[int] = []
    shapes: set[str] = set()
    digits = ""
    while (char := fragment[at]).isdecimal() or char in ", :-":
        if char == ":":
            end = _end_of_bound(fragment, at + 1)
            bounds = [digits, fragment[at + 1 : end].replace(" ", "")]
            shape = "to" if not digits else "between" if bounds[1] else "from"
            numbers += [_integer(bound) for bound in _BOUNDS[shape](bounds)]
            shapes.add(shape)
            at, digits = end, ""
            if fragment[at] == "]":
                break
        elif char == ",":
            shapes.add("several")
            numbers.append(_integer(digits))
            digits = ""
        elif char != " ":
            digits += char
        at += 1
    if digits:
        numbers.append(_integer(digits))
    return _pick(numbers, shapes)


def _end_of_bound(fragment: str, at: int) -> int:
    match = _BOUND.match(fragment, at)
    return match.end() if match else at


def _integer(digits: str) -> int:
    if not _INTEGER.fullmatch(digits) or not -(2**31) <= (number := int(digits)) < 2**31:
        raise ValueError(digits)
    return number


def _pick(numbers: list[int], shapes: set[str]) -> Step:
    if len(numbers) == 1 and not shapes & {"to", "from"}:
        return index_step(numbers[0])
    shape = next(shape for shape in _SHAPES if shape in shapes)
    text, positions = _SHAPES[shape]
    return Pick(text(numbers), partial(positions, numbers))


def index_step(index: int) -> Pick:
    """Make the step `[index]`."""
    return Pick(f"[{index}]", lambda _: (index,), single=True)


def _from(numbers: list[int], length: int) -> Iterable[int]:
    start = numbers[0] + length if numbers[0] < 0 else numbers[0]
    return range(max(0, start), length)


def _to(numbers: list[int], length: int) -> Iterable[int]:
    stop = numbers[0] + length if numbers[0] < 0 else numbers[0]
    return range(min(length, stop))


def _between(numbers: list[int], length: int) -> Iterable[int]:
    """Give positions that may be negative, hence null: here, Jayway does not count from the end."""
    return range(numbers[0], min(length, numbers[1])) if length else ()


_SHAPES: dict[str, tuple[Callable[[list[int]], str], Callable[[list[int], int], Iterable[int]]]] = {
    "several": (lambda numbers: f"[{','.join(map(str, numbers))}]", lambda numbers, _: numbers),
    "from": (lambda numbers: f"[{numbers[0]}:]", _from),
    "to": (lambda numbers: f"[:{numbers[0]}]", _to),
    "between": (lambda numbers: f"[{numbers[0]}:{numbers[1]}]", _between),
}
"""How each shape is written and what it picks, the first that applies."""

_BOUNDS: dict[str, Callable[[list[str]], list[str]]] = {
    "from": lambda bounds: bounds[:1],
    "to": lambda bounds: bounds[1:],
    "between": lambda bounds: bounds,
}

_FIXED: dict[str, Callable[[], Step]] = {"..": Scan, "$": Again, "[*]": Wildcard}
_BY_SIGN: dict[str, Callable[[str, int], Step]] = {"?": _filter, "'": _names, "@": _from_end}
