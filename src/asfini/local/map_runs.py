"""Map runs: what distributed maps keep of their children while and after they run."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asfini import errors
from asfini.local._operations import Listing, checked_arn
from asfini.local.redrive import obstacle
from asfini.local.run import Run

_COUNTED = ("aborted", "failed", "pending", "pendingRedrive", "running", "succeeded", "timedOut")
"""What every item and child is counted as, one at a time."""
_COUNTS = {
    "ABORTED": "aborted",
    "FAILED": "failed",
    "PENDING_REDRIVE": "pendingRedrive",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "TIMED_OUT": "timedOut",
}
_ENDINGS = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
MAX_CONCURRENCY = 10_000
"""How many children run at once at the most: the page "Map state processing modes"."""


@dataclass(slots=True)
class MapRun:
    """One run of a distributed Map."""

    arn: str
    label: str
    execution_arn: str
    machine_arn: str
    start_date: datetime
    max_concurrency: int
    """How many children run at once; 0 stands for as many as may."""
    tolerated_count: int | None
    tolerated_percentage: float | None
    """How many items may fail; where only one of the limits is given, the other is none."""
    status: str = "RUNNING"
    stop_date: datetime | None = None
    items: Counter[str] = field(default_factory=Counter)
    executions: Counter[str] = field(default_factory=Counter)
    inputs: list[tuple[str, int]] = field(default_factory=list)
    """What the children get, each with the number of items that it holds."""
    children: list[Run | None] = field(default_factory=list)
    """The children that were started, each in the place of its input."""
    running: dict[Run, int] = field(default_factory=dict)
    """The children that run, with their places."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set when a child has ended, or the limits are others."""
    redrive_count: int = 0
    redrive_date: datetime | None = None
    _pending: dict[Run, str] = field(default_factory=dict)
    """The children that wait for their redrives, with how they had ended."""

    def begin(self, inputs: list[tuple[str, int]]) -> None:
        """Note what the children get, each with the number of items that it holds."""
        self.inputs, self.children = inputs, [None] * len(inputs)
        self.items["pending"], self.executions["pending"] = sum(size for _, size in inputs), len(inputs)

    def child_begins(self, run: Run, place: int) -> None:
        """Note that a child starts, or goes on."""
        waited = "pending" if self.children[place] is None else "pendingRedrive"
        self._pending.pop(run, None)
        self.children[place] = run
        self.running[run] = place
        self._move(place, waited, "running")
        run.on_end = self._child_ended

    def _child_ended(self, run: Run) -> None:
        self._move(self.running.pop(run), "running", _COUNTS[run.status])
        self.changed.set()

    def _move(self, place: int, source: str, target: str) -> None:
        for counts, number in ((self.items, self.inputs[place][1]), (self.executions, 1)):
            counts[source] -= number
            counts[target] += number

    @property
    def full(self) -> bool:
        """Whether as many children run as may."""
        return len(self.running) >= (self.max_concurrency or MAX_CONCURRENCY)

    @property
    def too_many_failed(self) -> bool:
        """Whether more items failed, or were not done in time, than may."""
        failed = self.items["failed"] + self.items["timedOut"]
        if not failed:
            return False
        count, share = self.tolerated_count, self.tolerated_percentage
        if count is None and share is None:
            count = 0
        total = sum(self.items[name] for name in _COUNTED)
        return (count is not None and failed > count) or (share is not None and 100 * failed / total > share)

    def redrive(self, moment: datetime) -> list[int]:
        """Let it go on after its end.

        Returns:
            The places of the children that are to go on, or were never started.
        """
        self.status, self.stop_date = "RUNNING", None
        self.redrive_count, self.redrive_date = self.redrive_count + 1, moment
        places = []
        for place, run in enumerate(self.children):
            if run is not None and obstacle(run, moment) is not None:
                continue
            places.append(place)
            if run is not None:
                self._pending[run] = run.status
                self._move(place, _COUNTS[run.status], "pendingRedrive")
                run.change("PENDING_REDRIVE")
        return places

    def end(self, status: str, moment: datetime) -> None:
        """Note its end."""
        self.status, self.stop_date = status, moment
        places = {run: place for place, run in enumerate(self.children)} if self._pending else {}
        for run, before in self._pending.items():
            run.change(before)
            self._move(places[run], "pendingRedrive", _COUNTS[before])
        self._pending = {}
        if status == "SUCCEEDED":
            for counts in (self.items, self.executions):
                # AWS was seen to count results that no ResultWriter writes, too.
                counts["resultsWritten"] = sum(counts[_COUNTS[status]] for status in _ENDINGS)


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
        return _LISTING.page(found[::-1], maxResults, nextToken, executionArn)

    async def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:
        """Tell where a map run stands."""
        run = self.find(mapRunArn)
        described = _entry(run)
        del described["stateMachineArn"]
        return described | {
            "status": run.status,
            "maxConcurrency": run.max_concurrency,
            "toleratedFailureCount": run.tolerated_count or 0,
            "toleratedFailurePercentage": run.tolerated_percentage or 0.0,
            "itemCounts": _counts(run, run.items),
            "executionCounts": _counts(run, run.executions),
            "redriveCount": run.redrive_count,
            **({} if run.redrive_date is None else {"redriveDate": run.redrive_date}),
        }

    async def update_map_run(
        self,
        mapRunArn: str,
        maxConcurrency: int | None = None,
        toleratedFailureCount: int | None = None,
        toleratedFailurePercentage: float | None = None,
    ) -> dict[str, Any]:
        """Change a map run that runs, at once."""
        run = self.find(mapRunArn)
        if run.status != "RUNNING":
            raise errors.ValidationException(f"The Map Run is {run.status} and cannot be updated")
        if maxConcurrency is not None:
            run.max_concurrency = maxConcurrency
        if toleratedFailureCount is not None:
            run.tolerated_count = toleratedFailureCount
        if toleratedFailurePercentage is not None:
            run.tolerated_percentage = float(toleratedFailurePercentage)
        run.changed.set()
        return {}


_LISTING = Listing("mapRuns", mark=lambda found: found[0], tell=lambda found: _entry(found[1]))


def _entry(run: MapRun) -> dict[str, Any]:
    entry = {
        "executionArn": run.execution_arn,
        "mapRunArn": run.arn,
        "stateMachineArn": run.machine_arn,
        "startDate": run.start_date,
    }
    return entry if run.stop_date is None else {**entry, "stopDate": run.stop_date}


def _counts(run: MapRun, counts: Counter[str]) -> dict[str, int]:
    told = {name: counts[name] for name in _COUNTED}
    lost = [place for place, child in enumerate(run.children) if child is not None and _is_lost(child)]
    items = counts is run.items
    return {
        **told,
        "total": sum(told.values()),
        "resultsWritten": counts["resultsWritten"],
        "failuresNotRedrivable": sum(run.inputs[place][1] if items else 1 for place in lost),
    }


def _is_lost(run: Run) -> bool:
    """Whether a child failed for good."""
    failed = run.status in ("ABORTED", "FAILED", "TIMED_OUT")
    return failed and obstacle(run, run.journal.now()) is not None
