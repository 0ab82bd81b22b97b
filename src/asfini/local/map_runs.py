"""Map runs: what distributed maps keep of their children while and after they run."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asfini import errors
from asfini.local._operations import Listing, checked_arn
from asfini.local.run import Run

COUNTED = ("aborted", "failed", "pending", "resultsWritten", "running", "succeeded", "timedOut")
_ENDINGS = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}


@dataclass(slots=True)
class MapRun:
    """One run of a distributed Map."""

    arn: str
    label: str
    execution_arn: str
    machine_arn: str
    start_date: datetime
    max_concurrency: int
    tolerated_count: int
    tolerated_percentage: float
    status: str = "RUNNING"
    stop_date: datetime | None = None
    items: Counter[str] = field(default_factory=Counter)
    executions: Counter[str] = field(default_factory=Counter)

    def begin(self, sizes: list[int]) -> None:
        """Note how many items and children there are.

        Args:
            sizes: how many items each child has.
        """
        self.items["pending"], self.executions["pending"] = sum(sizes), len(sizes)

    def child_begins(self, size: int) -> None:
        """Note that a child starts with so many items."""
        self._move("pending", "running", size)

    def child_ends(self, run: Run, size: int) -> None:
        """Note how a child with so many items ended."""
        self._move("running", _ENDINGS[run.status], size)

    def _move(self, source: str, target: str, size: int) -> None:
        for counts, number in ((self.items, size), (self.executions, 1)):
            counts[source] -= number
            counts[target] += number

    @property
    def failed_items(self) -> int:
        """How many items failed, or were not done in time."""
        return self.items["failed"] + self.items["timedOut"]

    @property
    def total_items(self) -> int:
        """How many items there are."""
        return sum(self.items[name] for name in COUNTED if name != "resultsWritten")

    def end(self, status: str, moment: datetime) -> None:
        """Note its end."""
        self.status, self.stop_date = status, moment
        if status == "SUCCEEDED":
            for counts in (self.items, self.executions):
                # AWS was seen to count results that no ResultWriter writes, too.
                counts["resultsWritten"] = sum(counts[name] for name in _ENDINGS.values())


class MapRuns:
    """Map runs, by their ARNs."""

    def __init__(self) -> None:
        self._runs: dict[str, MapRun] = {}

    def add(self, run: MapRun) -> None:
        """Keep one."""
        self._runs[run.arn] = run

    def find(self, arn: str) -> MapRun:
        """One that was kept.

        Raises:
            ResourceNotFound: there is none.
        """
        found = self._runs.get(checked_arn(arn, "mapRun"))
        if found is None:
            raise errors.ResourceNotFound(f"Resource not found: '{arn}'")
        return found

    async def list_map_runs(
        self, executionArn: str, maxResults: int = 0, nextToken: str | None = None
    ) -> dict[str, Any]:
        """List the map runs of an execution, the youngest first."""
        checked_arn(executionArn, "execution")
        found = [
            (-number, run)
            for number, run in enumerate(self._runs.values())
            if run.execution_arn == executionArn
        ]
        return _LISTING.page(found[::-1], maxResults, nextToken)

    async def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:
        """Tell where a map run stands."""
        run = self.find(mapRunArn)
        described = _entry(run)
        del described["stateMachineArn"]
        return described | {
            "status": run.status,
            "maxConcurrency": run.max_concurrency,
            "toleratedFailureCount": run.tolerated_count,
            "toleratedFailurePercentage": run.tolerated_percentage,
            "itemCounts": _counts(run.items),
            "executionCounts": _counts(run.executions),
        }


_LISTING = Listing("mapRuns", mark=lambda found: found[0], tell=lambda found: _entry(found[1]))


def _entry(run: MapRun) -> dict[str, Any]:
    entry = {
        "executionArn": run.execution_arn,
        "mapRunArn": run.arn,
        "stateMachineArn": run.machine_arn,
        "startDate": run.start_date,
    }
    return entry if run.stop_date is None else {**entry, "stopDate": run.stop_date}


def _counts(counts: Counter[str]) -> dict[str, int]:
    told = {name: counts[name] for name in COUNTED}
    return told | {"total": sum(told.values()) - told["resultsWritten"]}
