"""What comes of testing one state by itself: the operation TestState."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asfini import _json


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
