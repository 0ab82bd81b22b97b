"""Lines of states side by side: a Parallel's branches, a Map's iterations."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import anyio

from asfini.asl.states import Task
from asfini.local.failures import Failure, RuntimeFailure
from asfini.local.redrive import Place
from asfini.local.run import Frame, kind

_ABORTED = frozenset({"Map", "Parallel", "Task", "Wait"})
"""The types of states that write an event when they are cut off."""

Job = Callable[[Frame, int], Awaitable[Any]]
"""What runs one branch or iteration: it gets a frame of its own and its number."""


@dataclass(slots=True)
class Lines:
    """The branches or iterations of a state, each run by one of some lines."""

    frames: list[Frame] = field(default_factory=list)
    """Where the lines stand."""
    numbers: dict[Frame, int] = field(default_factory=dict)
    """The number of the branch or iteration that each line has come to."""
    results: dict[int, Any] = field(default_factory=dict)
    """What came of those that have ended, by their numbers."""
    places: dict[int, Place] = field(default_factory=dict)
    """Where those stood, before a redrive, that no line has come to yet."""
    broken: tuple[Frame, Exception] | None = None
    """The line that broke first, and why."""

    async def work(self, frame: Frame, inner: Frame, numbers: Iterator[int], job: Job) -> None:
        """Run the jobs of one line, one after the other."""
        for number in numbers:
            self.numbers[inner] = number
            inner.variables, inner.resumed = frame.variables, self.places.pop(number, None)
            try:
                self.results[number] = await job(inner, number)
            except Exception as error:
                if self.broken is None:
                    self.broken = inner, error
                    self._cut(inner)
                raise

    def _cut(self, broken: Frame) -> None:
        """Let all lines but one write no more: in which order they are stopped must not show."""
        for inner in self.frames:
            if inner is not broken:
                inner.cut()


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
    lines = frame.lines = _lines(frame)
    left = [number for number in range(count) if number not in lines.results]
    lines.frames = [frame.inner() for _ in range(min(len(left), most))]
    numbers = iter(left)
    try:
        async with anyio.create_task_group() as tasks:
            for inner in lines.frames:
                tasks.start_soon(lines.work, frame, inner, numbers, job)
    except BaseExceptionGroup:
        if lines.broken is None:
            raise
    frame.check_open()  # a group in which a task failed forgets that it was cancelled, too
    if lines.broken is not None:
        inner, error = lines.broken
        if isinstance(error, Failure):
            _cut_off(frame, inner, error)
        raise error from None
    frame.lines = None
    frame.thread.join(inner.thread for inner in lines.frames)
    return [lines.results[number] for number in range(count)]


def _lines(frame: Frame) -> Lines:
    """The lines of a state, with all that a redrive keeps of those that there were."""
    resumed, frame.resumed = frame.resumed, None
    return Lines() if resumed is None else Lines(results=dict(resumed.results), places=dict(resumed.places))


def _cut_off(frame: Frame, inner: Frame, failure: Failure) -> None:
    """Write what a failure cut off, and go on from where it happened."""
    if not isinstance(failure, RuntimeFailure):
        if isinstance(inner.state, Task):
            inner.thread.add("TaskStateAborted")
        for other in frame.inner_lines:
            if other is not inner:
                _abort(inner, other)
        if inner.iteration is not None:
            inner.thread.add("MapIterationFailed", inner.iteration)
    frame.thread.follow(inner.thread)


def _abort(broken: Frame, line: Frame) -> None:
    """Write that a branch or an iteration was cut off, and in which state."""
    if line.iteration is not None:
        broken.thread.add("MapIterationAborted", line.iteration)
    for inner in line.inner_lines:
        _abort(broken, inner)
    if line.state is not None and kind(line.state) in _ABORTED:
        broken.thread.add(f"{kind(line.state)}StateAborted")
