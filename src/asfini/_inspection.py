"""Reading all that is needed to explain or record an execution."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asfini._pages import entries
from asfini.asl.definition import Definition
from asfini.errors import InvalidArgument, ServiceError
from asfini.history import parse_event
from asfini.service import Service
from asfini.view.explaining import Explanation, explain
from asfini.view.folding import fold
from asfini.view.tree import Run

_DEEPEST = 5
"""How many executions inside of each other are explained."""
_BAD = ("FAILED", "TIMED_OUT")


@dataclass(frozen=True, slots=True)
class Inspected:
    """An execution with its history and its machine."""

    arn: str
    run: Run
    machine: Mapping[str, Any]
    """What describe_state_machine_for_execution told; empty where it was refused."""
    definition: Definition | None


async def inspect(service: Service, arn: str) -> Inspected:
    """Read an execution.

    Args:
        service: where it runs.
        arn: its ARN.

    Raises:
        ServiceError: there is none, or it has no history, as those of EXPRESS machines.
    """
    pages = entries(service, "get_execution_history", "events", executionArn=arn)
    run = fold([parse_event(event) async for event in pages])
    try:
        machine = await service.call("describe_state_machine_for_execution", executionArn=arn)
        return Inspected(arn, run, machine, Definition.from_json(machine["definition"]))
    except (ServiceError, InvalidArgument):  # not everybody who may read a history may read definitions
        return Inspected(arn, run, {}, None)


async def explained(service: Service, arn: str, *, children: bool) -> Explanation:
    """Explain an execution; see `Execution.explain`."""
    return await _explained(service, arn, _DEEPEST if children else 0)


async def _explained(service: Service, arn: str, depth: int) -> Explanation:
    found = await inspect(service, arn)
    explanation = explain(found.run, found.definition, arn=arn)
    if depth == 0 or explanation.status not in _BAD:
        return explanation
    children = []
    async for child in _failed_children(service, explanation):
        try:
            children.append(await _explained(service, child, depth - 1))
        except ServiceError:  # it has no history, or is another account's
            continue
    return replace(explanation, children=children)


async def _failed_children(service: Service, explanation: Explanation) -> AsyncIterator[str]:
    """The ARNs of nested executions, and of one failed child of each map run."""
    for arn in explanation.executions:
        yield arn
    for arn in explanation.map_runs:
        for status in _BAD:
            try:
                listed = await service.call(
                    "list_executions", mapRunArn=arn, statusFilter=status, maxResults=1
                )
            except ServiceError:  # not everybody may list them, and those of EXPRESS machines are not listed
                break
            if listed["executions"]:
                yield listed["executions"][0]["executionArn"]
                break


async def children_of(service: Service, run: Run) -> AsyncIterator[Run]:
    """The children of an execution's map runs, and theirs, in the order in which they started.

    Raises:
        ServiceError: one of them has no history, as those of EXPRESS machines.
    """
    attempts = [attempt for state in run.walk() for attempt in state.attempts]
    for arn in dict.fromkeys(attempt.map_run_arn for attempt in attempts if attempt.map_run_arn):
        listed = [entry async for entry in entries(service, "list_executions", "executions", mapRunArn=arn)]
        listed.reverse()  # the latest come first
        for entry in sorted(listed, key=lambda entry: entry["startDate"]):
            child = await inspect(service, entry["executionArn"])
            yield child.run
            async for inner in children_of(service, child.run):
                yield inner
