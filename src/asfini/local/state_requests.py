"""What a test of a state is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asfini.asl.states import State
from asfini.local.failures import Failure


@dataclass(frozen=True)
class Mock:
    """What stands for the work of a state: a result, or an error."""

    text: str | None = None
    """The result as JSON text."""
    failure: Failure | None = None
    result: Any = None


@dataclass(frozen=True)
class Request:
    """A test that is to be made."""

    state: State
    language: str
    """The query language of states that name none."""
    definition: str
    text: str
    """The input as JSON text."""
    value: Any
    role_arn: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    mock: Mock | None = None
    context: dict[str, Any] | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """The API's stateConfiguration."""
    level: str = "INFO"
    """How much is told of the data on its way."""
    reveals_secrets: bool = False
