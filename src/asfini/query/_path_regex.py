"""Regular expressions in filters, `@.name =~ /a.*/i`, matched in time that never grows exponentially.

The pattern becomes a non-deterministic automaton that goes all ways at once; only single characters are
compared with `re`. What needs going back (references to groups, look-around, possessive quantifiers) is
refused.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce

from asfini.query._path_steps import PathSyntaxError

MAX_STATES = 1_000
"""The most states of an automaton, counted repetitions included: `(a{30}){30}` has about that many."""
MAX_DEPTH = 50
"""The most brackets within brackets."""
_MAX_REMEMBERED = 5_000

_ESCAPE = r"\\(?:[dDwWsStnrf]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[^a-zA-Z0-9])"
_TOKEN = re.compile(
    rf"(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<either>\|)|(?P<edge>[\^$])"
    rf"|(?P<repeat>[*+?]|\{{(?P<low>\d{{1,4}})(?P<comma>,)?(?P<high>\d{{1,4}})?\}})\??(?![*+?{{])"
    rf"|(?P<one>{_ESCAPE}|\[\^?(?:{_ESCAPE}|[^\[\]\\&~])+\]|[^\[\]\\{{}}*+?])",
    re.DOTALL,
)
_COUNTS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_DOT = "[^\n\r\u0085\u2028\u2029]"

Build = Callable[["_Automaton", int], int]
"""Adds a part's states to an automaton, before the state that follows it, and gives the first of them."""


@dataclass(slots=True)
class _State:
    """Wants one character, an edge of the text, or nothing, and then leads on."""

    leads_to: tuple[int, ...]
    one: re.Pattern[str] | None = None
    edge: str = ""


@dataclass(slots=True)
class _Automaton:
    states: list[_State] = field(default_factory=lambda: [_State(())])
    """The first is the end: what leads there has matched."""

    def add(self, state: _State) -> int:
        if len(self.states) == MAX_STATES:
            raise ValueError("it is too large")
        self.states.append(state)
        return len(self.states) - 1

    def closure(self, starts: Iterable[int], edges: str) -> frozenset[int]:
        """Follow all ways that want no character; `edges` says which edges of the text are here."""
        seen: set[int] = set()
        waiting = list(starts)
        while waiting:
            number = waiting.pop()
            state = self.states[number]
            if number not in seen:
                seen.add(number)
                if state.one is None and (not state.edge or state.edge in edges):
                    waiting.extend(state.leads_to)
        return frozenset(seen)


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str, automaton: _Automaton, start: int) -> None:
        self._text = text
        self._automaton = automaton
        self._start = start
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def __str__(self) -> str:
        return self._text

    def matches(self, text: str, spend: Callable[[int], None]) -> bool:
        """Say whether it matches the whole text; `spend` is told the work done and may refuse."""
        current = self._automaton.closure([self._start], "^" if text else "^$")
        for char in text:
            if (following := self._known.get((current, char))) is None:
                spend(len(current))
                following = self._follow(current, char)
            spend(1)
            current = following
        return 0 in self._automaton.closure(current, "$" if text else "^$")

    def _follow(self, current: frozenset[int], char: str) -> frozenset[int]:
        states = [self._automaton.states[number] for number in current]
        reached = [state.leads_to[0] for state in states if state.one and state.one.match(char)]
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        following = self._known[current, char] = self._automaton.closure(reached, "")
        return following


def compile_pattern(text: str, ignore_case: bool) -> Pattern:
    """Compile a pattern in Java's syntax, as far as it can be matched without going back.

    Raises:
        PathSyntaxError: it is not one, or needs what is refused here.
    """
    try:
        parser = _Parser(text, re.ASCII | (re.IGNORECASE if ignore_case else re.NOFLAG))
        build = parser.alternatives(0)
        if parser.at != len(text):
            raise ValueError(f"')' at {parser.at + 1} closes nothing")
        automaton = _Automaton()
        return Pattern(text, automaton, build(automaton, 0))
    except (ValueError, re.error) as error:
        raise PathSyntaxError(f"/{text}/", f"as a pattern, {error}") from error


@dataclass(slots=True)
class _Parser:
    text: str
    flags: int
    at: int = 0

    def alternatives(self, depth: int) -> Build:
        """Read what stands within brackets, or all."""
        if depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} brackets are nested")
        parts: list[list[Build]] = [[]]
        while self.at < len(self.text):
            token = _TOKEN.match(self.text, self.at)
            if token is None:
                raise ValueError(f"{self.text[self.at :]!r} cannot be matched here")
            if token.lastgroup == "close":
                break
            self.at = token.end()
            if token["either"]:
                parts.append([])
            elif token["repeat"]:
                parts[-1].append(_repeated(parts[-1].pop() if parts[-1] else None, token))
            else:
                parts[-1].append(self._part(token, depth))
        return _either([_sequence(part) for part in parts])

    def _part(self, token: re.Match[str], depth: int) -> Build:
        if token["open"]:
            part = self.alternatives(depth + 1)
            if self.text[self.at : self.at + 1] != ")":
                raise ValueError("a bracket is not closed")
            self.at += 1
            return part
        if token["edge"]:
            return lambda automaton, after: automaton.add(_State((after,), edge=token["edge"]))
        one = re.compile(_DOT if token["one"] == "." else token["one"], self.flags)
        return lambda automaton, after: automaton.add(_State((after,), one))


def _sequence(parts: list[Build]) -> Build:
    return lambda automaton, after: reduce(
        lambda following, part: part(automaton, following), reversed(parts), after
    )


def _either(parts: list[Build]) -> Build:
    if len(parts) == 1:
        return parts[0]
    return lambda automaton, after: automaton.add(_State(tuple(part(automaton, after) for part in parts)))


def _repeated(part: Build | None, token: re.Match[str]) -> Build:
    """Repeat a part; greedy or not makes no difference to whether a whole text matches."""
    if part is None:
        raise ValueError(f"{token[0]!r} at {token.start() + 1} repeats nothing")
    low, high = _COUNTS.get(token["repeat"]) or _counted(token)
    tail = _endless(part) if high is None else _optional(part, high - low)
    return _sequence([*[part] * low, tail])


def _counted(token: re.Match[str]) -> tuple[int, int | None]:
    low = int(token["low"])
    high = int(token["high"]) if token["high"] else None if token["comma"] else low
    if high is not None and high < low:
        raise ValueError(f"{token[0]!r} repeats from more to less")
    return low, high


def _endless(part: Build) -> Build:
    def build(automaton: _Automaton, after: int) -> int:
        fork = automaton.add(_State(()))
        automaton.states[fork].leads_to = (part(automaton, fork), after)
        return fork

    return build


def _optional(part: Build, times: int) -> Build:
    def build(automaton: _Automaton, after: int) -> int:
        following = after
        for _ in range(times):
            following = automaton.add(_State((part(automaton, following), after)))
        return following

    return build
