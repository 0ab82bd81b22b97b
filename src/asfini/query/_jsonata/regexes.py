"""Regular expressions: JavaScript's, matched within the evaluation's time by the library `regex`.

Python's own `re` cannot be stopped, and a pattern of ten characters can keep it busy for years.
"""

import functools
import re as standard
from collections.abc import Iterator
from typing import Any

from asfini.errors import MissingExtra
from asfini.query._jsonata.errors import Failure
from asfini.query._jsonata.run import Native, Run, too_slow
from asfini.query._jsonata.values import UNDEFINED, Function

_BLANKS = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_TERMINATORS = r"\n\r\u2028\u2029"
_ESCAPE = r"\\(?:c[A-Za-z]|k<|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|"
_PARTS = {
    False: standard.compile(_ESCAPE + r"\[\^?\]?|.", standard.DOTALL),
    True: standard.compile(_ESCAPE + ".", standard.DOTALL),
}
"""The parts of a pattern, outside of brackets and within."""
_COUNTED = standard.compile(r"\\.|\[(?:\\.|[^\]])*\]|\{\d{1,9}(?:,\d{0,9})?\}|.", standard.DOTALL)
_MOST = 10_000
_OUTSIDE = {
    "$": r"\Z",
    ".": rf"[^{_TERMINATORS}]",
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": "[A-Za-z0-9_]",
    r"\W": "[^A-Za-z0-9_]",
    r"\s": f"[{_BLANKS}]",
    r"\S": f"[^{_BLANKS}]",
    r"\b": r"(?:(?<![A-Za-z0-9_])(?=[A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?![A-Za-z0-9_]))",
    r"\B": r"(?:(?<![A-Za-z0-9_])(?![A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_]))",
    r"\k<": "(?P=",
    r"\0": r"\x00",
    "[]": "(?!)",
    "[^]": r"[\s\S]",
}
"""What means something else in Python; within brackets, only some of it."""
_MULTILINE = _OUTSIDE | {
    "^": rf"(?:\A|(?<=[{_TERMINATORS}]))",
    "$": rf"(?:\Z|(?=[{_TERMINATORS}]))",
}
_INSIDE = {r"\d": "0-9", r"\w": "A-Za-z0-9_", r"\s": _BLANKS, r"\b": r"\x08", r"\0": r"\x00", "[": r"\["}


class Matcher(Function):
    """A regular expression, which is a function from a string to its first match.

    Args:
        pattern: what JavaScript reads.
        flags: of the letters `i` and `m`.
    """

    __slots__ = ("flags", "pattern")
    arity = 2
    truth = False

    def __init__(self, pattern: str, flags: str) -> None:
        self.pattern = pattern
        self.flags = flags

    def invoke(self, run: Run, arguments: list[Any], context: Any) -> Any:
        """Describe the first match in the first argument."""
        text = arguments[0] if arguments else UNDEFINED
        return self.described(run, text, self.first(run, text)) if isinstance(text, str) else UNDEFINED

    def first(self, run: Run, text: str, start: int = 0) -> Any:
        """Find the first match from an index on, or `None`."""
        try:
            return _compiled(self.pattern, self.flags).search(text, start, timeout=run.seconds_left())
        except TimeoutError:
            raise too_slow() from None

    def all(self, run: Run, text: str) -> Iterator[Any]:
        """Find all matches, one after the other.

        Raises:
            Failure: one after the first is empty: there would be no end to them.
        """
        match = self.first(run, text)
        while match is not None:
            yield match
            match = self._after(run, text, match)

    def _after(self, run: Run, text: str, match: Any) -> Any:
        if match.end() >= len(text):
            return None
        following = self.first(run, text, match.end())
        if following is not None and following.start() == following.end():
            raise Failure("D1004", value=self.pattern)
        return following

    def described(self, run: Run, text: str, match: Any) -> Any:
        """Describe a match as an object with a function that finds the next."""
        if match is None:
            return UNDEFINED

        def following(run: Run, *_: Any) -> Any:
            return self.described(run, text, self._after(run, text, match))

        return {
            "match": match[0],
            "start": match.start(),
            "end": match.end(),
            "groups": groups_of(match),
            "next": Native(following, None, 0),
        }


def groups_of(match: Any) -> list[Any]:
    """What the groups of a match hold; those that took no part are null."""
    return list(match.groups())


def fault(pattern: str, flags: str) -> str | None:
    """Say what is wrong with a regular expression, as far as the library is there to tell."""
    try:
        _compiled(pattern, flags)
    except MissingExtra:
        return None
    except Failure as failure:
        return failure.message
    return None


def library() -> Any:
    """The library `regex`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import regex  # type: ignore[import-untyped]  # an extra, and few expressions need it
    except ImportError:
        raise MissingExtra("a regular expression in JSONata", "jsonata") from None
    return regex


@functools.lru_cache(256)
def _compiled(pattern: str, flags: str) -> Any:
    regex = library()
    if _size(pattern) > _MOST:
        raise Failure(None, f"Invalid regular expression: /{pattern[:80]}/: it has more than {_MOST:,} parts")
    try:
        return regex.compile(_translated(pattern, "m" in flags), regex.I if "i" in flags else 0)
    except (regex.error, RecursionError, OverflowError) as error:
        raise Failure(None, f"Invalid regular expression: /{pattern}/: {error}") from None


def _size(pattern: str) -> int:
    """How many parts a pattern would have with what repeats written out: it takes time to compile them."""
    sizes, last = [0], 0
    for part in _COUNTED.findall(pattern):
        if part == "(":
            sizes.append(0)
            continue
        if part == ")" and len(sizes) > 1:
            last = sizes.pop()
        elif part.startswith("{") and len(part) > 1:
            last *= max(max(int(count or 0) for count in part[1:-1].split(",")) - 1, 0)
        else:
            last = 1
        sizes[-1] = min(sizes[-1] + last, _MOST + 1)
    return sum(sizes)


def _translated(pattern: str, multiline: bool) -> str:
    """Write a pattern of JavaScript's as Python reads it."""
    outside = _MULTILINE if multiline else _OUTSIDE
    translated = []
    bracketed, position = False, 0
    while match := _PARTS[bracketed].match(pattern, position):
        part, position = match[0], match.end()
        meanings = _INSIDE if bracketed else outside
        translated.append(_control(part) or meanings.get(part, part))
        bracketed = part != "]" if bracketed else part in ("[", "[^")
    return "".join(translated)


def _control(part: str) -> str | None:
    r"""Write `\cA` as the character it stands for."""
    return f"\\x{ord(part[2]) % 32:02x}" if len(part) == 3 and part.startswith(r"\c") else None
