"""The states of the Amazon States Language, with their Retry and Catch.

Every state has a name, which is its key in the definition, and the fields of its type in snake case. States
are linked with `goes_to` or `>>`, with `catch` and with `Choice.add`; what they are linked with is written as
a name and remembered as an object, so that a definition can be made of the first of them.
"""

import copy
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    Protocol,
    Self,
    TypeVar,
    runtime_checkable,
)

from pydantic import BeforeValidator, Field, PrivateAttr

from asfini.asl._model import Json, Model, Time, is_state
from asfini.asl.choice import AnyRule, Condition, Rule, read_rule
from asfini.errors import InvalidArgument

StateT = TypeVar("StateT", bound="State")
JsonataOrJson = Json
"""JSON in which texts of the form `{% … %}` are JSONata expressions."""


@runtime_checkable
class Resource(Protocol):
    """What a Task can have done: an activity, a Lambda function."""

    @property
    def arn(self) -> str:
        """Its name, in which CloudFormation's pseudo parameters stand for the account."""
        ...

    @property
    def heartbeat_seconds(self) -> int | None:
        """The seconds between two signs of life after which the task counts as dead, if any."""
        ...


def _whole_seconds(value: Any) -> Any:
    if not isinstance(value, timedelta):
        return value
    seconds = value.total_seconds()
    if seconds != int(seconds):
        raise ValueError(f"a duration is a whole number of seconds, not {value}")
    return int(seconds)


Seconds = Annotated[int | str, BeforeValidator(_whole_seconds)]
"""Whole seconds, a `timedelta` of such, or a JSONata expression."""


class Retrier(Model):
    """Try again after some errors."""

    positional: ClassVar[tuple[str, ...]] = ("error_equals",)

    error_equals: list[str] = Field(kw_only=False)
    """The names of the errors; `States.ALL` stands for nearly all."""
    comment: str | None = None
    """For people."""
    interval_seconds: Seconds | None = None
    """Seconds before the first retry; AWS's default is 1."""
    max_attempts: int | str | None = None
    """How many retries there are; AWS's default is 3, and 0 means none."""
    backoff_rate: int | float | str | None = None
    """What each interval is multiplied by to give the next; AWS's default is 2.0."""
    max_delay_seconds: Seconds | None = None
    """The longest that an interval may become."""
    jitter_strategy: str | None = None
    """`"FULL"` waits for a random part of each interval, `"NONE"` (AWS's default) for all of it."""


class Catcher(Model):
    """Go on to another state after some errors."""

    positional: ClassVar[tuple[str, ...]] = ("error_equals", "next")
    required: ClassVar[tuple[str, ...]] = ("next",)

    error_equals: list[str] = Field(kw_only=False)
    """The names of the errors; `States.ALL` stands for nearly all."""
    next: str | None = Field(default=None, kw_only=False)
    """The name of the state to go to. A state itself may be given."""
    comment: str | None = None
    """For people."""
    result_path: str | None = None
    """Where the error's object goes in the state's input (JSONPath); AWS's default is to replace it."""
    output: JsonataOrJson = None
    """What the next state gets (JSONata)."""
    assign: dict[str, Json] | None = None
    """Variables to set."""

    if TYPE_CHECKING:

        def __init__(
            self,
            error_equals: Sequence[str],
            next: "State | str",
            *,
            comment: str | None = None,
            result_path: str | None = None,
            output: JsonataOrJson = None,
            assign: dict[str, Any] | None = None,
        ) -> None: ...


