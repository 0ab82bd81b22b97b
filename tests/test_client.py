"""The client: what is registered and deregistered, what is started, what is found."""

import dataclasses
import datetime
from typing import Any

import anyio
import pydantic
import pytest
from faults import Faulty, answers, lost, raises

from asfini import (
    Activity,
    ActivityRegistration,
    Client,
    Definition,
    DefinitionError,
    Execution,
    ExecutionFailed,
    Fail,
    InvalidArgument,
    Lambda,
    MapRun,
    Pass,
    StateMachine,
    Task,
    TaskFailed,
    Wait,
    Worker,
    construct_state_machine,
    local,
    problems,
)
from asfini.errors import (
    AccessDenied,
    ActivityDoesNotExist,
    CredentialsInvalid,
    ExecutionAlreadyExists,
    ExecutionNotRedrivable,
    ExecutionOutputInvalid,
    InvalidArn,
    InvalidRequest,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    StateMachineTypeNotSupported,
)

PREFIX = "arn:aws:states:us-east-1:123456789012:"
SHOP = f"{PREFIX}stateMachine:shop"
ROLE = "arn:aws:iam::123456789012:role/shop"


@pytest.fixture
def service(local_client: Client) -> Faulty:
    return Faulty(local_client.service)


@pytest.fixture
def client(service: Faulty) -> Client:
    return Client(service)


def machine(name: str = "shop", *, result: Any = None, **options: Any) -> StateMachine:
    """A machine that gives a result, or its input."""
    given = {} if result is None else {"result": result}
    return construct_state_machine(name, Pass("give", **given), **options)


waiting = construct_state_machine("waiting", Wait("an hour", 3600))


def operations(service: Faulty) -> list[str]:
    """What was asked since this was asked last."""
    asked = [call.operation for call in service.calls]
    service.calls.clear()
    return asked


class TestRegister:
    async def test_machines_activities_and_groups_are_made_known(self, client: Client) -> None:
        group = ActivityRegistration("shop-")
        group.add_activity(Activity("shop-pay"))
        await client.register(group, Activity("alone"), machine())
        assert [entry["name"] async for entry in client.list_activities()] == ["alone", "shop-pay"]
        assert [entry["name"] async for entry in client.list_state_machines()] == ["shop"]

    async def test_nothing_is_written_where_nothing_has_changed(
        self, client: Client, service: Faulty
    ) -> None:
        things = (Activity("pay"), machine(role="shop", tags={"team": "a"}, tracing=True))
        await client.register(*things)
        assert operations(service) == [
            "describe_activity",
            "create_activity",
            "describe_state_machine",
            "create_state_machine",
        ]
        await client.register(*things)
        await client.register(*things, allow_update=True, publish=True)
        assert set(operations(service)) == {
            "describe_activity",
            "describe_state_machine",
            "list_tags_for_resource",
        }

    async def test_a_definition_that_is_formatted_otherwise_has_not_changed(
        self, client: Client, service: Faulty
    ) -> None:
        text = machine().to_json(indent=4)
        await service.call("create_state_machine", name="shop", definition=text, roleArn=ROLE)
        operations(service)
        await client.register(machine())
        assert operations(service) == ["describe_state_machine"]

    async def test_one_and_true_are_different_definitions(self, client: Client) -> None:
        await client.register(machine(result=1))
        with pytest.raises(StateMachineAlreadyExists):
            await client.register(machine(result=True))

    async def test_another_definition_needs_leave(self, client: Client) -> None:
        await client.register(machine(result=1))
        with pytest.raises(StateMachineAlreadyExists, match="'shop' is registered with another definition;"):
            await client.register(machine(result=2))
        assert await client.execute("shop") == 1
        await client.register(machine(result=2), allow_update=True)
        assert await client.execute("shop") == 2

    async def test_only_what_has_changed_is_sent(self, client: Client, service: Faulty) -> None:
        await client.register(machine(tracing=False))
        await client.register(machine(tracing=True), allow_update=True)
        assert service.of("update_state_machine")[0].parameters == {
            "stateMachineArn": SHOP,
            "tracingConfiguration": {"enabled": True},
        }

    async def test_all_options_are_handed_on_and_read_again(self, client: Client) -> None:
        group = "arn:aws:logs:us-east-1:123456789012:log-group:shop:*"
        logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
        key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/shop"}
        shop = machine(role=ROLE, logging=logging, tracing=True, encryption=key, type="EXPRESS")
        await client.register(shop)
        read = await client.machine("shop")
        assert read.logging is not None
        assert read == dataclasses.replace(shop, logging={**logging, **read.logging})
        await client.register(read)

    async def test_options_that_are_not_given_stay_as_they_are(self, client: Client) -> None:
        await client.register(machine(role=ROLE, tracing=True, tags={"team": "a"}))
        await client.register(machine(result=2), allow_update=True)
        read = await client.machine("shop")
        assert (read.role, read.tracing) == (ROLE, True)
        told = await client.service.call("list_tags_for_resource", resourceArn=SHOP)
        assert told["tags"] == [{"key": "team", "value": "a"}]

    async def test_tags_are_added_and_others_left_alone(self, client: Client, service: Faulty) -> None:
        await client.register(machine(tags={"team": "a", "stage": "test"}))
        with pytest.raises(StateMachineAlreadyExists, match="another tags"):
            await client.register(machine(tags={"team": "b"}))
        operations(service)
        await client.register(machine(tags={"team": "b"}), allow_update=True)
        assert operations(service)[-1] == "tag_resource"
        told = await client.service.call("list_tags_for_resource", resourceArn=SHOP)
        assert told["tags"] == [{"key": "team", "value": "b"}, {"key": "stage", "value": "test"}]

    async def test_no_word_of_tags_means_that_there_are_none(self, client: Client, service: Faulty) -> None:
        await client.register(machine())
        service.will("list_tags_for_resource", answers({}))
        await client.register(machine(tags={"team": "a"}), allow_update=True)
        assert service.of("tag_resource")[0].parameters["tags"] == [{"key": "team", "value": "a"}]

    async def test_a_type_cannot_be_changed(self, client: Client) -> None:
        await client.register(machine())
        with pytest.raises(StateMachineAlreadyExists, match="'shop' is not of type EXPRESS"):
            await client.register(machine(type="EXPRESS"), allow_update=True)

    async def test_publishing_goes_along_with_what_is_written(self, client: Client, service: Faulty) -> None:
        service.will("create_state_machine", answers({}))
        await client.register(machine(), publish=True)
        assert service.of("create_state_machine")[0].parameters["publish"] is True

    async def test_what_is_published_can_be_started_by_its_number(self, client: Client) -> None:
        await client.register(machine(), publish=True)
        execution = await client.start_execution(f"{SHOP}:1")
        assert (await execution.describe())["stateMachineVersionArn"] == f"{SHOP}:1"

    async def test_a_machine_with_problems_keeps_all_from_being_sent(
        self, client: Client, service: Faulty
    ) -> None:
        broken = StateMachine("broken", Definition("nowhere", {"a": Pass("a")}))
        with pytest.raises(DefinitionError, match="broken") as caught:
            await client.register(Activity("pay"), machine(), broken)
        assert [problem.code for problem in caught.value.problems]
        assert operations(service) == []

    async def test_two_machines_of_one_name_are_refused(self, client: Client, service: Faulty) -> None:
        with pytest.raises(InvalidArgument, match="two machines are named 'shop'"):
            await client.register(machine(result=1), machine(result=2))
        await client.register(machine(), machine())
        assert operations(service).count("create_state_machine") == 1

    async def test_a_machine_that_is_being_deleted_is_not_taken_for_registered(self, client: Client) -> None:
        await client.register(waiting)
        await client.start_execution(waiting)
        await client.deregister(waiting)
        assert not await client.is_registered(waiting)
        with pytest.raises(StateMachineDeleting):
            await client.register(waiting)

    async def test_pseudo_parameters_stand_for_the_account(self, client: Client) -> None:
        pay = Activity("pay")
        await client.register(pay, construct_state_machine("shop", Task("pay", pay)))
        told = await client.describe("shop")
        assert f"{PREFIX}activity:pay" in told["definition"]
        assert "${AWS" not in told["definition"]


