"""Payloads in another form: encoded on their way out, decoded wherever they come back."""

import base64
import json
from typing import Any

import pytest
from chores import square
from faults import Faulty, raises
from jobs import do, machine_of, settle, start

from asfini import CallableActivity, Client, ExecutionFailed, Parallel, Task, Worker, construct_state_machine
from asfini.codecs import Coded, Gzip
from asfini.errors import ConnectionFailed, InvalidArgument, TaskTimedOut, Throttled

LARGE = ["alike"] * 100_000
"""More than AWS takes, but not when it is compressed."""


class Reverse:
    """Writes texts backwards; some it cannot read."""

    def __init__(self) -> None:
        self.broken = False
        self.failures = 0
        """How many texts it fails to write."""

    async def encode(self, text: str) -> str:
        if self.failures > 0:
            self.failures -= 1
            raise KeyError(text)
        return text[::-1]

    async def decode(self, text: str) -> str:
        if self.broken:
            raise KeyError(text)
        return text[::-1]


class Store:
    """Keeps texts, and gives keys to them, as a bucket would."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def encode(self, text: str) -> str:
        key = f"key-{hash(text)}"
        self.texts[key] = text
        return key

    async def decode(self, text: str) -> str:
        return self.texts[text]


@pytest.fixture
def codec() -> Reverse:
    return Reverse()


@pytest.fixture
def coded(local_client: Client, codec: Reverse) -> Client:
    """A client whose payloads are written backwards."""
    return Client(Coded(local_client.service, codec))


async def echo(given: Any) -> Any:
    return given


echoing = CallableActivity("echo", echo)


def marked(text: str) -> dict[str, str]:
    return {"_coded": text[::-1]}


async def test_inputs_and_outputs_are_in_another_form_on_their_way_alone(
    coded: Client, local_client: Client
) -> None:
    execution = await start(coded, echoing, {"order": "o-1"})
    async with Worker(coded, echoing):
        assert await execution.wait() == {"order": "o-1"}
    told = await local_client.service.call("describe_execution", executionArn=execution.arn)
    assert json.loads(told["input"]) == marked('{"order":"o-1"}')
    assert json.loads(told["output"]) == marked('{"order":"o-1"}')
    assert json.loads((await execution.describe())["input"]) == {"order": "o-1"}


async def test_histories_are_decoded(coded: Client) -> None:
    execution = await start(coded, echoing, "Ada")
    async with Worker(coded, echoing):
        await execution.wait()
    answer = await coded.service.call("get_execution_history", executionArn=execution.arn)
    assert "_coded" not in json.dumps(answer, default=str)
    assert json.dumps(answer, default=str).count('\\"Ada\\"') == 6


async def test_it_is_found_wherever_states_put_it(coded: Client) -> None:
    both = Parallel("both")
    both.add(Task("one", echoing, result_path="$.one"))
    both.add(Task("two", echoing, result_selector={"deep": [{"result.$": "$"}]}))
    machine = construct_state_machine("both", both)
    await coded.register(echoing, machine)
    async with Worker(coded, echoing):
        execution = await coded.start_execution(machine, {"a": 1})
        assert await execution.wait() == [{"a": 1, "one": {"a": 1}}, {"deep": [{"result": {"a": 1}}]}]


async def test_what_others_started_is_done_as_well(coded: Client, local_client: Client) -> None:
    execution = await start(local_client, echoing, {"_coded": 1, "plain": [None, 2.50]})
    async with Worker(coded, echoing):
        assert await Client(coded.service).execute(machine_of(echoing), "mine") == "mine"
        output = await execution.wait()
    assert json.loads(output["_coded"][::-1]) == {"_coded": 1, "plain": [None, 2.5]}


async def test_small_payloads_may_stay_as_they_are(local_client: Client, codec: Reverse) -> None:
    client = Client(Coded(local_client.service, codec, at_least=10))
    small, large = [await start(client, echoing, given) for given in ("12345678"[:-1], "12345678")]
    async with Worker(client, echoing):
        assert [await small.wait(), await large.wait()] == ["1234567", "12345678"]
    plain = local_client.execution(small.arn)
    assert json.loads((await plain.describe())["input"]) == "1234567"
    assert "_coded" in (await local_client.execution(large.arn).describe())["input"]


async def test_payloads_may_be_larger_than_aws_takes_if_their_other_form_is_not(local_client: Client) -> None:
    client = Client(Coded(local_client.service, Gzip()))
    assert await do(client, echoing, LARGE) == LARGE
    assert await do(client, square, 7) == 49
    with pytest.raises(InvalidArgument, match="at most 262,144 are allowed"):
        await local_client.start_execution("does-echo", LARGE)


async def test_payloads_may_be_kept_elsewhere(local_client: Client) -> None:
    store = Store()
    client = Client(Coded(local_client.service, store, at_least=100_000))
    assert await do(client, echoing, LARGE) == LARGE
    assert set(store.texts.values()) == {json.dumps(LARGE, separators=(",", ":"))}


async def test_one_may_be_put_around_another(local_client: Client, codec: Reverse) -> None:
    inner = Coded(local_client.service, codec, key="_backwards")
    client = Client(Coded(inner, Gzip(9), key="_small", at_least=1000))
    assert await do(client, echoing, LARGE) == LARGE
    assert await do(client, echoing, "little") == "little"


async def test_an_input_that_is_too_large_in_its_other_form_too_is_refused(coded: Client) -> None:
    await coded.register(echoing, machine_of(echoing))
    with pytest.raises(InvalidArgument, match=r"the input has 262,\d+ bytes when it is encoded, but at most"):
        await coded.start_execution(machine_of(echoing), "x" * 262_140)


async def test_an_output_that_is_too_large_in_its_other_form_too_fails_the_task(coded: Client) -> None:
    with pytest.raises(ExecutionFailed, match="TaskOutputInvalid: the output has 300,0"):
        await do(coded, CallableActivity("much", lambda: "x" * 300_000))


async def test_a_task_whose_input_cannot_be_decoded_fails(
    coded: Client, local_client: Client, codec: Reverse
) -> None:
    execution = await start(coded, echoing, "pa55w0rd")
    codec.broken = True
    async with Worker(coded, echoing):
        with pytest.raises(ExecutionFailed) as failed:
            await local_client.execution(execution.arn).wait()
    assert failed.value.error == "TaskInputInvalid"
    assert failed.value.cause == "the task's input cannot be decoded: KeyError"


async def test_its_failure_is_reported_though_the_service_is_shaky(
    local_client: Client, codec: Reverse, caplog: pytest.LogCaptureFixture
) -> None:
    service = Faulty(local_client.service)
    coded = Client(Coded(service, codec))
    execution = await start(coded, echoing, "pa55w0rd")
    codec.broken = True
    service.will("send_task_failure", raises(Throttled()), raises(ConnectionFailed()))
    async with Worker(coded, echoing):
        with pytest.raises(ExecutionFailed, match="TaskInputInvalid"):
            await local_client.execution(execution.arn).wait()
    assert "its input cannot be decoded: KeyError" in caplog.text
    assert "pa55w0rd" not in caplog.text


async def test_one_that_is_closed_meanwhile_is_nobodys_business(local_client: Client, codec: Reverse) -> None:
    service = Faulty(local_client.service)
    coded = Client(Coded(service, codec))
    await start(coded, echoing, "Ada")
    codec.broken = True
    service.will("send_task_failure", raises(TaskTimedOut()))
    async with Worker(coded, echoing) as worker:
        await settle()
        assert worker.stats().activities["echo"].failed_polls == 0


@pytest.mark.parametrize(("failures", "error"), [(5, None), (100, "TaskOutputInvalid")])
async def test_a_codec_that_fails_to_encode_an_output_is_tried_again_and_then_fails_the_task(
    coded: Client,
    local_client: Client,
    codec: Reverse,
    failures: int,
    error: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    echoing_silently = CallableActivity("echo", echo, heartbeat=None)
    execution = await start(coded, echoing_silently, "pa55w0rd")
    codec.failures = failures
    async with Worker(coded, echoing_silently):
        await local_client.execution(execution.arn).wait(raise_on_failure=False, timeout=600)
    told = await local_client.execution(execution.arn).describe()
    assert told.get("error") == error
    assert told.get("cause") == (error and "the report cannot be sent: KeyError")
    assert "pa55w0rd" not in caplog.text


async def test_an_input_that_cannot_be_encoded_is_an_error_of_the_start(
    coded: Client, codec: Reverse
) -> None:
    machine = machine_of(echoing)
    await coded.register(echoing, machine)
    codec.failures = 1
    with pytest.raises(KeyError):
        await coded.start_execution(machine, "Ada")
    assert [each async for each in coded.list_executions(machine)] == []


async def test_a_result_that_cannot_be_decoded_is_an_error(coded: Client, codec: Reverse) -> None:
    execution = await start(coded, echoing, "Ada")
    async with Worker(coded, echoing):
        await coded.execution(execution.arn).wait()
    codec.broken = True
    with pytest.raises(KeyError):
        await coded.execution(execution.arn).describe()


async def test_tasks_by_token_are_encoded(coded: Client, local_client: Client) -> None:
    execution = await start(coded, echoing, "Ada")
    task = await coded.get_activity_task(echoing, worker_name="me")
    assert task is not None
    assert task.input == "Ada"
    await task.succeed("Bob")
    assert await execution.wait() == "Bob"


async def test_compressed_texts_are_alike_each_time() -> None:
    once, again = [await Gzip().encode("é" * 1000) for _ in range(2)]
    assert once == again
    assert len(base64.b64decode(once)) < 100
    assert await Gzip().decode(once) == "é" * 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((object(),), "a codec has the methods encode and decode"),
        ((Gzip(), {"at_least": -1}), "at_least is a number of bytes, not -1"),
        ((Gzip(), {"at_least": True}), "at_least is a number of bytes, not True"),
        ((Gzip(), {"key": ""}), "key is the name of a member, not ''"),
    ],
    ids=["codec", "at_least", "flag", "key"],
)
async def test_nonsense_is_refused(local_client: Client, arguments: Any, message: str) -> None:
    codec, *options = arguments
    with pytest.raises(InvalidArgument, match=message):
        Coded(local_client.service, codec, **dict(*options))
