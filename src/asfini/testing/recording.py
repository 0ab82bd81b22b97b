"""Executions made into tests: `record`."""

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import anyio

from asfini import _json
from asfini._arns import Account, Arn
from asfini._inspection import Inspected, children_of, inspect
from asfini.clock import hold, virtual_time
from asfini.errors import AsfiniError, InvalidArgument, TaskFailed
from asfini.execution import Execution
from asfini.view import recording as _recording
from asfini.view.recording import Recording, tasks_of
from asfini.view.tree import Attempt

if TYPE_CHECKING:
    from asfini.local.handlers import Call

_PATIENCE = 100 * 365 * 24 * 3600.0
"""Seconds of virtual time after which a rehearsal ends that does not come to an end."""


async def record(execution: Execution) -> Recording:
    """Make a test of an execution: what its tasks gave, as a mock configuration, and how it ended.

    The format counts the results of a state, and when a machine is repeated, whose tasks then take no time,
    branches and items may come to a state in another order than they did. So the results are put in the order
    of a rehearsal on a local service, in which each task gets what the one with the same input had.

    Args:
        execution: the execution, of any service.

    Raises:
        InvalidArgument: it did not come to an end by itself, or what it ran cannot be read.
        ServiceError: it, or a child of one of its map runs, has no history, as those of EXPRESS machines.
    """
    service = execution._service
    found = await inspect(service, execution.arn)
    if found.definition is None:
        raise InvalidArgument(
            f"what {execution.arn} ran cannot be read: allow states:DescribeStateMachineForExecution"
        )
    definition = json.loads(found.machine["definition"])
    _recording.record(found.run, definition, arn=execution.arn)  # it may be refused
    runs = [found.run, *[run async for run in children_of(service, found.run)]]
    with hold():
        tasks = await anyio.to_thread.run_sync(_rehearsed, found, tasks_of(runs))
    return _recording.record(found.run, definition, arn=execution.arn, tasks=tasks)


def _rehearsed(found: Inspected, tasks: list[Attempt]) -> list[Attempt]:
    """Tries of tasks, in the order in which they are asked for where tasks take no time."""
    hands = _Hands(tasks)
    try:
        asyncio.run(_rehearse(found, hands))
    except AsfiniError:  # what cannot be rehearsed cannot be repeated, but the results are worth having
        return tasks
    return [*hands.given, *hands.left()]


async def _rehearse(found: Inspected, hands: "_Hands") -> None:
    from asfini.local.service import LocalService  # few record executions

    arn = Arn.parse(found.arn)
    _, partition, _, region, account_id = arn.account.split(":")
    account = Account(partition, region, account_id)
    definition = json.loads(found.machine["definition"])
    recording = _recording.record(found.run, definition, arn=found.arn)
    with virtual_time():
        async with LocalService(account=account, stand_in=hands.answer, seed=0) as service:
            for name in recording.activities:
                await service.call("create_activity", name=name)
            machine = await service.call(
                "create_state_machine",
                name=recording.machine,
                definition=found.machine["definition"],
                roleArn=f"arn:{partition}:iam::{account_id}:role/rehearsal",
            )
            started = await service.call(
                "start_execution",
                stateMachineArn=machine["stateMachineArn"],
                input=_json.dumps(recording.input),
            )
            with anyio.move_on_after(_PATIENCE):
                await service.changed(started["executionArn"], 0)


class _Hands:
    """What does tasks as they were done: those of a state with the same input, the earliest first.

    Args:
        tasks: the tries of tasks, as they were scheduled.
    """

    def __init__(self, tasks: list[Attempt]) -> None:
        self._waiting: dict[str, dict[str, list[Attempt]]] = defaultdict(lambda: defaultdict(list))
        for attempt in tasks:
            self._waiting[attempt.state.name][_key(attempt.input)].append(attempt)
        self.given: list[Attempt] = []
        """The tries in the order in which they were asked for."""

    def left(self) -> list[Attempt]:
        """The tries that nothing asked for."""
        return [each for by_input in self._waiting.values() for tries in by_input.values() for each in tries]

    def answer(self, call: "Call") -> Any:
        """Give what such a task gave; nothing where none was done."""
        waiting = self._waiting[call.state]
        tries = waiting[_key(call.input)] or next(filter(None, waiting.values()), [])
        if not tries:
            return None
        attempt = tries.pop(0)
        self.given.append(attempt)
        return _answered(_recording.result_of(attempt), call)


async def _answered(result: dict[str, Any], call: "Call") -> Any:
    from asfini.local.handlers import Submitted

    if "Throw" in result:
        raise TaskFailed(result["Throw"]["Error"], result["Throw"]["Cause"])
    output = result["Return"]
    return Submitted(output, output, completed=True) if call.target.pattern else output


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