def test_states_by_name_are_no_definition() -> None:
    with pytest.raises(InvalidArgument, match=r"'shop' go into Definition\(start_at=…, states=…\)"):
        StateMachine("shop", {"p": Pass("p")})  # type: ignore[arg-type]


class TestRole:
    async def role(self, client: Client) -> str:
        return str((await client.describe("shop"))["roleArn"])

    async def test_without_any_sfinis_convention_is_kept(self, client: Client) -> None:
        await client.register(machine())
        assert await self.role(client) == "arn:aws:iam::123456789012:role/sfiniGenerated"

    async def test_a_new_machine_gets_the_nearest_role_that_is_named(self, service: Faulty) -> None:
        client = Client(service, role="clients")
        for its, given, expected in (
            (None, None, "clients"),
            ("its", None, "its"),
            ("its", "given", "given"),
        ):
            await client.register(machine(role=its), role=given)
            assert await self.role(client) == f"arn:aws:iam::123456789012:role/{expected}"
            await client.deregister("shop")

    async def test_an_update_changes_the_role_that_is_named_for_the_machine(self, service: Faulty) -> None:
        service.ignores_roles = False  # as AWS
        client = Client(service)
        await client.register(machine(role="old"))
        with pytest.raises(StateMachineAlreadyExists, match="another roleArn"):
            await client.register(machine(role="new"))
        await client.register(machine(role="new"), allow_update=True)
        assert await self.role(client) == "arn:aws:iam::123456789012:role/new"
        await client.register(machine(role="new"), role=ROLE, allow_update=True)
        assert await self.role(client) == ROLE

    async def test_a_role_may_have_a_path(self, client: Client) -> None:
        await client.register(machine(), role="service/shop")
        assert await self.role(client) == "arn:aws:iam::123456789012:role/service/shop"

    async def test_an_update_that_names_none_keeps_the_old_one(self, service: Faulty) -> None:
        service.ignores_roles = False  # as AWS
        client = Client(service, role="of-the-client")
        await client.register(machine(), role=ROLE)
        await client.register(machine())
        await client.register(machine(result=2), allow_update=True)
        assert await self.role(client) == ROLE

    async def test_here_another_role_is_no_change(self, client: Client, service: Faulty) -> None:
        await client.register(machine())
        operations(service)
        await client.register(machine(role="another"), role="yet-another")
        assert operations(service) == ["describe_state_machine"]

    @pytest.mark.parametrize("error", [AccessDenied, InvalidArn])
    async def test_a_refused_role_is_explained(
        self, client: Client, service: Faulty, error: type[AccessDenied]
    ) -> None:
        service.will(
            "create_state_machine", raises(error("may not be assumed", code="AccessDeniedException"))
        )
        with pytest.raises(
            error, match=r"may not be assumed .*'shop' acts in the role arn:.*/sfiniGenerated"
        ):
            await client.register(machine())

    async def test_a_role_that_an_update_does_not_name_is_explained_too(
        self, client: Client, service: Faulty
    ) -> None:
        await client.register(machine())
        service.will("update_state_machine", raises(AccessDenied("no")))
        with pytest.raises(AccessDenied, match="the role that it has: it must exist"):
            await client.register(machine(result=2), allow_update=True)

    @pytest.mark.parametrize(
        "error",
        [
            AccessDenied("User: x is not authorized to perform: states:CreateStateMachine on resource: y"),
            CredentialsInvalid("they have expired"),
        ],
    )
    async def test_a_refusal_that_is_not_about_the_role_is_left_as_it_is(
        self, client: Client, service: Faulty, error: AccessDenied
    ) -> None:
        service.will("create_state_machine", raises(error))
        with pytest.raises(AccessDenied) as caught:
            await client.register(machine())
        assert caught.value is error


