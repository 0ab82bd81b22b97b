"""Tasks that somebody else does: the activities' queues, open polls, tokens, time-outs and heartbeats."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from asfini import errors
from asfini.clock import change_stands, change_waits
from asfini.local.failures import Failure
from asfini.local.journal import HistoryClosed


class OpenTask:
    """A task between being scheduled and its end.

    Args:
        token: what its worker reports with.
        text: its input as JSON text.
        timeout: seconds from its start to its end at the most.
        heartbeat: seconds between two signs of life at the most.
    """

    __slots__ = (
        "_beating",
        "_outside",
        "_timing",
        "heartbeat",
        "on_start",
        "result",
        "text",
        "timeout",
        "token",
    )

    def __init__(
        self, token: str, text: str, timeout: float | None = None, heartbeat: float | None = None
    ) -> None:
        self.token = token
        self.text = text
        self.timeout = timeout
        self.heartbeat = heartbeat
        self.on_start: Callable[[str | None], None] = lambda _worker: None
        """What to call with the worker's name when the task is handed out."""
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._timing: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._outside = False

    @property
    def open(self) -> bool:
        """Whether its end is still to come."""
        return not self.result.done()

    def hand_out(self, worker: str | None) -> bool:
        """Let a worker do it; false if it can no more be done."""
        if not self.open:
            return False
        try:
            self.on_start(worker)
        except HistoryClosed as error:
            self.fail(error)
            return False
        self.start()
        self.beat()
        return True

    def start(self) -> None:
        """Let its time count."""
        if self.timeout is not None:
            self._timing = self.result.get_loop().call_later(
                self.timeout, self.fail, Failure("States.Timeout")
            )

    def beat(self) -> None:
        """Note a sign of life: from here the time until the next one counts."""
        if self.heartbeat is not None:
            if self._beating is not None:
                self._beating.cancel()
            failure = Failure("States.HeartbeatTimeout")
            self._beating = self.result.get_loop().call_later(self.heartbeat, self.fail, failure)

    def go_out(self) -> None:
        """Be in the hands of somebody outside of the loop: virtual time stands until its end."""
        if self.open and not self._outside:
            self._outside = True
            change_stands(self.result.get_loop(), 1)
            self.result.add_done_callback(self._came_back)

    def come_back(self) -> None:
        """Be in nobody's hands outside any more."""
        if self._outside:
            self.result.remove_done_callback(self._came_back)
            self._came_back()

    def _came_back(self, _: object = None) -> None:
        self._outside = False
        change_stands(self.result.get_loop(), -1)

    def succeed(self, text: str) -> None:
        """End it with its output as JSON text."""
        if self.open:
            self.result.set_result(text)

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        if self.open:
            self.result.set_exception(error)

    def close(self) -> None:
        """Forget it: nobody waits for its end any more."""
        for timer in (self._timing, self._beating):
            if timer is not None:
                timer.cancel()
        if not self.result.cancel():
            self.result.exception()


@dataclass
class Delivery:
    """A task on its way to a poller that may be gone: it is handed out when it arrives, or goes back."""

    task: OpenTask | None = None
    activity: "ActivityRecord | None" = None
    worker: str | None = None
    given_up: bool = False
    """Whether its poller is gone, which may be before its poll has begun in the service's thread."""

    def take(self, activity: "ActivityRecord", task: OpenTask, worker: str | None) -> None:
        """Note the task."""
        self.activity, self.task, self.worker = activity, task, worker
        task.go_out()

    def arrived(self) -> None:
        """Hand the task out: its poller has it."""
        task, self.task = self.task, None
        if task is not None:
            task.hand_out(self.worker)

    def lost(self) -> None:
        """Let the next poller have the task, before all others."""
        task, self.task = self.task, None
        self.given_up = True
        if task is not None and self.activity is not None:
            task.come_back()
            if task.open:
                self.activity.give_back(task)


delivery: ContextVar[Delivery | None] = ContextVar("delivery", default=None)
"""How the poll that is being answered hands its task out; without one, at once."""


class Tokens:
    """The tokens of open tasks. A token that was given out tells itself from one that never was.

    Args:
        random: what they are drawn from.
    """

    def __init__(self, random: Random) -> None:
        self._secret = f"{random.getrandbits(256):064x}"
        self._count = 0
        self._tasks: dict[str, OpenTask] = {}

    @property
    def open(self) -> list[str]:
        """The tokens of all tasks that are open, the oldest first."""
        return list(self._tasks)

    def go_out(self, text: str) -> None:
        """Note that whoever reads a text outside has the open tasks whose tokens are in it."""
        for token in re.findall(rf"{self._secret}\.\d+", text):
            if (task := self._tasks.get(token)) is not None:
                task.go_out()

    def add(self, text: str, timeout: float | None, heartbeat: float | None) -> OpenTask:
        """Open a task."""
        self._count += 1
        task = OpenTask(f"{self._secret}.{self._count}", text, timeout, heartbeat)
        self._tasks[task.token] = task
        return task

    def remove(self, task: OpenTask) -> None:
        """Close a task: its token is good for nothing from now on."""
        self._tasks.pop(task.token, None)
        task.close()

    def find(self, token: str) -> OpenTask:
        """The open task of a token.

        Raises:
            TaskTimedOut: it is closed.
            InvalidToken: there was never such a token.
        """
        task = self._tasks.get(token)
        if task is not None and task.open:
            return task
        secret, _, count = token.partition(".")
        if secret == self._secret and count.isdecimal() and int(count) <= self._count:
            raise errors.TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
        raise errors.InvalidToken("Invalid Token: 'Invalid token'")


