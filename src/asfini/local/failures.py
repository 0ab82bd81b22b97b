"""How states fail, and which names of errors stand for which failures."""

from asfini.asl._error_names import matches as matches


class Failure(Exception):  # noqa: N818 - it carries what AWS calls the error
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
    """The machine cannot go on: `States.Runtime`. The execution fails at once, whatever Retry and Catch say.

    Nothing is written of the states and branches that it cuts off.
    """

    def __init__(self, cause: str) -> None:
        super().__init__("States.Runtime", cause)


class Unsuitable(Exception):  # noqa: N818 - a signal to the interpreter, which makes a failure of it
    """A value is not what a field needs. What follows depends on the state's query language.

    Args:
        reason: why, in AWS's words.
        location: the field, where AWS's event names it.
    """

    def __init__(self, reason: str, location: str | None = None) -> None:
        super().__init__(reason)
        self.location = location


DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"


def too_large(name: str) -> Failure:
    """The failure of a state, or of a task known by its resource, whose result exceeds the limit."""
    return Failure(
        DATA_LIMIT_EXCEEDED,
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes "
        "service limit.",
    )
