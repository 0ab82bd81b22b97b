"""Aliases of state machines in this process: where they lead, and how starts are shared out."""

from collections import Counter
from typing import Any

import anyio
import pytest
from executions import local_service
from published import PREFIX, ROLE, SHOP, Shop, giving, routing

from asfini import Client
from asfini.errors import (
    ConflictException,
    InvalidArn,
    InvalidToken,
    ResourceNotFound,
    ServiceQuotaExceededException,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    ValidationException,
)
from asfini.local import aliases

LIVE = f"{SHOP}:live"


@pytest.fixture
async def shop(local_client: Client) -> Shop:
    """A machine with three versions."""
    return await published(Shop(local_client.service))


async def published(shop: Shop) -> Shop:
    await shop.create(1, publish=True)
    await shop.update(2, publish=True)
    await shop.update(3, publish=True)
    return shop


async def describe(shop: Shop, arn: str = LIVE) -> dict[str, Any]:
    return await shop.call("describe_state_machine_alias", stateMachineAliasArn=arn)


async def update(shop: Shop, *weights: int, **parameters: Any) -> dict[str, Any]:
    given = {"routingConfiguration": routing(*weights), **parameters} if weights else parameters
    return await shop.call("update_state_machine_alias", stateMachineAliasArn=LIVE, **given)


async def names(shop: Shop, arn: str = SHOP, **parameters: Any) -> list[str]:
    page = await shop.call("list_state_machine_aliases", stateMachineArn=arn, **parameters)
    return [entry["stateMachineAliasArn"].rpartition(":")[2] for entry in page["stateMachineAliases"]]