@dataclass
class ActivityRecord:
    """A registered activity: the tasks that wait for a worker, and the polls that wait for a task."""

    arn: str
    name: str
    created: datetime
    encryption: dict[str, Any] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    waiting: OrderedDict[OpenTask, None] = field(default_factory=OrderedDict)
    polls: OrderedDict[asyncio.Future[bool], None] = field(default_factory=OrderedDict)
    """The polls that wait, the oldest first; each learns whether there is a task."""
    deleted: bool = False
    promised: int = 0
    """How many tasks belong to polls that were woken and have not taken theirs yet."""
    at_home: bool = False
    """Whether somebody on the service's own loop has polled for its tasks."""

    def offer(self, task: OpenTask) -> None:
        """Put a task at the end of the queue, and wake the poll that has waited longest."""
        self.waiting[task] = None
        self._await_workers(1)
        self._wake()

    def withdraw(self, task: OpenTask) -> None:
        """Take a task out of the queue, if it is still there."""
        if task in self.waiting:
            del self.waiting[task]
            self._await_workers(-1)

    def give_back(self, task: OpenTask) -> None:
        """Put a task that did not reach its worker at the head of the queue."""
        self.offer(task)
        self.waiting.move_to_end(task, last=False)

    def _await_workers(self, change: int) -> None:
        """Count tasks that wait for workers outside: virtual time gives these some real time to come."""
        if not self.at_home:
            change_waits(asyncio.get_running_loop(), change)

    def _wake(self) -> None:
        while self.polls:
            poll, _ = self.polls.popitem(last=False)
            if not poll.done():
                self.promised += 1
                poll.set_result(True)
                return

    def _take(self, worker: str | None) -> OpenTask | None:
        while self.waiting:
            task, _ = self.waiting.popitem(last=False)
            self._await_workers(-1)
            if (later := delivery.get()) is not None and task.open:
                later.take(self, task, worker)
                return task
            if task.hand_out(worker):
                return task
        return None

    async def poll(self, worker: str | None, seconds: float | None) -> OpenTask | None:
        """Wait for a task, and hand it out.

        Args:
            worker: the name of the worker that polls.
            seconds: how long at the most; `None` waits on.
        """
        loop, later = asyncio.get_running_loop(), delivery.get()
        if later is not None and later.given_up:
            return None  # nobody would give back what it took now
        if later is None and not self.at_home:
            self._await_workers(-len(self.waiting))
            self.at_home = True
        deadline = None if seconds is None else loop.time() + seconds
        woken = False
        while not self.deleted:
            if (woken or len(self.waiting) > self.promised) and (task := self._take(worker)):
                return task
            if deadline is not None and loop.time() >= deadline:
                return None
            woken = await self._sleep(loop, deadline, first=woken)
        raise errors.ActivityDoesNotExist(f"Activity Does Not Exist: '{self.arn}'")

    async def _sleep(self, loop: asyncio.AbstractEventLoop, deadline: float | None, first: bool) -> bool:
        """Wait for a task or the end. A poll that is cancelled after it was woken wakes the next one instead.

        Args:
            loop: the running loop.
            deadline: when to give up.
            first: whether the poll was woken before, and keeps its place.
        """
        poll: asyncio.Future[bool] = loop.create_future()
        self.polls[poll] = None
        if first:
            self.polls.move_to_end(poll, last=False)
        timer = None if deadline is None else loop.call_at(deadline, _let_go, poll)
        try:
            return await poll
        except asyncio.CancelledError:
            if _was_woken(poll) and self.waiting:
                self._wake()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self.promised -= _was_woken(poll)
            self.polls.pop(poll, None)

    def delete(self) -> None:
        """End all polls; tasks that wait will time out, if they can."""
        self.deleted = True
        for poll in self.polls:
            _let_go(poll)


def _was_woken(poll: asyncio.Future[bool]) -> bool:
    return poll.done() and not poll.cancelled() and poll.exception() is None and poll.result()


def _let_go(poll: asyncio.Future[bool]) -> None:
    if not poll.done():
        poll.set_result(False)
