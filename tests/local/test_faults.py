"""Faults and quotas in front of a service, and that clients and workers survive them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import pytest

from asfini import (
    Activity,
    ActivityRegistration,
    CallableActivity,
    Client,
    InvalidArgument,
    Pass,
    ServiceWrapper,
    StateMachine,
    Task,
    Worker,
    construct_state_machine,
    local,
)
from asfini._quotas import AWS, MAX_POLLS, Quota
from asfini.errors import (
    ActivityWorkerLimitExceeded,
    ConnectionFailed,
    ServiceError,
    Throttled,
    ValidationException,
)
from asfini.local.faults import Fault, FaultyService, Struck
from asfini.local.quotas import ThrottledService
from asfini.service import Service
from asfini.testing import virtual_time

nothing = construct_state_machine("nothing", Pass("pass"))


class Answering(Service):
    """A service that answers every call at once, or holds it until it is let go."""

    def __init__(self, region: str = "us-east-1", *, holds: bool = False) -> None:
        self._account = local.LocalService()._account.__class__("aws", region, "123456789012")
        self.answered: list[str] = []
        self._gate = anyio.Event()
        if not holds:
            self._gate.set()

    async def call(self, operation: str, /, **_parameters: Any) -> dict[str, Any]:
        await self._gate.wait()
        self.answered.append(operation)
        return {}

    async def account(self) -> Any:
        return self._account

    def let_go(self) -> None:
        self._gate.set()


async def tried(service: Service, operation: str, count: int, **parameters: Any) -> list[str]:
    """Call an operation some times, one after the other; how each went."""
    outcomes = []
    for _ in range(count):
        try:
            await service.call(operation, **parameters)
            outcomes.append("ok")
        except ServiceError as error:
            outcomes.append(error.code)
    return outcomes


class TestFaults:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (ConnectionFailed, ConnectionFailed),
            (ValidationException("no"), ValidationException),
            ("ThrottlingException", Throttled),
            ("InternalServerError", ConnectionFailed),
            ("SomethingElse", ServiceError),
        ],
    )
    async def test_a_call_fails_with_the_error_that_is_asked_for(
        self, error: Any, expected: type[ServiceError]
    ) -> None:
        inner = Answering()
        with pytest.raises(expected) as raised:
            await FaultyService(inner, {"list_activities": Fault(error)}).call("list_activities")
        assert raised.value.operation == "list_activities"
        assert inner.answered == []

    async def test_a_call_that_fails_on_its_way_back_has_taken_effect(self) -> None:
        async with local.connect(faults={"start_execution": Fault(ConnectionFailed, when="after")}) as client:
            await client.register(nothing)
            with pytest.raises(ConnectionFailed):
                await client.start_execution(nothing)
            [execution] = [execution async for execution in client.list_executions(nothing)]
            assert await execution.wait() == {}

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            (Fault("E"), "EEEEEE"),
            (Fault("E", every=3), "..E..E"),
            (Fault("E", calls={1, 4}), "E..E.."),
            (Fault("E", calls=range(2, 4)), ".EE..."),
            (Fault("E", probability=0), "......"),
            (Fault("E", probability=1), "EEEEEE"),
        ],
    )
    async def test_a_schedule_tells_which_calls_are_struck(self, fault: Fault, expected: str) -> None:
        outcomes = await tried(FaultyService(Answering(), {"list_activities": fault}), "list_activities", 6)
        assert "".join("E" if outcome == "E" else "." for outcome in outcomes) == expected

    async def test_chance_strikes_the_share_that_is_asked_for_and_repeats(self) -> None:
        def service(seed: int) -> FaultyService:
            return FaultyService(Answering(), {"*": Fault("E", probability=0.2)}, seed=seed)

        once = await tried(service(1), "list_activities", 1000)
        assert 150 < Counter(once)["E"] < 250
        assert await tried(service(1), "list_activities", 1000) == once
        assert await tried(service(2), "list_activities", 1000) != once

    async def test_chance_is_of_each_operation_whatever_others_do(self) -> None:
        alone = FaultyService(Answering(), {"*": Fault("E", probability=0.5)}, seed=1)
        among = FaultyService(Answering(), {"*": Fault("E", probability=0.5)}, seed=1)
        expected = await tried(alone, "list_activities", 20)
        found = []
        for _ in range(20):
            await tried(among, "list_executions", 1)
            found += await tried(among, "list_activities", 1)
        assert found == expected

    async def test_operations_that_are_not_named_meet_the_others_faults(self) -> None:
        service = FaultyService(
            Answering(), {"*": Fault("E"), "list_activities": Fault("F"), "list_executions": []}
        )
        assert [
            *await tried(service, "list_activities", 1),
            *await tried(service, "list_executions", 1),
            *await tried(service, "list_map_runs", 1),
        ] == [
            "F",
            "ok",
            "E",
        ]

    async def test_delays_add_up_and_the_first_error_is_raised(self) -> None:
        inner = Answering()
        faults = [
            Fault(delay=2),
            Fault(delay=3, when="after"),
            Fault("F", when="after", delay=1),
            Fault("G", calls={2}),
        ]
        service = FaultyService(inner, {"list_activities": faults})
        with virtual_time():
            began = anyio.current_time()
            assert await tried(service, "list_activities", 1) == ["F"]
            assert anyio.current_time() - began == pytest.approx(6)
            assert await tried(service, "list_activities", 1) == ["G"]
            assert anyio.current_time() - began == pytest.approx(8)
        assert inner.answered == ["list_activities"]

    async def test_a_delay_may_be_drawn_from_a_range(self) -> None:
        async def delays(seed: int) -> list[float]:
            service = FaultyService(Answering(), {"list_activities": Fault(delay=(1, 5))}, seed=seed)
            times = [anyio.current_time()]
            for _ in range(5):
                await service.call("list_activities")
                times.append(anyio.current_time())
            return [round(later - earlier, 6) for earlier, later in pairwise(times)]

        with virtual_time():
            drawn = await delays(1)
            assert all(1 <= delay <= 5 for delay in drawn)
            assert len(set(drawn)) == 5
            assert await delays(1) == drawn

    async def test_what_was_struck_is_told(self) -> None:
        fault = Fault("E", every=2)
        service = FaultyService(Answering(), {"list_activities": fault})
        await tried(service, "list_activities", 4)
        assert service.struck == [Struck("list_activities", 2, fault), Struck("list_activities", 4, fault)]

    async def test_what_came_too_late_for_a_call_that_had_failed_did_not_strike_it(self) -> None:
        first, second = Fault("E", calls={1}), Fault("F", when="after")
        service = FaultyService(Answering(), {"list_activities": [first, second]})
        assert await tried(service, "list_activities", 2) == ["E", "F"]
        assert service.struck == [
            Struck("list_activities", 1, first),
            Struck("list_activities", 2, second),
        ]

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({}, "a fault has an error or a delay, or it does nothing"),
            ({"error": 3}, "error is a ServiceError, its class, or a code of AWS's, not 3"),
            ({"error": ValueError}, "error is a ServiceError, its class, or a code of AWS's, not <class"),
            ({"error": ""}, "error is a ServiceError, its class, or a code of AWS's, not ''"),
            ({"error": "E", "when": "during"}, "when is one of before, after, not 'during'"),
            ({"delay": -1}, "delay is seconds, or the least and the most of them, not -1"),
            ({"delay": (2, 1)}, r"delay is seconds, or the least and the most of them, not (2, 1)"),
            ({"delay": None}, "delay is seconds, or the least and the most of them, not None"),
            ({"error": "E", "probability": 1.1}, "probability is a number from 0 to 1, not 1.1"),
            ({"error": "E", "probability": True}, "probability is a number from 0 to 1, not True"),
            ({"error": "E", "every": 0}, "every is a positive whole number, not 0"),
            ({"error": "E", "every": 1.5}, "every is a positive whole number, not 1.5"),
            ({"error": "E", "calls": 3}, "calls is the numbers of calls, not 3"),
            ({"error": "E", "calls": "12"}, "calls is the numbers of calls, not '12'"),
            ({"error": "E", "every": 2, "calls": [1]}, "a fault has one of probability, every and calls"),
        ],
    )
    def test_a_fault_that_makes_no_sense_is_refused(self, given: dict[str, Any], reason: str) -> None:
        with pytest.raises(InvalidArgument) as raised:
            Fault(**given)
        assert str(raised.value).startswith(reason)

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (3, "faults is faults by operation, not 3"),
            ({"list_activities": 3}, "faults['list_activities'] is a Fault or several, not 3"),
            ({"list_activities": [Fault("E"), "E"]}, "faults['list_activities'] is a Fault or several, not"),
            ({1: Fault("E")}, "faults[1] is a Fault or several, not"),
            ({"start_exceution": Fault("E")}, "faults['start_exceution']: the API has no such operation"),
        ],
    )
    async def test_faults_that_are_none_are_refused(self, given: Any, reason: str) -> None:
        with pytest.raises(InvalidArgument) as raised:
            async with local.connect(faults=given):
                pass
        assert str(raised.value).startswith(reason)

    def test_a_seed_is_a_whole_number(self) -> None:
        with pytest.raises(InvalidArgument, match="seed is a whole number, not 'x'"):
            FaultyService(Answering(), {}, seed="x")  # type: ignore[arg-type]


class TestQuotas:
    async def test_calls_are_refused_once_the_bucket_is_empty_and_it_fills_again(self) -> None:
        with virtual_time():
            service = ThrottledService(Answering(), {"list_activities": Quota(3, 2)})
            assert await tried(service, "list_activities", 5) == ["ok"] * 3 + ["ThrottlingException"] * 2
            await anyio.sleep(1)
            assert await tried(service, "list_activities", 3) == ["ok"] * 2 + ["ThrottlingException"]
            await anyio.sleep(3600)
            assert await tried(service, "list_activities", 4) == ["ok"] * 3 + ["ThrottlingException"]

    async def test_a_refusal_is_awss(self) -> None:
        service = ThrottledService(Answering(), {"list_activities": (1, 0)})
        await service.call("list_activities")
        with pytest.raises(Throttled) as raised:
            await service.call("list_activities")
        assert (raised.value.operation, raised.value.code) == ("list_activities", "ThrottlingException")
        assert raised.value.message == "Rate exceeded"

    async def test_each_operation_has_a_bucket_of_its_own_and_others_none(self) -> None:
        service = ThrottledService(Answering(), {"list_activities": (1, 0), "list_executions": (2, 0)})
        assert await tried(service, "list_activities", 2) == ["ok", "ThrottlingException"]
        assert await tried(service, "list_executions", 2) == ["ok", "ok"]
        assert await tried(service, "list_map_runs", 100) == ["ok"] * 100

    @pytest.mark.parametrize(
        ("region", "starts"), [("us-east-1", 1300), ("eu-west-1", 1300), ("eu-west-2", 800)]
    )
    async def test_awss_quotas_are_those_of_the_region(self, region: str, starts: int) -> None:
        with virtual_time():
            outcomes = await tried(ThrottledService(Answering(region)), "start_execution", 1500)
        assert Counter(outcomes)["ok"] == starts

    def test_awss_quotas_are_of_operations_that_there_are(self) -> None:
        import botocore.loaders
        from botocore import xform_name

        model = botocore.loaders.Loader().load_service_model("stepfunctions", "service-2")
        assert AWS.keys() <= {xform_name(operation) for operation in model["operations"]}

    async def test_awss_quotas_bound_the_open_polls_for_one_activity(self) -> None:
        inner = Answering(holds=True)
        service = ThrottledService(inner)
        polls = [
            asyncio.create_task(service.call("get_activity_task", activityArn="one"))
            for _ in range(MAX_POLLS)
        ]
        await asyncio.sleep(0.01)
        with pytest.raises(ActivityWorkerLimitExceeded, match="The maximum number of workers"):
            await service.call("get_activity_task", activityArn="one")
        inner.let_go()
        await service.call("get_activity_task", activityArn="another")
        await asyncio.gather(*polls)
        await service.call("get_activity_task", activityArn="one")

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ("AWS", "quotas is 'aws', or a bucket and calls per second by operation, not 'AWS'"),
            (3, "quotas is 'aws', or a bucket and calls per second by operation, not 3"),
            ({1: (1, 1)}, "quotas are by an operation's name, not by 1"),
            ({"*": (1, 1)}, "the quota of '*': the API has no such operation"),
            *(
                (
                    {"list_activities": quota},
                    "the quota of 'list_activities' is how many calls may come at once, at least 1, "
                    f"and how many more in each second, not {quota!r}",
                )
                for quota in (3, (0, 1), (1, -1), (1,), ("1", 1), (True, 1), [1, 1])
            ),
        ],
    )
    async def test_quotas_that_make_no_sense_are_refused(self, given: Any, reason: str) -> None:
        with pytest.raises(InvalidArgument) as raised:
            async with local.connect(quotas=given):
                pass
        assert str(raised.value) == reason


def counted() -> tuple[CallableActivity[Any, Any], Counter[int]]:
    """An activity that takes a second, and how often it did which number."""
    activities, done = ActivityRegistration(prefix="faults-"), Counter[int]()

    @activities.activity()
    async def charge(number: int) -> int:
        await anyio.sleep(1)
        done[number] += 1
        return number * 2

    return charge, done


def shop(charge: Activity) -> StateMachine:
    """A machine that starts a task anew where nobody has it, as one that is to survive AWS should."""
    task = Task("charge", charge, timeout_seconds=60)
    task.retry_for(["States.Timeout"], interval_seconds=1, max_attempts=20)
    return construct_state_machine("faults", task)


async def started(client: Client, machine: Any, count: int) -> list[Any]:
    """Start executions by name as often as it takes, as a program does whose SDK has given up."""
    executions = []
    for number in range(count):
        while True:
            try:
                name = f"number-{number}"
                executions.append(
                    await client.start_execution(machine, number, name=name, if_exists="return")
                )
                break
            except ServiceError:
                await anyio.sleep(1)
    return executions


class TestSurvival:
    @pytest.mark.parametrize("seed", range(3))
    async def test_a_worker_under_lost_polls_errors_and_throttling_does_each_task(self, seed: int) -> None:
        errors = [
            Fault(ConnectionFailed, probability=0.1),
            Fault("InternalServerError", probability=0.1, when="after"),
            Fault(delay=(0, 2)),
        ]
        lost = Fault(ConnectionFailed, when="after", delay=70, probability=0.2)
        late = Fault(delay=(0, 5), when="after", probability=0.2)
        faults = {"*": errors, "get_activity_task": [*errors, lost, late]}
        registering = (
            "create_activity",
            "describe_activity",
            "create_state_machine",
            "describe_state_machine",
        )
        faults |= {operation: [] for operation in registering}
        throttled = ("start_execution", "get_activity_task", "send_task_success", "describe_execution")
        quotas = dict.fromkeys(throttled, (5, 2))
        charge, done = counted()
        machine = shop(charge)
        with virtual_time():
            async with local.connect(faults=faults, quotas=quotas, seed=seed) as client:
                await client.register(charge, machine)
                async with Worker(client, charge):
                    executions = await started(client, machine, 40)
                    with anyio.fail_after(24 * 3600):
                        results = [await execution.wait() for execution in executions]
            service: Any = client.service
        assert results == [number * 2 for number in range(40)]
        assert done.keys() == set(range(40))
        assert [each.fault for each in service.struck].count(lost) > 3
        struck = Counter(each.operation for each in service.struck)
        assert min(struck["get_activity_task"], struck["send_task_success"], struck["describe_execution"]) > 5

    async def test_a_task_whose_poll_got_lost_is_done_after_its_time_out(self) -> None:
        faults = {"get_activity_task": Fault(ConnectionFailed, when="after", delay=70, calls={1})}
        charge, done = counted()
        machine = shop(charge)
        with virtual_time():
            async with local.connect(faults=faults) as client:
                await client.register(charge, machine)
                async with Worker(client, charge):
                    execution = await client.start_execution(machine, 1)
                    assert await execution.wait() == 2
                events = [event.type async for event in execution.history()]
        assert events.count("ActivityTimedOut") == 1
        assert done == {1: 1}

    async def test_a_client_waits_out_its_throttling(self) -> None:
        with virtual_time():
            async with local.connect(quotas={"describe_execution": (1, 0.1)}) as client:
                await client.register(nothing)
                executions = [await client.start_execution(nothing) for _ in range(5)]
                results: list[Any] = [None] * 5

                async def wait(index: int) -> None:
                    results[index] = await executions[index].wait()

                async with anyio.create_task_group() as tasks:
                    for index in range(5):
                        tasks.start_soon(wait, index)
        assert results == [{}] * 5

    async def test_a_start_whose_answer_got_lost_is_found_by_its_name(self) -> None:
        faults = {"start_execution": Fault(ConnectionFailed, when="after", calls={1})}
        with virtual_time():
            async with local.connect(faults=faults) as client:
                await client.register(nothing)
                [execution] = await started(client, nothing, 1)
                assert await execution.wait() == 0
                assert len([each async for each in client.list_executions(nothing)]) == 1

    async def test_faults_and_quotas_stand_in_front_of_whatever_answers(self, local_client: Client) -> None:
        wrapped = FaultyService(ThrottledService(local_client.service, {"start_execution": (1, 0)}), {})
        client = Client(wrapped)
        assert isinstance(wrapped, ServiceWrapper)
        await client.register(nothing)
        assert await client.execute(nothing) == {}
        with pytest.raises(Throttled):
            await client.execute(nothing)


class Distant(Answering):
    """A service that can be asked from other threads' loops, as one over HTTP."""

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Service]:
        yield Answering()

    def beside(self) -> Any:
        return self._open()


