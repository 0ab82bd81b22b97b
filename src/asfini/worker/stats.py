"""What a worker tells of itself, for metrics and probes."""

from collections.abc import Mapping
from dataclasses import dataclass

UNHEALTHY = 3
"""Failed polls in a row after which an activity is not healthy."""


@dataclass(frozen=True)
class ActivityStats:
    """What a worker does for one activity, and has done since it was started."""

    open_polls: int
    """Polls that wait for a task."""
    tasks: int
    """Tasks in work."""
    done: int
    """Tasks that were reported as done, or left to others with `defer`."""
    failed: int
    """Tasks that were reported as failed, those given up when the worker stops among them."""
    lost: int
    """Tasks that were closed before they were reported, or whose report was not taken."""
    failed_polls: int
    """How many polls have failed since the last one that was answered."""
    last_poll: float | None
    """Seconds since a poll was last answered; `None` if none was yet. AWS answers after a minute at most."""


@dataclass(frozen=True)
class WorkerStats:
    """What a worker does, and has done since it was started."""

    healthy: bool
    """Whether it works, does not stop, and of no activity the last three polls have failed."""
    stopping: bool
    """Whether it sends no more polls, but may have tasks in work."""
    activities: Mapping[str, ActivityStats]
    """What it does for each activity, by name."""
