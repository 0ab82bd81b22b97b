"""What is registered, described, listed, changed and deleted, whichever service answers."""

import json

import pytest
from shops import PREFIX, ROLE, branching, failing, machine, mapping, pay, paying, retrying, sorting, waiting

from asfini import Activity, ActivityRegistration, Client, Definition, StateMachine
from asfini.errors import (
    ActivityDoesNotExist,
    DoesNotExist,
    InvalidDefinition,
    InvalidName,
    ServiceError,
    StateMachineAlreadyExists,
    StateMachineDoesNotExist,
)

SHOP = f"{PREFIX}stateMachine:shop"
LOGGING = {"level": "OFF", "includeExecutionData": False}


class TestActivities:
    async def test_one_is_registered_under_its_name(self, client: Client) -> None:
        await client.register(Activity("pay"))
        assert await client.is_registered(Activity("pay"))
        told = await client.describe(Activity("pay"))
        assert (told["activityArn"], told["name"]) == (f"{PREFIX}activity:pay", "pay")

    async def test_a_groups_members_are_registered(self, client: Client) -> None:
        group = ActivityRegistration("shop-")
        group.add_activity(Activity("shop-pay"))
        group.add_activity(Activity("shop-send"))
        await client.register(group)
        assert [entry["name"] async for entry in client.list_activities()] == ["shop-pay", "shop-send"]

    async def test_a_second_time_is_no_error(self, client: Client) -> None:
        await client.register(Activity("pay"))
        first = await client.describe(Activity("pay"))
        await client.register(Activity("pay"))
        assert await client.describe(Activity("pay")) == first

    async def test_creation_tells_when(self, client: Client) -> None:
        told = await client.service.call("create_activity", name="pay")
        assert told["creationDate"].tzinfo is not None

    @pytest.mark.parametrize("name", ["a", "a-b", "a_b", "a.b", "A1", "n" * 80])
    async def test_names_that_are_allowed(self, client: Client, name: str) -> None:
        await client.register(Activity(name))
        assert [entry["name"] async for entry in client.list_activities()] == [name]

    @pytest.mark.parametrize(
        "name", ["a b", "a<b", "a>b", "a{b", "a*b", "a?b", 'a"b', "a#b", "a%b", "a\\b", "a$b"]
    )
    async def test_names_that_are_not(self, client: Client, name: str) -> None:
        with pytest.raises(InvalidName):
            await client.service.call("create_activity", name=name)
        assert [entry async for entry in client.list_activities()] == []

    async def test_one_is_deleted(self, client: Client) -> None:
        await client.register(Activity("pay"), Activity("send"))
        await client.deregister(Activity("pay"))
        assert [entry["name"] async for entry in client.list_activities()] == ["send"]
        with pytest.raises(ActivityDoesNotExist):
            await client.describe(Activity("pay"))

    async def test_by_prefix(self, client: Client) -> None:
        await client.register(Activity("a-1"), Activity("a-2"), Activity("b"))
        assert await client.deregister_activities("a-") == ["a-1", "a-2"]
        assert [entry["name"] async for entry in client.list_activities()] == ["b"]

    async def test_one_that_is_not_there_is_not_found(self, client: Client) -> None:
        assert not await client.is_registered(pay)
        with pytest.raises(ActivityDoesNotExist):
            await client.describe(pay)

    async def test_it_can_be_made_anew(self, client: Client) -> None:
        await client.register(pay)
        await client.deregister(pay)
        await client.register(pay)
        assert await client.is_registered(pay)

    async def test_pages(self, client: Client) -> None:
        await client.register(*(Activity(f"a-{number}") for number in range(5)))
        found, token = [], {}
        while True:
            page = await client.service.call("list_activities", maxResults=2, **token)
            assert len(page["activities"]) <= 2
            found += [entry["name"] for entry in page["activities"]]
            if not page.get("nextToken"):
                break
            token = {"nextToken": page["nextToken"]}
        assert found == [f"a-{number}" for number in range(5)]


