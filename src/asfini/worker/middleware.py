"""What a worker's user has called around polls, tasks and reports: to measure, to trace, to refuse."""

import functools
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from asfini._host import meant_for_us
from asfini.activity import Activity, CurrentTask
from asfini.errors import AsfiniError


@dataclass(frozen=True)
class Step:
    """What middleware is called around."""

    kind: Literal["poll", "task", "report"]
    """A poll for a task, the call of a task's function, or the report of how it ended."""
    activity: Activity
    task: CurrentTask | None = None
    """The task; a poll has none yet."""
    error: str | None = None
    """The name of the failure that is reported; `None` for a success."""


class CallNext(Protocol):
    """Does a step: a poll gives the service's answer, a task its function's result, a report nothing."""

    def __call__(self) -> Awaitable[Any]:
        """Do it."""
        ...


class Middleware(Protocol):
    """An `async` function that awaits `call_next()` and returns what that returned, or something else.

    What it raises in place of that counts as what the step came to: a poll that failed, a task that failed, a
    report that could not be sent.
    """

    def __call__(self, step: Step, call_next: CallNext, /) -> Awaitable[Any]:
        """Do what is to be done before and after a step."""
        ...


async def around(middleware: Sequence[Middleware], step: Step, do: CallNext) -> Any:
    """Do a step with middleware around it, the first outermost.

    Raises:
        AsfiniError: around a poll or a report it raised what would end the worker's own task, such as a
            `CancelledError` of something else's.
    """
    for each in reversed(middleware):
        do = functools.partial(each, step, do)
    try:
        return await do()
    except (Exception, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if step.kind == "task" or meant_for_us():
            raise
        raise AsfiniError(f"middleware ended a {step.kind} with {type(error).__name__}") from error
