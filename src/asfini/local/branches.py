"""Lines of states side by side: a Parallel's branches, a Map's iterations."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from asfini.asl.states import Task
from asfini.local.failures import Failure, RuntimeFailure
from asfini.local.run import Frame, kind

_ABORTED = frozenset({"Map", "Parallel", "Task", "Wait"})
"""The types of states that write an event when they are cut off."""

Job = Callable[[Frame, int], Awaitable[Any]]
"""What runs one branch or iteration: it gets a frame of its own and its number."""


async def together(frame: Frame, job: Job, count: int, most: int) -> list[Any]:
    """Run jobs, some at a time; when one fails, the others are cut off.

    Args:
        frame: where the state stands that has the jobs.
        job: runs one of them.
        count: how many jobs there are.
        most: how many of them run at once.

    Returns:
        Their results, in order.

    Raises:
        Failure: the first of theirs.
    """
    results: list[Any] = [None] * count
    numbers = iter(range(count))
    lines = [frame.inner() for _ in range(min(count, most))]
    broken: list[tuple[Frame, Exception]] = []

    async def work(inner: Frame) -> None:
        for number in numbers:
            inner.variables = frame.variables
            try:
                results[number] = await job(inner, number)
            except Exception as error:
                broken.append((inner, error))
                raise

    frame.lines = lines
    try:
        async with anyio.create_task_group() as tasks:
            for inner in lines:
                tasks.start_soon(work, inner)
    except BaseExceptionGroup:
        if not broken:
            raise
        inner, error = broken[0]
        if isinstance(error, Failure):
            _cut_off(frame, inner, error)
        frame.lines = None
        raise error from None
    frame.lines = None
    frame.thread.join(inner.thread for inner in lines)
    return results


def _cut_off(frame: Frame, inner: Frame, failure: Failure) -> None:
    """Write what a failure cut off, and go on from where it happened."""
    if not isinstance(failure, RuntimeFailure):
        if isinstance(inner.state, Task):
            inner.thread.add("TaskStateAborted")
        for other in frame.lines or []:
            if other is not inner:
                _abort(inner, other)
        if inner.iteration is not None:
            inner.thread.add("MapIterationFailed", inner.iteration)
    frame.thread.follow(inner.thread)


def _abort(broken: Frame, line: Frame) -> None:
    """Write that a branch or an iteration was cut off, and in which state."""
    if line.iteration is not None:
        broken.thread.add("MapIterationAborted", line.iteration)
    for inner in line.lines or []:
        _abort(broken, inner)
    if line.state is not None and kind(line.state) in _ABORTED:
        broken.thread.add(f"{kind(line.state)}StateAborted")
