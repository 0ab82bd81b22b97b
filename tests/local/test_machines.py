"""State machines in this process, as AWS's operations have them."""

import copy
from typing import Any

import anyio
import pytest
from executions import local_service

from asfini import (
    Client,
    Definition,
    Execution,
    Fail,
    Map,
    Parallel,
    Pass,
    StateMachine,
    Succeed,
    Task,
    Wait,
)
from asfini.asl.map import ItemProcessor, ProcessorConfig
from asfini.errors import (
    ExecutionAborted,
    InvalidDefinition,
    InvalidEncryptionConfiguration,
    InvalidLoggingConfiguration,
    InvalidTracingConfiguration,
    MissingRequiredParameter,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    ValidationException,
)

PREFIX = "arn:aws:states:us-east-1:123456789012:"
SHOP = f"{PREFIX}stateMachine:shop"
ROLE, OTHER = "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"
TEXT = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}'
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:a"
GROUP = {"cloudWatchLogsLogGroup": {"logGroupArn": f"{LOG_GROUP}:*"}}
OWNED = {"type": "AWS_OWNED_KEY"}
KEY = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/a"}
LOGS = {"level": "ALL", "includeExecutionData": True, "destinations": [GROUP]}


async def create(client: Client, **parameters: Any) -> dict[str, Any]:
    given = {"name": "shop", "definition": TEXT, "roleArn": ROLE, **parameters}
    return await client.service.call("create_state_machine", **given)


async def update(client: Client, **parameters: Any) -> dict[str, Any]:
    return await client.service.call("update_state_machine", stateMachineArn=SHOP, **parameters)


async def describe(client: Client, **parameters: Any) -> dict[str, Any]:
    return await client.service.call("describe_state_machine", stateMachineArn=SHOP, **parameters)


