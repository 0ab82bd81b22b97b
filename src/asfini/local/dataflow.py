"""What a state makes of its input and its result, in either query language.

A state's fields are compiled once per machine into its flow. The two kinds of flow are in `paths` (JSONPath)
and in `expressions` (JSONata).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from asfini import _json
from asfini.asl.choice import Rule
from asfini.asl.states import State
from asfini.local.run import Frame, Outcome


def integer(value: Any) -> int | None:
    """An integer, which may be given as text; `None` for anything else."""
    if isinstance(value, str):
        try:
            return int(value) if value.isascii() else None
        except ValueError:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """A number, which may be given as text; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


NUMBERS: dict[str, Callable[[Any], Any]] = {"integer": integer, "number": number}
KINDS = {"integer": "integer", "number": "float"}
"""What AWS's messages call the kinds of numbers that a field may need."""


def shown(value: Any) -> str:
    """A value as messages show it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _json.dumps(value)


class Flow(ABC):
    """The data flow of one state."""

    @abstractmethod
    def selected(self, frame: Frame, value: Any) -> Any:
        """What the state sees of its input: InputPath, or all of it."""

    @abstractmethod
    def arguments(self, frame: Frame, value: Any) -> Any:
        """What the state's work gets of its input: Parameters of what InputPath selects, or Arguments."""

    @abstractmethod
    def filled(self, frame: Frame, owner: Any, field: str, value: Any, place: str) -> Any:
        """Fill in the template that a field holds.

        Args:
            frame: where the state stands.
            owner: the object whose field it is: the state, or a part of it.
            field: the field's name in the model.
            value: the state's input as `selected` gives it.
            place: the field as AWS's messages name it: `ItemReader/Arguments`.
        """

    @abstractmethod
    def setting(self, frame: Frame, owner: Any, field: str, value: Any, place: str, kind: str) -> Any:
        """Read a field that holds one value, or whose value a path or an expression gives.

        Args:
            frame: where the state stands.
            owner: the object whose field it is.
            field: the field's name in the model, without `_path`.
            value: the state's input as `selected` gives it.
            place: the field as AWS's messages name it: `MaxConcurrency`.
            kind: what it must be: `integer`, `number`, `string`.

        Returns:
            The value, or `None` where the field is not given.

        Raises:
            Unsuitable: it is of another kind.
        """

    @abstractmethod
    def string(self, frame: Frame, owner: Any, field: str, value: Any) -> Any:
        """Read a field of the state's that holds text; `None` where it is not given."""

    @abstractmethod
    def items(self, frame: Frame, state: Any, value: Any) -> list[Any]:
        """The items of a Map."""

    @abstractmethod
    def seconds(self, frame: Frame, state: Any, value: Any) -> Any:
        """The seconds for which a Wait lasts; `None` where it lasts until a time."""

    @abstractmethod
    def timestamp(self, frame: Frame, state: Any, value: Any) -> Any:
        """The time until which a Wait lasts."""

    @abstractmethod
    def holds(self, frame: Frame, index: int, rule: Rule, value: Any) -> bool:
        """Whether a rule of a Choice holds."""

    @abstractmethod
    def chosen(
        self, frame: Frame, index: int | None, rule: Any, value: Any, following: str | None
    ) -> Outcome:
        """What follows a Choice by one of its rules, or by its default, which has no index."""

    @abstractmethod
    def unchanged(self, frame: Frame, value: Any, following: str | None) -> Outcome:
        """What follows a state without a result."""

    @abstractmethod
    def passed_on(self, frame: Frame, value: Any, result: Any, following: str | None) -> Outcome:
        """What follows a state whose work gave a result."""

    @abstractmethod
    def caught(self, frame: Frame, index: int, value: Any, error: dict[str, str]) -> Outcome:
        """What follows an error by one of the state's catchers."""


def flow_of(frame: Frame, state: State) -> Flow:
    """The flow of a state, compiled when it is first asked for.

    Raises:
        QueryError: a path or an expression of the state is none.
    """
    programs = frame.run.machine.programs
    flow: Flow | None = programs.get(id(state))
    if flow is None:
        flow = programs[id(state)] = _compiled(frame, state)
    return flow


def speaks_jsonata(frame: Frame, state: State) -> bool:
    """Whether a state's expressions are in JSONata. Its language is not that of the states inside of it."""
    return (state.query_language or frame.language) == "JSONata"


def _compiled(frame: Frame, state: State) -> Flow:
    if speaks_jsonata(frame, state):
        from asfini.local.expressions import ExpressionFlow

        return ExpressionFlow(state)
    from asfini.local.paths import PathFlow

    return PathFlow(state)


def wire(field: str) -> str:
    """A field's name as the language writes it."""
    return "".join(part.title() for part in field.split("_"))
