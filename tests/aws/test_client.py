"""The client and its executions over HTTP, on moto's server: every operation of theirs that moto answers."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from asfini import (
    Activity,
    ActivityRegistration,
    Client,
    Execution,
    ExecutionAborted,
    ExecutionFailed,
    Fail,
    InvalidArgument,
    Pass,
    StateMachine,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.aws import AwsService
from asfini.errors import (
    ActivityDoesNotExist,
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionOutputInvalid,
    ServiceError,
    StateMachineAlreadyExists,
    StateMachineDoesNotExist,
)

PREFIX = "arn:aws:states:eu-west-1:123456789012:"
ROLE = "arn:aws:iam::123456789012:role/shop"
PATIENCE = 30
"""Seconds that anything on moto's server may take."""


class Counting(AwsService):
    """Step Functions as moto answers, with a list of what it was asked."""

    calls: list[str]

    async def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        self.calls.append(operation)
        return await super().call(operation, **parameters)


@pytest.fixture
async def service(moto: AwsService) -> AsyncIterator[Counting]:
    async with Counting(moto.session) as service:
        service.calls = []
        yield service


@pytest.fixture
def client(service: Counting) -> Client:
    return Client(service)


def machine(name: str = "shop", result: Any = None, **options: Any) -> StateMachine:
    given = {} if result is None else {"result": result}
    return construct_state_machine(name, Pass("give", **given), **options)


waiting = construct_state_machine("waiting", Wait("an hour", 3600))
failing = construct_state_machine("failing", Fail("f", error="Declined", cause="over the limit"))


class TestRegistering:
    async def test_machines_activities_and_groups_are_made_known(self, client: Client) -> None:
        group = ActivityRegistration("shop-")
        group.add_activity(Activity("shop-pay"))
        await client.register(group, Activity("alone"), machine())
        assert {entry["name"] async for entry in client.list_activities()} == {"alone", "shop-pay"}
        assert [entry["name"] async for entry in client.list_state_machines()] == ["shop"]
        assert await client.is_registered("shop")
        assert await client.is_registered(Activity("alone"))

    async def test_nothing_is_written_where_nothing_has_changed(
        self, client: Client, service: Counting
    ) -> None:
        things = (Activity("pay"), machine(role="shop", tags={"team": "a"}))
        await client.register(*things)
        service.calls.clear()
        await client.register(*things)
        assert service.calls == ["describe_activity", "describe_state_machine", "list_tags_for_resource"]

    async def test_changes_need_leave_and_keep_the_role(self, client: Client) -> None:
        await client.register(machine(result=1), role=ROLE)
        with pytest.raises(StateMachineAlreadyExists, match="another definition"):
            await client.register(machine(result=2))
        await client.register(machine(result=2), allow_update=True)
        told = await client.describe("shop")
        assert told["roleArn"] == ROLE
        assert '"Result":2' in told["definition"]

    async def test_without_a_role_sfinis_convention_is_kept(self, client: Client) -> None:
        await client.register(machine())
        told = await client.describe("shop")
        assert told["roleArn"] == "arn:aws:iam::123456789012:role/sfiniGenerated"

    async def test_options_are_read_again(self, client: Client) -> None:
        await client.register(machine(type="EXPRESS", role=ROLE, tracing=True))
        read = await client.machine(f"{PREFIX}stateMachine:shop")
        assert (read.name, read.type, read.role, read.tracing) == ("shop", "EXPRESS", ROLE, True)
        assert read.definition == machine().definition

    async def test_tags_are_added(self, client: Client) -> None:
        await client.register(machine(tags={"team": "a"}))
        await client.register(machine(tags={"stage": "test"}), allow_update=True)
        arn = f"{PREFIX}stateMachine:shop"
        told = await client.service.call("list_tags_for_resource", resourceArn=arn)
        assert {tag["key"]: tag["value"] for tag in told["tags"]} == {"team": "a", "stage": "test"}

    async def test_a_published_version_is_asked_for_by_its_arn(self, client: Client) -> None:
        await client.register(machine(result=1), publish=True)
        version = f"{PREFIX}stateMachine:shop:1"
        try:
            told = await client.describe(version)
        except ServiceError as error:
            pytest.skip(f"moto describes no versions: {error}")
        assert told["name"] == "shop"

    async def test_an_alias_goes_without_its_machine(self, client: Client) -> None:
        await client.register(machine(), publish=True)
        alias = f"{PREFIX}stateMachine:shop:PROD"
        routing = [{"stateMachineVersionArn": f"{PREFIX}stateMachine:shop:1", "weight": 100}]
        try:
            await client.service.call("create_state_machine_alias", name="PROD", routingConfiguration=routing)
        except ServiceError as error:
            pytest.skip(f"moto makes no alias: {error}")
        await client.deregister(alias)
        arn = f"{PREFIX}stateMachine:shop"
        told = await client.service.call("list_state_machine_aliases", stateMachineArn=arn)
        assert told["stateMachineAliases"] == []
        assert await client.is_registered("shop")

    async def test_only_what_is_named_is_deleted(self, client: Client) -> None:
        await client.register(Activity("a-1"), Activity("a-2"), Activity("b"), machine(), machine("other"))
        await client.deregister(Activity("b"), "shop")
        await client.deregister(machine("never"))
        assert await client.deregister_activities("a-") == ["a-1", "a-2"]
        assert [entry async for entry in client.list_activities()] == []
        assert [entry["name"] async for entry in client.list_state_machines()] == ["other"]

    async def test_what_is_not_there_is_not_found(self, client: Client) -> None:
        assert not await client.is_registered("shop")
        assert not await client.is_registered(Activity("pay"))
        with pytest.raises(StateMachineDoesNotExist):
            await client.describe("shop")
        with pytest.raises(ActivityDoesNotExist):
            await client.describe(f"{PREFIX}activity:pay")
        with pytest.raises(StateMachineDoesNotExist):
            await client.start_execution("shop")


