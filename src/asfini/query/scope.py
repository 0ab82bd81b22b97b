"""What expressions can read, and how they fail."""

from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Any, ClassVar

_RANDOM = SystemRandom()


@dataclass(slots=True)
class Scope:
    """The data that a state's expressions can read. Nothing in it is ever changed in place."""

    input: Any
    """What `$` stands for."""
    context: Any = None
    """What `$$` stands for: the context object."""
    variables: dict[str, Any] = field(default_factory=dict)
    """What `$name` stands for, by name."""
    random: Random = _RANDOM
    """Where `States.UUID` and `States.MathRandom` draw from; a seeded one repeats itself."""


class QueryError(Exception):
    """An expression is not one, or does not give what is asked for.

    The message is worded as AWS words it in the cause of the failure that follows.
    """

    error: ClassVar[str] = "States.Runtime"
    """The name of the error with which the state fails."""
