"""What expressions can read, and how they fail."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Scope:
    """The data that a state's expressions can read. Nothing in it is ever changed in place."""

    input: Any
    """What `$` stands for."""
    context: Any = None
    """What `$$` stands for: the context object."""
    variables: dict[str, Any] = field(default_factory=dict)
    """What `$name` stands for, by name."""


class QueryError(Exception):
    """An expression is not one, or does not give what is asked for.

    The message is worded as AWS words it in the cause of the failure that follows.
    """
