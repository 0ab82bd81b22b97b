"""What integrations demand of their parameters before they start, where AWS was seen to check it."""

from collections.abc import Callable
from typing import Any

from asfini import _json
from asfini.local.failures import Unsuitable
from asfini.local.handlers import Target

Check = Callable[[Any], bool]


def _lists_by_name(value: Any) -> bool:
    """Whether a value is an object of lists, as headers are, since each may stand several times."""
    return isinstance(value, dict) and all(isinstance(item, list) for item in value.values())


CHECKS: dict[str, dict[str, Check]] = {
    "apigateway:invoke": {"Headers": _lists_by_name, "QueryParameters": _lists_by_name},
}
"""By integration: the fields that must have a certain form."""


def check_parameters(target: Target, given: Any) -> None:
    """Check a task's parameters.

    Raises:
        Unsuitable: they cannot be used.
    """
    checks = CHECKS.get(target.name)
    if checks is None or not isinstance(given, dict):
        return
    wrong = [
        f"The value of the field '{name}' has an invalid format"
        for name, fits in checks.items()
        if name in given and not fits(given[name])
    ]
    if wrong:
        text = _json.dumps(given)
        raise Unsuitable(f"The Parameters '{text}' could not be used to start the Task: [{', '.join(wrong)}]")
