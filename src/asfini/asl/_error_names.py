"""Which failures the names in `ErrorEquals` stand for."""

from collections.abc import Sequence

_NOT_TASK_FAILED = frozenset({"States.Runtime", "States.Timeout"})
"""What `States.TaskFailed` does not stand for: the page "Handling errors in Step Functions workflows"."""


def matches(names: Sequence[str], error: str | None) -> bool:
    """Whether an `ErrorEquals` names an error.

    `States.ALL` stands for `States.DataLimitExceeded`, too, where a task's result is too large: so it is
    on AWS, whatever the page says.
    """
    for name in names:
        if name == error:
            return True
        if name == "States.ALL" and error != "States.Runtime":
            return True
        if name == "States.TaskFailed" and error not in _NOT_TASK_FAILED:
            return True
        if name == "States.Timeout" and error == "States.HeartbeatTimeout":
            return True
    return False
