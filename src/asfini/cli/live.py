"""What `watch` shows of a run: a table that is drawn anew, or a line for each change."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from asfini.asl.definition import Definition
from asfini.cli.output import paint
from asfini.history import Event, Failed, StateEntered, StateExited
from asfini.view.folding import Folding
from asfini.view.marks import Mark, lasting
from asfini.view.tree import Attempt, Line, Run, StateRun
from asfini.view.waiting import standing_of
from asfini.view.written import complete, written

ItemCounts = Mapping[str, Mapping[str, int]]
"""How the items of map runs stand, by the map run's ARN and by status, as the API names them."""
_COLOURS = {"failed": "1;31", "running": "1;36", "aborted": "35", "caught": "33", "succeeded": "32"}
_ACCOUNT = re.compile(r"arn:[\w-]+:\w+:[\w-]*:\d*:")
"""What ARNs begin with, and nobody looks for."""
_WIDEST = 40
"""Columns that names may take."""
_CAUSE = 80
"""Characters of a cause that are shown."""
_COUNTED = ("succeeded", "failed", "timedOut", "aborted", "running", "pending")


# The table


@dataclass(frozen=True, slots=True)
class Row:
    """A state, with all its runs in one place, or a branch."""

    depth: int
    name: str
    type: str
    outcome: str
    said: str


class Table:
    """The states that were reached, in order, each once: loops and iterations are counted.

    Args:
        run: the folded history, as far as it is known.
        definition: what it runs, if that is known: it tells how long states wait.
        items: how the items of map runs stand.
        now: the time.
    """

    def __init__(self, run: Run, definition: Definition | None, items: ItemCounts, now: datetime) -> None:
        complete(run, definition)
        self._run = run
        self._definition = definition
        self._items = items
        self._now = now

    def head(self, name: str) -> str:
        """The execution itself in a line."""
        run = self._run
        running = run.status == "RUNNING"
        seconds = self._since(run.started) if running else run.seconds
        times = "" if seconds is None else f" {'for' if running else 'after'} {lasting(seconds)}"
        redriven = f", redriven {len(run.redrives)} ×" if run.redrives else ""
        return f"{name}: {run.status}{times}, {len(run.events)} events{redriven}"

    def rows(self) -> list[Row]:
        """The states."""
        return list(self._rows([self._run.line], 0))

    def _rows(self, lines: Iterable[Line], depth: int) -> Iterator[Row]:
        """The states of lines that go through the same definition."""
        runs: dict[str, list[StateRun]] = {}
        for line in lines:
            for state in line.states:
                runs.setdefault(state.name, []).append(state)
        for name, states in runs.items():
            mark = Mark(states)
            yield Row(depth, name, states[0].type, mark.outcome, self._said(mark))
            inner = [line for state in states for line in state.lines]
            branches = [line for line in inner if line.kind == "branch"]
            for index in sorted({line.index for line in branches}):
                alike = [line for line in branches if line.index == index]
                yield Row(depth + 1, f"branch {index}", "", _outcome(alike), "")
                yield from self._rows(alike, depth + 2)
            yield from self._rows([line for line in inner if line.kind == "iteration"], depth + 1)

    def _said(self, mark: Mark) -> str:
        open_states = [state for state in mark.runs if state.open]
        last = (open_states or mark.runs)[-1]
        words = [mark.said]
        if open_states:
            words.append(f"for {lasting(self._since(open_states[0].started))}")
        words += self._counts(last)
        if last.error is not None and mark.outcome in ("failed", "caught"):
            words.append(_failure(last.error, last.cause))
        if open_states and not any(line.states for line in last.lines):
            words.append(self._waiting(last))
        return ", ".join(filter(None, words))

    def _since(self, moment: datetime | None) -> float:
        """Seconds from then on; the clocks here and there may differ."""
        return 0.0 if moment is None else max((self._now - moment).total_seconds(), 0.0)

    def _waiting(self, state: StateRun) -> str:
        standing = standing_of(state, written(state, self._definition))
        left = 0.0 if standing.until is None else (standing.until - self._now).total_seconds()
        reason = _ACCOUNT.sub("", standing.reason)
        return reason + (f", {lasting(left)} at most" if left > 0 else "")

    def _counts(self, state: StateRun) -> list[str]:
        """How the items of a Map stand."""
        attempt = state.attempts[-1] if state.type == "Map" and state.attempts else None
        if attempt is None:
            return []
        counts = self._items.get(attempt.map_run_arn or "") or _iterations(attempt)
        total = counts.get("total", attempt.length)
        told = [f"{counts[kind]} {_words(kind)}" for kind in _COUNTED if counts.get(kind)]
        items = "" if total is None else f"{total} item{'' if total == 1 else 's'}"
        return [": ".join(filter(None, (items, ", ".join(told))))]


