"""What integrations demand of their parameters before they start: else the execution fails.

AWS holds parameters against the shapes of the service's API. Here that is done for what is answered without a
handler, which could not go on, and where lists are easily forgotten: API Gateway's headers.
"""

from collections.abc import Callable
from typing import Any

from asfini import _json
from asfini.local.failures import Unsuitable
from asfini.local.handlers import Target

Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _lists_by_name(value: Any) -> bool:
    """Whether a value is an object of lists, as headers are, since each may stand several times."""
    return isinstance(value, dict) and all(isinstance(item, list) for item in value.values())


REQUIRED: dict[str, tuple[str, ...]] = {
    "lambda:invoke": ("FunctionName",),
    "states:startExecution": ("StateMachineArn",),
}
"""By integration: the fields that must be there."""
FORMS: dict[str, dict[str, Check]] = {
    "apigateway:invoke": {"Headers": _lists_by_name, "QueryParameters": _lists_by_name},
    "lambda:invoke": {"FunctionName": _is_text},
    "states:startExecution": {"StateMachineArn": _is_text, "Name": _is_text},
}
"""By integration: the fields that must have a certain form where they are."""


def check_parameters(target: Target, given: Any) -> None:
    """Check a task's parameters.

    Raises:
        Unsuitable: they cannot be used.
    """
    if not isinstance(given, dict):
        return
    wrong = [
        f"The field '{name}' is required but was missing"
        for name in REQUIRED.get(target.name, ())
        if name not in given
    ]
    wrong += [
        f"The value of the field '{name}' has an invalid format"
        for name, fits in FORMS.get(target.name, {}).items()
        if name in given and not fits(given[name])
    ]
    if wrong:
        text = _json.dumps(given)
        raise Unsuitable(f"The Parameters '{text}' could not be used to start the Task: [{', '.join(wrong)}]")
