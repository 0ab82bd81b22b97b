"""Processes in which functions run that need a processor to themselves.

Each does one task at a time, and is kept for the next one. A crash, or having to be ended, concerns its own
task alone, which is why this is no pool of the standard library's: there one crash fails all that is in work.
"""

import asyncio
import atexit
import multiprocessing
import pickle
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio

from asfini import _json, _reports, clock
from asfini.activity import CallableActivity, CurrentTask, _current
from asfini.errors import AsfiniError, InvalidArgument, TaskFailed, TaskOutputInvalid

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

PROCESS_DIED = "ProcessDied"
"""The error of tasks whose process ended before its function did: a Retry can match it."""

PATIENCE = 5.0
"""Seconds that a process without work may take to end."""

Order = tuple[bytes, str, str, str, int]
"""The activity, pickled, and a task's input, its token, the worker's name and the most bytes of an output."""
Reply = tuple[_reports.Report, bool]
"""How a task ended, and whether its function has deferred it."""


class Processes:
    """The processes of a worker: as many as were ever needed at once.

    Args:
        max_payload: the most bytes of a task's output.
    """

    def __init__(self, max_payload: int) -> None:
        self._max_payload = max_payload
        self._idle: list[_Process] = []
        self._threads = anyio.CapacityLimiter(float("inf"))

    async def call(self, activity: CallableActivity[Any, Any], task: CurrentTask, text: str) -> Any:
        """Have a task's function called in a process, which is ended where that is cancelled.

        Returns:
            What the function returned, as JSON data.

        Raises:
            TaskFailed: the function failed, or the process died.
        """
        order = (pickle.dumps(activity), text, task.token, task.worker_name, self._max_payload)
        process = self._take()
        try:
            (operation, parameters), deferred = await clock.run_in_thread(process.do, self._threads, order)
        except BaseException:
            process.end()
            raise
        self._idle.append(process)
        task.deferred = deferred
        if operation == "send_task_failure":
            raise TaskFailed(parameters["error"], parameters["cause"])
        return _json.loads(parameters["output"], "the result")

    def _take(self) -> "_Process":
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            process.end()
        return _Process()

    async def aclose(self) -> None:
        """End those that have nothing to do; the others were ended with their tasks."""
        idle, self._idle = self._idle, []
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*[clock.run_in_thread(each.close, self._threads) for each in idle])


class _Process:
    """A process that does one task after the other. It is started when the first one comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = False
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it can do a task."""
        return self._process is not None and self._process.is_alive()

    def do(self, order: Order) -> Reply:
        """Have a task done; to be called in a thread, for it blocks.

        Raises:
            TaskFailed: the process died.
        """
        try:
            connection = self._open()
            connection.send(order)
            reply: Reply = connection.recv()
        except (EOFError, OSError):
            raise TaskFailed(PROCESS_DIED, self._epitaph()) from None
        return reply

    def _open(self) -> "Connection":
        """The connection to the process; it is started if it is not, unless it must not be any more."""
        with self._lock:
            if self._ended:
                raise EOFError
            if self._connection is None:
                context = multiprocessing.get_context("spawn")
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs,), name="asfini tasks")
                with _signals_held():
                    process.start()
                theirs.close()
                self._connection, self._process = ours, process
                _note(self)
            return self._connection

    def _epitaph(self) -> str:
        if self._process is None:
            return "the process was not started"
        if self._connection is not None:
            self._connection.close()
        self._process.join(PATIENCE)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"the process in which the function ran was ended by {signal.Signals(-code).name}"
        return f"the process in which the function ran ended with exit code {code}"

    def end(self) -> None:
        """Kill it. What blocks in `do` comes back."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
        _forget(self)

    def close(self) -> None:
        """Let it end by itself, or else kill it; to be called in a thread, for it blocks."""
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.join(PATIENCE)
        self.end()
        if self._process is not None:
            self._process.join()
            self._process.close()


_FOR_THE_WORKER = signal.SIGINT, signal.SIGTERM
"""Signals that the whole group of processes may get: the worker says when work is to end."""


@contextmanager
def _signals_held() -> Iterator[None]:
    """Have a process that is started meanwhile get no signals before it can ignore them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_WORKER)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore_signals() -> None:
    for number in _FOR_THE_WORKER:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FOR_THE_WORKER)


_living: set[_Process] = set()


def _note(process: _Process) -> None:
    """See to it that a process does not keep the program from ending."""
    if not _living:
        atexit.register(_end_all)  # this one comes before that of `multiprocessing`, which waits
    _living.add(process)


def _forget(process: _Process) -> None:
    _living.discard(process)
    if not _living:
        atexit.unregister(_end_all)


def _end_all() -> None:
    for process in [*_living]:
        process.end()


def _serve(connection: "Connection") -> None:
    """Do tasks until the worker hangs up: what the process runs."""
    _ignore_signals()
    while True:
        try:
            order = connection.recv()
        except EOFError:
            return
        connection.send(_do(*order))


def _do(pickled: bytes, text: str, token: str, worker_name: str, most: int) -> Reply:
    """Do a task; how it ended."""
    task: CurrentTask | None = None
    try:
        activity = pickle.loads(pickled)  # noqa: S301 - it comes from the process that started this one
        task = CurrentTask(activity, token, _json.loads(text, "the input"), worker_name, _no_heartbeat)
        _current.set(task)
        return _reported(activity.call_with(task.input), most), task.deferred
    except BaseException as error:  # noqa: BLE001 - whatever it is, the task failed with it
        return _reports.failure_of(error), False


def _reported(result: Any, most: int) -> _reports.Report:
    try:
        return _reports.success(result, "the result", most)
    except InvalidArgument as error:
        raise TaskOutputInvalid(str(error)) from error


async def _no_heartbeat() -> None:
    raise AsfiniError("a function in a process sends no heartbeats: its worker does")


def check(activities: Iterable[CallableActivity[Any, Any]]) -> None:
    """See whether the activities that run in processes can be handed to one.

    Raises:
        InvalidArgument: one cannot.
    """
    for activity in activities:
        if activity.runs_in == "process":
            try:
                pickle.dumps(activity)
            except Exception as error:
                raise InvalidArgument(
                    f"the activity {activity.name!r} runs in a process, "
                    f"so that its function must be found in a module by its name: {error}"
                ) from error
