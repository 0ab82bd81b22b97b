"""The endpoint speaks as AWS does: AWS JSON 1.0, errors, and the Security Token Service."""

import asyncio
import gzip
import json
import re
import time
from typing import Any

import aiohttp
import botocore.session
import pytest
from botocore.config import Config
from http_caller import Caller

from asfini import local
from asfini.errors import InvalidArgument
from asfini.local import Endpoint

DEEP = "[" * 100_000 + "]" * 100_000


class TestAnswers:
    async def test_dates_are_seconds_since_1970_with_milliseconds(self, caller: Caller) -> None:
        before = time.time()
        answer = await caller.ask("CreateActivity", {"name": "pay"})
        assert answer.headers["Content-Type"] == "application/x-amz-json-1.0"
        assert answer.body["creationDate"] == pytest.approx(before, abs=60)
        assert answer.body["creationDate"] == round(answer.body["creationDate"], 3)

    async def test_each_has_an_id_of_its_own(self, caller: Caller) -> None:
        answers = [await caller.ask("ListActivities") for _ in range(2)]
        first, second = (answer.headers["x-amzn-RequestId"] for answer in answers)
        assert first != second

    async def test_what_is_null_or_unknown_is_left_out(self, caller: Caller) -> None:
        made = await caller.call("CreateActivity", name="pay", tags=None, sense=0)
        assert made["activityArn"].endswith(":activity:pay")

    @pytest.mark.parametrize("text", ["über\u2028\U0001f600", "half a pair: \ud800", "null: \x00"])
    async def test_any_text_survives(self, caller: Caller, text: str) -> None:
        machine = await caller.machine({"p": {"Type": "Pass", "End": True}})
        started = await caller.call("StartExecution", stateMachineArn=machine, input=json.dumps(text))
        told = await caller.call("DescribeExecution", executionArn=started["executionArn"])
        assert json.loads(told["output"]) == text

    async def test_sync_hosts_are_this_one(self, caller: Caller) -> None:
        port = caller.url.rpartition(":")[2]
        for host in (f"sync-127.0.0.1:{port}", "sync-localhost", f"localhost:{port}", f"[::1]:{port}"):
            assert (await caller.ask("ListActivities", Host=host)).body == {"activities": []}

    async def test_an_sdk_that_asks_first_may_send_its_body(self, caller: Caller) -> None:
        answer = await caller.ask("CreateActivity", {"name": "pay"}, Expect="100-continue")
        assert answer.status == 200