class TestCreate:
    async def test_what_is_told_is_what_was_given(self, shop: Shop) -> None:
        made = await shop.alias(90, 10, description="the shop")
        told = await describe(shop)
        assert made == {"stateMachineAliasArn": LIVE, "creationDate": told["creationDate"]}
        assert told == {
            "stateMachineAliasArn": LIVE,
            "name": "live",
            "description": "the shop",
            "routingConfiguration": routing(90, 10),
            "creationDate": told["creationDate"],
            "updateDate": told["creationDate"],
        }
        await shop.alias(100, name="plain")
        assert "description" not in await describe(shop, f"{SHOP}:plain")

    async def test_the_same_again_is_the_same(self, shop: Shop) -> None:
        first = await shop.alias(50, 50, description="a")
        await anyio.sleep(60)
        assert await shop.alias(50, 50, description="a") == first

    @pytest.mark.parametrize(
        ("weights", "description"), [((100,), "b"), ((100,), None), ((50, 50), "a"), ((0, 100), "a")]
    )
    async def test_another_one_of_the_name_is_refused(
        self, shop: Shop, weights: tuple[int, ...], description: str | None
    ) -> None:
        await shop.alias(100, description="a")
        with pytest.raises(ConflictException) as caught:
            await shop.alias(*weights, description=description)
        assert caught.value.message == (
            "Failed to create alias because an alias with the same name and a different routing "
            "configuration already exists."
        )
        assert (await describe(shop))["routingConfiguration"] == routing(100)

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([], "at 'routingConfiguration' failed to satisfy constraint: Member must have length greater"),
            ([50, 30, 20], "at 'routingConfiguration' failed to satisfy constraint: Member must have length"),
            ([101], "Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: "),
            ([101, -1], "2 validation errors detected: "),
            ([70, 29], "Sum of routing configuration weights must equal 100. Received: \\[70, 29\\]"),
            ([70, 31], "Sum of routing configuration weights must equal 100. Received: \\[70, 31\\]"),
            ([0], "Sum of routing configuration weights must equal 100. Received: \\[0\\]"),
        ],
    )
    async def test_weights_are_percentages(self, shop: Shop, weights: list[int], message: str) -> None:
        with pytest.raises(ValidationException, match=message):
            await shop.alias(*weights)
        await shop.alias(100)
        with pytest.raises(ValidationException, match=message):
            await update(shop, routingConfiguration=routing(*weights))

    @pytest.mark.parametrize(
        ("arns", "message"),
        [
            ([SHOP], f"state machine version ARNs. Received: \\[{SHOP}\\]"),
            ([LIVE, f"{SHOP}:1"], "contain state machine version ARNs. Received: "),
            (
                [f"{SHOP}:1", f"{SHOP}:1"],
                f"distinct state machine version ARNs. Received: \\[{SHOP}:1, {SHOP}",
            ),
            ([f"{SHOP}:1", f"{PREFIX}stateMachine:other:1"], "versions of the same state machine. Received"),
        ],
    )
    async def test_it_leads_to_versions_of_one_machine(
        self, shop: Shop, arns: list[str], message: str
    ) -> None:
        share = 100 // len(arns)
        wanted = [{"stateMachineVersionArn": arn, "weight": share} for arn in arns]
        with pytest.raises(ValidationException, match=message):
            await shop.alias(routingConfiguration=wanted)

    @pytest.mark.parametrize("arn", [f"{SHOP}:4", f"{PREFIX}stateMachine:other:1"])
    async def test_and_to_versions_that_are_there(self, shop: Shop, arn: str) -> None:
        with pytest.raises(ResourceNotFound) as caught:
            await shop.alias(routingConfiguration=[{"stateMachineVersionArn": arn, "weight": 100}])
        assert caught.value.message == "Request references a resource that does not exist."

    async def test_an_arn_that_is_none_is_refused(self, shop: Shop) -> None:
        with pytest.raises(InvalidArn, match="Invalid ARN prefix: shop"):
            await shop.alias(routingConfiguration=[{"stateMachineVersionArn": "shop", "weight": 100}])

    @pytest.mark.parametrize("name", ["1", "12", "a b", "ä", "a:b", "live\n"])
    async def test_a_name_that_could_be_a_versions_is_refused(self, shop: Shop, name: str) -> None:
        with pytest.raises(ValidationException) as caught:
            await shop.alias(100, name=name)
        assert caught.value.message == (
            f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member "
            r"must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
        )

    @pytest.mark.parametrize("name", ["a", "1a", "-", ".", "1.0", "a" * 80])
    async def test_any_other_is_taken(self, shop: Shop, name: str) -> None:
        assert (await shop.alias(100, name=name))["stateMachineAliasArn"] == f"{SHOP}:{name}"

    async def test_there_are_so_many_and_no_more(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        assert aliases.MAX_ALIASES == 100
        monkeypatch.setattr(aliases, "MAX_ALIASES", 2)
        await shop.alias(100, name="a")
        await shop.alias(100, name="b")
        with pytest.raises(ServiceQuotaExceededException, match="at most 2 aliases"):
            await shop.alias(100, name="c")
        await shop.alias(100, name="a")


class TestUpdate:
    async def test_only_what_is_given_changes(self, shop: Shop) -> None:
        await shop.alias(100, description="a")
        await anyio.sleep(60)
        changed = await update(shop, 10, 90)
        told = await describe(shop)
        assert (told["description"], told["routingConfiguration"]) == ("a", routing(10, 90))
        assert changed == {"updateDate": told["updateDate"]}
        assert (told["updateDate"] - told["creationDate"]).total_seconds() == 60
        await update(shop, description="b")
        told = await describe(shop)
        assert (told["description"], told["routingConfiguration"]) == ("b", routing(10, 90))

    async def test_what_changes_nothing_is_no_update(self, shop: Shop) -> None:
        await shop.alias(100, description="a")
        made = await describe(shop)
        await anyio.sleep(60)
        assert await update(shop, 100, description="a") == {"updateDate": made["creationDate"]}

    async def test_something_must_change(self, shop: Shop) -> None:
        await shop.alias(100)
        with pytest.raises(ValidationException, match="description or the routingConfiguration must be spec"):
            await update(shop)

    async def test_it_stays_with_its_machine(self, shop: Shop) -> None:
        await shop.alias(100)
        other = await shop.create(name="other", publish=True)
        wanted = [{"stateMachineVersionArn": other["stateMachineVersionArn"], "weight": 100}]
        with pytest.raises(ValidationException, match="of the alias's own state machine"):
            await update(shop, routingConfiguration=wanted)
        assert (await describe(shop))["routingConfiguration"] == routing(100)


class TestWhatIsNotThere:
    @pytest.mark.parametrize("operation", ["describe", "update"])
    async def test_an_alias_that_is_not_there_is_refused(self, shop: Shop, operation: str) -> None:
        more = {"description": "x"} if operation == "update" else {}
        for arn in (LIVE, f"{PREFIX}stateMachine:other:live"):
            with pytest.raises(ResourceNotFound) as caught:
                await shop.call(f"{operation}_state_machine_alias", stateMachineAliasArn=arn, **more)
            assert caught.value.message == "Request references a resource that does not exist."

    @pytest.mark.parametrize("arn", [SHOP, f"{SHOP}:1"])
    @pytest.mark.parametrize("operation", ["describe", "delete"])
    async def test_what_is_no_alias_is_refused(self, shop: Shop, operation: str, arn: str) -> None:
        with pytest.raises(ValidationException, match=f"not '{arn}'"):
            await shop.call(f"{operation}_state_machine_alias", stateMachineAliasArn=arn)

    async def test_a_deleted_one_is_not_there(self, shop: Shop) -> None:
        await shop.alias(100)
        for _ in range(2):
            assert await shop.call("delete_state_machine_alias", stateMachineAliasArn=LIVE) == {}
        with pytest.raises(ResourceNotFound):
            await describe(shop)
        assert await shop.numbers() == ["3", "2", "1"]


class TestList:
    async def test_they_are_listed_page_by_page(self, shop: Shop) -> None:
        assert await names(shop) == []
        for name in ("c", "a", "b"):
            await shop.alias(100, name=name)
        first = await shop.call("list_state_machine_aliases", stateMachineArn=SHOP, maxResults=1)
        assert list(first["stateMachineAliases"][0]) == ["stateMachineAliasArn", "creationDate"]
        assert await names(shop, nextToken=first["nextToken"]) == ["a", "b"]
        with pytest.raises(InvalidToken):
            await names(shop, f"{SHOP}:1", nextToken=first["nextToken"])
        assert await names(shop) == ["c", "a", "b"]

    async def test_they_are_listed_by_version(self, shop: Shop) -> None:
        await shop.alias(100, name="a")
        await shop.alias(50, 50, name="b")
        assert await names(shop, f"{SHOP}:1") == ["a", "b"]
        assert await names(shop, f"{SHOP}:2") == ["b"]
        assert await names(shop, f"{SHOP}:3") == []
        with pytest.raises(StateMachineDoesNotExist):
            await names(shop, f"{SHOP}:4")

    async def test_of_a_machine_that_is_not_there_there_is_no_list(self, shop: Shop) -> None:
        with pytest.raises(StateMachineDoesNotExist):
            await names(shop, f"{PREFIX}stateMachine:other")


class TestDelete:
    async def test_a_version_that_an_alias_leads_to_stays(self, shop: Shop) -> None:
        await shop.alias(100)
        await shop.alias(0, 100, name="other")
        with pytest.raises(ConflictException) as caught:
            await shop.delete(1)
        assert caught.value.message == (
            "Version to be deleted must not be referenced by an alias. "
            "Current list of aliases referencing this version: [live, other]"
        )
        await shop.call("delete_state_machine_alias", stateMachineAliasArn=f"{SHOP}:other")
        await update(shop, 0, 100)
        with pytest.raises(ConflictException):
            await shop.delete(1)
        await update(shop, routingConfiguration=routing(0, 100)[1:])
        await shop.delete(1)
        assert await shop.numbers() == ["3", "2"]

    async def test_with_a_machine_go_its_aliases(self, shop: Shop) -> None:
        await shop.update(0, definition=giving(4, 60), publish=True)
        await shop.alias(routingConfiguration=[{"stateMachineVersionArn": f"{SHOP}:4", "weight": 100}])
        execution = await shop.start(LIVE)
        await shop.call("delete_state_machine", stateMachineArn=SHOP)
        for attempt in (shop.start(LIVE), shop.alias(100), update(shop, 100), names(shop)):
            with pytest.raises(StateMachineDeleting):
                await attempt
        assert (await describe(shop))["name"] == "live"
        assert (await shop.ended(execution))["status"] == "ABORTED"
        with pytest.raises(ResourceNotFound):
            await describe(shop)
        await shop.create(publish=True)
        assert await names(shop) == []


class TestExecutions:
    async def test_an_alias_starts_the_version_that_it_leads_to(self, shop: Shop) -> None:
        await shop.alias(0, 100)
        execution = await shop.start(LIVE, name="e")
        assert execution == f"{PREFIX}execution:shop:e"
        told = await shop.ended(execution)
        assert told["output"] == "2"
        assert told["stateMachineArn"] == SHOP
        assert told["stateMachineVersionArn"] == f"{SHOP}:2"
        assert told["stateMachineAliasArn"] == LIVE
        history = await shop.call("get_execution_history", executionArn=execution)
        assert history["events"][0]["executionStartedEventDetails"] == {
            "input": "{}",
            "inputDetails": {"truncated": False},
            "roleArn": ROLE,
            "stateMachineVersionArn": f"{SHOP}:2",
            "stateMachineAliasArn": LIVE,
        }

    async def test_what_runs_stays_with_its_version(self, shop: Shop) -> None:
        await shop.update(4, definition=giving(4, 60), publish=True)
        await shop.alias(routingConfiguration=[{"stateMachineVersionArn": f"{SHOP}:4", "weight": 100}])
        execution = await shop.start(LIVE)
        await update(shop, 100)
        assert (await shop.ended(execution))["stateMachineVersionArn"] == f"{SHOP}:4"
        assert await shop.output(LIVE) == 1

    async def test_executions_are_listed_by_alias(self, shop: Shop) -> None:
        await shop.alias(100)
        await shop.alias(100, name="other")
        arns = [await shop.start(arn) for arn in (LIVE, f"{SHOP}:other", f"{SHOP}:1", SHOP)]
        for arn, count in ((LIVE, 1), (f"{SHOP}:other", 1), (f"{SHOP}:1", 3), (SHOP, 4)):
            listed = await shop.call("list_executions", stateMachineArn=arn)
            assert len(listed["executions"]) == count
        listed = await shop.call("list_executions", stateMachineArn=LIVE)
        assert listed["executions"][0]["executionArn"] == arns[0]

    async def test_starts_are_shared_out_by_weight(self, shop: Shop) -> None:
        await shop.alias(90, 10)
        found = Counter([await shop.output(LIVE) for _ in range(500)])
        assert found.keys() == {1, 2}
        assert 20 <= found[2] <= 80

    async def test_a_seed_repeats_them(self) -> None:
        async def drawn(seed: int) -> list[Any]:
            async with local_service(seed=seed) as service:
                shop = await published(Shop(service))
                await shop.alias(50, 50)
                return [await shop.output(LIVE) for _ in range(40)]

        assert await drawn(1) == await drawn(1)
        assert await drawn(1) != await drawn(2)

    async def test_express_machines_have_aliases_too(self, shop: Shop) -> None:
        made = await shop.create("quick", name="quick", type="EXPRESS", publish=True)
        wanted = [{"stateMachineVersionArn": made["stateMachineVersionArn"], "weight": 100}]
        alias = await shop.alias(routingConfiguration=wanted)
        told = await shop.call("start_sync_execution", stateMachineArn=alias["stateMachineAliasArn"])
        assert told["output"] == '"quick"'

    async def test_an_alias_is_described_as_the_version_that_gets_most(self, shop: Shop) -> None:
        await shop.alias(10, 90)
        told = await shop.describe(LIVE)
        assert (told["stateMachineArn"], told["definition"]) == (f"{SHOP}:2", giving(2))