class TestMachines:
    async def test_what_is_described(self, client: Client) -> None:
        await client.register(machine(), role=ROLE)
        told = await client.describe("shop")
        assert (told["stateMachineArn"], told["name"]) == (SHOP, "shop")
        assert (told["status"], told["type"], told["roleArn"]) == ("ACTIVE", "STANDARD", ROLE)
        assert json.loads(told["definition"]) == machine().to_dict()
        assert told["creationDate"].tzinfo is not None

    @pytest.mark.parametrize("make", [machine, sorting, mapping, branching, retrying])
    async def test_what_was_registered_is_read_again(self, client: Client, make: type[StateMachine]) -> None:
        wanted = make()
        await client.register(wanted)
        assert (await client.machine(wanted.name)).definition == wanted.definition

    async def test_several_at_once(self, client: Client) -> None:
        await client.register(machine("b"), machine("a"), pay, paying)
        names = {entry["name"] async for entry in client.list_state_machines()}
        assert names == {"a", "b", "paying"}

    async def test_nothing_is_written_where_nothing_has_changed(self, client: Client) -> None:
        things = (pay, machine(role="shop", tags={"team": "a"}))
        await client.register(*things)
        client.service.calls.clear()  # type: ignore[attr-defined]
        await client.register(*things)
        assert client.service.calls == [  # type: ignore[attr-defined]
            "describe_activity",
            "describe_state_machine",
            "list_tags_for_resource",
        ]

    async def test_changes_need_leave(self, client: Client) -> None:
        await client.register(machine(result=1))
        with pytest.raises(StateMachineAlreadyExists, match="another definition"):
            await client.register(machine(result=2))
        assert '"Result":1' in (await client.describe("shop"))["definition"]

    async def test_changes_keep_the_role(self, client: Client) -> None:
        await client.register(machine(result=1), role=ROLE)
        await client.register(machine(result=2), allow_update=True)
        told = await client.describe("shop")
        assert told["roleArn"] == ROLE
        assert '"Result":2' in told["definition"]

    async def test_the_role_can_be_changed(self, client: Client) -> None:
        await client.register(machine(), role=ROLE)
        await client.service.call("update_state_machine", stateMachineArn=SHOP, roleArn=f"{ROLE}2")
        told = await client.describe("shop")
        assert (told["roleArn"], json.loads(told["definition"])) == (f"{ROLE}2", machine().to_dict())

    async def test_an_update_tells_when(self, client: Client) -> None:
        await client.register(machine())
        told = await client.service.call(
            "update_state_machine", stateMachineArn=SHOP, definition=machine(result=2).to_json()
        )
        assert told["updateDate"].tzinfo is not None

    async def test_creation_is_idempotent(self, client: Client) -> None:
        given = {"name": "shop", "definition": machine().to_json(), "roleArn": ROLE}
        first = await client.service.call("create_state_machine", **given)
        second = await client.service.call("create_state_machine", **given)
        assert first["stateMachineArn"] == second["stateMachineArn"] == SHOP

    async def test_without_a_role_sfinis_convention_is_kept(self, client: Client) -> None:
        await client.register(machine())
        told = await client.describe("shop")
        assert told["roleArn"] == "arn:aws:iam::123456789012:role/sfiniGenerated"

    async def test_options_are_read_again(self, client: Client) -> None:
        await client.register(machine(type="EXPRESS", role=ROLE, tracing=True, logging=LOGGING))
        read = await client.machine(SHOP)
        assert (read.name, read.type, read.role, read.tracing) == ("shop", "EXPRESS", ROLE, True)
        assert read.logging == LOGGING
        assert read.definition == machine().definition

    @pytest.mark.parametrize("name", ["a", "a-b", "a_b", "A1", "n" * 80])
    async def test_names_that_are_allowed(self, client: Client, name: str) -> None:
        await client.register(machine(name))
        assert [entry["name"] async for entry in client.list_state_machines()] == [name]

    @pytest.mark.parametrize("name", ["a b", "a<b", "a{b", "a*b", "a#b"])
    async def test_names_that_are_not(self, client: Client, name: str) -> None:
        with pytest.raises(InvalidName):
            await client.service.call(
                "create_state_machine", name=name, definition=machine().to_json(), roleArn=ROLE
            )

    @pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "{}"])
    async def test_definitions_that_are_none(self, client: Client, text: str) -> None:
        with pytest.raises((InvalidDefinition, ServiceError, ValueError)):
            await client.service.call("create_state_machine", name="shop", definition=text, roleArn=ROLE)
        assert [entry async for entry in client.list_state_machines()] == []

    async def test_only_what_is_named_is_deleted(self, client: Client) -> None:
        await client.register(Activity("a"), machine(), machine("other"))
        await client.deregister("shop")
        assert [entry["name"] async for entry in client.list_state_machines()] == ["other"]
        assert await client.is_registered(Activity("a"))

    async def test_deleting_what_is_not_there_is_no_error(self, client: Client) -> None:
        await client.deregister(machine("never"), "nothing", Activity("none"))

    async def test_one_that_is_not_there_is_not_found(self, client: Client) -> None:
        assert not await client.is_registered("shop")
        with pytest.raises(StateMachineDoesNotExist):
            await client.describe("shop")
        with pytest.raises(DoesNotExist):
            await client.service.call("update_state_machine", stateMachineArn=SHOP, roleArn=ROLE)

    async def test_pages(self, client: Client) -> None:
        await client.register(*(machine(f"m-{number}") for number in range(5)))
        first = await client.service.call("list_state_machines", maxResults=3)
        rest = await client.service.call("list_state_machines", maxResults=3, nextToken=first["nextToken"])
        names = [entry["name"] for entry in first["stateMachines"] + rest["stateMachines"]]
        assert names == [f"m-{number}" for number in range(5)]
        assert not rest.get("nextToken")

    async def test_what_lists_tell(self, client: Client) -> None:
        await client.register(machine(), failing)
        entries = {entry["name"]: entry async for entry in client.list_state_machines()}
        assert entries["shop"]["stateMachineArn"] == SHOP
        assert entries["shop"]["type"] == "STANDARD"
        assert entries["failing"]["creationDate"].tzinfo is not None

    async def test_one_with_executions_that_have_ended_goes_at_once(self, client: Client) -> None:
        await client.register(machine())
        await client.execute("shop")
        await client.deregister("shop")
        assert not await client.is_registered("shop")

    async def test_definitions_may_be_formatted_otherwise(self, client: Client) -> None:
        await client.service.call(
            "create_state_machine", name="shop", definition=machine().to_json(indent=4), roleArn=ROLE
        )
        await client.register(machine())  # which is no change

    async def test_a_definition_keeps_what_it_had(self, client: Client) -> None:
        text = '{"Comment": "é ü", "StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}'
        await client.register(StateMachine("shop", Definition.from_json(text)))
        assert json.loads((await client.describe("shop"))["definition"]) == json.loads(text)

    async def test_one_that_waits_can_be_deleted(self, client: Client) -> None:
        await client.register(waiting)
        await client.deregister(waiting)
        assert not await client.is_registered(waiting)