class TestDeregister:
    async def test_only_what_is_named_goes(self, client: Client) -> None:
        group = ActivityRegistration("a-")
        group.add_activity(Activity("a-1"))
        await client.register(group, Activity("a-2"), Activity("b"), machine(), machine("other"))
        await client.deregister(group, Activity("b"), "shop")
        assert [entry["name"] async for entry in client.list_activities()] == ["a-2"]
        assert [entry["name"] async for entry in client.list_state_machines()] == ["other"]

    async def test_what_is_not_there_is_no_error(self, client: Client) -> None:
        await client.deregister(Activity("a"), machine(), SHOP, f"{PREFIX}activity:b")
        await client.deregister(f"{SHOP}:3", f"{SHOP}:PROD")

    async def test_a_misfit_keeps_everything(self, client: Client, service: Faulty) -> None:
        with pytest.raises(InvalidArgument, match="not 5"):
            await client.deregister("shop", 5)  # type: ignore[arg-type]
        assert operations(service) == []

    @pytest.mark.parametrize(
        ("qualifier", "operation", "parameter"),
        [
            ("3", "delete_state_machine_version", "stateMachineVersionArn"),
            ("PROD", "delete_state_machine_alias", "stateMachineAliasArn"),
        ],
    )
    async def test_a_version_or_an_alias_goes_without_its_machine(
        self, client: Client, service: Faulty, qualifier: str, operation: str, parameter: str
    ) -> None:
        service.will(operation, answers({}))
        await client.deregister(f"{SHOP}:{qualifier}")
        assert [(call.operation, call.parameters) for call in service.calls] == [
            (operation, {parameter: f"{SHOP}:{qualifier}"})
        ]

    async def test_activities_go_by_prefix_when_asked_for(self, client: Client) -> None:
        await client.register(*(Activity(name) for name in ("a-1", "a-2", "b-1")))
        assert await client.deregister_activities("a-") == ["a-1", "a-2"]
        assert [entry["name"] async for entry in client.list_activities()] == ["b-1"]

    async def test_by_prefix_nothing_is_missed_over_pages(self, client: Client) -> None:
        await client.register(*(Activity(f"a-{number}") for number in range(250)))
        assert len(await client.deregister_activities("a-")) == 250
        assert [entry async for entry in client.list_activities()] == []

    @pytest.mark.parametrize("prefix", ["", None, 5])
    async def test_an_empty_prefix_is_refused(self, client: Client, service: Faulty, prefix: Any) -> None:
        await client.register(Activity("a"))
        operations(service)
        with pytest.raises(InvalidArgument, match="prefix"):
            await client.deregister_activities(prefix)
        assert operations(service) == []