class TestHeartbeatsFromAThread:
    """A worker sends heartbeats from a thread where its own loop is blocked: they count like all others."""

    CALLS = 1000

    async def send(self, service: Service) -> list[bool]:
        """Send heartbeats from two threads; which were let through."""

        async def send() -> list[bool]:
            opening = service.beside()
            assert opening is not None
            async with opening as beside:
                return [await taken(beside) for _ in range(self.CALLS)]

        found = await asyncio.gather(*[asyncio.to_thread(asyncio.run, send()) for _ in range(2)])
        return [each for of in found for each in of]

    async def test_faults_strike_each_number_once(self) -> None:
        service = FaultyService(Distant(), {"send_task_heartbeat": Fault("ThrottlingException", every=2)})
        outcomes = await self.send(service)
        assert sorted(struck.number for struck in service.struck) == [*range(2, 2 * self.CALLS + 1, 2)]
        assert Counter(outcomes) == {True: self.CALLS, False: self.CALLS}

    async def test_quotas_are_not_exceeded(self) -> None:
        service = ThrottledService(Distant(), {"send_task_heartbeat": (700, 0)})
        assert (await self.send(service)).count(True) == 700


async def taken(service: Service) -> bool:
    try:
        await service.call("send_task_heartbeat", taskToken="token")
    except Throttled:
        return False
    return True
