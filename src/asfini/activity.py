"""Activities: work that is done outside of Step Functions, by a `Worker`.

An `Activity` is a name that Task states can refer to. A `CallableActivity` has the function that does the
work, and a `SmartCallableActivity` gives it the input's members as arguments by name. An
`ActivityRegistration` groups them.
"""

import contextvars
import functools
import inspect
import math
import operator
import sys
import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, ParamSpec, TypeVar

from asfini._arguments import Arguments
from asfini._arns import arn_of, check_name
from asfini.errors import AsfiniError, InvalidArgument

P = ParamSpec("P")
R = TypeVar("R")
RunsIn = Literal["loop", "thread", "process"]
"""Where an activity's function runs: in the event loop, a thread or a process."""
P2 = ParamSpec("P2")
R2 = TypeVar("R2")

DEFAULT_HEARTBEAT = 20
"""Seconds between two heartbeats of an activity that does not say otherwise."""
HEARTBEAT_MARGIN = 5
"""Seconds by which a heartbeat may be late."""


class Activity:
    """Work that is done outside of Step Functions, known by its name.

    Args:
        name: at most 80 characters, unique in its account and region.
        heartbeat: seconds between two heartbeats; `None` for an activity without them.

    Raises:
        InvalidArgument: the name is not one that AWS takes, or the heartbeat is not a positive number.
    """

    def __init__(self, name: str, *, heartbeat: float | None = None) -> None:
        self.name = check_name(name, "an activity")
        """The full name, with its group's prefix."""
        self.heartbeat = check_interval(heartbeat, f"the heartbeat of {name!r}")
        """Seconds between two heartbeats; `None` for none."""

    @property
    def arn(self) -> str:
        """The activity's ARN, in which pseudo parameters stand for the account."""
        return arn_of("states", f"activity:{self.name}")

    @property
    def heartbeat_seconds(self) -> int | None:
        """What Task states write as HeartbeatSeconds: the interval, and 5 seconds for being late."""
        return None if self.heartbeat is None else math.ceil(self.heartbeat) + HEARTBEAT_MARGIN

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class CallableActivity(Activity, Generic[P, R]):
    """An activity that a function does. Calling it calls the function.

    The function takes one argument, the task's input, which pydantic makes into what its annotation says; one
    without parameters is just called. It may be `async`, or a plain function; a method, a
    `functools.partial` or an object with `__call__` serves as well.

    Args:
        name: at most 80 characters, unique in its account and region.
        function: does the work.
        heartbeat: seconds between two heartbeats, which the worker sends by itself, 20 by default; `None` for
            none. Without heartbeats, work at a task that is closed meanwhile is not cancelled.
        runs_in: where a worker calls the function: in its event `"loop"`, as `async` ones always are; in a
            `"thread"`, as plain ones are by default; or in a `"process"` of its own, for what needs a
            processor for long. It must be found in a module by its name there.

    Raises:
        InvalidArgument: the name or the heartbeat cannot be, the function needs other arguments, or it cannot
            run there.
    """

    def __init__(
        self,
        name: str,
        function: Callable[P, R],
        *,
        heartbeat: float | None = DEFAULT_HEARTBEAT,
        runs_in: RunsIn | None = None,
    ) -> None:
        super().__init__(name, heartbeat=heartbeat)
        if not callable(function):
            raise InvalidArgument(f"the activity {name!r} needs a function, not {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidArgument(f"the activity {name!r} needs a function that returns, not one that yields")
        self.function = function
        """What does the work."""
        self._arguments = Arguments(function, f"activity {name!r}")
        self._check_parameters()
        self.runs_in: RunsIn = self._check_place(runs_in)
        """Where a worker calls the function."""
        functools.update_wrapper(self, function, updated=())

    def _check_place(self, runs_in: RunsIn | None) -> RunsIn:
        if runs_in not in ("loop", "thread", "process", None):
            raise InvalidArgument(f"runs_in is 'loop', 'thread' or 'process', not {runs_in!r}")
        if self.is_async and runs_in not in ("loop", None):
            raise InvalidArgument(f"the function of {self.name!r} is async, so it runs in the loop")
        return runs_in or ("loop" if self.is_async else "thread")

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Be pickled by name where a module has it, or else by its function."""
        name = getattr(self, "__qualname__", "")
        try:
            found = operator.attrgetter(name)(sys.modules[self.__module__]) if name else None
        except (AttributeError, KeyError):
            found = None
        if found is self:
            return str(name)
        return _remade, (type(self), self.name, self.function, self.heartbeat, self.runs_in)

    def _check_parameters(self) -> None:
        self._arguments.check_single()

    @classmethod
    def decorate(
        cls, name: str, *, heartbeat: float | None = DEFAULT_HEARTBEAT, runs_in: RunsIn | None = None
    ) -> Callable[[Callable[P2, R2]], "CallableActivity[P2, R2]"]:
        """Make an activity of the function below, outside of any group.

        Args:
            name: the activity's name, at most 80 characters.
            heartbeat: seconds between two heartbeats, 20 by default; `None` for none.
            runs_in: where calls run: `"loop"`, `"thread"` or `"process"`; by default coroutine functions in
                the loop and plain ones in a thread.
        """
        kind: Any = cls
        return lambda function: kind(name, function, heartbeat=heartbeat, runs_in=runs_in)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.function(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function gives something to await."""
        function: Any = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))

    def check(self) -> None:
        """See whether the function's annotations can be read; a worker does so before it begins.

        Raises:
            InvalidArgument: one names what is not there at run time, or is no type that pydantic can make.
        """
        self._arguments.check()

    def input_schema(self) -> Any:
        """What the function's annotations ask of a task's input, as pydantic's core schema, if anything."""
        return self._arguments.schema(by_name=False)

    def output_schema(self) -> Any:
        """What the function is annotated to return, as pydantic's core schema.

        `None` where that does not say what a task's output is: where nothing is annotated, where a decorator
        may return something else, and where the function leaves tasks to others.
        """
        return None if _may_give_else(self.function) else self._arguments.result_schema()

    def bind(self, task_input: Any) -> Callable[[], R]:
        """Make a task's input the function's arguments.

        Args:
            task_input: the input, as parsed JSON.

        Raises:
            TaskInputInvalid: it does not fit; the message says what and where.
        """
        bound = self._bound(task_input)
        return functools.partial(self.function, *bound.args, **bound.kwargs)

    def _bound(self, task_input: Any) -> inspect.BoundArguments:
        return self._arguments.single(task_input)

    def call_with(self, task_input: Any) -> R:
        """Call the function with a task's input, as a worker does.

        Args:
            task_input: the input, as parsed JSON.

        Raises:
            TaskInputInvalid: the input does not fit the function.
        """
        return self.bind(task_input)()


