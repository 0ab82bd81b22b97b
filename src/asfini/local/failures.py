"""How states fail, and which names of errors stand for which failures."""

from collections.abc import Sequence


class Failure(Exception):
    """A state failed, with what AWS calls the error and its cause.

    Args:
        error: the error's name; `None` for a Fail state without one.
        cause: its details, if there are any.
    """

    def __init__(self, error: str | None, cause: str | None = None) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause

    def details(self) -> dict[str, str]:
        """Write it into an event's details, or into a response."""
        given = {"error": self.error, "cause": self.cause}
        return {name: value for name, value in given.items() if value is not None}


class RuntimeFailure(Failure):
    """The machine cannot go on: `States.Runtime`; the state puts itself into the cause."""

    def __init__(self, cause: str) -> None:
        super().__init__("States.Runtime", cause)


_NOT_ALL = frozenset({"States.DataLimitExceeded", "States.Runtime"})
"""Errors that `States.ALL` does not stand for: the page "Handling errors in Step Functions workflows"."""
_NOT_TASK_FAILED = _NOT_ALL | {"States.Timeout"}


def matches(names: Sequence[str], error: str | None) -> bool:
    """Whether an `ErrorEquals` names an error."""
    for name in names:
        if name == error:
            return True
        if name == "States.ALL" and error not in _NOT_ALL:
            return True
        if name == "States.TaskFailed" and error not in _NOT_TASK_FAILED:
            return True
        if name == "States.Timeout" and error == "States.HeartbeatTimeout":
            return True
    return False