class State(Model):
    """A step of a machine."""

    positional: ClassVar[tuple[str, ...]] = ("name",)
    required: ClassVar[tuple[str, ...]] = ("name",)

    if TYPE_CHECKING:
        name: str = Field(kw_only=False)
        """The state's key in its definition, at most 80 characters. A state read without one has none."""
    else:
        name: str = Field(default="", exclude=True, frozen=True)

    comment: str | None = None
    """For people."""
    query_language: Literal["JSONPath", "JSONata"] | None = None
    """The language of the state's expressions; by default its definition's."""
    input_path: str | None = None
    """What part of the input the state sees (JSONPath); `None` stands for `{}`."""
    output_path: str | None = None
    """What part of the result the state passes on (JSONPath); `None` stands for `{}`."""
    output: JsonataOrJson = None
    """What the state passes on (JSONata)."""

    @property
    def ends(self) -> bool:
        """Whether no state can follow this one."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """Write the state as plain JSON data, its type first."""
        kind = self.held("type")
        return ({} if kind is None else {"Type": kind}) | super().to_dict()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self.name == other.name and super().__eq__(other)

    __hash__ = None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy the state with all that it leads to, which may be a long way, and back to itself."""
        memo = {} if memo is None else memo
        states = [state for state in reachable([self]) if id(state) not in memo]
        for state in states:
            memo[id(state)] = type(state).__new__(type(state))
        for state in states:
            for part in _PARTS:
                own = copy.deepcopy(getattr(state, part), memo)
                object.__setattr__(memo[id(state)], part, own)
        copied: Self = memo[id(self)]
        return copied


_PARTS = ("__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")
"""What pydantic keeps in a model."""


def reachable(states: Sequence[State]) -> list[State]:
    """All states that some lead to through the objects they are linked with, themselves included."""
    found: dict[int, State] = {}
    waiting = [*reversed(states)]
    while waiting:
        state = waiting.pop()
        if id(state) not in found:
            found[id(state)] = state
            waiting.extend(reversed([*state.linked()]))
    return [*found.values()]


class HasNext(State):
    """A state that another one can follow."""

    next: str | None = None
    """The name of the state that follows. A state itself may be given."""
    end: bool | None = None
    """True where no state follows: so it is until one is linked."""
    assign: dict[str, Json] | None = None
    """Variables to set."""

    if not TYPE_CHECKING:

        def __init__(self, *args: Any, **fields: Any) -> None:
            if "next" not in fields and "end" not in fields:
                fields["end"] = True
            super().__init__(*args, **fields)

        __init__.__pydantic_base_init__ = True

    def goes_to(self, state: StateT) -> StateT:
        """Let a state follow this one, in place of any other.

        Returns:
            The state that follows, so that calls can be chained.
        """
        if not is_state(state):
            raise InvalidArgument(f"{self.name!r} can go to a state only, not to {state!r}")
        self._link("next", state)
        return state

    def __rshift__(self, state: StateT) -> StateT:
        """`a >> b >> c` is `a.goes_to(b).goes_to(c)`."""
        return self.goes_to(state)

    def remove_next(self) -> None:
        """Let no state follow this one: the machine ends here."""
        self.end = True

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name in _INSTEAD and value:
                self.unset(_INSTEAD[name])

    @property
    def ends(self) -> bool:
        """Whether no state follows this one."""
        return self.next is None


_INSTEAD = {"next": "end", "end": "next"}
"""Fields of which one takes the other's place."""


class HasResult(State):
    """A state with a result of its own."""

    result_path: str | None = None
    """Where the result goes in the input (JSONPath); `None` drops it, unset replaces the input by it."""
    parameters: Json = None
    """What the work gets (JSONPath): JSON in which keys that end in `.$` hold paths."""


