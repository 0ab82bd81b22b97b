"""Asks an endpoint over HTTP, as SDKs do, but without their checks."""

import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

ROLE = "arn:aws:iam::123456789012:role/any"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """AWS's code of the error."""
        return str(self.body["__type"]).partition("#")[2]


@dataclass
class Caller:
    """Asks an endpoint, as an SDK does."""

    url: str
    session: aiohttp.ClientSession

    async def send(self, method: str = "POST", path: str = "/", **options: Any) -> Answer:
        """Send any request."""
        async with self.session.request(method, self.url + path, **options) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(response.status, dict(response.headers), json.loads(text) if is_json else text)

    async def ask(self, operation: str, body: Any = "{}", **headers: str) -> Answer:
        """Call an operation with a body as text or as data."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        data = io.BytesIO(text.encode() if isinstance(text, str) else text)
        kind = "application/x-amz-json-1.0"
        given = {"X-Amz-Target": f"AWSStepFunctions.{operation}", "Content-Type": kind}
        return await self.send(data=data, headers=given | headers)

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation that is answered."""
        answer = await self.ask(operation, parameters)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    async def machine(self, states: dict[str, Any], name: str = "m", **rest: Any) -> str:
        """Register a machine; its ARN."""
        definition = {"StartAt": next(iter(states)), "States": states} | rest
        made = await self.call(
            "CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        arn: str = made["stateMachineArn"]
        return arn

    async def start(self, machine: str, given: Any = None) -> str:
        """Start an execution; its ARN."""
        started = await self.call("StartExecution", stateMachineArn=machine, input=json.dumps(given))
        arn: str = started["executionArn"]
        return arn

    async def status(self, execution: str) -> str:
        """An execution's status."""
        return str((await self.call("DescribeExecution", executionArn=execution))["status"])
