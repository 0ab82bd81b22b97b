"""The operations on executions."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asfini import errors
from asfini.local._operations import Listing, checked_arn
from asfini.local.failures import Failure
from asfini.local.machines import description
from asfini.local.redrive import counted, obstacle, standing
from asfini.local.registry import Registry, is_number, qualifier_of
from asfini.local.run import Run
from asfini.local.runner import Runner

_Listed = tuple[Run, Mapping[str, Any]]
"""An execution of a list, and what is told of it there beside the usual."""
_NO_MORE: Mapping[str, Any] = {}
_NOT_SUPPORTED = "This operation is not supported by this type of state machine"


class Executions:
    """Executions.

    Args:
        registry: what they are executions of.
        runner: runs them.
    """

    def __init__(self, registry: Registry, runner: Runner) -> None:
        self._registry = registry
        self._runner = runner

    async def start_execution(
        self,
        stateMachineArn: str,
        name: str | None = None,
        input: str = "{}",
        traceHeader: str | None = None,
    ) -> dict[str, Any]:
        """Start an execution, or find the same one that runs already."""
        run = self._runner.start(stateMachineArn, name, input, traceHeader)
        return {"executionArn": run.arn, "startDate": run.start_date}

    async def start_sync_execution(
        self,
        stateMachineArn: str,
        name: str | None = None,
        input: str = "{}",
        traceHeader: str | None = None,
        includedData: str = "ALL_DATA",
    ) -> dict[str, Any]:
        """Run an execution of an EXPRESS machine to its end, and tell of it."""
        machine_arn, _ = self._runner.split(stateMachineArn)
        if self._registry.find(machine_arn).machine.kind != "EXPRESS":
            raise errors.StateMachineTypeNotSupported(_NOT_SUPPORTED)
        run = self._runner.start(stateMachineArn, name, input, traceHeader)
        run.redrivable = False
        try:
            await run.ended()
        finally:
            if run.running:  # nobody waits for it any more
                run.abort()
        return _sync_description(run, includedData != "METADATA_ONLY")

    async def describe_execution(self, executionArn: str, includedData: str = "ALL_DATA") -> dict[str, Any]:
        """Tell where an execution stands."""
        return _description(self._runner.find(executionArn), includedData != "METADATA_ONLY")

    async def stop_execution(
        self, executionArn: str, error: str | None = None, cause: str | None = None
    ) -> dict[str, Any]:
        """Stop an execution; one that has ended stays as it is."""
        run = self._runner.find(executionArn)
        if run.running:
            run.abort(Failure(error, cause))
        return {"stopDate": run.stop_date}

    async def redrive_execution(self, executionArn: str, clientToken: str | None = None) -> dict[str, Any]:
        """Let an execution go on that ended without success, from the states that it stood in."""
        checked_arn(executionArn, "execution")
        run = self._runner.find(executionArn)
        await run.settled()
        now = run.journal.now()
        date = None if run.redrives is None else run.redrives.of(clientToken, now)
        if date is None:
            _check_redrivable(run, now)
            self._runner.redrive(run, clientToken)
        return {"redriveDate": date or now}

    async def list_executions(
        self,
        stateMachineArn: str | None = None,
        statusFilter: str | None = None,
        maxResults: int = 0,
        nextToken: str | None = None,
        mapRunArn: str | None = None,
        redriveFilter: str | None = None,
    ) -> dict[str, Any]:
        """List a machine's or a map run's executions, the latest first: by their end, or by their start."""
        if (stateMachineArn is None) == (mapRunArn is None):
            raise errors.ValidationException("Either a stateMachineArn or a mapRunArn must be given")
        if stateMachineArn is not None:
            listed = self._of_machine(stateMachineArn, statusFilter)
        else:
            listed = self._of_map_run(str(mapRunArn))
        found = [
            (_place(run, number), run, more)
            for number, (run, more) in enumerate(listed)
            if statusFilter in (None, run.status) and redriveFilter in (None, _redriven(run))
        ]
        of = stateMachineArn or mapRunArn or ""
        return _LISTING.page(sorted(found, key=_LISTING.mark), maxResults, nextToken, of)

    def _of_machine(self, arn: str, status: str | None) -> list[_Listed]:
        machine = self._registry.find(arn).machine
        if machine.kind == "EXPRESS":
            raise errors.StateMachineTypeNotSupported(_NOT_SUPPORTED)
        if status == "PENDING_REDRIVE":
            raise errors.ValidationException("A status filter PENDING_REDRIVE is for map runs only")
        runs = [(run, _NO_MORE) for run in self._runner.runs.values() if run.machine.arn == machine.arn]
        if not (qualifier := qualifier_of(arn)):
            return runs
        key = "stateMachineVersionArn" if is_number(qualifier) else "stateMachineAliasArn"
        return [(run, more) for run, more in runs if run.association.get(key) == arn]

    def _of_map_run(self, arn: str) -> list[_Listed]:
        map_run = self._runner.workshop.map_runs.find(arn)
        return [
            (run, {"mapRunArn": map_run.arn, "itemCount": count})
            for run, (_, count) in zip(map_run.children, map_run.inputs, strict=True)
            if run is not None
        ]

    async def get_execution_history(
        self,
        executionArn: str,
        maxResults: int = 0,
        reverseOrder: bool = False,
        nextToken: str | None = None,
        includeExecutionData: bool = True,
    ) -> dict[str, Any]:
        """List an execution's events."""
        events = self._runner.find(executionArn).journal.events
        listing, events = (_REVERSED, events[::-1]) if reverseOrder else (_EVENTS, events)
        response = listing.page(events, maxResults, nextToken, f"{executionArn} {reverseOrder}")
        if not includeExecutionData:
            response["events"] = [_without_data(event) for event in response["events"]]
        return response

    async def describe_state_machine_for_execution(
        self, executionArn: str, includedData: str = "ALL_DATA"
    ) -> dict[str, Any]:
        """Tell which machine an execution runs, as it was when it started."""
        run = self._runner.find(executionArn)
        told = description(run.machine, includedData) | {"updateDate": run.machine.updated}
        label = run.machine.name.rpartition("/")[2]
        return told if run.map_run_arn is None else {**told, "mapRunArn": run.map_run_arn, "label": label}

    async def delete_state_machine(self, stateMachineArn: str) -> dict[str, Any]:
        """Delete a machine: its executions and their children end at their next transition, then it."""
        runs = [run for run in self._runner.runs.values() if run.machine.arn.split("/")[0] == stateMachineArn]
        self._registry.delete(stateMachineArn, [run for run in runs if run.running])
        for run in runs:
            run.leaving = True
        return {}


