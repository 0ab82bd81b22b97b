"""Lambda functions as resources of Task states."""

from asfini._arns import arn_of
from asfini.errors import InvalidArgument


class Lambda:
    """A Lambda function that does a task.

    Args:
        name: the function's name, with a version or an alias after a colon if need be.

    Raises:
        InvalidArgument: the name is empty, or no text.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"a Lambda function is named with text, not with {name!r}")
        self.name = name
        """The function's name."""

    @property
    def arn(self) -> str:
        """The function's ARN, in which pseudo parameters stand for the account."""
        return arn_of("lambda", f"function:{self.name}")

    @property
    def heartbeat_seconds(self) -> None:
        """A Lambda function sends no heartbeats."""
        return

    def __repr__(self) -> str:
        return f"Lambda({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lambda) and self.name == other.name

    def __hash__(self) -> int:
        return hash((Lambda, self.name))