class CanFail(HasNext):
    """A state that can fail, and whose errors can be retried and caught."""

    result_selector: Json = None
    """What becomes of the raw result before `result_path` (JSONPath)."""
    arguments: JsonataOrJson = None
    """What the work gets (JSONata)."""
    retriers: list[Retrier] | None = Field(default=None, serialization_alias="Retry")
    """What is tried again, `Retry` in JSON: the first retrier that names the error counts."""
    catchers: list[Catcher] | None = Field(default=None, serialization_alias="Catch")
    """What happens to errors that are not, or no longer, retried: `Catch` in JSON."""

    def retry_for(
        self,
        errors: Sequence[str],
        *,
        interval_seconds: int | timedelta | None = None,
        max_attempts: int | None = None,
        backoff_rate: float | None = None,
        max_delay_seconds: int | timedelta | None = None,
        jitter_strategy: Literal["FULL", "NONE"] | None = None,
    ) -> Self:
        """Try again after some errors; where several calls name an error, the first one counts.

        Args:
            errors: the errors' names, such as `"States.Timeout"`, or an exception class's name.
            interval_seconds: seconds before the first retry; AWS's default is 1.
            max_attempts: how many retries there are; AWS's default is 3, and 0 means none.
            backoff_rate: what each interval is multiplied by to give the next; AWS's default is 2.0.
            max_delay_seconds: the longest that an interval may become.
            jitter_strategy: `"FULL"` waits for a random part of each interval.

        Returns:
            The state itself.
        """
        options: dict[str, Any] = {
            "interval_seconds": interval_seconds,
            "max_attempts": max_attempts,
            "backoff_rate": backoff_rate,
            "max_delay_seconds": max_delay_seconds,
            "jitter_strategy": jitter_strategy,
        }
        given = {name: value for name, value in options.items() if value is not None}
        self.retriers = [*(self.retriers or []), Retrier(_names(errors), **given)]
        return self

    def catch(
        self,
        errors: Sequence[str],
        state: State,
        *,
        result_path: str | None = "$",
        output: JsonataOrJson = None,
        assign: dict[str, Any] | None = None,
    ) -> Self:
        """Go on to another state after some errors; where several calls name one, the first counts.

        Args:
            errors: the errors' names, such as `"States.Timeout"`, or an exception class's name.
            state: the state to go on to.
            result_path: where the error's object goes in the state's input; `None` drops it (JSONPath).
            output: what the next state gets (JSONata).
            assign: variables to set.

        Returns:
            The state itself.
        """
        if not is_state(state):
            raise InvalidArgument(f"{self.name!r} can catch with a state only, not with {state!r}")
        options: dict[str, Any] = {} if result_path == "$" else {"result_path": result_path}
        options |= {} if output is None else {"output": output}
        options |= {} if assign is None else {"assign": assign}
        self.catchers = [*(self.catchers or []), Catcher(_names(errors), state, **options)]
        return self

    def linked(self) -> Iterator[State]:
        """The state that follows, then those that catch."""
        yield from super().linked()
        for catcher in self.catchers or []:
            yield from catcher.linked()


def _names(errors: Sequence[str]) -> list[str]:
    if isinstance(errors, str) or not errors:
        raise InvalidArgument(f"errors are given as a list with at least one name, not {errors!r}")
    return list(errors)


class Succeed(State):
    """End with success."""

    type: Literal["Succeed"] = "Succeed"


class Fail(State):
    """End with an error."""

    type: Literal["Fail"] = "Fail"
    error: str | None = None
    """The error's name, for Retry and Catch of whoever runs this machine."""
    error_path: str | None = None
    """The path of the error's name (JSONPath)."""
    cause: str | None = None
    """What happened, for people."""
    cause_path: str | None = None
    """The path of the cause (JSONPath)."""


class Pass(HasResult, HasNext):
    """Pass on the input, or data of one's own."""

    type: Literal["Pass"] = "Pass"
    result: Json = None
    """The data (JSONPath)."""


