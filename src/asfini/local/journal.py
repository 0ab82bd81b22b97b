"""The history of an execution as it is written: event types, ids and details as AWS has them."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

MAX_EVENTS = 25_000
"""The most events of an execution: the service quotas page. The last one is its failure."""

_AFTER_THE_TAIL = frozenset({"MapStateSucceeded", "ParallelStateSucceeded"})
"""Events whose previous one is the line's very last, even if that one was aside."""
_ASIDE = _AFTER_THE_TAIL | {
    "MapIterationAborted",
    "MapIterationFailed",
    "MapIterationSucceeded",
    "MapRunSucceeded",
    "MapStateAborted",
    "ParallelStateAborted",
    "TaskStateAborted",
    "WaitStateAborted",
}
"""Events that leave the line where it is: what comes next follows the same event as they do."""


class HistoryClosed(Exception):  # noqa: N818 - a signal to whatever goes on in the execution
    """There are no more events: the execution has ended, or has all but the one that says it has too many."""


class Journal:
    """The events of one execution, as the API tells them but for what it says of the length of data.

    Args:
        now: tells the time.
    """

    __slots__ = ("_room", "events", "now", "turns", "watchers")

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.events: list[dict[str, Any]] = []
        self.watchers: dict[asyncio.Future[None], None] = {}
        """What is waited for by those who want the next event; they take it back themselves."""
        self.turns = 0
        """How many states were entered without a pause for others on the loop."""
        self._room = MAX_EVENTS - 1
        """How many events there may be before the last one."""

    @property
    def closed(self) -> bool:
        """Whether its last event was written."""
        return self._room == 0

    def reopen(self) -> None:
        """Let events follow the last one."""
        self._room = MAX_EVENTS - 1

    def shut(self) -> "Journal":
        """The same events, for a line that may add no more."""
        shut = Journal(self.now)
        shut.events, shut._room = self.events, 0
        return shut

    def add(
        self, kind: str, previous: int, details: dict[str, Any] | None = None, *, last: bool = False
    ) -> int:
        """Write an event.

        Args:
            kind: its type, such as `PassStateEntered`.
            previous: the id of the event that led to it.
            details: its details by the API's names, where events of the type have any.
            last: it ends the execution, and has room kept for it.

        Returns:
            Its id.

        Raises:
            HistoryClosed: no event may follow those that there are.
        """
        events = self.events
        if last:
            self._room = 0
        elif len(events) >= self._room:
            raise HistoryClosed
        number = len(events) + 1
        event = {"timestamp": self.now(), "type": kind, "id": number, "previousEventId": previous}
        if details is not None:
            event[_details_key(kind)] = details
        events.append(event)
        if self.watchers:
            wake(self.watchers)
        return number


def wake(waiters: Iterable[asyncio.Future[None]]) -> None:
    """Let those go on who wait for futures, if they still do."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


class Thread:
    """A line of events, each of which names the one before: an execution, a branch or an iteration."""

    __slots__ = ("journal", "previous", "tail")

    def __init__(self, journal: Journal, previous: int = 0) -> None:
        self.journal = journal
        self.previous = self.tail = previous
        """The ids of the event that the next one follows, and of the line's very last."""

    def add(self, kind: str, details: dict[str, Any] | None = None) -> int:
        """Write the line's next event."""
        previous = self.tail if kind in _AFTER_THE_TAIL else self.previous
        self.tail = number = self.journal.add(kind, previous, details)
        if kind not in _ASIDE:
            self.previous = number
        return number

    def follow(self, line: "Thread") -> None:
        """Go on from where another line broke off."""
        self.previous, self.tail = line.previous, line.tail

    def join(self, lines: Iterable["Thread"]) -> None:
        """Go on from the youngest event of some lines that have all come to their ends."""
        self.previous = self.tail = max((line.tail for line in lines), default=self.tail)


def _details_key(kind: str) -> str:
    if kind.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if kind.endswith("StateExited"):
        return "stateExitedEventDetails"
    return f"{kind[0].lower()}{kind[1:]}EventDetails"