class TestErrors:
    async def test_they_are_told_as_aws_tells_them(self, caller: Caller) -> None:
        answer = await caller.ask("DescribeExecution", {"executionArn": "nonsense"})
        assert answer.status == 400
        assert answer.headers["x-amzn-ErrorType"] == "InvalidArn"
        assert answer.body == {
            "__type": "com.amazonaws.swf.service.v2.model#InvalidArn",
            "message": "Invalid Arn: 'Invalid ARN prefix: nonsense'",
        }

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("{", "not JSON"),
            ("", "not JSON"),
            (b"\xff\xfe", "not JSON"),
            ('{"name": NaN}', "not JSON"),
            ('{"name": "a"} {}', "not JSON"),
            (DEEP, ""),
            (f'{{"name": {DEEP}}}', ""),
            ("[]", "Start of list found where not expected"),
            ('"name"', "Expected null"),
            ('{"name": 1}', "NUMBER_VALUE can not be converted to a String"),
            ('{"name": true}', "TRUE_VALUE can not be converted to a String"),
            ('{"name": {}}', "Start of structure or map found where not expected"),
            ('{"name": "a", "tags": {}}', "Start of structure or map found where not expected"),
            ('{"name": "a", "tags": "t"}', "Expected list or null"),
        ],
        ids=lambda value: str(value)[:30],
    )
    async def test_bodies_that_do_not_fit(self, caller: Caller, body: Any, message: str) -> None:
        answer = await caller.ask("CreateActivity", body)
        assert (answer.status, answer.code) == (400, "SerializationException")
        assert message in answer.body["message"]

    @pytest.mark.parametrize("number", ["1e400", "-1e308", "1" + "0" * 30, "1" + "0" * 5000])
    async def test_numbers_that_no_integer_holds(self, caller: Caller, number: str) -> None:
        answer = await caller.ask("ListActivities", f'{{"maxResults": {number}}}')
        assert answer.status == 400
        assert answer.code in ("SerializationException", "ValidationException")

    async def test_all_limits_that_are_broken_are_told_at_once(self, caller: Caller) -> None:
        answer = await caller.ask("CreateStateMachine", {"name": "", "roleArn": "r"})
        assert answer.code == "ValidationException"
        assert answer.body["__type"].startswith("com.amazon.coral.validate#")
        assert answer.body["message"].startswith("2 validation errors detected: Value '' at 'name'")
        assert "Value null at 'definition'" in answer.body["message"]

    @pytest.mark.parametrize("target", ["AWSStepFunctions.Fly", "DynamoDB_20120810.ListTables", "", "."])
    async def test_operations_that_are_not_there(self, caller: Caller, target: str) -> None:
        answer = await caller.send(data="{}", headers={"X-Amz-Target": target})
        assert (answer.status, answer.code) == (400, "UnknownOperationException")

    async def test_a_call_without_an_operation_says_where_it_would_stand(self, caller: Caller) -> None:
        answer = await caller.send(data="{}", headers={"Content-Type": "application/json"})
        assert answer.body["message"] == "no header X-Amz-Target says which operation is called"

    @pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/health"), ("PUT", "/x")])
    async def test_paths_that_are_not_there(self, caller: Caller, method: str, path: str) -> None:
        assert (await caller.send(method, path)).code == "UnknownOperationException"

    async def test_bodies_are_not_unpacked(self, caller: Caller) -> None:
        headers = {"X-Amz-Target": "AWSStepFunctions.ListActivities", "Content-Encoding": "gzip"}
        answer = await caller.send(data=gzip.compress(b"{}"), headers=headers)
        assert (answer.status, answer.code) == (400, "SerializationException")

    async def test_a_body_that_is_larger_than_anything_could_be(self, caller: Caller) -> None:
        answer = await caller.ask("CreateActivity", b" " * (8 * 1024 * 1024 + 1))
        assert (answer.status, answer.code) == (413, "RequestEntityTooLargeException")

    async def test_a_definition_may_be_escaped_throughout(self, caller: Caller) -> None:
        definition = json.dumps(
            {"StartAt": "p", "Comment": "é" * 500_000, "States": {"p": {"Type": "Pass", "End": True}}},
            ensure_ascii=False,
        )
        body = json.dumps(
            {"name": "m", "roleArn": "arn:aws:iam::123456789012:role/r", "definition": definition}
        )
        assert len(body) > 3_000_000
        assert (await caller.ask("CreateStateMachine", body)).status == 200

    async def test_a_fault_of_ours_is_no_fault_of_the_callers(
        self,
        caller: Caller,
        endpoint: Endpoint,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(endpoint._front, "call", broken)
        answer = await caller.ask("ListActivities")
        assert (answer.status, answer.code) == (500, "InternalFailure")
        assert "ZeroDivisionError" in caplog.text


class TestSDKs:
    @pytest.fixture
    def boto(self, endpoint: Endpoint) -> Any:
        session = botocore.session.Session()
        session.set_credentials("any", "thing")

        def client(service: str) -> Any:
            config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
            return session.create_client(
                service, region_name="us-east-1", endpoint_url=endpoint.url, config=config
            )

        return client

    async def test_one_learns_the_account(self, boto: Any) -> None:
        told = await asyncio.to_thread(boto("sts").get_caller_identity)
        assert told["Account"] == "123456789012"
        assert told["Arn"] == "arn:aws:iam::123456789012:root"

    async def test_and_that_nothing_else_is_told_of_identities(self, boto: Any) -> None:
        client = boto("sts")
        with pytest.raises(client.exceptions.ClientError, match="InvalidAction"):
            await asyncio.to_thread(client.get_session_token)

    async def test_one_reads_dates_and_errors(self, boto: Any) -> None:
        client = boto("stepfunctions")
        made = await asyncio.to_thread(client.create_activity, name="pay")
        assert made["creationDate"].timestamp() == pytest.approx(time.time(), abs=60)
        arn = made["activityArn"] + "x"
        with pytest.raises(client.exceptions.ActivityDoesNotExist):
            await asyncio.to_thread(client.describe_activity, activityArn=arn)


class TestWhoMayAsk:
    @pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:8083", ""])
    async def test_no_web_page_may(self, caller: Caller, origin: str) -> None:
        for method, path in (("POST", "/"), ("POST", "/clock"), ("GET", "/health")):
            answer = await caller.send(method, path, headers={"Origin": origin})
            assert answer.status == 403

    @pytest.mark.parametrize(
        "host",
        [
            "example.com",
            "sync-example.com:8083",
            "10.0.0.1",
            "",
            "localhost.evil",
            "[::1]evil.com:80",
            "localhost:80:80",
            "localhost:evil.com",
            "[localhost]",
        ],
    )
    async def test_nobody_may_who_found_another_host_here(self, caller: Caller, host: str) -> None:
        answer = await caller.ask("ListActivities", Host=host)
        assert answer.status == 403
        assert repr(host) in answer.body

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", "", None])
    async def test_other_machines_are_let_in_only_on_purpose(self, host: Any) -> None:
        with pytest.raises(InvalidArgument, match=re.escape(repr(host))):
            async with local.serve(host=host, port=0):
                pass

    async def test_then_they_know_it_by_address_or_a_plain_name(self) -> None:
        async with (
            local.serve(host="0.0.0.0", port=0, allow_remote=True) as endpoint,
            aiohttp.ClientSession() as session,
        ):
            caller = Caller(endpoint.url.replace("0.0.0.0", "127.0.0.1"), session)
            for host in ("10.0.0.1:8083", "stepfunctions:8083", "localhost"):
                assert (await caller.ask("ListActivities", Host=host)).status == 200
            assert (await caller.ask("ListActivities", Host="example.com")).status == 403

    @pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.2"])
    async def test_it_listens_where_it_is_told_to(self, host: str) -> None:
        async with local.serve(host=host, port=0) as endpoint, aiohttp.ClientSession() as session:
            assert host in endpoint.url
            assert (await Caller(endpoint.url, session).call("ListActivities")) == {"activities": []}