def _iterations(attempt: Attempt) -> Mapping[str, int]:
    return Counter(_words(line.status) for line in attempt.lines)


def _words(status: str) -> str:
    return "timed out" if status in ("timedOut", "TIMED_OUT") else status.lower()


def _outcome(lines: Iterable[Line]) -> str:
    found = {line.status for line in lines}
    return next((each for each in ("FAILED", "RUNNING", "ABORTED") if each in found), "SUCCEEDED").lower()


def _failure(error: str | None, cause: str | None) -> str:
    said = " ".join((cause or "").split())
    return ": ".join(filter(None, (error, said if len(said) <= _CAUSE else f"{said[: _CAUSE - 1]}…")))


def laid_out(rows: list[Row], columns: int, *, colours: bool) -> list[str]:
    """Rows as lines of text below each other.

    Args:
        rows: the rows.
        columns: how wide a line may be.
        colours: whether outcomes are coloured.
    """
    names = [f"{'  ' * row.depth}{_plain(row.name)}" for row in rows]
    widest = min(max(map(width, names), default=0), _WIDEST)
    lines = []
    for row, name in zip(rows, names, strict=True):
        rest = f"{_padded(name, widest)}  {row.type:<8}  {_plain(row.said)}"
        outcome = paint(f"{row.outcome:<9}", _COLOURS.get(row.outcome, "") if colours else "")
        lines.append(f"{outcome}  {clipped(rest, columns - 11).rstrip()}")
    return lines


def _plain(text: str) -> str:
    """Text that does nothing to a terminal but to be read."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def width(text: str) -> int:
    """How many columns text takes in a terminal."""
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def clipped(text: str, columns: int) -> str:
    """Text that takes so many columns at most."""
    if width(text) <= columns:
        return text
    kept, used = "", 1
    for letter in text:
        used += _columns(letter)
        if used > columns:
            break
        kept += letter
    return f"{kept}…"


def _padded(text: str, columns: int) -> str:
    text = clipped(text, columns)
    return text + " " * (columns - width(text))


# The lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened to a state, or to the execution as a whole."""

    timestamp: datetime
    place: list[str]
    """Where, from the outside in; empty for the execution itself."""
    type: str | None
    """The state's type."""
    status: str
    """How it stands from then on."""
    tries: int
    """How often it has been tried."""
    error: str | None
    cause: str | None
    seconds: float | None
    """How long it took, where it ended."""

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON data."""
        return asdict(self) | {"timestamp": self.timestamp.isoformat()}

    def __str__(self) -> str:
        where = " → ".join(self.place) or "the execution"
        failure = _failure(self.error, self.cause)
        took = "" if self.seconds is None else f" after {lasting(self.seconds)}"
        what = f"{_words(self.status)}{took}"
        if self.status == "RUNNING" and self.tries:
            what = f"try {self.tries} failed"
        elif self.tries > 1:
            what += f", {self.tries} tries"
        text = f"{self.timestamp:%Y-%m-%d %H:%M:%S} {where}: {what}" + (f": {failure}" if failure else "")
        return _plain(text)


def change(folding: Folding, event: Event) -> Change | None:
    """Take an event, and tell what it changes, if people care.

    Args:
        folding: all that came before.
        event: the next event.
    """
    state, run = folding.take(event), folding.run
    if event.type.startswith("Execution"):
        return Change(
            timestamp=event.timestamp,
            place=[],
            type=None,
            status=run.status,
            tries=0,
            error=run.error,
            cause=run.cause,
            seconds=run.seconds,
        )
    if isinstance(event, StateExited):
        states = reversed(folding.places[event.id].line.states)
        state = next((each for each in states if each.exited is event), None)
    elif not isinstance(event, StateEntered | Failed):
        return None
    return None if state is None else _change(state, event)


def _change(state: StateRun, event: Event) -> Change:
    left, entered = isinstance(event, StateExited), isinstance(event, StateEntered)
    failed = not entered and (not left or state.status == "CAUGHT")
    return Change(
        timestamp=event.timestamp,
        place=state.place,
        type=state.type,
        status=state.status,
        tries=0 if entered else len(state.attempts),
        error=state.error if failed else None,
        cause=state.cause if failed else None,
        seconds=state.seconds if left else None,
    )