class TestLooking:
    async def test_is_registered_describes_and_lists_nothing(self, client: Client, service: Faulty) -> None:
        assert not await client.is_registered(machine())
        assert not await client.is_registered(Activity("pay"))
        await client.register(machine(), Activity("pay"))
        for thing in (machine(), "shop", SHOP, Activity("pay"), f"{PREFIX}activity:pay"):
            assert await client.is_registered(thing)
        assert not [asked for asked in operations(service) if asked.startswith("list_")]

    async def test_what_is_described_is_what_the_service_tells(self, client: Client) -> None:
        await client.register(machine(), Activity("pay"))
        assert (await client.describe("shop"))["stateMachineArn"] == SHOP
        assert (await client.describe(Activity("pay")))["name"] == "pay"
        with pytest.raises(ActivityDoesNotExist):
            await client.describe(Activity("other"))

    async def test_a_machine_is_read_whoever_deployed_it(self, client: Client, service: Faulty) -> None:
        definition = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true, "New": [1]}}}'
        service.will(
            "describe_state_machine", answers({"name": "cdk", "definition": definition, "type": "EXPRESS"})
        )
        read = await client.machine(f"{PREFIX}stateMachine:cdk:3")
        assert (read.name, read.type, read.role) == ("cdk", "EXPRESS", None)
        assert read.to_dict()["States"]["a"]["New"] == [1]
        assert service.calls[0].parameters == {"stateMachineArn": f"{PREFIX}stateMachine:cdk:3"}

    @pytest.mark.parametrize("thing", [f"{PREFIX}activity:a", f"{PREFIX}execution:a:b", 5, None])
    async def test_what_is_no_machine_is_not_read_as_one(self, client: Client, thing: Any) -> None:
        with pytest.raises(InvalidArgument, match="needed"):
            await client.machine(thing)

    async def test_an_arn_that_is_complete_asks_for_no_account(self, client: Client) -> None:
        await client.register(machine())

        class NoAccount(Faulty):
            async def account(self) -> Any:
                raise AccessDenied("sts:GetCallerIdentity")

        restricted = Client(NoAccount(client.service))
        assert await restricted.execute(SHOP) == {}
        with pytest.raises(AccessDenied):
            await restricted.execute("shop")


class TestPartitions:
    @pytest.mark.parametrize(
        ("region", "partition"),
        [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")],
    )
    async def test_every_arn_is_in_the_accounts_own_partition(self, region: str, partition: str) -> None:
        async with local.connect(region=region, account_id="111122223333") as client:
            pay = Activity("pay")
            await client.register(pay, construct_state_machine("shop", Task("pay", pay)), role="shop")
            prefix = f"arn:{partition}:states:{region}:111122223333:"
            told = await client.describe("shop")
            assert told["stateMachineArn"] == f"{prefix}stateMachine:shop"
            assert told["roleArn"] == f"arn:{partition}:iam::111122223333:role/shop"
            assert f"{prefix}activity:pay" in told["definition"]
            execution = await client.start_execution("shop", name="x")
            assert execution.arn == f"{prefix}execution:shop:x"
            assert execution.state_machine_arn == f"{prefix}stateMachine:shop"


class Order(pydantic.BaseModel):
    id: str
    due: datetime.date = datetime.date(2030, 1, 1)


@dataclasses.dataclass
class Item:
    sku: str
    count: int = 1


class TestStartExecution:
    @pytest.fixture(autouse=True)
    async def shop(self, client: Client) -> None:
        await client.register(machine(), waiting)

    @pytest.mark.parametrize(
        ("given", "received"),
        [
            ({"a": [1, 2.5, None, True, "é"]}, {"a": [1, 2.5, None, True, "é"]}),
            (None, None),
            ("text", "text"),
            (0, 0),
            ([], []),
            (Order(id="o-1"), {"id": "o-1", "due": "2030-01-01"}),
            ({"order": Order(id="o-1")}, {"order": {"id": "o-1", "due": "2030-01-01"}}),
            (Item("s"), {"sku": "s", "count": 1}),
            ([Item("s"), Item("t", 2)], [{"sku": "s", "count": 1}, {"sku": "t", "count": 2}]),
            ((1, 2), [1, 2]),
        ],
    )
    async def test_input_is_whatever_json_can_be_made_of(
        self, client: Client, given: Any, received: Any
    ) -> None:
        execution = await client.start_execution("shop", given)
        assert await execution.input() == received
        assert await execution.wait() == received

    async def test_without_input_it_gets_an_empty_object(self, client: Client) -> None:
        assert await client.execute("shop") == {}

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (object(), "the input cannot be written as JSON: .*object"),
            ({"a": [0, {"b": object()}]}, "at /a/1/b: .*object"),
            ({"a": float("nan")}, "at /a: .*not JSON"),
            ("x" * 262_143, "the input has 262,145 bytes, but at most 262,144"),
            ("é" * 131_072, "the input has 262,146 bytes"),
            ("\ud800", "the input is not valid Unicode"),
        ],
    )
    async def test_what_cannot_be_sent_is_refused_before(
        self, client: Client, service: Faulty, given: Any, message: str
    ) -> None:
        operations(service)
        with pytest.raises(InvalidArgument, match=message):
            await client.start_execution("shop", given)
        assert operations(service) == []

    @pytest.mark.parametrize(
        ("given", "keys"),
        [
            ({1: "a", "1": "b"}, "1 and '1'"),
            ({"deep": [({"true": 1, True: 2},)]}, "'true' and True"),
            ({None: 1, "null": 2}, "None and 'null'"),
            ({datetime.date(2030, 1, 2): 1, "2030-01-02": 2}, "date.* and '2030-01-02'"),
        ],
    )
    async def test_keys_that_are_alike_in_json_are_refused(
        self, client: Client, service: Faulty, given: Any, keys: str
    ) -> None:
        with pytest.raises(
            InvalidArgument, match=f"the input has the keys .*{keys}, which JSON writes alike"
        ):
            await client.start_execution("shop", given)
        assert service.of("start_execution") == []

    async def test_keys_that_are_no_texts_become_texts(self, client: Client) -> None:
        await client.register(machine())
        assert await client.execute("shop", {1: {2.5: "a"}, "2": True}) == {"1": {"2.5": "a"}, "2": True}

    async def test_the_largest_input_is_taken(self, client: Client) -> None:
        assert len(await client.execute("shop", "x" * 262_142)) == 262_142

    @pytest.mark.parametrize("thing", ["waiting", f"{PREFIX}stateMachine:waiting", waiting])
    async def test_a_machine_is_named_in_any_way(self, client: Client, thing: Any) -> None:
        execution = await client.start_execution(thing, name="x")
        assert execution.arn == f"{PREFIX}execution:waiting:x"

    @pytest.mark.parametrize("qualifier", ["3", "PROD"])
    async def test_of_a_version_or_an_alias_the_execution_has_the_machines_name(
        self, client: Client, service: Faulty, qualifier: str
    ) -> None:
        service.will("start_execution", raises(ExecutionAlreadyExists("there")))
        execution = await client.start_execution(f"{SHOP}:{qualifier}", name="x", if_exists="return")
        assert service.of("start_execution")[0].parameters["stateMachineArn"] == f"{SHOP}:{qualifier}"
        assert execution.arn == f"{PREFIX}execution:shop:x"
        assert execution.state_machine_arn == SHOP

    @pytest.mark.parametrize("qualifier", ["3", "PROD"])
    async def test_a_version_or_an_alias_that_is_not_there_is_refused(
        self, client: Client, qualifier: str
    ) -> None:
        with pytest.raises(StateMachineDoesNotExist, match=f"'{SHOP}:{qualifier}'"):
            await client.start_execution(f"{SHOP}:{qualifier}")

    @pytest.mark.parametrize("thing", [Activity("a"), f"{PREFIX}activity:a", "arn:aws:s3:::a", 5, "a b", ""])
    async def test_what_is_no_machine_is_refused(self, client: Client, service: Faulty, thing: Any) -> None:
        operations(service)
        with pytest.raises(InvalidArgument):
            await client.start_execution(thing)
        assert operations(service) == []

    async def test_a_trace_header_is_handed_on(self, client: Client) -> None:
        header = "Root=1-5759e988-bd862e3fe1be46a994272793"
        execution = await client.start_execution("shop", trace_header=header)
        assert (await execution.describe())["traceHeader"] == header