class SmartCallableActivity(CallableActivity[P, R]):
    """An activity whose function gets the members of the input, an object, as arguments by name.

    Members that no parameter is called are left out, unless the function has `**kwargs`; parameters with
    defaults may be missing in the input.
    """

    @property
    def sig(self) -> inspect.Signature:
        """The function's signature."""
        return self._arguments.signature

    def input_schema(self) -> Any:
        """What the function's annotations ask of a task's input, an object, as pydantic's core schema."""
        return self._arguments.schema(by_name=True)

    def _check_parameters(self) -> None:
        pass

    def _bound(self, task_input: Any) -> inspect.BoundArguments:
        return self._arguments.by_name(task_input)


def _remade(kind: Any, name: str, function: Any, heartbeat: float | None, runs_in: RunsIn) -> Any:
    """An activity that was pickled."""
    return kind(name, function, heartbeat=heartbeat, runs_in=runs_in)


def _may_give_else(function: Any) -> bool:
    """Whether a function's return annotation need not tell what becomes of its tasks."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isclass(function) or hasattr(function, "__wrapped__"):
        return True
    inner = function if inspect.isroutine(function) else type(function).__call__
    return any("defer" in name or name == "current_task" for name in _names_used(inner))


def _names_used(function: Any) -> set[str]:
    """The names that a function's code uses, and that of the functions which it finds by them."""
    names: set[str] = set()
    seen: set[types.CodeType] = set()
    waiting: list[tuple[Any, dict[str, Any]]] = [(inspect.unwrap(function), {})]
    while waiting:
        each, known = waiting.pop()
        code = getattr(each, "__code__", each)
        if not isinstance(code, types.CodeType) or code in seen:
            continue
        seen.add(code)
        known = getattr(each, "__globals__", known)
        names.update(code.co_names, code.co_freevars, (code.co_name,))
        waiting += [(inner, known) for inner in code.co_consts]
        waiting += [(known[name], {}) for name in code.co_names if inspect.isfunction(known.get(name))]
    return names


def check_interval(seconds: Any, what: str) -> float | None:
    """Give an interval back, if it is one.

    Raises:
        InvalidArgument: it is not a positive, finite number.
    """
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if seconds is None or (number and 0 < seconds < math.inf):
        found: float | None = seconds
        return found
    raise InvalidArgument(f"{what} is a positive number of seconds, not {seconds!r}")