class TestTags:
    async def test_of_a_machine(self, client: Client) -> None:
        await client.register(machine(tags={"team": "a"}))
        assert await client.tags("shop") == {"team": "a"}

    async def test_of_an_activity(self, client: Client) -> None:
        await client.register(pay)
        assert await client.tags(pay) == {}
        await client.tag(pay, {"team": "a"})
        assert await client.tags(pay) == {"team": "a"}

    async def test_registering_adds_to_those_that_are_there(self, client: Client) -> None:
        await client.register(machine(tags={"team": "a"}))
        await client.register(machine(tags={"stage": "test"}), allow_update=True)
        assert await client.tags("shop") == {"team": "a", "stage": "test"}

    async def test_they_are_replaced_and_removed(self, client: Client) -> None:
        await client.register(machine(tags={"team": "a", "stage": "test"}))
        await client.tag("shop", {"team": "b", "new": ""})
        await client.untag("shop", "stage", "nothing")
        assert await client.tags("shop") == {"team": "b", "new": ""}


class TestVersions:
    async def test_a_published_version_is_asked_for_by_its_arn(self, client: Client) -> None:
        await client.register(machine(result=1), publish=True)
        told = await client.describe(f"{SHOP}:1")
        assert told["name"] == "shop"


class TestAliases:
    async def test_what_is_described(self, client: Client) -> None:
        await client.register(machine(), publish=True)
        alias = await client.create_alias("shop", "live", 1, description="for all")
        told = await alias.describe()
        assert (told["stateMachineAliasArn"], told["name"]) == (f"{SHOP}:live", "live")
        assert told["description"] == "for all"
        assert await alias.routing() == {f"{SHOP}:1": 100}

    async def test_they_are_listed(self, client: Client) -> None:
        await client.register(machine(), publish=True)
        for name in ("live", "test"):
            await client.create_alias("shop", name, 1)
        assert {alias.name async for alias in client.list_aliases("shop")} == {"live", "test"}

    async def test_one_is_led_elsewhere(self, client: Client) -> None:
        await client.register(machine(result=1), publish=True)
        await client.register(machine(result=2), publish=True, allow_update=True)
        alias = await client.create_alias("shop", "live", 1)
        await alias.update(2, description="second")
        assert await alias.routing() == {f"{SHOP}:2": 100}
        assert (await alias.describe())["description"] == "second"

    async def test_starts_are_shifted_and_rolled_back(self, client: Client) -> None:
        await client.register(machine(result=1), publish=True)
        await client.register(machine(result=2), publish=True, allow_update=True)
        alias = await client.create_alias("shop", "live", 1)
        await alias.shift(2, 10)
        assert await alias.routing() == {f"{SHOP}:1": 90, f"{SHOP}:2": 10}
        assert await alias.rollback() == f"{SHOP}:1"
        assert await alias.routing() == {f"{SHOP}:1": 100}
        await alias.shift(2)
        assert await alias.routing() == {f"{SHOP}:2": 100}

    async def test_one_goes_without_its_machine(self, client: Client) -> None:
        await client.register(machine(), publish=True)
        alias = await client.create_alias("shop", "live", 1)
        await client.deregister(alias.arn)
        assert [found async for found in client.list_aliases("shop")] == []
        assert await client.is_registered("shop")