class TestNames:
    @pytest.mark.parametrize("length", [1, 47, 48, 80])
    async def test_a_made_name_fits_and_tells_the_machine(self, client: Client, length: int) -> None:
        name = "m" * length
        await client.register(machine(name))
        first, second = [await client.start_execution(name) for _ in range(2)]
        assert first.name != second.name
        assert len(first.name) <= 80
        assert first.name.startswith(name[:47])

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 81, "a\n", "\x7f", "\ufffe", "\ud800", 5])
    async def test_a_name_that_aws_would_refuse_is_refused_before(
        self, client: Client, service: Faulty, name: Any
    ) -> None:
        with pytest.raises(InvalidArgument, match="an execution"):
            await client.start_execution("shop", name=name)
        assert operations(service) == []

    async def test_a_start_that_is_retried_starts_one_execution(self, client: Client) -> None:
        await client.register(waiting)

        class Retrying(Faulty):
            """Loses each first answer, and tries again as botocore does: with the same parameters."""

            async def call(self, operation: str, /, **parameters: Any) -> Any:
                await super().call(operation, **parameters)
                return await super().call(operation, **parameters)

        await Client(Retrying(client.service)).start_execution(waiting)
        assert len([found async for found in client.list_executions(waiting)]) == 1

    async def test_a_retried_start_finds_its_own_execution_even_if_that_has_ended(
        self, client: Client, service: Faulty
    ) -> None:
        await client.register(machine(result=1))

        class Slow(Faulty):
            """Tries again only when the execution has ended."""

            async def call(self, operation: str, /, **parameters: Any) -> Any:
                answer = await super().call(operation, **parameters)
                if operation == "start_execution":
                    await self.inner.changed(answer["executionArn"], 0)
                    return await super().call(operation, **parameters)
                return answer

        execution = await Client(Slow(client.service)).start_execution("shop")
        assert await execution.wait() == 1
        assert len([found async for found in client.list_executions("shop")]) == 1

    async def test_a_lost_answer_is_the_callers_to_retry_by_name(
        self, client: Client, service: Faulty
    ) -> None:
        await client.register(waiting)
        service.will("start_execution", lost)
        with pytest.raises(Exception, match="lost"):
            await client.start_execution(waiting, name="x")
        execution = await client.start_execution(waiting, name="x")
        assert [found.arn async for found in client.list_executions(waiting)] == [execution.arn]

    async def test_the_same_again_is_the_running_one(self, client: Client) -> None:
        await client.register(waiting)
        first = await client.start_execution(waiting, 1, name="x")
        assert (await client.start_execution(waiting, 1, name="x")).arn == first.arn

    async def test_a_taken_name_is_an_error(self, client: Client) -> None:
        await client.register(waiting, machine())
        await client.start_execution(waiting, 1, name="x")
        with pytest.raises(ExecutionAlreadyExists, match=r"execution:waiting:x"):
            await client.start_execution(waiting, 2, name="x")
        await client.execute("shop", 1, name="x")
        with pytest.raises(ExecutionAlreadyExists):
            await client.start_execution("shop", 1, name="x")

    async def test_or_is_the_one_that_has_it(self, client: Client) -> None:
        await client.register(waiting, machine())
        first = await client.start_execution(waiting, 1, name="x")
        again = await client.start_execution(waiting, 2, name="x", if_exists="return")
        assert (again.arn, await again.input(), await again.status()) == (first.arn, 1, "RUNNING")
        assert await again.start_date() == await first.start_date()
        await client.execute("shop", 1, name="x")
        over = await client.start_execution("shop", 1, name="x", if_exists="return")
        assert await over.output() == 1

    async def test_and_it_is_found_by_its_name_afterwards(self, client: Client, service: Faulty) -> None:
        await client.register(waiting, machine())
        started = await client.start_execution(waiting, name="x")
        operations(service)
        assert (await client.execution_named(waiting, "x")).arn == started.arn
        assert (await client.execution_named(f"{started.state_machine_arn}:PROD", "x")).arn == started.arn
        with pytest.raises(InvalidArgument, match=r"must not have '/' in its name: 'a/b'"):
            await client.execution_named(waiting, "a/b")
        assert operations(service) == []


