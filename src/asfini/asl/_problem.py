"""What is wrong with a definition, and the notebook in which checks write it down."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = "SCHEMA_VALIDATION_FAILED"
"""AWS's code for nearly everything."""
INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"
DUPLICATE_NAME = "DUPLICATE_STATE_NAME"
PLACEHOLDER = re.compile(r"\$\{[^}]+\}")
"""A CloudFormation substitution, which a deployment replaces by something that cannot be known here."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a definition. As text it reads as in the message of AWS's refusal."""

    code: str
    """The kind of problem: AWS's code where it has one, such as `MISSING_TRANSITION_TARGET`."""
    location: str
    """Where it is, as AWS writes it: `/States/size/Choices[0]/Next`; empty where AWS names no place."""
    message: str
    """What is wrong, in AWS's words where they are known."""
    severity: Literal["ERROR", "WARNING"] = "ERROR"
    """Machines with errors are refused; warnings are only told on request."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location or 'null'}"


@dataclass(slots=True)
class Context:
    """What the checks of one object know, and what they have found."""

    found: list[Problem]
    template: bool = True
    """Whether placeholders may stand for any value."""
    jsonata: bool = False
    """Whether the query language is JSONata."""
    express: bool = False
    """Whether the machine, or a distributed map's child executions, are EXPRESS."""
    catching: bool = False
    """Whether a catcher is looked at, in which `$states.errorOutput` can be read."""
    inner: list[tuple[Any, str, str]] = field(default_factory=list)
    """Definitions that were come across: each with its place and the field that holds it."""

    def open(self, value: Any) -> bool:
        """Whether only a deployment will tell what a value is."""
        return self.template and isinstance(value, str) and "${" in value and bool(PLACEHOLDER.search(value))

    def add(self, message: str, location: str, code: str = SCHEMA) -> None:
        """Note an error."""
        self.found.append(Problem(code, location, message))

    def warn(self, code: str, message: str, location: str) -> None:
        """Note a warning."""
        self.found.append(Problem(code, location, message, "WARNING"))


Check = Callable[[Context, Any, str, str], None]
"""Looks at a value that stands at a place under a key. The two are joined only when there is a problem."""


def at(place: str, key: str) -> str:
    """Name a place below another. A name's own `/` and `~` are escaped as in RFC 6901."""
    return f"{place}/{key.replace('~', '~0').replace('/', '~1')}"