class Wait(HasNext):
    """Wait for a while, or until a time: exactly one field says how long."""

    type: Literal["Wait"] = "Wait"
    seconds: Seconds | None = None
    """Seconds, a `timedelta`, or JSONata."""
    seconds_path: str | None = None
    """The path of a number of seconds (JSONPath)."""
    timestamp: Time | None = None
    """A `datetime` with a time zone, its text in ISO 8601, or JSONata."""
    timestamp_path: str | None = None
    """The path of a time (JSONPath)."""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            until: int | timedelta | datetime | str | None = None,
            *,
            comment: str | None = None,
            query_language: Literal["JSONPath", "JSONata"] | None = None,
            input_path: str | None = None,
            output_path: str | None = None,
            output: JsonataOrJson = None,
            next: State | str | None = None,
            end: bool | None = None,
            assign: dict[str, Any] | None = None,
            seconds: int | timedelta | str | None = None,
            seconds_path: str | None = None,
            timestamp: datetime | str | None = None,
            timestamp_path: str | None = None,
        ) -> None: ...
    else:

        def __init__(self, *args: Any, **fields: Any) -> None:
            until = args[1] if len(args) > 1 else fields.pop("until", None)
            if len(args) > 2 or (len(args) > 1 and "until" in fields):
                raise TypeError("Wait takes a name and one time to wait until")
            if until is not None:
                field = _field_for(until)
                if field in fields:
                    raise TypeError(f"Wait got two values for {field}")
                fields[field] = until
            super().__init__(*args[:1], **fields)

        __init__.__pydantic_base_init__ = True


def _field_for(until: object) -> str:
    """Tell which field a Wait's second argument means."""
    if isinstance(until, str):
        return "timestamp_path" if until.startswith("$") else "timestamp"
    return "timestamp" if isinstance(until, datetime) else "seconds"


class Choice(State):
    """Go on to the state of the first rule that holds."""

    type: Literal["Choice"] = "Choice"
    choices: list[AnyRule] | None = None
    """The rules, in order."""
    default: str | None = None
    """The name of the state to go to where no rule holds. A state itself may be given."""
    assign: dict[str, Json] | None = None
    """Variables to set where no rule holds."""

    def add(self, rule: Rule | str, state: State | None = None) -> Self:
        """Add a rule after those that are there.

        Args:
            rule: a rule, or a JSONata condition as text: `"{% $states.input.n > 10 %}"`.
            state: where to go when it holds, unless the rule says so itself.

        Returns:
            The state itself.

        Raises:
            InvalidArgument: nothing says where to go, or the rule leads elsewhere already.
        """
        rule = Condition(rule) if isinstance(rule, str) else read_rule(rule)
        if state is not None:
            if not is_state(state):
                raise InvalidArgument(f"{self.name!r} can go to a state only, not to {state!r}")
            if rule.next not in (None, state.name):
                raise InvalidArgument(f"the rule {rule.to_dict()} leads elsewhere than to {state.name!r}")
            rule._link("next", state)
        if rule.next is None:
            raise InvalidArgument(f"a rule of {self.name!r} does not say where to go: {rule.to_dict()}")
        self.choices = [*(self.choices or []), rule]
        return self

    def remove(self, rule: Rule) -> None:
        """Remove a rule.

        Args:
            rule: a rule that equals one of the state's.

        Raises:
            InvalidArgument: it is not among the state's rules.
        """
        rules = self.choices or []
        if rule not in rules:
            raise InvalidArgument(f"{self.name!r} has no such rule: {rule!r}")
        at = rules.index(rule)
        self.choices = [*rules[:at], *rules[at + 1 :]]

    def set_default(self, state: State) -> None:
        """Go on to a state where no rule holds; without one the execution fails there.

        Args:
            state: the state to go on to.

        Raises:
            InvalidArgument: it is no state.
        """
        if not is_state(state):
            raise InvalidArgument(f"the default of {self.name!r} must be a state, not {state!r}")
        self._link("default", state)

    @property
    def ends(self) -> bool:
        """Never: some state always follows."""
        return False

    def linked(self) -> Iterator[State]:
        """The states of the rules, then the default."""
        for rule in self.choices or []:
            yield from rule.linked()
        yield from super().linked()