class TestCreate:
    async def test_what_is_told_is_what_was_given_or_awss_default(self, local_client: Client) -> None:
        made = await create(local_client)
        told = await describe(local_client)
        assert told == {
            "stateMachineArn": SHOP,
            "name": "shop",
            "status": "ACTIVE",
            "definition": TEXT,
            "roleArn": ROLE,
            "type": "STANDARD",
            "creationDate": made["creationDate"],
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
            "tracingConfiguration": {"enabled": False},
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        }

    async def test_what_is_given_and_told_may_be_changed_without_harm(self, local_client: Client) -> None:
        given: dict[str, Any] = {"level": "ALL", "destinations": [copy.deepcopy(GROUP)]}
        await create(local_client, loggingConfiguration=given)
        before = await describe(local_client)
        kept = copy.deepcopy(before)
        given["destinations"].clear()
        for told in before.values():
            if isinstance(told, dict):
                told.clear()
        assert await describe(local_client) == kept

    async def test_awss_defaults_stay_whatever_becomes_of_them(self, local_client: Client) -> None:
        await create(local_client)
        (await describe(local_client))["loggingConfiguration"]["level"] = "ALL"
        assert (await describe(local_client))["loggingConfiguration"]["level"] == "OFF"

    async def test_the_metadata_alone_is_told_on_request(self, local_client: Client) -> None:
        await create(local_client)
        told = await describe(local_client, includedData="METADATA_ONLY")
        assert told["definition"] == "{}"
        assert told["name"] == "shop"

    async def test_the_same_again_is_the_same(self, local_client: Client) -> None:
        first = await create(local_client)
        await anyio.sleep(60)
        assert await create(local_client) == first

    async def test_another_role_or_other_tags_are_ignored(self, local_client: Client) -> None:
        await create(local_client)
        await create(local_client, roleArn=OTHER, tags=[{"key": "a", "value": "b"}])
        assert (await describe(local_client))["roleArn"] == ROLE
        tags = await local_client.service.call("list_tags_for_resource", resourceArn=SHOP)
        assert tags == {"tags": []}

    @pytest.mark.parametrize(
        "difference",
        [
            {"definition": TEXT.replace(" ", "")},
            {"type": "EXPRESS"},
            {"loggingConfiguration": LOGS},
            {"tracingConfiguration": {"enabled": True}},
            {"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/a"}},
        ],
    )
    async def test_anything_else_that_differs_is_refused(self, local_client: Client, difference: Any) -> None:
        await create(local_client)
        with pytest.raises(StateMachineAlreadyExists) as caught:
            await create(local_client, **difference)
        assert caught.value.message == f"State Machine Already Exists: '{SHOP}'"

    async def test_a_placeholder_that_nobody_replaced_is_refused(self, local_client: Client) -> None:
        with pytest.raises(InvalidDefinition) as caught:
            await create(local_client, definition='{"StartAt": "pay", "States": "${States}"}')
        told = 'SCHEMA_VALIDATION_FAILED: Expected an object, but found "${States}" at /States'
        assert caught.value.message == f"Invalid State Machine Definition: '{told}'"

    async def test_a_definition_that_aws_would_refuse_is_refused(self, local_client: Client) -> None:
        with pytest.raises(InvalidDefinition) as caught:
            await create(local_client, definition='{"StartAt": "a"}')
        assert caught.value.message == (
            "Invalid State Machine Definition: "
            "'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"
        )
        assert not await local_client.is_registered("shop")

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({}, {"level": "OFF", "includeExecutionData": False}),
            ({"destinations": []}, {"level": "OFF", "includeExecutionData": False, "destinations": []}),
            (LOGS, LOGS),
            ({**LOGS, "level": "OFF"}, {**LOGS, "level": "OFF"}),
        ],
    )
    async def test_logs_that_aws_would_take_are_taken(
        self, local_client: Client, given: Any, told: Any
    ) -> None:
        await create(local_client, loggingConfiguration=given)
        assert (await describe(local_client))["loggingConfiguration"] == told

    @pytest.mark.parametrize("given", [{"level": "ALL"}, {**LOGS, "destinations": [GROUP, GROUP]}])
    async def test_logs_go_to_exactly_one_place(self, local_client: Client, given: Any) -> None:
        with pytest.raises(InvalidLoggingConfiguration) as caught:
            await create(local_client, loggingConfiguration=given)
        text = "Invalid Logging Configuration: Must specify exactly one Log Destination."
        assert caught.value.message == text
        await create(local_client)
        with pytest.raises(InvalidLoggingConfiguration):
            await update(local_client, loggingConfiguration=given)

    @pytest.mark.parametrize(
        ("destination", "message"),
        [
            ({}, "Log Group ARN must be provided with '*' qualifier."),
            ({"cloudWatchLogsLogGroup": {}}, "Log Group ARN must be provided with '*' qualifier."),
            (
                {"cloudWatchLogsLogGroup": {"logGroupArn": LOG_GROUP}},
                "Log Group ARN must be provided with '*' qualifier.",
            ),
        ],
    )
    async def test_the_place_is_all_of_a_log_group(
        self, local_client: Client, destination: Any, message: str
    ) -> None:
        with pytest.raises(InvalidLoggingConfiguration) as caught:
            await create(local_client, loggingConfiguration={"level": "ALL", "destinations": [destination]})
        assert caught.value.message == f"Invalid Logging Configuration: {message}"

    async def test_traces_are_on_or_off(self, local_client: Client) -> None:
        with pytest.raises(InvalidTracingConfiguration, match="enabled must be set to true or false"):
            await create(local_client, tracingConfiguration={})
        await create(local_client)
        with pytest.raises(InvalidTracingConfiguration):
            await update(local_client, tracingConfiguration={})

    @pytest.mark.parametrize("given", [OWNED, KEY, {**KEY, "kmsDataKeyReusePeriodSeconds": 60}])
    async def test_encryption_that_aws_would_take_is_taken(self, local_client: Client, given: Any) -> None:
        await create(local_client, encryptionConfiguration=given)
        assert (await describe(local_client))["encryptionConfiguration"] == given
        made = await local_client.service.call("create_activity", name="a", encryptionConfiguration=given)
        asked = {"activityArn": made["activityArn"]}
        activity = await local_client.service.call("describe_activity", **asked)
        assert activity["encryptionConfiguration"] == given

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"type": "CUSTOMER_MANAGED_KMS_KEY"}, "kmsKeyId is needed for the type CUSTOMER_MANAGED"),
            ({**OWNED, "kmsKeyId": "alias/a"}, "not for the type AWS_OWNED_KEY"),
            ({**OWNED, "kmsDataKeyReusePeriodSeconds": 60}, "not for the type AWS_OWNED_KEY"),
        ],
    )
    async def test_a_key_is_ones_own_or_awss(self, local_client: Client, given: Any, message: str) -> None:
        with pytest.raises(InvalidEncryptionConfiguration, match=message):
            await create(local_client, encryptionConfiguration=given)
        with pytest.raises(InvalidEncryptionConfiguration):
            await local_client.service.call("create_activity", name="a", encryptionConfiguration=given)
        await create(local_client, encryptionConfiguration=KEY)
        with pytest.raises(InvalidEncryptionConfiguration):
            await update(local_client, encryptionConfiguration=given)

    async def test_it_is_told_which_variables_states_read(self, local_client: Client) -> None:
        assign = Pass("assign", assign={"a": 1})
        assign >> Pass("read", parameters={"b.$": "$a"})
        await local_client.register(StateMachine("shop", Definition.starting_at(assign)))
        assert (await describe(local_client))["variableReferences"] == {"read": ["a"]}
        assert "variableReferences" not in await describe(local_client, includedData="METADATA_ONLY")
        execution = await local_client.start_execution("shop")
        asked = {"executionArn": execution.arn}
        told = await local_client.service.call("describe_state_machine_for_execution", **asked)
        assert told["variableReferences"] == {"read": ["a"]}

    async def test_a_version_is_described_only_where_it_is_published(self, local_client: Client) -> None:
        with pytest.raises(ValidationException) as caught:
            await create(local_client, versionDescription="first")
        assert caught.value.message == "Version description can only be set when publish is true"
        await create(local_client, publish=False)
        with pytest.raises(ValidationException):
            await update(local_client, roleArn=OTHER, versionDescription="first")
        assert (await describe(local_client))["roleArn"] == ROLE


