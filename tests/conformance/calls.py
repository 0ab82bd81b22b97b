"""Plays the recorded sequences of API calls on the local service, and compares each recorded answer."""

import asyncio
import copy
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import anyio
from harness import ACCOUNT, MADE, RECORDINGS, Tasks, ruler

from asfini.errors import ActivityDoesNotExist, AsfiniError, ServiceError
from asfini.local.handlers import Call, Submitted
from asfini.local.service import LocalService
from asfini.testing import virtual_time

PATIENCE = 10
"""How many seconds a recorded reading may come late: the recorded tests waited for what they read."""
_REDRIVE = "2023-11-15"
SINCE = {
    "encryptionConfiguration": "2024-07-25",
    "failuresNotRedrivable": _REDRIVE,
    "pendingRedrive": _REDRIVE,
    "redriveCount": _REDRIVE,
}
"""Members of answers that AWS tells since a date: recordings from before it do not have them."""
EXCEPTION = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation: (.*)", re.DOTALL)
REFERENCE = re.compile(r"<[\w-]+:\d+>")
"""How recordings write a value that stands for itself wherever it comes again."""
MAP_RUN = re.compile(r"arn:aws:states:[\w-]+:\d+:mapRun:\w+/lbl(\d+):[\w-]+")
"""What requests have in place of the ARN of the n-th map run."""


def sequences() -> Iterator[dict[str, Any]]:
    """The recorded sequences that can be compared."""
    for file in sorted((RECORDINGS / "api").glob("*.json")):
        case = json.loads(file.read_text(encoding="utf-8"))
        if ruler().scorable(case):
            yield _with_names_apart(case)


@dataclass
class Answer:
    """How a recorded answer compares."""

    case: str
    step: int
    operation: str
    matches: bool
    reason: str = ""
    caveat: bool = False
    """Whether the recording's message is not AWS's, so that only the refusal counts."""


def judge_calls(case: dict[str, Any]) -> list[Answer]:
    """Play a sequence and compare each of its recorded answers."""
    return asyncio.run(_play(case))


async def _play(case: dict[str, Any]) -> list[Answer]:
    tasks = Tasks(_as_execution(case))
    with virtual_time():
        async with (
            LocalService(
                account=ACCOUNT, stand_in=_stand_in(case, tasks), seed=0, start_date=MADE
            ) as service,
            anyio.create_task_group() as workers,
        ):
            tasks.service = service
            player = Player(case, service)
            found = []
            for step in case["steps"]:
                if (told := await player.play(step)) is not None:
                    found.append(told)
                for arn in player.new_activities(tasks.activities):
                    workers.start_soon(_work, tasks, arn)
            workers.cancel_scope.cancel()
        return found


async def _work(tasks: Tasks, arn: str) -> None:
    try:
        await tasks.work(arn)
    except ActivityDoesNotExist:
        return


def _stand_in(case: dict[str, Any], tasks: Tasks) -> Any:
    """What answers tasks: the recorded history, and for map runs a file of as many rows as were counted.

    A message with a token of which no history tells is sent, and never answered.
    """
    rows = max((_rows(step.get("response", {})) for step in case["steps"]), default=0)

    async def file() -> str:
        return "\n".join(["number", *map(str, range(rows))])

    async def sent() -> Submitted:
        return Submitted({})

    def answer(call: Call) -> Any:
        if call.target.name == "s3:getObject":
            return file()
        recorded = tasks.answer(call)
        return sent() if recorded is None and call.target.pattern == ".waitForTaskToken" else recorded

    return answer


def _rows(response: dict[str, Any]) -> int:
    total = response.get("itemCounts", {}).get("total", 0)
    return int(total)


