"""Versions of state machines in this process: published, listed, started, deleted."""

import json

import anyio
import pytest
from published import PREFIX, ROLE, SHOP, Shop, giving

from asfini import Client
from asfini.errors import (
    ConflictException,
    InvalidArn,
    ServiceQuotaExceededException,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    ValidationException,
)
from asfini.local import registry


@pytest.fixture
def shop(local_client: Client) -> Shop:
    return Shop(local_client.service)


class TestPublish:
    async def test_a_machine_can_be_published_as_it_is_made(self, shop: Shop) -> None:
        made = await shop.create(publish=True, versionDescription="first")
        assert made["stateMachineVersionArn"] == f"{SHOP}:1"
        assert (await shop.describe(f"{SHOP}:1"))["description"] == "first"
        assert "stateMachineVersionArn" not in await Shop(shop.service).create(name="other")

    async def test_or_as_it_is_changed(self, shop: Shop) -> None:
        await shop.create()
        changed = await shop.update(2, publish=True, versionDescription="second")
        assert changed["stateMachineVersionArn"] == f"{SHOP}:1"
        assert changed.keys() == {"updateDate", "revisionId", "stateMachineVersionArn"}
        assert (await shop.describe(f"{SHOP}:1"))["description"] == "second"

    async def test_or_afterwards(self, shop: Shop) -> None:
        await shop.create()
        await anyio.sleep(60)
        published = await shop.publish(description="later")
        told = await shop.describe(f"{SHOP}:1")
        assert published == {"stateMachineVersionArn": f"{SHOP}:1", "creationDate": told["creationDate"]}
        age = told["creationDate"] - (await shop.describe())["creationDate"]
        assert age.total_seconds() == 60

    async def test_a_revision_has_one_version(self, shop: Shop) -> None:
        await shop.create()
        first = await shop.publish()
        await anyio.sleep(60)
        assert await shop.publish() == await shop.publish(description="again") == first
        same = await shop.update(1, publish=True)
        assert same["stateMachineVersionArn"] == f"{SHOP}:1"
        assert "revisionId" not in same
        assert "description" not in await shop.describe(f"{SHOP}:1")

    async def test_a_number_is_never_used_again(self, shop: Shop) -> None:
        await shop.create(publish=True)
        await shop.update(2, publish=True)
        await shop.delete(2)
        assert (await shop.publish())["stateMachineVersionArn"] == f"{SHOP}:3"
        assert await shop.numbers() == ["3", "1"]

    async def test_a_machine_made_anew_begins_with_one(self, shop: Shop) -> None:
        await shop.create(publish=True)
        await shop.update(2, publish=True)
        await shop.call("delete_state_machine", stateMachineArn=SHOP)
        assert (await shop.create(publish=True))["stateMachineVersionArn"] == f"{SHOP}:1"

    async def test_only_the_revision_that_is_asked_for_is_published(self, shop: Shop) -> None:
        await shop.create()
        first = (await shop.update(2))["revisionId"]
        second = (await shop.update(3))["revisionId"]
        with pytest.raises(ConflictException) as caught:
            await shop.publish(revisionId=first)
        assert caught.value.message == (
            f"Failed to publish the State Machine version for revision {first}. "
            f"The current State Machine revision is {second}."
        )
        assert await shop.numbers() == []
        await shop.publish(revisionId=second)
        assert (await shop.describe(f"{SHOP}:1"))["revisionId"] == second

    async def test_the_revision_of_a_machine_that_was_never_changed_is_the_initial_one(
        self, shop: Shop
    ) -> None:
        await shop.create()
        with pytest.raises(ConflictException, match="The current State Machine revision is INITIAL"):
            await shop.publish(revisionId="x")
        await shop.publish(revisionId="INITIAL")
        await shop.update(2)
        with pytest.raises(ConflictException):
            await shop.publish(revisionId="INITIAL")

    async def test_there_are_so_many_versions_and_no_more(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert registry.MAX_VERSIONS == 1000
        monkeypatch.setattr(registry, "MAX_VERSIONS", 2)
        await shop.create(publish=True)
        await shop.update(2, publish=True)
        with pytest.raises(ServiceQuotaExceededException, match="at most 2 versions"):
            await shop.update(3, publish=True)
        assert await shop.output() == 2
        await shop.update(2, publish=True)
        await shop.update(3)
        with pytest.raises(ServiceQuotaExceededException):
            await shop.publish()
        await shop.delete(1)
        await shop.publish()
        assert await shop.numbers() == ["3", "2"]

    @pytest.mark.parametrize("arn", [f"{PREFIX}stateMachine:other", f"{SHOP}:1", f"{SHOP}:live"])
    async def test_what_is_published_is_a_machine(self, shop: Shop, arn: str) -> None:
        await shop.create(publish=True)
        with pytest.raises(StateMachineDoesNotExist) as caught:
            await shop.call("publish_state_machine_version", stateMachineArn=arn)
        assert caught.value.message == f"State Machine Does Not Exist: '{arn}'"

    async def test_a_machine_that_is_made_again_is_the_same_if_it_was_published_likewise(
        self, shop: Shop
    ) -> None:
        made = await shop.create(publish=True, versionDescription="first")
        assert await shop.create(publish=True, versionDescription="first") == made
        for difference in ({}, {"publish": True}, {"publish": True, "versionDescription": "other"}):
            with pytest.raises(StateMachineAlreadyExists):
                await shop.create(**difference)
        assert await shop.numbers() == ["1"]


class TestDescribe:
    async def test_a_version_is_told_as_it_was_published(self, shop: Shop) -> None:
        await shop.create(publish=True)
        old = await shop.describe()
        await shop.update(2, roleArn=f"{ROLE}2", tracingConfiguration={"enabled": True})
        told = await shop.describe(f"{SHOP}:1")
        assert told == {**old, "stateMachineArn": f"{SHOP}:1"}
        assert "revisionId" not in told
        assert (await shop.describe())["definition"] == giving(2)

    async def test_the_metadata_alone_is_told_on_request(self, shop: Shop) -> None:
        await shop.create(publish=True)
        assert (await shop.describe(f"{SHOP}:1", includedData="METADATA_ONLY"))["definition"] == "{}"

    @pytest.mark.parametrize("number", ["2", "01", "0", "\u0661"])
    async def test_only_a_versions_own_number_is_its(self, shop: Shop, number: str) -> None:
        await shop.create(publish=True)
        with pytest.raises(StateMachineDoesNotExist):
            await shop.describe(f"{SHOP}:{number}")


class TestList:
    async def test_the_youngest_is_first(self, shop: Shop) -> None:
        await shop.create(publish=True)
        for result in range(2, 14):
            await shop.update(result, publish=True)
        first = await shop.call("list_state_machine_versions", stateMachineArn=SHOP, maxResults=10)
        assert len(first["stateMachineVersions"]) == 10
        assert first["stateMachineVersions"][0]["stateMachineVersionArn"] == f"{SHOP}:13"
        await shop.delete(4)
        assert await shop.numbers(nextToken=first["nextToken"]) == ["3", "2", "1"]

    async def test_of_a_machine_that_is_not_there_there_is_no_list(self, shop: Shop) -> None:
        with pytest.raises(StateMachineDoesNotExist):
            await shop.numbers()


class TestDelete:
    async def test_a_version_that_is_not_there_is_no_error(self, shop: Shop) -> None:
        assert await shop.delete(1) == {}
        await shop.create(publish=True)
        for _ in range(2):
            assert await shop.delete(1) == {}
        assert await shop.numbers() == []
        with pytest.raises(StateMachineDoesNotExist):
            await shop.start(f"{SHOP}:1")

    @pytest.mark.parametrize("arn", [SHOP, f"{SHOP}:live"])
    async def test_what_is_no_version_is_refused(self, shop: Shop, arn: str) -> None:
        await shop.create(publish=True)
        with pytest.raises(ValidationException, match=f"not '{arn}'"):
            await shop.call("delete_state_machine_version", stateMachineVersionArn=arn)
        with pytest.raises(InvalidArn, match="activity"):
            await shop.call("delete_state_machine_version", stateMachineVersionArn=f"{PREFIX}activity:a:1")

    async def test_its_executions_go_on(self, shop: Shop) -> None:
        await shop.create(definition=giving("old", 60), publish=True)
        execution = await shop.start(f"{SHOP}:1")
        await shop.delete(1)
        assert (await shop.ended(execution))["output"] == '"old"'

    async def test_with_a_machine_go_its_versions(self, shop: Shop) -> None:
        await shop.create(definition=giving("old", 60), publish=True)
        execution = await shop.start(f"{SHOP}:1")
        await shop.call("delete_state_machine", stateMachineArn=SHOP)
        assert (await shop.describe(f"{SHOP}:1"))["status"] == "DELETING"
        with pytest.raises(StateMachineDeleting):
            await shop.start(f"{SHOP}:1")
        with pytest.raises(StateMachineDeleting):
            await shop.publish()
        assert (await shop.ended(execution))["status"] == "ABORTED"
        with pytest.raises(StateMachineDoesNotExist):
            await shop.describe(f"{SHOP}:1")

    async def test_a_version_is_no_machine_to_delete(self, shop: Shop) -> None:
        await shop.create(publish=True)
        await shop.call("delete_state_machine", stateMachineArn=f"{SHOP}:1")
        assert await shop.numbers() == ["1"]


class TestExecutions:
    async def test_a_version_gives_what_it_gave(self, shop: Shop) -> None:
        await shop.create("old", publish=True)
        await shop.update("new")
        assert await shop.output(f"{SHOP}:1") == "old"
        assert await shop.output() == "new"

    async def test_executions_tell_which_version_they_are_of(self, shop: Shop) -> None:
        await shop.create(publish=True)
        execution = await shop.start(f"{SHOP}:1", name="e")
        assert execution == f"{PREFIX}execution:shop:e"
        told = await shop.ended(execution)
        assert (told["stateMachineArn"], told["stateMachineVersionArn"]) == (SHOP, f"{SHOP}:1")
        assert "stateMachineAliasArn" not in told
        history = await shop.call("get_execution_history", executionArn=execution, maxResults=1)
        started = history["events"][0]["executionStartedEventDetails"]
        assert started["stateMachineVersionArn"] == f"{SHOP}:1"
        plain = await shop.ended(await shop.start())
        assert "stateMachineVersionArn" not in plain

    async def test_they_are_listed_by_version(self, shop: Shop) -> None:
        await shop.create(publish=True)
        plain, qualified = await shop.start(), await shop.start(f"{SHOP}:1")
        listed = await shop.call("list_executions", stateMachineArn=f"{SHOP}:1")
        assert [entry["executionArn"] for entry in listed["executions"]] == [qualified]
        assert listed["executions"][0]["stateMachineVersionArn"] == f"{SHOP}:1"
        listed = await shop.call("list_executions", stateMachineArn=SHOP)
        assert [entry["executionArn"] for entry in listed["executions"]] == [qualified, plain]
        with pytest.raises(StateMachineDoesNotExist):
            await shop.call("list_executions", stateMachineArn=f"{SHOP}:2")

    async def test_names_are_the_machines_whatever_the_version(self, shop: Shop) -> None:
        await shop.create(definition=giving(1, 60), publish=True)
        first = await shop.start(f"{SHOP}:1", name="e")
        assert await shop.start(name="e") == first

    async def test_the_machine_is_told_as_it_was(self, shop: Shop) -> None:
        await shop.create()
        revision = (await shop.update("old", publish=True))["revisionId"]
        execution = await shop.start(f"{SHOP}:1")
        await shop.update("new")
        told = await shop.call("describe_state_machine_for_execution", executionArn=execution)
        assert (told["stateMachineArn"], told["revisionId"]) == (SHOP, revision)
        assert told["definition"] == giving("old")

    async def test_express_machines_have_versions_too(self, shop: Shop) -> None:
        await shop.create("old", type="EXPRESS", publish=True)
        await shop.update("new")
        told = await shop.call("start_sync_execution", stateMachineArn=f"{SHOP}:1", name="e")
        assert (told["output"], told["stateMachineArn"]) == ('"old"', SHOP)
        assert told["executionArn"].startswith(f"{PREFIX}express:shop:e:")
        assert "stateMachineVersionArn" not in told

    @pytest.mark.parametrize("pattern", ["", ".sync:2"])
    async def test_machines_start_versions_of_others(self, shop: Shop, pattern: str) -> None:
        await shop.create("old", publish=True)
        await shop.update("new")
        task = {
            "Type": "Task",
            "Resource": f"arn:aws:states:::states:startExecution{pattern}",
            "Parameters": {"StateMachineArn": f"{SHOP}:1", "Name": "inner"},
            "End": True,
        }
        definition = json.dumps({"StartAt": "run", "States": {"run": task}})
        outer = await shop.create(name="outer", definition=definition)
        told = await shop.output(outer["stateMachineArn"])
        if pattern:
            assert (told["Output"], told["StateMachineVersionArn"]) == ("old", f"{SHOP}:1")
        inner = await shop.ended(f"{PREFIX}execution:shop:inner")
        assert (inner["output"], inner["stateMachineVersionArn"]) == ('"old"', f"{SHOP}:1")

    async def test_a_version_of_any_number_may_be_missed(self, shop: Shop) -> None:
        await shop.create(publish=True)
        parameters = {"StateMachineArn": f"{SHOP}:{'1' * 5000}"}
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Parameters": parameters,
            "End": True,
        }
        definition = json.dumps({"StartAt": "run", "States": {"run": task}})
        outer = await shop.create(name="outer", definition=definition)
        told = await shop.ended(await shop.start(outer["stateMachineArn"]))
        assert told["error"] == "StepFunctions.StateMachineDoesNotExistException"

    async def test_a_version_that_is_not_there_cannot_be_started(self, shop: Shop) -> None:
        await shop.create(publish=True)
        with pytest.raises(StateMachineDoesNotExist) as caught:
            await shop.start(f"{SHOP}:2")
        assert caught.value.message == f"State Machine Does Not Exist: '{SHOP}:2'"

    @pytest.mark.parametrize(
        "operation", ["start_execution", "describe_state_machine", "delete_state_machine"]
    )
    async def test_the_arn_of_a_distributed_map_stands_for_no_machine(
        self, shop: Shop, operation: str
    ) -> None:
        with pytest.raises(ValidationException, match="Distributed Map state is not valid here"):
            await shop.call(operation, stateMachineArn=f"{SHOP}/label")