class ActivityRegistration:
    """A group of activities whose names begin alike.

    Args:
        prefix: what each name begins with.

    Raises:
        InvalidArgument: the prefix is no text.

    Examples:
        >>> activities = ActivityRegistration(prefix="shop-")
        >>> @activities.activity()
        ... async def charge(pence: int) -> str:
        ...     return f"charged {pence}"
        >>> charge.name
        'shop-charge'
    """

    def __init__(self, prefix: str = "") -> None:
        if not isinstance(prefix, str):
            raise InvalidArgument(f"a prefix is text, not {prefix!r}")
        self.prefix = prefix
        """What each name begins with."""
        self.activities: dict[str, Activity] = {}
        """The group's activities by their full names."""

    def add_activity(self, activity: Activity) -> None:
        """Add an activity to the group; its name is taken as it is, without the prefix.

        Args:
            activity: one of any kind, made without the group.

        Raises:
            InvalidArgument: the group has another activity of that name.
        """
        if not isinstance(activity, Activity):
            raise InvalidArgument(f"an activity is needed, not {activity!r}")
        if self.activities.setdefault(activity.name, activity) is not activity:
            raise InvalidArgument(f"two activities are named {activity.name!r}")

    def activity(
        self,
        name: str | None = None,
        *,
        heartbeat: float | None = DEFAULT_HEARTBEAT,
        runs_in: RunsIn | None = None,
    ) -> Callable[[Callable[P, R]], CallableActivity[P, R]]:
        """Make an activity of the function below, which takes the task's input as its one argument.

        Args:
            name: what follows the prefix; the function's name by default.
            heartbeat: seconds between two heartbeats, 20 by default; `None` for none.
            runs_in: where a worker calls it: see `CallableActivity`.
        """
        return functools.partial(self._decorate, CallableActivity, _chosen(name), heartbeat, runs_in)

    def smart_activity(
        self,
        name: str | None = None,
        *,
        heartbeat: float | None = DEFAULT_HEARTBEAT,
        runs_in: RunsIn | None = None,
    ) -> Callable[[Callable[P, R]], SmartCallableActivity[P, R]]:
        """Make an activity of the function below, which takes members of the input as arguments by name.

        Args:
            name: what follows the prefix; the function's name by default.
            heartbeat: seconds between two heartbeats, 20 by default; `None` for none.
            runs_in: where a worker calls it: see `CallableActivity`.
        """
        return functools.partial(self._decorate, SmartCallableActivity, _chosen(name), heartbeat, runs_in)

    def _decorate(
        self,
        kind: Any,
        name: str | None,
        heartbeat: float | None,
        runs_in: RunsIn | None,
        function: Any,
    ) -> Any:
        name = name or getattr(function, "__name__", None)
        if name is None:
            raise InvalidArgument(f"say how the activity is named: {function!r} has no name of its own")
        activity = kind(self.prefix + name, function, heartbeat=heartbeat, runs_in=runs_in)
        self.add_activity(activity)
        return activity

    def __iter__(self) -> Iterator[Activity]:
        return iter(self.activities.values())

    def __len__(self) -> int:
        return len(self.activities)


def _chosen(name: Any) -> str | None:
    if name is None or isinstance(name, str):
        return name
    raise InvalidArgument(f"write @activities.activity(), with brackets: {name!r} is no name")


@dataclass(eq=False)
class CurrentTask:
    """The task that an activity's function works at: see `current_task`."""

    activity: Activity
    token: str = field(repr=False)
    """What identifies the task; whoever has it can complete the task. Keep it secret."""
    input: Any = field(repr=False)
    """The task's input, as JSON data."""
    worker_name: str
    _heartbeat: Callable[[], Awaitable[None]] = field(repr=False)
    resources: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the worker opened for all its tasks, by name."""
    progress: Any = field(default=None, init=False, repr=False)
    """What the function sets to say how far it is, such as `0.5` or `"page 3 of 7"`.

    It is told in the logs where the task is given up or closed: heartbeats carry nothing to the service.
    """
    deferred: bool = field(default=False, init=False)
    cancelled: bool = field(default=False, init=False)
    """Whether nobody waits for the work any more: the task is closed, or the worker stops.

    Coroutines are cancelled then; a plain function in a thread cannot be, and does well to look here.
    """

    def defer(self) -> str:
        """Leave the task to whoever has its token: the worker reports nothing when the function returns.

        An exception still fails the task. Heartbeats end with the function, so a task with a heartbeat wants
        somebody else to send them.

        Returns:
            The task's token, for `client.task(token)`.
        """
        self.deferred = True
        return self.token

    async def heartbeat(self) -> None:
        """Report now that the work goes on; the worker does so by itself at every interval."""
        await self._heartbeat()


_current: contextvars.ContextVar[CurrentTask] = contextvars.ContextVar("asfini_current_task")


def current_task() -> CurrentTask:
    """The task that the calling activity works at; plain functions in threads may ask, too.

    Raises:
        AsfiniError: no activity calls.
    """
    try:
        return _current.get()
    except LookupError:
        raise AsfiniError("current_task() is for functions that a worker runs") from None


__all__ = [
    "Activity",
    "ActivityRegistration",
    "CallableActivity",
    "CurrentTask",
    "SmartCallableActivity",
    "current_task",
]
