"""Map runs: the runs of distributed maps, whose children are executions of their own."""

from collections.abc import AsyncIterator
from typing import Any

from asfini import _checks
from asfini._arns import Arn
from asfini._pages import entries
from asfini.errors import InvalidArgument
from asfini.execution import Execution
from asfini.service import Service


class MapRun:
    """One run of a distributed Map.

    Made by `Client.list_map_runs` and `Client.map_run`.

    Args:
        service: what answers.
        arn: its ARN.

    Raises:
        InvalidArgument: the ARN is not a map run's.
    """

    def __init__(self, service: Service, arn: str) -> None:
        if not isinstance(service, Service):
            raise InvalidArgument(f"service is a Service, not {service!r}")
        if Arn.parse(arn).kind != "mapRun":
            raise InvalidArgument(f"a map run's ARN is needed, not {arn!r}")
        self._service = service
        self.arn = arn
        """The map run's ARN."""

    def __repr__(self) -> str:
        return f"MapRun({self.arn!r})"

    async def describe(self) -> dict[str, Any]:
        """All that the service tells of it, by the API's own names: its counts of items, its limits."""
        return await self._service.call("describe_map_run", mapRunArn=self.arn)

    async def status(self) -> str:
        """`RUNNING`, `SUCCEEDED`, `FAILED` or `ABORTED`."""
        return str((await self.describe())["status"])

    async def update(
        self,
        *,
        max_concurrency: int | None = None,
        tolerated_failure_count: int | None = None,
        tolerated_failure_percentage: float | None = None,
    ) -> None:
        """Change its limits while it runs.

        Args:
            max_concurrency: how many children run at once; 0 for as many as may.
            tolerated_failure_count: how many items may fail.
            tolerated_failure_percentage: how many of a hundred items may fail.

        Raises:
            InvalidArgument: nothing is to be changed.
            ServiceError: there is no such map run, or a limit is out of its range.
        """
        limits = {
            "maxConcurrency": max_concurrency,
            "toleratedFailureCount": tolerated_failure_count,
            "toleratedFailurePercentage": tolerated_failure_percentage,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if not given:
            raise InvalidArgument("what is to be changed: at least one limit is needed")
        await self._service.call("update_map_run", mapRunArn=self.arn, **given)

    async def executions(self, *, status: str | None = None) -> AsyncIterator[Execution]:
        """Its children, the latest first: by when they ended, or started if they still run.

        Args:
            status: only those that are `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED` or
                `PENDING_REDRIVE`.
        """
        filters = {}
        if status is not None:
            _checks.one_of((*_checks.STATUSES, "PENDING_REDRIVE"), status=status)
            filters["statusFilter"] = status
        async for entry in entries(
            self._service, "list_executions", "executions", mapRunArn=self.arn, **filters
        ):
            yield Execution(self._service, entry["executionArn"], entry)
