"""How much of a worker an activity may have: slots, polls, tasks per second, and who goes first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asfini._quotas import MAX_POLLS
from asfini.activity import Activity
from asfini.errors import InvalidArgument


@dataclass(frozen=True)
class Limits:
    """What differs for one activity from the worker's other ones: `Worker(…, limits={charge: Limits(…)})`."""

    max_tasks: int | None = None
    """The most tasks at once, in threads, too; by default the worker's `max_tasks` and `max_threads`."""
    max_polls: int | None = None
    """The most open polls at once; by default the worker's."""
    tasks_per_second: float | None = None
    """How many tasks are begun in a second, on average; by default as many as come."""
    priority: int = 0
    """While tasks of an activity with a higher one keep coming, no polls are sent for this one."""

    def __post_init__(self) -> None:
        for name in ("max_tasks", "max_polls"):
            if (number := getattr(self, name)) is not None:
                check_count(name, number)
        check_rate(self.tasks_per_second)
        if not isinstance(self.priority, int) or isinstance(self.priority, bool):
            raise InvalidArgument(f"priority is a whole number, not {self.priority!r}")


def check_count(name: str, number: object) -> None:
    """Demand a number of tasks, polls or threads.

    Raises:
        InvalidArgument: it is none, or more polls than AWS allows.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise InvalidArgument(f"{name} is a positive whole number, not {number!r}")
    if name == "max_polls" and number > MAX_POLLS:
        raise InvalidArgument(f"max_polls is at most {MAX_POLLS}, which AWS allows, not {number}")


def check_rate(number: object) -> None:
    """Demand a number of tasks in a second, or `None`.

    Raises:
        InvalidArgument: it is none.
    """
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if number is not None and not (is_number and 0 < number < math.inf):  # type: ignore[operator]
        raise InvalidArgument(f"tasks_per_second is a positive number, not {number!r}")


def limits_by_name(
    limits: Mapping[Any, Limits] | None, activities: Mapping[str, Activity]
) -> dict[str, Limits]:
    """The limits that a worker is given, by the activities' names.

    Raises:
        InvalidArgument: they are none, or for an activity that the worker does not have.
    """
    if not isinstance(limits, Mapping | None):
        raise InvalidArgument(f"limits are Limits by activity, not {limits!r}")
    found = {}
    for activity, each in (limits or {}).items():
        name = activity.name if isinstance(activity, Activity) else activity
        if name not in activities:
            raise InvalidArgument(f"there are limits for {name!r}, which is none of the worker's activities")
        if not isinstance(each, Limits):
            raise InvalidArgument(f"the limits of {name!r} are Limits(…), not {each!r}")
        found[name] = each
    return found
