"""What tests of the local service share: a service in virtual time, and machines that are run once."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from asfini.local.service import LocalService
from asfini.testing import virtual_time

ROLE = "arn:aws:iam::123456789012:role/tests"


@asynccontextmanager
async def local_service(**options: Any) -> AsyncIterator[LocalService]:
    """A local service in virtual time."""
    with virtual_time():
        async with LocalService(**{"seed": 0} | options) as service:
            yield service


async def start(service: LocalService, definition: dict[str, Any], value: Any, kind: str = "STANDARD") -> str:
    """Register a machine and start it; gives the execution's ARN."""
    machine = await service.call(
        "create_state_machine",
        name="machine",
        definition=json.dumps(definition),
        roleArn=ROLE,
        type=kind,
    )
    started = await service.call(
        "start_execution", stateMachineArn=machine["stateMachineArn"], input=json.dumps(value)
    )
    arn: str = started["executionArn"]
    return arn


async def ended(service: LocalService, arn: str) -> dict[str, Any]:
    """Wait for an execution's end; gives its description."""
    with anyio.fail_after(10**9):
        await service.changed(arn, 0)
    return await service.call("describe_execution", executionArn=arn)


async def run(
    service: LocalService, definition: dict[str, Any], value: Any = None, kind: str = "STANDARD"
) -> dict[str, Any]:
    """Run a machine once; gives the execution's description."""
    return await ended(service, await start(service, definition, {} if value is None else value, kind))


async def history(service: LocalService, arn: str) -> list[dict[str, Any]]:
    """All events of an execution."""
    events: list[dict[str, Any]] = []
    token = None
    while True:
        page = await service.call("get_execution_history", executionArn=arn, maxResults=1000, nextToken=token)
        events += page["events"]
        token = page.get("nextToken")
        if token is None:
            return events


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    """A definition that starts at the first of some states."""
    return {"StartAt": next(iter(states)), "States": states}


def chain(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The types of events, each with the id of the event that led to it."""
    return [(event["type"], event["previousEventId"]) for event in events]