def _check_redrivable(run: Run, now: datetime) -> None:
    reason = obstacle(run, now)
    if reason is None and run.map_run_arn is not None:
        reason = f"Execution can only be redriven by its Map Run: '{run.map_run_arn}'"
    if reason is not None:
        raise errors.ExecutionNotRedrivable(reason)


def _place(run: Run, number: int) -> list[float]:
    """Where an execution stands in a list that begins with the latest; numbers tell what is simultaneous."""
    redriven = run.redrives and run.redrives.date
    moment = run.stop_date or redriven or run.start_date
    return [-moment.timestamp(), -number]


def _redriven(run: Run) -> str:
    return "NOT_REDRIVEN" if run.redrives is None else "REDRIVEN"


_LISTING = Listing(
    "executions", mark=lambda found: found[0], tell=lambda found: {**_entry(found[1]), **found[2]}
)
_EVENTS = Listing("events", mark=lambda event: event["id"], tell=lambda event: _told(event))
_REVERSED = Listing("events", mark=lambda event: -event["id"], tell=lambda event: _told(event))


def _entry(run: Run) -> dict[str, Any]:
    entry = {
        "executionArn": run.arn,
        "stateMachineArn": run.machine.arn,
        "name": run.name,
        "status": run.status,
        "startDate": run.start_date,
        **run.association,
        **counted(run),
    }
    return entry if run.stop_date is None else {**entry, "stopDate": run.stop_date}


def _description(run: Run, data: bool) -> dict[str, Any]:
    described = {**_entry(run), **standing(run)}
    given = {"traceHeader": run.trace_header, "mapRunArn": run.map_run_arn}
    described |= {name: value for name, value in given.items() if value is not None}
    if data:
        described |= {"input": run.input, "inputDetails": {"included": True}}
        if run.failure is not None:
            described |= run.failure.details()
        if run.output is not None:
            described |= {"output": run.output, "outputDetails": {"included": True}}
    return described


def _sync_description(run: Run, data: bool) -> dict[str, Any]:
    """Describe an execution that was waited for, with what it would cost."""
    described = _description(run, data)
    for key in (*standing(run), *run.association):
        del described[key]
    duration = ((run.stop_date or run.start_date) - run.start_date).total_seconds() * 1000
    steps = max(1, math.ceil(duration / 100))  # begun ones count: AWS's price list
    billed = {"billedDurationInMilliseconds": steps * 100, "billedMemoryUsedInMB": 64}
    return {**described, "billingDetails": billed}


_OF_ANY_LENGTH = frozenset({"assignedVariables", "input", "output"})
"""Data of which events tell whether it is whole."""
_DATA = _OF_ANY_LENGTH | {"parameters"}


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """An event for others, who may do with it what they like."""
    return {
        key: _details(content) if isinstance(content, dict) else content for key, content in event.items()
    }


def _details(content: dict[str, Any]) -> dict[str, Any]:
    told = {}
    for name, value in content.items():
        told[name] = value.copy() if isinstance(value, dict) else value
        if name in _OF_ANY_LENGTH:
            told[f"{name}Details"] = {"truncated": False}
    return told


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    """Leave inputs and outputs out of an event."""
    return {
        key: {name: value for name, value in content.items() if name not in _DATA}
        if isinstance(content, dict)
        else content
        for key, content in event.items()
    }
