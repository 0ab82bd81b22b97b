"""What the local service's groups of operations share: checks of parameters, pages of lists."""

import asyncio
import base64
import inspect
import zlib
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asfini import _jackson, _json, errors
from asfini._arns import Arn, check_name
from asfini.local._requests import REQUESTS, check_sent

Operation = Callable[..., Awaitable[dict[str, Any]]]

DEFAULT_PAGE = 100
"""The entries on a page of any list where the caller does not say."""
TOKEN_SECONDS = 24 * 3600
"""How long a page's token is good for: the API reference's page of each list."""


def operations_of(*groups: object) -> dict[str, Operation]:
    """All operations of some objects: their public coroutines, with their parameters checked."""
    return {
        name: _Checked(name, method)
        for group in groups
        for name, method in inspect.getmembers(group, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


class _Checked:
    """An operation whose parameters are looked at before it is called."""

    def __init__(self, name: str, method: Operation) -> None:
        self._name = name
        self._method = method
        self._request = REQUESTS[name]

    def __call__(self, **parameters: Any) -> Awaitable[dict[str, Any]]:
        given = {key: value for key, value in parameters.items() if value is not None}
        if not self._request.fits(given):
            check_sent(self._name, self._request, given)
        return self._method(**given)


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


def read_input(text: str) -> Any:
    """Read an execution's input.

    Raises:
        InvalidExecutionInput: it is not JSON.
    """

    def refusal(reason: str) -> Exception:
        return errors.InvalidExecutionInput(f"Invalid State Machine Execution Input: '{reason}'")

    return _jackson.loads(text, refusal)


@dataclass(frozen=True)
class Listing:
    """A list as the API gives it, page by page.

    A page begins where the one before ended, whatever has been added or removed meanwhile. A token is good
    for a day, and for the list that it was given for.

    Args:
        key: what responses call the list.
        mark: gives the place of an entry, a number or text or a list of such.
        tell: gives what the response says of an entry.
    """

    key: str
    mark: Callable[[Any], Any]
    tell: Callable[[Any], Any] = lambda entry: entry

    def page(self, entries: Sequence[Any], size: int, token: str | None, of: str = "") -> dict[str, Any]:
        """Cut a page out.

        Args:
            entries: the whole list, in the order of their marks.
            size: the most entries on the page; 0 stands for 100.
            token: what an earlier page gave.
            of: what the list is of, where there are several: an ARN.

        Raises:
            InvalidToken: the token is none of this list's, or was given more than a day ago.
        """
        start = 0 if token is None else self._start(entries, token, of)
        end = start + (size or DEFAULT_PAGE)
        response: dict[str, Any] = {self.key: [self.tell(entry) for entry in entries[start:end]]}
        if end < len(entries):
            text = _json.dumps([self._name(of), self.mark(entries[end - 1]), _now() + TOKEN_SECONDS])
            response["nextToken"] = base64.urlsafe_b64encode(text.encode()).decode()
        return response

    def _name(self, of: str) -> str:
        return f"{self.key}-{zlib.crc32(of.encode()):x}"

    def _start(self, entries: Sequence[Any], token: str, of: str) -> int:
        try:
            name, mark, expiry = _json.loads(base64.urlsafe_b64decode(token.encode()))
            if name == self._name(of) and _now() <= expiry:
                return bisect_right(entries, mark, key=self.mark)
        except (TypeError, ValueError):
            pass
        raise errors.InvalidToken("Invalid Token: 'Invalid token'")


def _now() -> float:
    return asyncio.get_running_loop().time()
