"""What the States Language forbids, said all at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a definition."""

    code: str
    """The kind of problem: AWS's code where it has one, such as `MISSING_TRANSITION_TARGET`."""
    location: str
    """A JSON pointer to it, such as `/States/pay/Next`; empty for the definition as a whole."""
    message: str


def problems(definition: object) -> list[Problem]:
    """List everything that is wrong with a definition."""
    return []
