"""Lines of states side by side: a Parallel's branches, a Map's iterations."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from asfini._host import only_error
from asfini.local.failures import Failure
from asfini.local.run import Frame, kind

_ABORTED = frozenset({"Map", "Parallel", "Task", "Wait"})
"""The types of states that write an event when they are cut off."""


async def together(
    frame: Frame, job: Callable[[Frame, int], Awaitable[Any]], count: int, most: int
) -> list[Any]:
    """Run jobs, some at a time; when one fails, the others are cut off.

    Args:
        frame: where the state stands that has the jobs.
        job: gets a frame of its own and the job's number.
        count: how many jobs there are.
        most: how many of them run at once.

    Returns:
        Their results, in order.

    Raises:
        Failure: the first of theirs.
    """
    results: list[Any] = [None] * count
    numbers = iter(range(count))
    frames: list[Frame] = []
    failed: list[tuple[Frame, Failure]] = []

    async def work() -> None:
        inner = frame.inner()
        frames.append(inner)
        for number in numbers:
            inner.variables = frame.variables
            try:
                results[number] = await job(inner, number)
            except Failure as failure:
                failed.append((inner, failure))
                raise
        finished.append(inner)

    finished: list[Frame] = []
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(min(count, most)):
                tasks.start_soon(work)
    except BaseExceptionGroup as group:
        if not failed:
            raise only_error(group) from None
    if failed:
        raise _cut_off(frame, frames, *failed[0])
    if finished:
        frame.thread.previous = finished[-1].thread.previous
    return results


def _cut_off(frame: Frame, frames: list[Frame], broken: Frame, failure: Failure) -> Failure:
    """Write what a failure cut off, and that the whole state failed."""
    for inner in frames:
        if inner.state is not None and kind(inner.state) in _ABORTED:
            inner.thread.add(f"{kind(inner.state)}StateAborted")
    frame.thread.previous = broken.thread.previous
    return failure