class TestExecutions:
    async def test_input_becomes_output(self, client: Client) -> None:
        await client.register(machine())
        given = {"a": [1, 2.5, None, "é"]}
        with anyio.fail_after(PATIENCE):
            assert await client.execute("shop", given) == given
            assert await client.execute("shop", [1], type=tuple[int]) == (1,)
            with pytest.raises(ExecutionOutputInvalid, match="does not fit"):
                await client.execute("shop", "secret", type=int)

    async def test_a_failure_comes_with_error_and_cause(self, client: Client) -> None:
        await client.register(failing)
        with anyio.fail_after(PATIENCE), pytest.raises(ExecutionFailed) as caught:
            await client.execute(failing)
        assert (caught.value.error, caught.value.cause) == ("Declined", "over the limit")

    async def test_what_runs_can_be_looked_at_and_stopped(self, client: Client) -> None:
        await client.register(waiting)
        execution = await client.start_execution(waiting, {"n": 1}, name="x")
        assert execution.arn == f"{PREFIX}execution:waiting:x"
        assert await execution.status() == "RUNNING"
        assert await execution.input() == {"n": 1}
        assert (await execution.start_date()).tzinfo is not None
        assert await execution.stop_date() is None
        with pytest.raises(InvalidArgument, match="no output yet"):
            await execution.output()
        with pytest.raises(TimeoutError):
            await execution.wait(timeout=0.3)
        await execution.stop("Closed", "shop closed")
        with anyio.fail_after(PATIENCE), pytest.raises(ExecutionAborted):
            await execution.wait()
        assert await execution.stop_date() is not None

    async def test_executions_are_listed_by_status(self, client: Client) -> None:
        await client.register(waiting, machine())
        execution = await client.start_execution(waiting)
        assert [found.arn async for found in client.list_executions(waiting)] == [execution.arn]
        assert [found.arn async for found in client.list_executions(waiting, status="RUNNING")] == [
            execution.arn
        ]
        assert [found async for found in client.list_executions(waiting, status="FAILED")] == []
        await execution.stop()

    async def test_a_taken_name_is_an_error_or_its_execution(self, client: Client) -> None:
        await client.register(machine())
        first = await client.start_execution("shop", 1, name="x")
        with anyio.fail_after(PATIENCE):
            await first.wait()
        with pytest.raises(ExecutionAlreadyExists):
            await client.start_execution("shop", 2, name="x")
        again = await client.start_execution("shop", 2, name="x", if_exists="return")
        assert (again.arn, await again.output()) == (first.arn, 1)

    async def test_a_name_of_eighty_characters_leaves_room_for_an_executions(self, client: Client) -> None:
        name = "m" * 80
        await client.register(machine(name))
        execution = await client.start_execution(name)
        assert len(execution.name) <= 80

    async def test_what_is_not_there_is_not_found(self, client: Client) -> None:
        await client.register(machine())
        execution = client.execution(f"{PREFIX}execution:shop:nothing")
        with pytest.raises(ExecutionDoesNotExist):
            await execution.status()
        with pytest.raises(ExecutionDoesNotExist):
            await execution.stop()


class TestHistories:
    async def ended(self, client: Client, of: StateMachine) -> Execution:
        await client.register(of)
        execution = await client.start_execution(of, {"n": 1})
        with anyio.fail_after(PATIENCE):
            await execution.wait(raise_on_failure=False)
        return execution

    async def test_events_come_in_order(self, client: Client) -> None:
        execution = await self.ended(client, machine())
        events = [event async for event in execution.history()]
        assert [event.type for event in events] == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
        assert [event.id for event in events] == [1, 2, 3, 4]

    async def test_a_history_is_followed_to_its_end(self, client: Client) -> None:
        wait = Wait("wait", 1)
        wait >> Pass("after")
        slow = construct_state_machine("slow", wait)
        await client.register(slow)
        execution = await client.start_execution(slow)
        with anyio.fail_after(PATIENCE):
            types = [event.type async for event in execution.history(follow=True)]
        assert (types[0], types[-1]) == ("ExecutionStarted", "ExecutionSucceeded")
        assert types == [event.type async for event in execution.history()]

    async def test_as_text(self, client: Client) -> None:
        execution = await self.ended(client, failing)
        text = await execution.format_history(cause=True)
        assert "FailStateEntered" in text
        assert "over the limit" in text


class TestTasks:
    async def test_a_task_is_completed_by_its_token(self, client: Client) -> None:
        pay = Activity("pay")
        await client.register(pay, construct_state_machine("shop", Task("pay", pay)))
        execution = await client.start_execution("shop")
        try:
            poll = await client.service.call("get_activity_task", activityArn=f"{PREFIX}activity:pay")
        except ServiceError as error:
            await execution.stop()
            pytest.skip(f"moto hands out no tasks: {error}")
        await client.task(poll["taskToken"]).succeed({"paid": True})
        with anyio.fail_after(PATIENCE):
            assert await execution.wait() == {"paid": True}

    @pytest.mark.parametrize("report", ["succeed", "heartbeat"])
    async def test_a_token_that_was_never_given_is_refused(self, client: Client, report: str) -> None:
        with pytest.raises(ServiceError):
            await getattr(client.task("nonsense"), report)()
