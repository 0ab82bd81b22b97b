"""What the local service's groups of operations share: checks of parameters, pages of lists."""

import base64
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asfini import errors
from asfini._arns import check_name

Operation = Callable[..., Awaitable[dict[str, Any]]]

MAX_RESULTS = 1000
"""The most entries on a page of any list; 100 where the caller does not say."""


def operations_of(*groups: object) -> dict[str, Operation]:
    """All operations of some objects: their public methods, with parameters by the API's names, checked."""
    return {
        name: _checked(name, method)
        for group in groups
        for name, method in inspect.getmembers(group, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


def _checked(name: str, method: Operation) -> Operation:
    parameters = inspect.signature(method).parameters
    allowed = frozenset(parameters)
    needed = frozenset(key for key, value in parameters.items() if value.default is inspect.Parameter.empty)

    def call(**given: Any) -> Awaitable[dict[str, Any]]:
        if unknown := given.keys() - allowed:
            named = ", ".join(sorted(unknown))
            raise errors.ValidationException(f"unknown parameters: {named}", operation=name)
        present = {key: value for key, value in given.items() if value is not None}
        if missing := sorted(needed - present.keys()):
            raise errors.ValidationException(
                f"{len(missing)} validation error{'s' * (len(missing) > 1)} detected: "
                + "; ".join(
                    f"Value null at '{key}' failed to satisfy constraint: Member must not be null"
                    for key in missing
                ),
                operation=name,
            )
        return method(**present)

    return call


def checked_name(name: Any, what: str) -> str:
    """A name that AWS would take.

    Raises:
        InvalidName: it would not.
    """
    try:
        return check_name(name, what)
    except ValueError:
        raise errors.InvalidName(f"Invalid Name: '{name}'") from None


def checked_arn(arn: Any, kind: str) -> str:
    """An ARN of some kind of resource, such as `activity`.

    Raises:
        InvalidArn: it is none.
    """
    text = str(arn)
    parts = text.split(":")
    if parts[0] != "arn":
        raise errors.InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {text}'")
    if len(parts) < 7 or parts[2] != "states" or parts[5] not in kind.split("|"):
        found = ":".join(parts[5:6])
        raise errors.InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {found}'")
    return text


def page(
    key: str, entries: Sequence[Any], maxResults: int = 0, nextToken: str | None = None
) -> dict[str, Any]:
    """Cut a page out of a list.

    Args:
        key: what the response calls the list.
        entries: the whole list.
        maxResults: the most entries on the page; 0 and none stand for 100.
        nextToken: where an earlier page ended.

    Raises:
        InvalidToken: the token is none of ours.
    """
    start = _position(nextToken) if nextToken else 0
    end = start + (min(maxResults, MAX_RESULTS) or 100)
    response: dict[str, Any] = {key: list(entries[start:end])}
    if end < len(entries):
        response["nextToken"] = base64.urlsafe_b64encode(f"asfini:{end}".encode()).decode()
    return response


def _position(token: str) -> int:
    try:
        scheme, _, position = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if scheme == "asfini":
            return int(position)
    except ValueError:
        pass
    raise errors.InvalidToken("Invalid Token: 'Invalid token'")


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Write tags as the API does."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def tag_dict(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Read tags as the API gives them."""
    return {tag["key"]: tag.get("value", "") for tag in tags or []}