class TestExecute:
    async def test_the_output_comes_in_the_type_that_is_asked_for(self, client: Client) -> None:
        await client.register(machine())
        assert await client.execute("shop", Order(id="o-1"), Order) == Order(id="o-1")
        assert await client.execute("shop", [1, 2], type=tuple[int, ...]) == (1, 2)
        assert await client.execute("shop", None, Order | None) is None

    async def test_an_output_that_does_not_fit_names_the_execution_and_not_the_data(
        self, client: Client
    ) -> None:
        await client.register(machine())
        with pytest.raises(ExecutionOutputInvalid, match=r"execution:shop:x does not fit: id: ") as caught:
            await client.execute("shop", {"id": ["secret"]}, Order, name="x")
        assert "secret" not in str(caught.value)

    async def test_a_type_that_is_none_is_refused_before_anything_is_started(
        self, client: Client, service: Faulty
    ) -> None:
        await client.register(machine())
        operations(service)
        with pytest.raises(InvalidArgument, match="5 is no type"):
            await client.execute("shop", type=5)
        assert operations(service) == []

    async def test_a_failure_comes_with_error_and_cause(self, client: Client) -> None:
        failing = construct_state_machine("failing", Fail("f", error="Declined", cause="over the limit"))
        await client.register(failing)
        with pytest.raises(ExecutionFailed, match="failed: Declined: over the limit") as caught:
            await client.execute(failing, name="x")
        assert (caught.value.error, caught.value.cause) == ("Declined", "over the limit")
        assert caught.value.execution_arn == f"{PREFIX}execution:failing:x"

    async def test_after_the_timeout_the_execution_goes_on(self, client: Client) -> None:
        await client.register(waiting)
        with pytest.raises(TimeoutError, match="had not ended after 60 seconds"):
            await client.execute(waiting, timeout=60)
        [execution] = [found async for found in client.list_executions(waiting)]
        assert await execution.status() == "RUNNING"

    async def test_an_activitys_failure_has_the_name_it_chose(self, client: Client) -> None:
        activities = ActivityRegistration()

        @activities.activity()
        async def charge() -> None:
            raise TaskFailed("CardDeclined", "over the limit")

        await client.register(activities, construct_state_machine("shop", Task("pay", charge)))
        async with Worker(client, activities):
            with pytest.raises(ExecutionFailed, match="CardDeclined"):
                await client.execute("shop")


class TestListExecutions:
    async def test_all_pages_are_read_the_latest_first(self, client: Client, service: Faulty) -> None:
        await client.register(machine())
        for number in range(2001):
            await client.start_execution("shop", name=f"x-{number}")
        names = [execution.name async for execution in client.list_executions("shop")]
        assert names == [f"x-{number}" for number in reversed(range(2001))]
        assert len(service.of("list_executions")) == 3

    async def test_only_those_of_a_status_are_listed(self, client: Client) -> None:
        failing = construct_state_machine("failing", Fail("f"))
        await client.register(failing)
        execution = await client.start_execution(failing)
        await execution.wait(raise_on_failure=False)
        found = [found.arn async for found in client.list_executions(failing, status="FAILED")]
        assert found == [execution.arn]
        assert [found async for found in client.list_executions(failing, status="RUNNING")] == []

    @pytest.mark.parametrize("status", ["running", "PENDING_REDRIVE", 5])
    async def test_a_status_that_is_none_is_refused(
        self, client: Client, service: Faulty, status: Any
    ) -> None:
        with pytest.raises(InvalidArgument, match="status is one of RUNNING"):
            await anext(client.list_executions("shop", status=status))
        assert operations(service) == []

    async def test_what_the_list_tells_needs_no_further_call(self, client: Client, service: Faulty) -> None:
        await client.register(waiting)
        await client.start_execution(waiting)
        [execution] = [found async for found in client.list_executions(waiting)]
        operations(service)
        assert (await execution.start_date()).tzinfo is not None
        assert operations(service) == []
        assert await execution.status() == "RUNNING"

    async def test_a_list_that_is_left_early_asks_for_no_more(self, client: Client, service: Faulty) -> None:
        await client.register(waiting)
        for _ in range(1001):
            await client.start_execution(waiting)
        async for _ in client.list_executions(waiting):
            break
        assert len(service.of("list_executions")) == 1

    async def test_of_an_unknown_machine_there_is_no_list(self, client: Client) -> None:
        with pytest.raises(StateMachineDoesNotExist):
            await anext(client.list_executions("nothing"))


