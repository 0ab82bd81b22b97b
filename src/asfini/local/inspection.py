"""What a test of a state tells of its data: the stages of the data flow, noted while the state is done.

Flows that note are made for tests alone, so that executions pay nothing for it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from asfini.asl.map import Map, Parallel
from asfini.asl.states import Pass, State, Task
from asfini.local.dataflow import Flow, speaks_jsonata
from asfini.local.paths import PathFlow
from asfini.local.run import Frame, Outcome, written

_IN = frozenset({"afterInputPath"})
_OUT = frozenset({"afterResultSelector", "afterResultPath"})
_ITEMS = frozenset({"afterItemsPath", "afterItemSelector", "afterItemBatcher", "afterItemsPointer"})
_PATH_STAGES: dict[type[State], frozenset[str]] = {
    Map: _IN | _ITEMS | _OUT,
    Parallel: _OUT,
    Pass: _IN | _OUT | {"afterParameters"},
    Task: _IN | _OUT | {"afterParameters", "result"},
}
"""The stages that AWS tells of states in JSONPath, as recorded; of all other types it is the first alone."""
_RESULT_STAGES = _OUT | {"result"}
"""Those of a Pass with a Result, which reads nothing of its input."""
_EXPRESSION_STAGES: dict[type[State], frozenset[str]] = {
    Map: frozenset({"afterItemSelector", "afterItemBatcher", "afterItemsPointer"}),
    Task: frozenset({"afterArguments", "result"}),
}
"""Those of states in JSONata."""
_NUMBERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "max_concurrency": ("maxConcurrency", int),
    "tolerated_failure_count": ("toleratedFailureCount", int),
    "tolerated_failure_percentage": ("toleratedFailurePercentage", float),
}
"""The settings that are told: their fields, their names, and what they are told as."""


class Inspection:
    """Takes notes of a state's data.

    Args:
        texts: the texts of values that were given as such, which are told as they were given.
        reveals_secrets: whether what a connection adds to HTTP requests may be told.
    """

    def __init__(self, texts: Iterable[tuple[Any, str]], *, reveals_secrets: bool) -> None:
        self._texts = list(texts)
        self._stages: dict[str, Any] = {}
        self.reveals_secrets = reveals_secrets

    def note(self, stage: str, value: Any) -> None:
        """Note what the data is at a stage."""
        self._stages[stage] = self.text(value)

    def note_list(self, stage: str, values: Iterable[Any]) -> None:
        """Note a list of items: AWS writes each by itself, and puts a comma and a space between them."""
        self.note_texts(stage, (written(value)[0] for value in values))

    def note_texts(self, stage: str, texts: Iterable[str]) -> None:
        """Note a list of items that have been written."""
        self._stages[stage] = f"[{', '.join(texts)}]"

    def note_setting(self, field: str, value: Any) -> None:
        """Note a field that is told as a number: limits of failures only where they are given."""
        if field in _NUMBERS and (value is not None or field == "max_concurrency"):
            name, kind = _NUMBERS[field]
            self._stages[name] = kind(value or 0)

    def requested(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> None:
        """Note an HTTP task's request."""
        told = {"protocol": urlsplit(url).scheme, "method": method, "url": url, "headers": _listed(headers)}
        self._stages["request"] = told if body is None else {**told, "body": body.decode("utf-8", "replace")}

    def responded(self, told: Mapping[str, Any]) -> None:
        """Note an HTTP task's response."""
        headers = {name: ", ".join(values) for name, values in told["Headers"].items()}
        body = told["ResponseBody"]
        self._stages["response"] = {
            "protocol": self._stages["request"]["protocol"],
            "statusCode": str(told["StatusCode"]),
            "statusMessage": told["StatusText"],
            "headers": _listed(headers),
            "body": body if isinstance(body, str) else written(body)[0],
        }

    def text(self, value: Any) -> str:
        """Write a value, unless it is one whose text was given."""
        return next((text for given, text in self._texts if given is value), None) or written(value)[0]

    def told(self, frame: Frame, state: State) -> dict[str, Any]:
        """The notes that AWS tells of a state of this type."""
        stages = _stages(state, jsonata=speaks_jsonata(frame, state))
        left_out = (_IN | _OUT | _ITEMS | {"afterParameters", "afterArguments", "result"}) - stages
        return {name: value for name, value in self._stages.items() if name not in left_out}

    def flow(self, frame: Frame, state: State) -> Flow:
        """A flow for a state that notes what it does.

        Raises:
            QueryError: a path or an expression of the state is none.
        """
        if speaks_jsonata(frame, state):
            from asfini.local.noted_expressions import NotedExpressions  # needs the extra for JSONata

            return NotedExpressions(state, self)
        return _NotedPaths(state, self)


def _stages(state: State, *, jsonata: bool) -> frozenset[str]:
    if jsonata:
        return _EXPRESSION_STAGES.get(type(state), frozenset())
    if isinstance(state, Pass) and state.given("result"):
        return _RESULT_STAGES
    return _PATH_STAGES.get(type(state), _IN)


class _NotedPaths(PathFlow):
    """The data flow of a state in JSONPath, noted."""

    def __init__(self, state: Any, inspection: Inspection) -> None:
        super().__init__(state)
        self._inspection = inspection
        select, place = self._selector or (lambda scope: scope.input), self._place or _replaced
        self._selector = lambda scope: self._noted("afterResultSelector", select(scope))
        self._place = lambda value, result: self._noted("afterResultPath", place(value, result))

    def _noted(self, stage: str, value: Any) -> Any:
        self._inspection.note(stage, value)
        return value

    def selected(self, frame: Frame, value: Any) -> Any:
        """InputPath."""
        return self._noted("afterInputPath", super().selected(frame, value))

    def arguments(self, frame: Frame, value: Any) -> Any:
        """Parameters."""
        return self._noted("afterParameters", super().arguments(frame, value))

    def items(self, frame: Frame, state: Any, value: Any) -> list[Any]:
        """ItemsPath."""
        found = super().items(frame, state, value)
        self._inspection.note_list("afterItemsPath", found)
        return found

    def setting(self, frame: Frame, owner: Any, field: str, value: Any, place: str, kind: str) -> Any:
        """Read a field."""
        found = super().setting(frame, owner, field, value, place, kind)
        self._inspection.note_setting(field, found)
        return found

    def passed_on(self, frame: Frame, value: Any, result: Any, following: str | None) -> Outcome:
        """ResultSelector, ResultPath, OutputPath."""
        return super().passed_on(frame, value, self._noted("result", result), following)


def _listed(headers: Mapping[str, str]) -> str:
    return f"[{', '.join(f'{name}: {value}' for name, value in headers.items())}]"


def _replaced(_value: Any, result: Any) -> Any:
    return result