class TestUpdate:
    async def test_only_what_is_given_changes(self, local_client: Client) -> None:
        await create(local_client, loggingConfiguration=LOGS)
        await anyio.sleep(60)
        answer = await update(local_client, tracingConfiguration={"enabled": True})
        told = await describe(local_client)
        assert (told["roleArn"], told["definition"], told["loggingConfiguration"]) == (ROLE, TEXT, LOGS)
        assert told["tracingConfiguration"] == {"enabled": True}
        assert told["revisionId"] == answer["revisionId"]
        assert (answer["updateDate"] - told["creationDate"]).total_seconds() == 60

    async def test_a_machine_has_a_revision_when_it_was_changed_and_a_new_one_for_each_change(
        self, local_client: Client
    ) -> None:
        await create(local_client)
        assert "revisionId" not in await describe(local_client)
        assert "revisionId" not in await update(local_client, definition=TEXT, roleArn=ROLE)
        first = (await update(local_client, roleArn=OTHER))["revisionId"]
        assert (await update(local_client, roleArn=OTHER, definition=TEXT))["revisionId"] == first
        assert (await update(local_client, loggingConfiguration=LOGS))["revisionId"] != first

    async def test_a_seed_repeats_the_revisions(self) -> None:
        async def revision(seed: int) -> str:
            async with local_service(seed=seed) as service:
                await create(Client(service))
                return str((await update(Client(service), roleArn=OTHER))["revisionId"])

        assert await revision(1) == await revision(1)
        assert await revision(1) != await revision(2)

    async def test_something_must_change(self, local_client: Client) -> None:
        await create(local_client)
        with pytest.raises(MissingRequiredParameter) as caught:
            await update(local_client)
        assert caught.value.message == (
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
            "must be specified"
        )

    async def test_a_faulty_definition_changes_nothing(self, local_client: Client) -> None:
        await create(local_client)
        with pytest.raises(InvalidDefinition):
            await update(local_client, definition="{}", roleArn=OTHER)
        assert (await describe(local_client))["roleArn"] == ROLE

    async def test_executions_keep_the_machine_that_they_started_with(self, local_client: Client) -> None:
        def shop(result: int) -> StateMachine:
            wait = Wait("wait", 60)
            wait >> Pass("give", result=result)
            return StateMachine("shop", Definition.starting_at(wait))

        await local_client.register(shop(1))
        execution = await local_client.start_execution("shop")
        await local_client.register(shop(2), allow_update=True)
        assert await execution.wait() == 1
        assert await local_client.execute("shop") == 2
        told = await local_client.service.call(
            "describe_state_machine_for_execution", executionArn=execution.arn
        )
        assert '"Result":1' in told["definition"]
        assert "revisionId" not in told
        assert told["tracingConfiguration"] == {"enabled": False}

    async def test_what_is_not_there_cannot_be_changed(self, local_client: Client) -> None:
        with pytest.raises(StateMachineDoesNotExist) as caught:
            await update(local_client, roleArn=OTHER)
        assert caught.value.message == f"State Machine Does Not Exist: '{SHOP}'"


