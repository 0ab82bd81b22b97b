"""When a poll may be sent: tasks per second, and who goes first."""

import math
from collections.abc import Iterable

import anyio

BUSY = 1.0
"""Seconds: a poll that brings a task sooner tells that more of them wait."""


class Rate:
    """Counts tasks, and tells when the next one may be asked for.

    A second's worth of tasks may come at once. Those that polls bring which were open by then are counted,
    and made up for.

    Args:
        per_second: how many, on average; `None` for any number.
    """

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._burst = max(0.0, 1 - self._gap)
        self.due = -math.inf
        """When the next task may be asked for, by the loop's clock."""

    def room_beside(self, polls: int) -> bool:
        """Whether one more task may be asked for beside those that open polls may bring."""
        return self.due + polls * self._gap <= anyio.current_time()

    def count(self) -> None:
        """Note that a task came."""
        self.due = max(self.due, anyio.current_time() - self._burst) + self._gap


class Turns:
    """Whose polls may be sent, among all activities of a worker.

    Args:
        per_second: how many tasks of all activities together may come in a second; `None` for any number.
        priorities: the activities'.
    """

    def __init__(self, per_second: float | None, priorities: Iterable[int]) -> None:
        self.rate = Rate(per_second)
        self._until = dict.fromkeys(priorities, -math.inf)

    def prefer(self, priority: int, until: float) -> None:
        """Let polls of a lower priority wait."""
        self._until[priority] = until

    def due(self, priority: int) -> float:
        """When a poll may be sent, by the loop's clock."""
        if len(self._until) == 1:
            return self.rate.due
        others = (until for other, until in self._until.items() if other > priority)
        return max((self.rate.due, *others))
