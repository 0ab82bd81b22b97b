"""Calls as they were recorded on AWS, played on the local service: refusals are in AWS's words."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from asfini._arns import Account
from asfini.errors import ServiceError
from asfini.local.service import LocalService
from asfini.testing import virtual_time

RECORDINGS = Path(__file__).parents[3] / "shared" / "conformance" / "api"
ACCOUNT = Account("aws", "us-east-1", "111111111111")
NOT_AWSS = "Error=ValueError"
"""How messages begin that are an emulator's own wording."""
PLACEHOLDERS = re.compile(r"<[^<>]*>|activity_arn|s?sm_nonexistent_arn|invalid_execution_arn")
EXCEPTION = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation: (.*)", re.DOTALL)


def snake(operation: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", operation).lower()


def refusal(step: dict[str, Any]) -> tuple[str, str] | None:
    """The code and message with which AWS refused a call, if it did."""
    if "error" in step:
        return step["error"]["code"], step["error"]["message"]
    for part in step.get("partial_responses", []):
        if part["path_in_response"] == ["@exception"] and (found := EXCEPTION.match(str(part["value"]))):
            return found[1], found[2]
    return None


def cases() -> list[Any]:
    """The recorded sequences in which AWS refused something."""
    read = {
        file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(RECORDINGS.glob("*.json"))
    }
    return [
        pytest.param(case["steps"], id=name)
        for name, case in read.items()
        if any(map(refusal, case["steps"]))
    ]


def fits(recorded: str, told: str) -> bool:
    """Whether a message is the recorded one, but for what recordings leave out."""
    region = told.replace("arn:aws:states:us-east-1:", "arn:<partition>:states:<region>:")
    pattern = ".+".join(map(re.escape, PLACEHOLDERS.split(recorded)))
    return re.fullmatch(pattern, region, re.DOTALL) is not None or recorded == told


class Player:
    """Plays a recorded sequence of calls."""

    def __init__(self, service: LocalService) -> None:
        self.service = service
        self.answers: list[dict[str, Any]] = []
        self.arns: dict[str, str] = {}
        """Executions' ARNs as recordings make them up, in the order of the starts, each with ours."""

    def request(self, step: dict[str, Any]) -> dict[str, Any]:
        """What a call sends, with what earlier answers gave."""
        text = json.dumps(step["request"])
        for made_up, own in self.arns.items():
            text = text.replace(made_up, own)
        text = re.sub(
            r"<<step (\d+) (\w+)>>", lambda found: str(self.answers[int(found[1])].get(found[2])), text
        )
        request: dict[str, Any] = json.loads(text)
        if isinstance(request.get("definition"), dict):
            request["definition"] = json.dumps(request["definition"])
        return request

    async def play(self, step: dict[str, Any]) -> None:
        request = self.request(step)
        try:
            answer = await self.service.call(snake(step["operation"]), **request)
        except ServiceError:
            self.answers.append({})
            raise
        self.answers.append(answer)
        if step["operation"] == "StartExecution":
            number = len(self.arns) + 1
            machine = answer["executionArn"].rpartition(":")[0]
            self.arns[f"{machine}:exec-{number:04}-0000-4000-8000-{number:012}"] = answer["executionArn"]
            await anyio.sleep(1)


def is_known(service: LocalService, step: dict[str, Any]) -> bool:
    """Whether the local service has the operation, and needs no versions for it."""
    return snake(step["operation"]) in service._operations and not step["request"].get("publish")


def was_not_sent(step: dict[str, Any]) -> bool:
    """Whether the SDK refused to send a call to AWS."""
    told = [str(part["value"]) for part in step.get("partial_responses", [])]
    return any(text.startswith("Parameter validation failed") for text in told)


async def silence() -> dict[str, Any]:
    return {}


@pytest.mark.skipif(not RECORDINGS.exists(), reason=f"there are no recordings in {RECORDINGS}")
@pytest.mark.parametrize("steps", cases())
async def test_what_aws_refused_is_refused_in_its_words(steps: list[dict[str, Any]]) -> None:
    with virtual_time():
        async with LocalService(account=ACCOUNT, stand_in=lambda _: silence()) as service:
            player = Player(service)
            for step in steps:
                if not is_known(service, step):
                    pytest.skip(f"the local service has no {step['operation']} like this yet")
                recorded = refusal(step)
                if was_not_sent(step):
                    player.answers.append({})
                    continue
                if recorded is None:
                    await player.play(step)
                    continue
                with pytest.raises(ServiceError) as caught:
                    await player.play(step)
                assert caught.value.code == recorded[0]
                if not recorded[1].startswith(NOT_AWSS):
                    assert fits(recorded[1], caught.value.message), caught.value.message