class TestExecutionByArn:
    async def test_an_execution_is_found_again(self, client: Client) -> None:
        await client.register(machine(result=1))
        arn = (await client.start_execution("shop")).arn
        assert await client.execution(arn).wait() == 1

    @pytest.mark.parametrize(
        "arn",
        ["x", SHOP, f"{PREFIX}activity:a", f"{PREFIX}execution:shop", "x:execution:y", None, 5, f"{PREFIX}"],
    )
    def test_what_is_no_executions_arn_is_refused(self, arn: Any) -> None:
        async def none() -> None: ...

        class Nothing(Faulty):
            def __init__(self) -> None: ...

        with pytest.raises(InvalidArgument, match="needed, not"):
            Client(Nothing()).execution(arn)

    def test_an_express_executions_arn_has_an_id_more(self) -> None:
        class Nothing(Faulty):
            def __init__(self) -> None: ...

        execution = Execution(Nothing(), f"{PREFIX}express:shop:x:5b0e")
        assert (execution.name, execution.state_machine_arn) == ("x", SHOP)


async def test_an_operation_that_no_method_wraps_is_called_by_name(local_client: Client) -> None:
    await local_client.register(machine())
    await local_client.service.call("tag_resource", resourceArn=SHOP, tags=[{"key": "a", "value": "b"}])
    with pytest.raises(InvalidRequest):
        await local_client.service.call("tag_resource", resourceArn="x", tags=[])


class TestExpressMachines:
    async def test_executing_one_gives_its_output(self, client: Client, service: Faulty) -> None:
        await client.register(machine(type="EXPRESS", result=[1]))
        assert await client.execute("shop", type=list[int]) == [1]
        assert [call.operation for call in service.calls[-2:]] == [
            "describe_state_machine",
            "start_sync_execution",
        ]
        assert await client.execute("shop") == [1]
        assert service.calls[-1].operation == "start_sync_execution"  # its type is known by now

    async def test_a_failure_is_raised(self, client: Client) -> None:
        failing = construct_state_machine("failing", Fail("f", error="Boom", cause="bang"), type="EXPRESS")
        await client.register(failing)
        with pytest.raises(ExecutionFailed, match="Boom: bang"):
            await client.execute(failing)

    async def test_its_end_is_told_without_asking_again(self, client: Client, service: Faulty) -> None:
        await client.register(machine(type="EXPRESS"))
        execution = await client.start_sync_execution("shop", {"n": 1}, name="x")
        told = await execution.describe()
        assert (told["status"], told["name"]) == ("SUCCEEDED", "x")
        assert told["billingDetails"]["billedMemoryUsedInMB"] == 64
        assert await execution.output() == await execution.wait() == {"n": 1}
        assert service.calls[-1].operation == "start_sync_execution"

    async def test_one_that_takes_too_long_is_not_waited_for(self, client: Client) -> None:
        waiting = construct_state_machine("waiting", Wait("w", 100), type="EXPRESS")
        await client.register(waiting)
        with pytest.raises(TimeoutError, match="waiting had not ended after 5 seconds"):
            await client.execute(waiting, timeout=5)

    async def test_a_standard_one_is_refused(self, client: Client) -> None:
        await client.register(machine())
        with pytest.raises(StateMachineTypeNotSupported):
            await client.start_sync_execution("shop")


class TestTags:
    async def test_they_are_added_replaced_and_removed(self, client: Client) -> None:
        await client.register(machine(tags={"team": "a"}), Activity("pay"))
        await client.tag("shop", {"team": "b", "stage": "test"})
        await client.tag(Activity("pay"), {"team": "c"})
        await client.untag("shop", "stage", "nothing")
        assert await client.tags("shop") == {"team": "b"}
        assert await client.tags(Activity("pay")) == {"team": "c"}


class TestTryingOut:
    async def test_a_definition_is_checked_by_the_service(self, client: Client) -> None:
        assert await client.validate(machine()) == []
        assert await client.validate(Pass("a", next="nowhere").to_dict()) != []
        text = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b"}}}'
        found = await client.validate(text)
        assert [problem.code for problem in found][:1] == ["MISSING_TRANSITION_TARGET"]
        assert found == problems(text)

    async def test_a_state_is_done_by_itself(self, client: Client) -> None:
        test = await client.test_state(Pass("a", parameters={"x.$": "$.n"}), {"n": 1})
        assert (test.status, test.output, test.next) == ("SUCCEEDED", {"x": 1}, None)

    async def test_what_became_of_the_data_is_told(self, client: Client) -> None:
        state = Pass("a", input_path="$.n", result_path="$.r")
        test = await client.test_state(state, {"n": {"m": 1}}, inspection_level="DEBUG")
        assert test.inspection["input"] == {"n": {"m": 1}}
        assert test.inspection["afterInputPath"] == {"m": 1}

    async def test_a_tasks_result_is_mocked(self, client: Client) -> None:
        task = Task("pay", Activity("pay"))
        with pytest.raises(InvalidArgument, match="not both"):
            await client.test_state(task, mock_result=1, mock_error=TaskFailed("E"))
        lambda_task = Task("pay", Lambda("pay"))
        test = await client.test_state(lambda_task, mock_result=None)
        assert (test.status, test.output) == ("SUCCEEDED", None)

    async def test_a_tasks_error_is_caught(self, client: Client) -> None:
        task = Task("pay", Lambda("pay"))
        task.catch(["Declined"], Pass("sorry"))
        definition = construct_state_machine("shop", task)
        test = await client.test_state(definition, name="pay", mock_error=TaskFailed("Declined", "no money"))
        assert (test.status, test.next) == ("CAUGHT_ERROR", "sorry")
        assert (test.error, test.cause) == ("Declined", "no money")


