"""Activities: work that is done outside of Step Functions, by a `Worker`.

An `Activity` is a name that Task states can refer to. A `CallableActivity` has the function that does the work, and
a `SmartCallableActivity` gives it the input's members as arguments by name. An `ActivityRegistration` groups them.
"""

import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar

from asfini._arns import arn_of, check_name
from asfini.errors import AsfiniError, InvalidArgument, TaskInputInvalid

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_HEARTBEAT = 20
"""Seconds between two heartbeats of an activity that does not say otherwise."""
HEARTBEAT_MARGIN = 5
"""Seconds by which a heartbeat may be late."""


class Activity:
    """Work that is done outside of Step Functions, known by its name.

    Args:
        name: at most 80 characters, unique in its account and region.
        heartbeat: seconds between two heartbeats, at least 1; `None` for an activity without them.

    Raises:
        InvalidArgument: the name is not one that AWS takes, or the heartbeat is not a positive number.
    """

    def __init__(self, name: str, *, heartbeat: float | None = None) -> None:
        self.name = check_name(name, "an activity")
        if heartbeat is not None and not (isinstance(heartbeat, (int, float)) and heartbeat > 0):
            raise InvalidArgument(f"the heartbeat of {name!r} is a positive number of seconds, not {heartbeat!r}")
        self.heartbeat = heartbeat

    @property
    def arn(self) -> str:
        """The activity's ARN, in which pseudo parameters stand for the account."""
        return arn_of("states", f"activity:{self.name}")

    @property
    def heartbeat_seconds(self) -> int | None:
        """What Task states write as HeartbeatSeconds: the interval, and 5 seconds for a heartbeat to be late."""
        return None if self.heartbeat is None else int(-(-self.heartbeat // 1)) + HEARTBEAT_MARGIN

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class CallableActivity(Activity, Generic[P, R]):
    """An activity that a function does. Calling it calls the function.

    The function takes one argument, the task's input, which pydantic makes into what its annotation says. It may
    be `async`, or a plain function, which runs in a thread.

    Args:
        name: at most 80 characters, unique in its account and region.
        function: does the work.
        heartbeat: seconds between two heartbeats, which the worker sends by itself; `None` for none.
    """

    def __init__(
        self, name: str, function: Callable[P, R], *, heartbeat: float | None = DEFAULT_HEARTBEAT
    ) -> None:
        super().__init__(name, heartbeat=heartbeat)
        if not callable(function):
            raise InvalidArgument(f"the activity {name!r} needs a function, not {function!r}")
        self.function = function
        functools.update_wrapper(self, function, updated=())

    @classmethod
    def decorate(
        cls, name: str, *, heartbeat: float | None = DEFAULT_HEARTBEAT
    ) -> Callable[[Callable[P, R]], "CallableActivity[P, R]"]:
        """Make an activity of the function below, outside of any group."""
        return lambda function: cls(name, function, heartbeat=heartbeat)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function is awaited, rather than run in a thread."""
        return inspect.iscoroutinefunction(self.function)

    def bind(self, task_input: Any) -> Callable[[], R]:
        """Make a task's input the function's arguments.

        Raises:
            TaskInputInvalid: it does not fit; the message says what and where.
        """
        parameter = self._parameter
        if parameter is None:
            return self.function  # type: ignore[return-value]
        value = parameter.read(task_input, f"the input of activity {self.name!r}")
        return functools.partial(self.function, value)  # type: ignore[call-arg]

    def call_with(self, task_input: Any) -> R:
        """Call the function with a task's input, as a worker does.

        Raises:
            TaskInputInvalid: the input does not fit the function.
        """
        return self.bind(task_input)()

    @functools.cached_property
    def _parameter(self) -> "_Parameter | None":
        return next(iter(_parameters(self.function)), None)


class SmartCallableActivity(CallableActivity[P, R]):
    """An activity whose function gets the members of the input, an object, as arguments by name.

    Members that no parameter is called are left out, unless the function has `**kwargs`; parameters with defaults
    may be missing in the input.
    """

    @property
    def sig(self) -> inspect.Signature:
        """The function's signature."""
        return inspect.signature(self.function)

    def bind(self, task_input: Any) -> Callable[[], R]:
        """Make the members of a task's input the function's arguments.

        Raises:
            TaskInputInvalid: the input is no object, a parameter without default is missing in it, or a value
                does not fit.
        """
        what = f"the input of activity {self.name!r}"
        if not isinstance(task_input, Mapping):
            kind = type(task_input).__name__
            raise TaskInputInvalid(f"{what} must be an object, to give arguments by name, not a {kind}")
        parameters = _parameters(self.function)
        positional, named, missing = [], {}, []
        for parameter in parameters:
            if parameter.name not in task_input:
                missing += [parameter.name] if parameter.required else []
            elif parameter.positional_only:
                positional.append(parameter.read(task_input[parameter.name], f"{what}, {parameter.name!r}"))
            else:
                named[parameter.name] = parameter.read(task_input[parameter.name], f"{what}, {parameter.name!r}")
        if missing:
            raise TaskInputInvalid(f"{what} lacks {', '.join(map(repr, missing))}")
        if any(kind.kind is inspect.Parameter.VAR_KEYWORD for kind in self.sig.parameters.values()):
            known = {parameter.name for parameter in parameters}
            named |= {name: value for name, value in task_input.items() if name not in known}
        return functools.partial(self.function, *positional, **named)


@dataclass(frozen=True)
class _Parameter:
    """A parameter of an activity's function, and how a value is made to fit it."""

    name: str
    annotation: Any
    required: bool
    positional_only: bool

    @functools.cached_property
    def _adapter(self) -> Any:
        from pydantic import TypeAdapter  # noqa: PLC0415 - only workers need it

        return TypeAdapter(self.annotation)

    def read(self, value: Any, what: str) -> Any:
        """Make JSON data what the annotation says."""
        if self.annotation in (inspect.Parameter.empty, Any):
            return value
        from pydantic import ValidationError  # noqa: PLC0415 - only workers need it

        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            raise TaskInputInvalid(f"{what} does not fit: {_reasons(error)}") from error


def _reasons(error: Any) -> str:
    """Say what does not fit, without the values, which may be secret."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}".removeprefix(": ") for detail in found
    )


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[_Parameter, ...]:
    """The parameters of a function that can be given one by one."""
    signature = inspect.signature(function, eval_str=True)
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(
        _Parameter(
            name,
            parameter.annotation,
            parameter.default is inspect.Parameter.empty,
            parameter.kind is inspect.Parameter.POSITIONAL_ONLY,
        )
        for name, parameter in signature.parameters.items()
        if parameter.kind not in several
    )


class ActivityRegistration:
    """A group of activities whose names begin alike.

    Args:
        prefix: what each name begins with.

    Example:
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
        self.activities: dict[str, Activity] = {}
        """The group's activities by their full names."""

    def add_activity(self, activity: Activity) -> None:
        """Add an activity to the group; its name is taken as it is, without the prefix.

        Raises:
            InvalidArgument: the group has another activity of that name.
        """
        if not isinstance(activity, Activity):
            raise InvalidArgument(f"an activity is needed, not {activity!r}")
        if self.activities.setdefault(activity.name, activity) is not activity:
            raise InvalidArgument(f"two activities are named {activity.name!r}")

    def activity(
        self, name: str | None = None, *, heartbeat: float | None = DEFAULT_HEARTBEAT
    ) -> Callable[[Callable[P, R]], CallableActivity[P, R]]:
        """Make an activity of the function below, which takes the task's input as its one argument.

        Args:
            name: what follows the prefix; the function's name by default.
            heartbeat: seconds between two heartbeats; `None` for none.
        """
        return functools.partial(self._decorate, CallableActivity, name, heartbeat)

    def smart_activity(
        self, name: str | None = None, *, heartbeat: float | None = DEFAULT_HEARTBEAT
    ) -> Callable[[Callable[P, R]], SmartCallableActivity[P, R]]:
        """Make an activity of the function below, which takes members of the input as arguments by name.

        Args:
            name: what follows the prefix; the function's name by default.
            heartbeat: seconds between two heartbeats; `None` for none.
        """
        return functools.partial(self._decorate, SmartCallableActivity, name, heartbeat)

    def _decorate(self, kind: Any, name: str | None, heartbeat: float | None, function: Any) -> Any:
        if name is not None and not isinstance(name, str):
            raise InvalidArgument(f"write @activities.activity(), with brackets: {name!r} is no name")
        activity = kind(self.prefix + (name or function.__name__), function, heartbeat=heartbeat)
        self.add_activity(activity)
        return activity

    def __iter__(self) -> Iterator[Activity]:
        return iter(self.activities.values())

    def __len__(self) -> int:
        return len(self.activities)


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
    deferred: bool = field(default=False, init=False)
    cancelled: bool = field(default=False, init=False)
    """Whether the task has been closed meanwhile: it timed out, or its execution was stopped."""

    def defer(self) -> str:
        """Leave the task to whoever has its token: the worker reports nothing when the function returns.

        Heartbeats end with the function, so a task with a heartbeat wants somebody else to send them.

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
