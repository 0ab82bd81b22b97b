"""What type checkers know of clients, executions and histories, and of services of one's own."""

import datetime
from dataclasses import dataclass
from typing import Any, assert_type

from asfini import (
    Client,
    Execution,
    Service,
    ServiceWrapper,
    StateMachine,
    TaskFailed,
    as_completed,
    aws,
    local,
    wait_all,
)
from asfini._arns import Account
from asfini.history import Event, Failed, StateEntered, StateExited
from asfini.testing import Fault, FaultyService, Mock, MockCall, ThrottledService


@dataclass
class Receipt:
    order_id: str


async def execute(client: Client, machine: StateMachine) -> None:
    assert_type(await client.execute(machine), Any)
    assert_type(await client.execute(machine, {"id": "o-1"}, Receipt), Receipt)
    assert_type(await client.execute("shop", type=list[Receipt], timeout=60), list[Receipt])
    assert_type(await client.start_execution(machine, if_exists="return"), Execution)
    async for execution in client.list_executions(machine, status="RUNNING"):
        assert_type(execution, Execution)
    assert_type(await client.machine("shop"), StateMachine)


async def wait(execution: Execution) -> None:
    assert_type(await execution.wait(), Any)
    assert_type(await execution.wait(Receipt), Receipt)
    assert_type(await execution.wait(dict[str, int], timeout=60), dict[str, int])
    assert_type(await execution.output(Receipt), Receipt)
    assert_type(await execution.status(), str)
    assert_type(await execution.start_date(), datetime.datetime)
    assert_type(await execution.stop_date(), datetime.datetime | None)


async def wait_for_many(client: Client, executions: list[Execution]) -> None:
    assert_type(await wait_all(executions), list[Any])
    assert_type(await wait_all(executions, Receipt, timeout=60), list[Receipt])
    assert_type(await wait_all(executions, Receipt, return_exceptions=True), list[Any])
    async for execution in as_completed(executions, stop_on_cancel=True):
        assert_type(execution, Execution)
    async for execution in client.start_many("shop", range(100), max_running=10, name=str):
        assert_type(execution, Execution)


async def follow(execution: Execution) -> list[str]:
    told = []
    async for event in execution.history(follow=True):
        assert_type(event, Event)
        match event:
            case StateEntered(name=name):
                told.append(name)
            case StateExited(name=name, output=output):
                assert_type(output, Any)
            case Failed(type=type, error=str(error)):
                told.append(type + error)
    return told


async def connect() -> None:
    async with local.connect(handlers={"sqs:sendMessage": lambda given: given}) as client:
        assert_type(client, Client)
    async with aws.connect(region="eu-west-1") as client:
        assert_type(client, Client)


async def disturb(client: Client, machine: StateMachine) -> None:
    with client.mock("sqs:sendMessage", {"MessageId": "1"}) as mock:
        assert_type(mock, Mock)
    assert_type(mock.calls, list[MockCall])
    client.mock(state="pay", side_effect=[TaskFailed("Busy"), lambda given: given], machine=machine, after=5)
    async with local.connect(
        faults={"start_execution": Fault("ThrottlingException", every=3), "*": [Fault(delay=(0.1, 2))]},
        quotas="aws",
        mock_config="MockConfigFile.json",
    ) as disturbed:
        assert_type(disturbed, Client)
    async with local.connect(quotas={"start_execution": (10, 2.5)}) as throttled:
        assert_type(throttled, Client)
    FaultyService(
        ThrottledService(client.service), {"get_activity_task": Fault(delay=5, when="after")}, seed=1
    )


class Recorder(ServiceWrapper):
    """Watches what passes."""

    def __init__(self, inner: Service) -> None:
        super().__init__(inner)
        self.operations: list[str] = []

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.operations.append(operation)
        return await super().call(operation, **parameters)


class Fake(Service):
    """Answers by itself."""

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        return {}

    async def account(self) -> Account:
        return Account("aws", "us-east-1", "123456789012")


Client(Recorder(Fake()), role="shop")
