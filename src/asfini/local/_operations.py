"""What the local service's groups of operations share: checks of parameters, pages of lists."""

import base64
import inspect
import types
import typing
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from asfini import _json, errors
from asfini._arns import Arn, check_name

Operation = Callable[..., Awaitable[dict[str, Any]]]

DEFAULT_PAGE = 100
"""The entries on a page of any list where the caller does not say."""
MAX_TAGS = 50
"""The most tags of a resource: the service quotas page."""


class Limit(NamedTuple):
    """What the API allows for a parameter of some name."""

    least: int | None = None
    """The least number, or the fewest characters."""
    most: int | None = None
    """The greatest number, or the most characters."""
    values: tuple[str, ...] = ()
    """All texts that are allowed."""
    secret: bool = False
    """Whether refusals must not show the value."""
    in_bytes: bool = False
    """Whether not characters are counted, but bytes."""


_INCLUDED = Limit(values=("ALL_DATA", "METADATA_ONLY"))
_STATUSES = ("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING")
LIMITS: dict[str, Limit] = {
    "activityArn": Limit(1, 256),
    "cause": Limit(0, 32_768, secret=True),
    "definition": Limit(1, 1_048_576, secret=True, in_bytes=True),
    "error": Limit(0, 256, secret=True),
    "executionArn": Limit(1, 256),
    "includedData": _INCLUDED,
    "input": Limit(None, _json.MAX_PAYLOAD_BYTES, secret=True, in_bytes=True),
    "mapRunArn": Limit(1, 2000),
    "maxResults": Limit(0, 1000),
    "name": Limit(1, 80),
    "nextToken": Limit(1, 1024),
    "output": Limit(None, _json.MAX_PAYLOAD_BYTES, secret=True, in_bytes=True),
    "resourceArn": Limit(1, 256),
    "roleArn": Limit(1, 256),
    "stateMachineArn": Limit(1, 256),
    "stateMachineAliasArn": Limit(1, 256),
    "stateMachineVersionArn": Limit(1, 2000),
    "statusFilter": Limit(values=_STATUSES),
    "taskToken": Limit(1, 2048, secret=True),
    "traceHeader": Limit(0, 256),
    "type": Limit(values=("STANDARD", "EXPRESS")),
    "versionDescription": Limit(None, 256, secret=True),
    "workerName": Limit(1, 80),
}
"""The API's limits, by the parameters' names; a test compares them with the model that botocore ships."""
PARTICULAR: dict[tuple[str, str], Limit] = {("list_executions", "nextToken"): Limit(1, 3096)}
"""Limits of parameters whose name has other ones elsewhere, by operation and name."""


