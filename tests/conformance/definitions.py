"""Gives the local service the recorded definitions that AWS refused or judged, and compares what it says."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness import ACCOUNT, RECORDINGS

from asfini.errors import InvalidArgument, ServiceError
from asfini.local.service import LocalService

OPERATIONS = {
    "CreateStateMachine": "create_state_machine",
    "UpdateStateMachine": "update_state_machine",
    "ValidateStateMachineDefinition": "validate_state_machine_definition",
}


@dataclass
class Judgement:
    """How what was said of a recorded definition compares."""

    refusal: bool
    """Whether it was refused here as there, or accepted here as there."""
    words: bool | None
    """Whether codes, places and messages are the same; `None` where the recorded ones are not AWS's."""
    reason: str


def recorded_definitions() -> Iterator[dict[str, Any]]:
    """The recordings."""
    for file in sorted((RECORDINGS / "static").glob("*.json")):
        yield json.loads(file.read_text(encoding="utf-8"))


def judge_definition(case: dict[str, Any]) -> Judgement:
    """Have a recorded definition judged."""
    expected = {key: value for key, value in case["expected"].items() if key != "raw"}
    try:
        said = asyncio.run(_said(case))
    except InvalidArgument as error:  # it could not even be asked
        return Judgement(False, False, repr(error))
    refusal = _refused(said) == _refused(expected)
    words = None if case.get("caveats") else said == expected
    return Judgement(refusal, words, "" if refusal and words is not False else f"said {json.dumps(said)}")


async def _said(case: dict[str, Any]) -> dict[str, Any]:
    async with LocalService(account=ACCOUNT) as service:
        given = {"definition": case["definition_text"], **case["request"]}
        try:
            return await service.call(OPERATIONS[case["operation"]], **given)
        except ServiceError as error:
            return {"error": {"code": error.code, "message": error.message}}


def _refused(said: dict[str, Any]) -> bool:
    return "error" in said or said.get("result") == "FAIL"
