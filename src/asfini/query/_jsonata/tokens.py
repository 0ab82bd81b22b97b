"""From an expression's text to its tokens."""

import math
import re
from dataclasses import dataclass
from typing import Any

from asfini.query._jsonata.errors import Failure

_BLANKS = " \t\n\r\v"
_OPERATORS = r"\.\.|:=|!=|>=|<=|\*\*|~>|[.\[\]{}(),@#;:?+\-*/%|=<>^&!~]"
_TOKEN = re.compile(
    rf"""[{_BLANKS}]*
    (?: (?P<comment>/\*)
      | (?P<operator>{_OPERATORS})
      | (?P<quote>["'])
      | (?P<number>(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?)
      | (?P<backquote>`)
      | (?P<name>[^{_BLANKS}.\[\]{{}}(),@#;:?+\-*/%|=<>^&!~]+)
    )""",
    re.VERBOSE,
)
_PLAIN_TEXT = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}
_WORD_OPERATORS = frozenset({"and", "or", "in"})


@dataclass(slots=True)
class Token:
    """A piece of an expression."""

    kind: str
    """`name`, `variable`, `operator`, `string`, `number`, `value`, `regex` or `end`."""
    value: Any
    position: int


class Tokens:
    """The tokens of an expression, read one by one: whether `/` divides or begins a regex, the parser knows.

    Args:
        text: the expression.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def next(self, infix: bool) -> Token:
        """Read a token.

        Args:
            infix: whether an operator may stand here, so that `/` divides.

        Raises:
            Failure: there is none.
        """
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            return Token("end", "(end)", len(self._text))
        kind = match.lastgroup or ""
        start = match.start(kind)
        self._position = match.end()
        if kind == "comment":
            return self._after_comment(infix)
        if kind == "operator" and match["operator"] == "/" and not infix:
            return self._regex(start)
        return getattr(self, f"_{kind}")(match[kind], start)  # type: ignore[no-any-return]

    def _after_comment(self, infix: bool) -> Token:
        end = self._text.find("*/", self._position)
        if end < 0:
            raise Failure("S0106")
        self._position = end + 2
        return self.next(infix)

    def _operator(self, text: str, start: int) -> Token:
        return Token("operator", text, start)

    def _number(self, text: str, start: int) -> Token:
        number = float(text)
        if math.isinf(number):
            raise Failure("S0102", token=text)
        whole = number.is_integer() and abs(number) < 2**53
        return Token("number", int(number) if whole else number, start)

    def _backquote(self, _: str, start: int) -> Token:
        end = self._text.find("`", self._position)
        if end < 0:
            raise Failure("S0105")
        name = self._text[self._position : end]
        self._position = end + 1
        return Token("name", name, start)

    def _name(self, text: str, start: int) -> Token:
        if text.startswith("$"):
            return Token("variable", text[1:], start)
        if text in _WORDS:
            return Token("value", _WORDS[text], start)
        return Token("operator" if text in _WORD_OPERATORS else "name", text, start)

    def _quote(self, quote: str, start: int) -> Token:
        parts = []
        while True:
            plain = _PLAIN_TEXT[quote].match(self._text, self._position)
            parts.append(plain[0] if plain else "")
            self._position += len(parts[-1]) + 1
            ending = self._text[self._position - 1 : self._position]
            if not ending:
                raise Failure("S0101")
            if ending == quote:
                return Token("string", _paired("".join(parts)), start)
            parts.append(self._escape())

    def _escape(self) -> str:
        """Read what follows a backslash."""
        letter = self._text[self._position : self._position + 1]
        self._position += 1
        if letter == "u":
            digits = self._text[self._position : self._position + 4]
            if not re.fullmatch("[0-9a-fA-F]+", digits):
                raise Failure("S0104")
            self._position += 4
            return chr(int(digits, 16))
        if letter not in _ESCAPES:
            raise Failure("S0103", token=letter)
        return _ESCAPES[letter]

    def _regex(self, start: int) -> Token:
        """Read a regex up to the slash that is neither escaped nor within brackets, and its flags."""
        text, depth = self._text, 0
        for end in range(self._position, len(text)):
            letter = text[end]
            if letter == "/" and not depth and not _escaped(text, end):
                break
            if text[end - 1] != "\\":
                depth += (letter in "([{") - (letter in ")]}")
        else:
            raise Failure("S0302")
        pattern = text[self._position : end]
        if not pattern:
            raise Failure("S0301")
        flags = re.compile("[im]*").match(text, end + 1)
        self._position = flags.end() if flags else end + 1
        return Token("regex", (pattern, flags[0] if flags else ""), start)


def _escaped(text: str, position: int) -> bool:
    before = text[:position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _paired(text: str) -> str:
    """Join the halves of characters that JavaScript writes as two."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
