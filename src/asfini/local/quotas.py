"""Throttling as AWS does it: a token bucket for each operation, in front of any service."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from asfini._budget import USUAL_SHARE
from asfini._quotas import MAX_POLLS, Quota, aws_quotas
from asfini.errors import ActivityWorkerLimitExceeded, InvalidArgument, Throttled
from asfini.local._requests import REQUESTS
from asfini.service import Service, ServiceWrapper

Quotas = Literal["aws"] | Mapping[str, Quota | tuple[float, float]]
"""AWS's published quotas, or one for each operation's name: a bucket's size, and tokens a second."""


class Bucket:
    """Tokens, of which each call takes one.

    Args:
        quota: how many there can be, and how fast they come back.
    """

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._tokens = float(quota.bucket)
        self._filled = asyncio.get_running_loop().time()

    def take(self) -> bool:
        """Take one, if there is one."""
        now = asyncio.get_running_loop().time()
        gained = (now - self._filled) * self._quota.per_second
        self._tokens, self._filled = min(self._quota.bucket, self._tokens + gained), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class ThrottledService(ServiceWrapper):
    """A service that refuses calls which come too often, with AWS's `ThrottlingException`.

    Args:
        inner: the service that answers.
        quotas: `"aws"` for AWS's own in the service's region, with its limit of open polls for one activity;
            or how many calls may come at once and how many more in each second, by the operation's name:
            `{"start_execution": (10, 2)}`.

    Raises:
        InvalidArgument: the quotas make no sense.
    """

    def __init__(self, inner: Service, quotas: Quotas = "aws") -> None:
        super().__init__(inner)
        self.quota_share = USUAL_SHARE
        self._quotas = None if quotas == "aws" else _checked(quotas)
        self._as_aws = quotas == "aws"
        self._buckets: dict[str, Bucket | None] = {}
        self._polls: Counter[str] = Counter()

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Hand a call on, unless it comes too soon.

        Raises:
            Throttled: it does.
            ActivityWorkerLimitExceeded: as many polls are open for the activity as may be.
        """
        if self._quotas is None:
            self._quotas = aws_quotas((await self.inner.account()).region)
        if operation not in self._buckets:
            quota = self._quotas.get(operation)
            self._buckets[operation] = None if quota is None else Bucket(quota)
        bucket = self._buckets[operation]
        if bucket is not None and not bucket.take():
            raise Throttled("Rate exceeded", operation=operation, code="ThrottlingException")
        if not (self._as_aws and operation == "get_activity_task"):
            return await self.inner.call(operation, **parameters)
        with self._poll(str(parameters.get("activityArn"))):
            return await self.inner.call(operation, **parameters)

    @contextmanager
    def _poll(self, activity: str) -> Iterator[None]:
        if self._polls[activity] >= MAX_POLLS:
            raise ActivityWorkerLimitExceeded(
                "The maximum number of workers concurrently polling for activity tasks has been reached.",
                operation="get_activity_task",
            )
        self._polls[activity] += 1
        try:
            yield
        finally:
            self._polls[activity] -= 1


def _checked(quotas: object) -> dict[str, Quota]:
    if not isinstance(quotas, Mapping):
        raise InvalidArgument(
            f"quotas is 'aws', or a bucket and calls per second by operation, not {quotas!r}"
        )
    return {operation: _quota(operation, quota) for operation, quota in quotas.items()}


def _quota(operation: object, given: object) -> Quota:
    if not isinstance(operation, str):
        raise InvalidArgument(f"quotas are by an operation's name, not by {operation!r}")
    if operation not in REQUESTS:
        raise InvalidArgument(f"the quota of {operation!r}: the API has no such operation")
    if isinstance(given, tuple) and len(given) == 2 and all(map(_is_number, given)) and given[0] >= 1:
        return Quota(*given)
    raise InvalidArgument(
        f"the quota of {operation!r} is how many calls may come at once, at least 1, "
        f"and how many more in each second, not {given!r}"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