def operations_of(*groups: object) -> dict[str, Operation]:
    """All operations of some objects: their public coroutines, with their parameters checked."""
    return {
        name: _Checked(name, method)
        for group in groups
        for name, method in inspect.getmembers(group, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


class _Checked:
    """An operation whose parameters are looked at before it is called: first as SDKs do, then as AWS does."""

    def __init__(self, name: str, method: Operation) -> None:
        self._name = name
        self._method = method
        signature = inspect.signature(method)
        self._types = {key: _type_of(value.annotation) for key, value in signature.parameters.items()}
        self._needed = [key for key, value in signature.parameters.items() if value.default is value.empty]

    def __call__(self, **parameters: Any) -> Awaitable[dict[str, Any]]:
        given = {key: value for key, value in parameters.items() if value is not None}
        faults = [f"unknown parameter {key!r}" for key in given if key not in self._types]
        faults += [f"missing parameter {key!r}" for key in self._needed if key not in given]
        faults += [
            f"{key} is {_KINDS[kind]}, not of type {type(value).__name__}"
            for key, value in given.items()
            if (kind := self._types.get(key)) and not _is_a(kind, value)
        ]
        if faults:
            raise errors.InvalidArgument(f"cannot call {self._name!r}: {'; '.join(faults)}")
        broken = [text for key, value in given.items() for text in self._broken(key, value)]
        if broken:
            count = f"{len(broken)} validation error{'s' * (len(broken) > 1)} detected: "
            raise errors.ValidationException(count + "; ".join(broken))
        return self._method(**given)

    def _broken(self, key: str, value: Any) -> list[str]:
        """Say which limit a value breaks, in AWS's words."""
        limit = _limit(self._name, key)
        constraint = _constraint(limit, value)
        if constraint is None:
            return []
        shown = "Value" if limit.secret else f"Value '{value}'"
        return [f"{shown} at '{key}' failed to satisfy constraint: Member must {constraint}"]


def _limit(operation: str, key: str) -> Limit:
    return PARTICULAR.get((operation, key)) or LIMITS.get(key) or Limit()


def _constraint(limit: Limit, value: Any) -> str | None:
    """What a value should do, but does not."""
    if limit.values and value not in limit.values:
        return f"satisfy enum value set: [{', '.join(limit.values)}]"
    if not isinstance(value, (str, int)):
        return None
    what, size = ("length", _length(value, limit)) if isinstance(value, str) else ("value", value)
    if limit.least is not None and size < limit.least:
        return f"have {what} greater than or equal to {limit.least}"
    if limit.most is not None and size > limit.most:
        return f"have {what} less than or equal to {limit.most}"
    return None


def _length(text: str, limit: Limit) -> int:
    return len(text.encode(errors="surrogatepass")) if limit.in_bytes and not text.isascii() else len(text)


_KINDS: dict[type, str] = {
    bool: "True or False",
    dict: "an object",
    int: "a whole number",
    list: "a list",
    str: "text",
}


def _type_of(annotation: Any) -> type:
    """The plain type that an annotation such as `dict[str, str] | None` stands for."""
    if isinstance(annotation, types.UnionType):
        annotation = next(part for part in typing.get_args(annotation) if part is not types.NoneType)
    found: type = typing.get_origin(annotation) or annotation
    return found


def _is_a(kind: type, value: Any) -> bool:
    if kind is dict:
        return isinstance(value, Mapping)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def checked_name(name: str, what: str) -> str:
    """A name that AWS would take.

    Raises:
        InvalidName: it would not.
    """
    try:
        return check_name(name, what)
    except errors.InvalidArgument:
        raise errors.InvalidName(f"Invalid Name: '{name}'") from None


def checked_arn(text: str, kinds: str) -> str:
    """An ARN of some kind of resource, such as `activity`; several are separated by `|`.

    Raises:
        InvalidArn: it is none.
    """
    if not text.startswith("arn:"):
        raise errors.InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {text}'")
    try:
        kind = Arn.parse(text).kind
    except errors.InvalidArgument:
        raise errors.InvalidArn(f"Invalid Arn: '{text}'") from None
    if kind not in kinds.split("|"):
        raise errors.InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {kind}'")
    return text


@dataclass(frozen=True)
class Listing:
    """A list as the API gives it, page by page.

    A page begins where the one before ended, whatever has been added or removed meanwhile.

    Args:
        key: what responses call the list.
        mark: gives the place of an entry, a number or text or a list of such.
        tell: gives what the response says of an entry.
    """

    key: str
    mark: Callable[[Any], Any]
    tell: Callable[[Any], Any] = lambda entry: entry

    def page(self, entries: Sequence[Any], size: int, token: str | None) -> dict[str, Any]:
        """Cut a page out.

        Args:
            entries: the whole list, in the order of their marks.
            size: the most entries on the page; 0 stands for 100.
            token: what an earlier page gave.

        Raises:
            InvalidToken: the token is none of this list's.
        """
        start = 0 if token is None else self._start(entries, token)
        end = start + (size or DEFAULT_PAGE)
        response: dict[str, Any] = {self.key: [self.tell(entry) for entry in entries[start:end]]}
        if end < len(entries):
            text = _json.dumps([self.key, self.mark(entries[end - 1])])
            response["nextToken"] = base64.urlsafe_b64encode(text.encode()).decode()
        return response

    def _start(self, entries: Sequence[Any], token: str) -> int:
        try:
            key, mark = _json.loads(base64.urlsafe_b64decode(token.encode()))
            if key == self.key:
                return bisect_right(entries, mark, key=self.mark)
        except (TypeError, ValueError):
            pass
        raise errors.InvalidToken("Invalid Token: 'Invalid token'")


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as the API does."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def tag_dict(tags: Sequence[Any] | None) -> dict[str, str]:
    """Read tags as the API gives them.

    Raises:
        InvalidArgument: they are no tags, or TooManyTags: they are too many.
    """
    found = {}
    for index, tag in enumerate(tags or []):
        if not isinstance(tag, Mapping) or not {"key"} <= tag.keys() <= {"key", "value"}:
            raise errors.InvalidArgument(f"tags[{index}] is an object with key and value, not {tag!r}")
        for part, text in tag.items():
            if not isinstance(text, str):
                raise errors.InvalidArgument(f"tags[{index}].{part} is text, not {text!r}")
        found[tag["key"]] = tag.get("value", "")
    if len(found) > MAX_TAGS:
        raise errors.TooManyTags(f"A resource has at most {MAX_TAGS} tags")
    return found