class TestDelete:
    """A machine that is deleted is gone when its executions have ended, each at its next transition."""

    @pytest.fixture
    async def execution(self, local_client: Client) -> Execution:
        wait = Wait("wait", 60)
        wait >> Wait("again", 60) >> Succeed("done")
        await local_client.register(StateMachine("shop", Definition.starting_at(wait)))
        return await local_client.start_execution("shop")

    async def delete(self, client: Client) -> None:
        await client.service.call("delete_state_machine", stateMachineArn=SHOP)

    async def test_without_executions_it_is_gone_at_once(self, local_client: Client) -> None:
        await create(local_client)
        await self.delete(local_client)
        await self.delete(local_client)
        with pytest.raises(StateMachineDoesNotExist):
            await describe(local_client)
        await create(local_client, definition=TEXT.replace(" ", ""))

    async def test_until_then_it_is_being_deleted(self, local_client: Client, execution: Execution) -> None:
        await anyio.sleep(10)
        await self.delete(local_client)
        assert (await describe(local_client))["status"] == "DELETING"
        assert [entry["name"] async for entry in local_client.list_state_machines()] == ["shop"]
        assert [found.arn async for found in local_client.list_executions("shop")] == [execution.arn]
        for attempt in (
            local_client.start_execution("shop"),
            update(local_client, roleArn=OTHER),
            create(local_client),
        ):
            with pytest.raises(StateMachineDeleting, match="State Machine is being deleted: "):
                await attempt
        assert await execution.status() == "RUNNING"

    async def test_the_next_transition_is_the_end(self, local_client: Client, execution: Execution) -> None:
        await anyio.sleep(10)
        await self.delete(local_client)
        with pytest.raises(ExecutionAborted):
            await execution.wait()
        events = [event async for event in execution.history()]
        assert [event.type for event in events[-2:]] == ["WaitStateExited", "ExecutionAborted"]
        assert (events[-1].timestamp - events[0].timestamp).total_seconds() == 60
        assert not await local_client.is_registered("shop")
        assert [entry async for entry in local_client.list_state_machines()] == []
        await create(local_client)
        assert await execution.status() == "ABORTED"

    async def test_of_branches_too(self, local_client: Client) -> None:
        long, short = Wait("long", 3600), Wait("short", 60)
        short >> Fail("never")
        both = Parallel("both").add(long).add(short)
        both.catch(["States.ALL"], Succeed("caught"))
        await local_client.register(StateMachine("shop", Definition.starting_at(both)))
        execution = await local_client.start_execution("shop")
        await anyio.sleep(10)
        await self.delete(local_client)
        with pytest.raises(ExecutionAborted):
            await execution.wait()
        types = [event.type async for event in execution.history()]
        assert "FailStateEntered" not in types
        assert types[-1] == "ExecutionAborted"
        await anyio.sleep(7200)
        assert [event.type async for event in execution.history()] == types

    @pytest.mark.parametrize("most", [1, 2])
    async def test_of_children_too(self, local_client: Client, most: int) -> None:
        wait = Wait("wait", 60)
        wait >> Wait("again", 3600)
        config = ProcessorConfig(mode="DISTRIBUTED", execution_type="STANDARD")
        processor = ItemProcessor.starting_at(wait, processor_config=config)
        each = Map("each", item_processor=processor, max_concurrency=most)
        await local_client.register(StateMachine("shop", Definition.starting_at(each)))
        execution = await local_client.start_execution("shop", [1, 2])
        await anyio.sleep(10)
        [map_run] = [found async for found in local_client.list_map_runs(execution)]
        await self.delete(local_client)
        began = anyio.current_time()
        with pytest.raises(ExecutionAborted):
            await execution.wait()
        assert anyio.current_time() - began == 50
        assert {await child.status() async for child in map_run.executions()} == {"ABORTED"}
        assert not await local_client.is_registered("shop")

    async def test_stopping_what_runs_makes_it_gone(self, local_client: Client, execution: Execution) -> None:
        await self.delete(local_client)
        await execution.stop()
        assert not await local_client.is_registered("shop")

    async def test_other_machines_go_on(self, local_client: Client, execution: Execution) -> None:
        await local_client.register(StateMachine("other", Definition.starting_at(Task("t", SHOP_LAMBDA))))
        await local_client.deregister("other")
        assert await execution.wait() == {}


SHOP_LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:shop"


@pytest.mark.parametrize("qualifier", ["3", "PROD"])
async def test_a_version_or_an_alias_that_is_not_there_is_not_there(
    local_client: Client, qualifier: str
) -> None:
    await create(local_client)
    with pytest.raises(StateMachineDoesNotExist) as caught:
        await local_client.describe(f"{SHOP}:{qualifier}")
    assert caught.value.message == f"State Machine Does Not Exist: '{SHOP}:{qualifier}'"
    await local_client.deregister(f"{SHOP}:{qualifier}")
    assert await local_client.is_registered("shop")
