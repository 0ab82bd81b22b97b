"""The history of an execution as it is written: event types, ids and details as AWS has them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

MAX_EVENTS = 25_000
"""The most events of an execution: the service quotas page. The last one is its failure."""

_ASIDE = frozenset(
    {
        "MapIterationFailed",
        "MapIterationSucceeded",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "ParallelStateSucceeded",
        "TaskStateAborted",
    }
)
"""Events that no later event names as its previous one."""


class HistoryFull(Exception):
    """The execution has as many events as it may, but for the one that says so."""


class Journal:
    """The events of one execution.

    Args:
        now: tells the time.
    """

    __slots__ = ("events", "now", "watchers")

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.events: list[dict[str, Any]] = []
        self.watchers: list[Callable[[], None]] = []
        """What to call, once, at the next event."""

    def add(self, kind: str, previous: int, details: dict[str, Any] | None = None, *, last: bool = False) -> int:
        """Write an event.

        Args:
            kind: its type, such as `PassStateEntered`.
            previous: the id of the event that led to it.
            details: its details by the API's names, where events of the type have any.
            last: it ends the execution, and has room kept for it.

        Returns:
            Its id.
        """
        events = self.events
        if len(events) >= MAX_EVENTS - 1 and not last:
            raise HistoryFull
        number = len(events) + 1
        event = {"timestamp": self.now(), "type": kind, "id": number, "previousEventId": previous}
        if details is not None:
            event[_details_key(kind)] = details
        events.append(event)
        if self.watchers:
            self._wake()
        return number

    def _wake(self) -> None:
        watchers, self.watchers = self.watchers, []
        for watcher in watchers:
            watcher()


class Thread:
    """A line of events, each of which names the one before: an execution, a branch or an iteration."""

    __slots__ = ("journal", "previous")

    def __init__(self, journal: Journal, previous: int = 0) -> None:
        self.journal = journal
        self.previous = previous
        """The id of the event that the next one follows."""

    def add(self, kind: str, details: dict[str, Any] | None = None, *, last: bool = False) -> int:
        """Write the line's next event."""
        number = self.journal.add(kind, self.previous, details, last=last)
        if kind not in _ASIDE:
            self.previous = number
        return number


def _details_key(kind: str) -> str:
    if kind.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if kind.endswith("StateExited"):
        return "stateExitedEventDetails"
    return f"{kind[0].lower()}{kind[1:]}EventDetails"


def payload(field: str, text: str) -> dict[str, Any]:
    """Write an input or output into details, with what the API says of its length."""
    return {field: text, f"{field}Details": {"truncated": False}}