@dataclass
class Player:
    """Sends a sequence's requests, and compares what comes with what was recorded."""

    case: dict[str, Any]
    service: LocalService
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By step, what the service answered."""
    made_up: dict[str, str] = field(default_factory=dict)
    """The names that recordings make up for executions without one, with ours."""
    map_runs: list[str] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    """What stands for itself in recordings, with ours."""
    activities: list[str] = field(default_factory=list)

    def new_activities(self, known: list[str]) -> list[str]:
        """The activities that were made since the last call, and have recorded tasks."""
        found, self.activities = [arn for arn in self.activities if arn in known], []
        return found

    async def play(self, step: dict[str, Any]) -> Answer | None:
        """Send a request; gives how the answer compares, if one was recorded."""
        if _was_not_sent(step):
            return None
        matches, reason = await self._compare(step)
        for _ in range(PATIENCE if _is_reading(step) else 0):
            if matches:
                break
            await anyio.sleep(1)
            matches, reason = await self._compare(step)
        if step["operation"] == "StartExecution":
            await anyio.sleep(1)
        if refusal(step) is None and not _parts(step):
            return None
        return Answer(self.case["id"], step["i"], step["operation"], matches, reason, "caveat" in step)

    async def _compare(self, step: dict[str, Any]) -> tuple[bool, str]:
        recorded = refusal(step)
        try:
            answer = await self.service.call(snake(step["operation"]), **self._request(step))
        except ServiceError as error:
            return self._fits(step, recorded, error)
        except AsfiniError as error:
            return False, repr(error)
        self._note(step, answer)
        if recorded is not None:
            return False, f"{json.dumps(answer, default=str)} instead of {recorded}"
        return self._agrees(step, answer)

    def _request(self, step: dict[str, Any]) -> dict[str, Any]:
        """What a call sends, with what earlier answers gave."""
        text = json.dumps(step["request"])
        for made_up, own in self.made_up.items():
            text = re.sub(rf"(:execution:[^:]+)(?::\d+)?:{made_up}", rf"\1:{own}", text)
        text = MAP_RUN.sub(lambda found: self.map_runs[int(found[1]) - 1], text)
        text = re.sub(
            r"<<step (\d+) (\w+)>>",
            lambda found: str(self.answers.get(int(found[1]), {}).get(found[2])),
            text,
        )
        request: dict[str, Any] = json.loads(text)
        if isinstance(request.get("definition"), dict):
            request["definition"] = json.dumps(request["definition"])
        return request

    def _note(self, step: dict[str, Any], answer: dict[str, Any]) -> None:
        """Keep what later requests tell of."""
        self.answers[step["i"]] = answer
        match step["operation"]:
            case "StartExecution" if "name" not in step["request"]:
                number = len(self.made_up) + 1
                name = f"exec-{number:04}-0000-4000-8000-{number:012}"
                self.made_up[name] = answer["executionArn"].rpartition(":")[2]
            case "CreateActivity":
                self.activities.append(answer["activityArn"])
            case "ListMapRuns":
                self.map_runs = [run["mapRunArn"] for run in answer["mapRuns"]]

    def _fits(
        self, step: dict[str, Any], recorded: tuple[str, str] | None, error: ServiceError
    ) -> tuple[bool, str]:
        if recorded is None:
            return False, repr(error)
        same = ruler().same(recorded[1], self._as_recorded(error.message), self.case) or "caveat" in step
        fits = bool(error.code == recorded[0] and same)
        return fits, "" if fits else f"{error.code}: {error.message} instead of {': '.join(recorded)}"

    def _agrees(self, step: dict[str, Any], answer: dict[str, Any]) -> tuple[bool, str]:
        told = self._told(self._as_recorded(answer))
        for path, part in _parts(step):
            found = _at(told, path)
            if not ruler().same(part, found, self.case) or not self._refers(part, found):
                return False, f"{json.dumps(found)} instead of {json.dumps(part)}"
        return True, ""

    def _told(self, value: Any) -> Any:
        """An answer without what AWS did not tell yet when it was recorded."""
        if isinstance(value, list):
            return [self._told(item) for item in value]
        if not isinstance(value, dict):
            return value
        since = self.case["recorded_at"]
        return {key: self._told(part) for key, part in value.items() if since >= SINCE.get(key, "")}

    def _as_recorded(self, value: Any) -> Any:
        """An answer with the names that recordings make up."""
        text = json.dumps(value, default=str)
        for made_up, own in self.made_up.items():
            text = text.replace(own, made_up)
        return json.loads(text)

    def _refers(self, recorded: Any, told: Any) -> bool:
        """Whether what stands for itself is what it was before, and nothing else is."""
        if isinstance(recorded, dict) and isinstance(told, dict):
            return all(self._refers(recorded[key], told[key]) for key in recorded.keys() & told.keys())
        if isinstance(recorded, list) and isinstance(told, list):
            return all(map(self._refers, recorded, told))
        if not (isinstance(recorded, str) and REFERENCE.fullmatch(recorded)):
            return True
        known = self.references.setdefault(recorded, told)
        return bool(known == told) and list(self.references.values()).count(told) == 1


def snake(operation: str) -> str:
    """An operation's name as `Service.call` takes it."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", operation).lower()


