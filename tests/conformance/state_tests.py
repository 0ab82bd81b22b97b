"""Tests of states as they were recorded on AWS, made on the local service: the operation TestState.

`judge_test()` gives a `Judgement` for each of `recorded_tests()`; `matches` is `None` where the SDK refused
to send the request, so that AWS never answered. A board of them needs nothing else:

    for test in map(judge_test, recorded_tests()):
        print(test.case, test.operation, test.matches, test.reason)

Tasks that are not mocked are answered with the recorded result. Run by itself, this prints each miss.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness import ACCOUNT, MADE, RECORDINGS, ruler

from asfini.errors import AsfiniError, ServiceError
from asfini.local.service import LocalService
from asfini.testing import virtual_time

_TEXTS = ("definition", "input", "context", "variables")
"""What requests have as JSON text, and recordings as what it holds."""
_PREFIX = re.compile(r"An error occurred \(\w+\) when calling the \w+ operation: ")
"""What the SDK puts before messages."""


@dataclass
class Judgement:
    """How a recorded test of a state compares."""

    case: str
    matches: bool | None
    reason: str = ""
    operation: str = "TestState"


def recorded_tests() -> Iterator[dict[str, Any]]:
    """The recorded tests that can be compared."""
    for file in sorted((RECORDINGS / "test_state").glob("*.json")):
        case = json.loads(file.read_text(encoding="utf-8"))
        if ruler().scorable(case):
            yield case


def judge_test(case: dict[str, Any]) -> Judgement:
    """Make a recorded test and compare its answer."""
    recorded = case["expected"]
    if recorded.get("error", {}).get("code") == "ParamValidationError":
        return Judgement(case["id"], None, "the SDK sent nothing")
    try:
        answer = asyncio.run(_answer(case))
    except ServiceError as error:
        told = {"code": error.code, "message": error.message}
        return _compared(case, _without_prefix(recorded.get("error", {})), told)
    except (AsfiniError, TimeoutError) as error:
        return Judgement(case["id"], False, repr(error))
    response = {
        key: value for key, value in recorded.get("response", {}).items() if key != "ResponseMetadata"
    }
    return _compared(case, response, ruler().parsed(answer))


def _compared(case: dict[str, Any], recorded: Any, told: Any) -> Judgement:
    if recorded and ruler().same(recorded, told, case):
        return Judgement(case["id"], True)
    return Judgement(case["id"], False, f"{json.dumps(told, default=str)} instead of {json.dumps(recorded)}")


def _without_prefix(error: dict[str, str]) -> dict[str, str]:
    return {key: _PREFIX.sub("", text) for key, text in error.items()}


async def _answer(case: dict[str, Any]) -> dict[str, Any]:
    request = {
        key: json.dumps(value) if key in _TEXTS and not isinstance(value, str) else value
        for key, value in case["request"].items()
    }
    with virtual_time():
        async with LocalService(
            account=ACCOUNT, stand_in=lambda _call: _result(case), seed=0, start_date=MADE
        ) as service:
            return await service.call("test_state", **request)


async def _result(case: dict[str, Any]) -> Any:
    """The recorded result of a task."""
    response = case["expected"]["response"]
    result = response.get("inspectionData", {}).get("result", response.get("output"))
    return json.loads(result) if isinstance(result, str) else result


def main() -> int:
    """Make all recorded tests, and print what does not match."""
    judged = [judge_test(case) for case in recorded_tests() if not sys.argv[1:] or sys.argv[1] in case["id"]]
    for test in judged:
        if test.matches is False:
            print(f"miss: {test.case}: {test.reason[:2000]}")
    scored = [test.matches for test in judged if test.matches is not None]
    print(f"{sum(scored)} of {len(scored)} match; {len(judged) - len(scored)} were not sent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
