"""What comes of testing one state by itself: the operation TestState."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asfini import _checks, _json
from asfini._mocks import NOT_MOCKED
from asfini.errors import InvalidArgument, TaskFailed


@dataclass(frozen=True)
class StateTest:
    """How a state that was tested ended."""

    status: str
    """`SUCCEEDED`, `FAILED`, `RETRIABLE` (a Retrier would try again) or `CAUGHT_ERROR`."""
    output: Any = None
    """What it hands on, as JSON data; of a failure that was caught, what the next state would get."""
    next: str | None = None
    """The name of the state that would follow."""
    error: str | None = None
    """The error's name, if it failed."""
    cause: str | None = None
    """Why it failed."""
    inspection: dict[str, Any] = field(default_factory=dict)
    """What became of the data on its way, by the API's names: `input`, `afterInputPath`, `afterArguments`, …
    as JSON data where it is some. Given with `inspection_level` `DEBUG` and `TRACE`."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "StateTest":
        """Read the response of TestState.

        Args:
            told: the response, by the API's own names.
        """
        output = told.get("output")
        return cls(
            told["status"],
            None if output is None else _json.loads(output, "the output of the test"),
            told.get("nextState"),
            told.get("error"),
            told.get("cause"),
            {key: _data(value) for key, value in told.get("inspectionData", {}).items()},
        )


def _data(value: Any) -> Any:
    """What JSON text holds; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return _json.loads(value)
    except ValueError:
        return value


def mock_written(result: Any, error: object, mode: str | None) -> dict[str, Any] | None:
    """Write what a test's task is to give as the API has it.

    Raises:
        InvalidArgument: it is to give a result and to fail as well, or is not mocked, but checked.
    """
    _checks.one_of(("STRICT", "PRESENT", "NONE", None), field_validation_mode=mode)
    if not (error is None or isinstance(error, TaskFailed)):
        raise InvalidArgument(f"mock_error is a TaskFailed(error, cause), not {error!r}")
    if result is NOT_MOCKED and error is None:
        if mode is not None:
            raise InvalidArgument(f"field_validation_mode={mode!r} is for a mocked result: mock_result=…")
        return None
    if result is not NOT_MOCKED and error is not None:
        raise InvalidArgument("a task gives mock_result or fails of mock_error, not both")
    if error is None:
        mock: dict[str, Any] = {"result": _json.dumps(result, "mock_result")}
    else:
        mock = {"errorOutput": {"error": error.error, "cause": error.cause}}
    return mock if mode is None else {**mock, "fieldValidationMode": mode}