def refusal(step: dict[str, Any]) -> tuple[str, str] | None:
    """The code and message with which AWS refused a call, if it did."""
    if "error" in step:
        return step["error"]["code"], step["error"]["message"]
    for part in step.get("partial_responses", []):
        if part["path_in_response"] == ["@exception"] and (found := EXCEPTION.match(str(part["value"]))):
            return found[1], found[2]
    return None


def _was_not_sent(step: dict[str, Any]) -> bool:
    """Whether the SDK refused to send a call to AWS."""
    told = [str(part["value"]) for part in step.get("partial_responses", [])]
    return any(text.startswith("Parameter validation failed") for text in told)


def _is_reading(step: dict[str, Any]) -> bool:
    return step["operation"].startswith(("Describe", "Get", "List")) and step.get("recorded") is not False


def _parts(step: dict[str, Any]) -> list[tuple[list[Any], Any]]:
    """The parts of an answer that were recorded, with the path to each."""
    if "response" in step:
        return [([], {key: value for key, value in step["response"].items() if key != "ResponseMetadata"})]
    return [(part["path_in_response"], part["value"]) for part in step.get("partial_responses", [])]


def _at(value: Any, path: list[Any]) -> Any:
    for key in path:
        try:
            value = value[key]
        except (IndexError, KeyError, TypeError):
            return None
    return value


def _as_execution(case: dict[str, Any]) -> dict[str, Any]:
    """What a sequence tells of tasks, in the form of a recorded execution."""
    histories = [
        _parts(step)[0][1]["events"]
        for step in case["steps"]
        if step["operation"] == "GetExecutionHistory" and "response" in step
    ]
    definitions = [
        json.loads(text)
        for step in case["steps"]
        if (text := str(step["request"].get("definition") or "")).startswith("{")
    ]
    return {
        "definition": definitions,
        "expected": {"events": [event for events in histories for event in events]},
        "task_results": [result for events in histories for result in _results(events)],
    }


OUTCOME = re.compile("(Activity|LambdaFunction|Task)(Succeeded|Failed|TimedOut)")


def _results(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The results of a history's tasks."""
    state = submitted = None
    for event in events:
        kind = event["type"]
        details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
        if kind == "TaskStateEntered":
            state, submitted = event["stateEnteredEventDetails"]["name"], None
        elif kind == "TaskSubmitted":
            submitted = details["output"]
        elif OUTCOME.fullmatch(kind):
            told = {key: details[key] for key in ("error", "output") if key in details}
            if "cause" in details:
                told["cause"] = _text(details["cause"])
            given = {} if submitted is None else {"submitted_output": submitted}
            yield {"state": state, "outcome": kind, **told, **given}


def _text(cause: Any) -> str:
    return cause if isinstance(cause, str) else json.dumps(cause)


def _with_names_apart(case: dict[str, Any]) -> dict[str, Any]:
    """Give back the names that became one: where there are several words for a name, each in its turn."""
    words: dict[str, list[str]] = defaultdict(list)
    for each in case.get("transformers", []):
        word = each["replacement"]
        if each["kind"] == "regex" and not word.startswith("<") and word not in words[each["pattern"]]:
            words[each["pattern"]].append(word)
    for name, found in words.items():
        if len(found) > 1:
            case = _with_name_apart(case, name, len(found))
    return case


def _with_name_apart(case: dict[str, Any], name: str, count: int) -> dict[str, Any]:
    case, words, uses = copy.deepcopy(case), iter(range(count)), 0
    for each in case["transformers"]:
        if each["pattern"] == name:
            each["pattern"] = f"{name}-{next(words)}"
    for step in case["steps"]:
        text = json.dumps(step["request"])
        if name in text:
            step["request"] = json.loads(text.replace(name, f"{name}-{min(uses, count - 1)}"))
            uses += 1
    return case
