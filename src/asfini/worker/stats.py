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
    blocks: int = 0
    """How often the event loop was blocked for more than a second, as far as it is watched: see `Block`."""
    longest_block: "Block | None" = None
    """The longest of these times."""


@dataclass(frozen=True)
class Block:
    """A time in which a worker's event loop was blocked.

    The loop is watched where heartbeats are sent from a thread of their own, as they are over HTTP.
    """

    activity: str | None
    """Whose function blocked it, if that could be seen."""
    seconds: float
    where: tuple[str, ...]
    """The innermost places of the loop's stack, such as `shop.py:12 in resize`, when that was noticed."""