class TestOneTask:
    async def test_a_poll_brings_a_task_with_its_input(self, client: Client) -> None:
        pay = Activity("pay")
        await client.register(pay, construct_state_machine("shop", Task("pay", pay)))
        execution = await client.start_execution("shop", {"pence": 5})
        task = await client.get_activity_task("pay", worker_name="me")
        assert task is not None
        async with task:
            task.output = task.input
        assert await execution.wait() == {"pence": 5}

    async def test_a_poll_may_find_none(self) -> None:
        async with local.connect(poll_seconds=0.01) as client:
            await client.register(Activity("pay"))
            assert await client.get_activity_task(Activity("pay")) is None


class TestMapRuns:
    DEFINITION = """{"StartAt": "each", "States": {"each": {
        "Type": "Map", "End": true, "MaxConcurrency": 1, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "rest", "States": {"rest": {"Type": "Wait", "SecondsPath": "$", "End": true}}}}}}"""

    async def started(self, client: Client) -> tuple[Execution, MapRun]:
        await client.register(StateMachine("mapping", Definition.from_json(self.DEFINITION)))
        execution = await client.start_execution("mapping", [10, 20, 30])
        await anyio.sleep(5)
        (found,) = [map_run async for map_run in client.list_map_runs(execution)]
        return execution, found

    async def test_they_are_listed_with_their_children(self, client: Client) -> None:
        execution, map_run = await self.started(client)
        assert await map_run.status() == "RUNNING"
        assert client.map_run(map_run.arn).arn == map_run.arn
        await execution.wait()
        assert (await map_run.describe())["itemCounts"]["succeeded"] == 3
        children = [child async for child in map_run.executions(status="SUCCEEDED")]
        assert [await child.output() for child in children] == [30, 20, 10]

    async def test_their_limits_are_changed_while_they_run(self, client: Client) -> None:
        execution, map_run = await self.started(client)
        await map_run.update(max_concurrency=2, tolerated_failure_percentage=5.0)
        told = await map_run.describe()
        assert (told["maxConcurrency"], told["toleratedFailurePercentage"]) == (2, 5.0)
        with pytest.raises(InvalidArgument, match="at least one limit"):
            await map_run.update()
        await execution.wait()


class TestRedriving:
    async def test_an_execution_goes_on_from_where_it_failed(self, client: Client) -> None:
        pay = Activity("pay")
        await client.register(pay, construct_state_machine("shop", Task("pay", pay)))
        execution = await client.start_execution("shop", {"n": 1})
        for _ in range(2):
            task = await client.get_activity_task(pay)
            assert task is not None
            await task.fail("Declined")
            with pytest.raises(ExecutionFailed):
                await execution.wait()
            assert (await execution.redrive()).tzinfo is not None
            assert await execution.status() == "RUNNING"
        task = await client.get_activity_task(pay)
        assert task is not None
        await task.succeed("paid")
        assert await execution.wait() == "paid"
        assert (await execution.describe())["redriveCount"] == 2
        assert [found.arn async for found in client.list_executions("shop", redriven=True)] == [execution.arn]
        assert [found async for found in client.list_executions("shop", redriven=False)] == []

    async def test_one_that_succeeded_is_not(self, client: Client) -> None:
        await client.register(machine())
        execution = await client.start_execution("shop")
        await execution.wait()
        with pytest.raises(ExecutionNotRedrivable):
            await execution.redrive()

    async def test_waiting_is_not_misled_by_a_description_from_before(self, client: Client) -> None:
        """AWS may still tell of the old end for a moment."""
        pay = Activity("pay")
        await client.register(pay, construct_state_machine("shop", Task("pay", pay)))
        execution = await client.start_execution("shop")
        task = await client.get_activity_task(pay)
        assert task is not None
        await task.fail("Declined")
        with pytest.raises(ExecutionFailed):
            await execution.wait()
        before = await execution.describe()
        await execution.redrive()
        task = await client.get_activity_task(pay)
        assert task is not None
        await task.succeed(1)
        client.service.will("describe_execution", answers(before), answers(before))  # type: ignore[attr-defined]
        assert await execution.wait() == 1

    async def test_the_machine_that_it_runs_is_the_one_it_started_with(self, client: Client) -> None:
        await client.register(machine(result=1))
        execution = await client.start_execution("shop")
        await client.register(machine(result=2), allow_update=True)
        assert (await execution.machine()).definition == machine(result=1).definition