class _Shared:
    """What copies share, and what stays behind when they are sent to other processes."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class Task(HasResult, CanFail):
    """Have some work done: by an activity, a Lambda function, another machine or any AWS service."""

    positional: ClassVar[tuple[str, ...]] = ("name", "resource")

    type: Literal["Task"] = "Task"
    resource: str = Field(kw_only=False)
    """The ARN of what does the work, in which `${AWS::AccountId}` and the like may stand."""
    timeout_seconds: Seconds | None = None
    """Seconds after which the task fails with `States.Timeout`."""
    timeout_seconds_path: str | None = None
    """The path of that number of seconds (JSONPath)."""
    heartbeat_seconds: Seconds | None = None
    """Seconds between two signs of life after which the task fails.

    An activity brings its own, unless the time-out is over by then: AWS wants heartbeats to be shorter.
    """
    heartbeat_seconds_path: str | None = None
    """The path of that number of seconds (JSONPath)."""
    credentials: Json = None
    """The role to act in: `{"RoleArn": …}`."""

    _done_by: "_Shared | None" = PrivateAttr(None)

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            resource: Resource | str,
            *,
            comment: str | None = None,
            query_language: Literal["JSONPath", "JSONata"] | None = None,
            input_path: str | None = None,
            output_path: str | None = None,
            output: JsonataOrJson = None,
            next: State | str | None = None,
            end: bool | None = None,
            assign: dict[str, Any] | None = None,
            result_path: str | None = None,
            parameters: Any = None,
            result_selector: Any = None,
            arguments: JsonataOrJson = None,
            retriers: list[Retrier] | None = None,
            catchers: list[Catcher] | None = None,
            timeout_seconds: int | timedelta | str | None = None,
            timeout_seconds_path: str | None = None,
            heartbeat_seconds: int | timedelta | str | None = None,
            heartbeat_seconds_path: str | None = None,
            credentials: Any = None,
        ) -> None: ...
    else:

        def __init__(self, *args: Any, **fields: Any) -> None:
            fields = self._arguments(args, fields)
            resource = fields.get("resource")
            heartbeat = None
            if isinstance(resource, str):
                fields["resource"] = _arn(resource)
            elif isinstance(resource, Resource):
                fields |= _of_resource(resource, fields)
                heartbeat = resource.heartbeat_seconds
            elif callable(resource):
                whose = f"Task {fields.get('name')!r}: resource: {resource!r}"
                raise InvalidArgument(f"{whose} is a function: @activities.activity() makes it an activity")
            super().__init__(**fields)
            if not isinstance(resource, str):
                self._done_by = _Shared((self.resource, resource))
            if "heartbeat_seconds" not in fields:
                vars(self)["heartbeat_seconds"] = heartbeat  # known, but not given

        __init__.__pydantic_base_init__ = True

    @property
    def done_by(self) -> Resource | None:
        """The activity, function or machine that it was made with; `None` where that was text."""
        text, resource = (self._done_by and self._done_by.value) or (None, None)
        return resource if text == self.resource else None

    def to_dict(self) -> dict[str, Any]:
        """Write the state as JSON data; an activity's heartbeat yields to a time-out that is no longer."""
        written = super().to_dict()
        own, timeout = self.heartbeat_seconds, self.timeout_seconds
        given = written.keys() & {"HeartbeatSeconds", "HeartbeatSecondsPath"}
        if isinstance(own, int) and not given and not (isinstance(timeout, int) and timeout <= own):
            written["HeartbeatSeconds"] = own
        return written


def _arn(resource: str) -> str:
    """Let a short service name stand for its ARN, as in `"sqs:sendMessage.waitForTaskToken"`."""
    if ":" not in resource or resource.startswith(("arn:", "${", "{%")):
        return resource
    return f"arn:${{AWS::Partition}}:states:::{resource}"


def _of_resource(resource: Resource, fields: dict[str, Any]) -> dict[str, Any]:
    """Write a resource given as an object: a machine is run and waited for, others do the work."""
    if ":stateMachine:" not in resource.arn:
        return {"resource": resource.arn}
    jsonata = "arguments" in fields or fields.get("query_language") == "JSONata"
    arguments = "arguments" if jsonata else "parameters"
    passed = {"Input": "{% $states.input %}"} if jsonata else {"Input.$": "$"}
    own = fields.get(arguments) or passed
    return {
        "resource": _arn("states:startExecution.sync:2"),
        arguments: {"StateMachineArn": resource.arn} | own,
    }
