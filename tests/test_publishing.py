"""Versions and aliases: what is published, where starts go, and what is refused."""

import pytest

from asfini import Alias, Client, InvalidArgument, Pass, StateMachine, construct_state_machine
from asfini.errors import ConflictException, DoesNotExist

SHOP = "arn:aws:states:us-east-1:123456789012:stateMachine:shop"


def giving(result: int) -> StateMachine:
    return construct_state_machine("shop", Pass("give", result=result))


@pytest.fixture
async def live(local_client: Client) -> Alias:
    """An alias of a machine with three versions, which leads to the second one."""
    for result in (1, 2, 3):
        await local_client.register(giving(result), allow_update=True, publish=True)
    return await local_client.create_alias("shop", "live", 2, description="for all")


class TestPublishing:
    async def test_a_version_stays_as_it_is(self, local_client: Client) -> None:
        await local_client.register(giving(1))
        version = await local_client.publish("shop", "first")
        await local_client.register(giving(2), allow_update=True)
        assert version == f"{SHOP}:1"
        assert await local_client.execute(version) == 1
        assert await local_client.execute("shop") == 2
        assert (await local_client.machine(version)).definition == giving(1).definition

    async def test_what_has_not_changed_gets_no_new_version(self, local_client: Client) -> None:
        await local_client.register(giving(1))
        assert await local_client.publish("shop") == await local_client.publish("shop")

    async def test_versions_are_listed_the_latest_first(self, local_client: Client, live: Alias) -> None:
        found = [entry["stateMachineVersionArn"] async for entry in local_client.list_versions("shop")]
        assert found == [f"{SHOP}:3", f"{SHOP}:2", f"{SHOP}:1"]

    async def test_a_revision_that_is_no_longer_there_is_not_published(self, local_client: Client) -> None:
        await local_client.register(giving(1))
        with pytest.raises(ConflictException):
            await local_client.publish("shop", revision_id="another")

    async def test_a_version_is_deleted_by_its_arn(self, local_client: Client, live: Alias) -> None:
        await local_client.deregister(f"{SHOP}:1")
        found = [entry["stateMachineVersionArn"] async for entry in local_client.list_versions(live.arn)]
        assert found == [f"{SHOP}:3", f"{SHOP}:2"]

    async def test_a_version_that_an_alias_leads_to_is_not_deleted(
        self, local_client: Client, live: Alias
    ) -> None:
        with pytest.raises(ConflictException):
            await local_client.deregister(f"{SHOP}:2")


class TestAliases:
    async def test_executions_are_started_by_it(self, local_client: Client, live: Alias) -> None:
        assert await local_client.execute(live) == await local_client.execute(live.arn) == 2
        started = [execution.arn async for execution in local_client.list_executions(live)]
        assert len(started) == 2

    async def test_what_it_tells_of_itself(self, local_client: Client, live: Alias) -> None:
        assert (live.name, live.state_machine_arn) == ("live", SHOP)
        assert repr(live) == f"Alias('{SHOP}:live')"
        assert (await live.describe())["description"] == "for all"
        assert await live.routing() == {f"{SHOP}:2": 100}

    async def test_it_is_found_again(self, local_client: Client, live: Alias) -> None:
        assert (await local_client.alias("shop", "live")).arn == live.arn
        assert [alias.arn async for alias in local_client.list_aliases(f"{SHOP}:2")] == [live.arn]
        assert [alias async for alias in local_client.list_aliases(f"{SHOP}:1")] == []

    async def test_a_share_of_the_starts_is_shifted(self, live: Alias) -> None:
        await live.shift(3, 10)
        assert await live.routing() == {f"{SHOP}:2": 90, f"{SHOP}:3": 10}
        await live.shift(3, 60)
        assert await live.routing() == {f"{SHOP}:2": 40, f"{SHOP}:3": 60}
        await live.shift(f"{SHOP}:3")
        assert await live.routing() == {f"{SHOP}:3": 100}

    async def test_a_third_version_takes_the_place_of_the_smaller_share(self, live: Alias) -> None:
        await live.update({2: 90, 1: 10})
        await live.shift(3, 50)
        assert await live.routing() == {f"{SHOP}:2": 50, f"{SHOP}:3": 50}

    async def test_starts_are_shared_out(self, local_client: Client, live: Alias) -> None:
        await live.shift(3, 50)
        assert {await local_client.execute(live) for _ in range(50)} == {2, 3}

    async def test_a_rollback_leads_to_the_older_version(self, live: Alias) -> None:
        await live.shift(3, 50)
        assert await live.rollback() == f"{SHOP}:2"
        assert await live.routing() == {f"{SHOP}:2": 100}

    async def test_a_rollback_of_a_finished_shift_leads_to_the_version_before(
        self, local_client: Client, live: Alias
    ) -> None:
        await live.shift(3)
        await local_client.deregister(f"{SHOP}:2")
        assert await live.rollback() == f"{SHOP}:1"
        with pytest.raises(InvalidArgument, match="there is no version before"):
            await live.rollback()

    async def test_the_only_version_cannot_give_starts_away(self, live: Alias) -> None:
        with pytest.raises(InvalidArgument, match="no other version is there to take the rest"):
            await live.shift(2, 50)

    @pytest.mark.parametrize(
        "routing",
        [0, True, "2", f"{SHOP}s:2", f"{SHOP}:live", {}, {1: 1, 2: 1, 3: 98}, {2: 99}, {2: 1.5, 3: 98.5}],
    )
    async def test_a_routing_that_makes_no_sense_changes_nothing(self, live: Alias, routing: object) -> None:
        with pytest.raises(InvalidArgument):
            await live.update(routing)  # type: ignore[arg-type]
        assert await live.routing() == {f"{SHOP}:2": 100}

    async def test_nothing_to_change_is_an_error(self, live: Alias) -> None:
        with pytest.raises(InvalidArgument, match="what is to be changed"):
            await live.update()

    async def test_it_is_deleted_and_its_versions_stay(self, local_client: Client, live: Alias) -> None:
        await live.delete()
        with pytest.raises(DoesNotExist):
            await live.describe()
        assert await local_client.execute(f"{SHOP}:2") == 2

    async def test_executions_tell_by_which_alias_they_were_started(
        self, local_client: Client, live: Alias
    ) -> None:
        execution = await local_client.start_execution(live)
        told = await execution.describe()
        assert (told["stateMachineAliasArn"], told["stateMachineVersionArn"]) == (live.arn, f"{SHOP}:2")
