import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from asfini.errors import InvalidArgument
from asfini.history import (
    ActivityScheduled,
    ActivityStarted,
    EvaluationFailed,
    Event,
    ExecutionRedriven,
    ExecutionStarted,
    Failed,
    LambdaFunctionScheduled,
    MapIteration,
    MapRunRedriven,
    MapRunStarted,
    MapStateStarted,
    Milestone,
    ObjectSucceeded,
    StateEntered,
    StateExited,
    TaskScheduled,
    TaskStarted,
    TaskSubmitted,
    format_event,
    format_history,
    parse_event,
    parse_history,
)

RECORDED = Path(__file__).parents[1] / "../shared/conformance/asl"
NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))
ARN = "arn:aws:states:eu-west-1:123456789012"
COMMON: dict[str, Any] = {"timestamp": NOON, "id": 7, "previous_event_id": 6}


def api(type: str, number: int = 7, **details: Any) -> dict[str, Any]:
    key = type[0].lower() + type[1:]
    key = "stateEntered" if key.endswith("StateEntered") else key
    key = "stateExited" if key.endswith("StateExited") else key
    event = {"timestamp": NOON, "type": type, "id": number, "previousEventId": number - 1}
    return event | ({f"{key}EventDetails": details} if details else {})


def parsed(type: str, **details: Any) -> Event:
    return parse_event(api(type, **details))


class TestParsing:
    @pytest.mark.parametrize(
        ("api_event", "event"),
        [
            (
                api("ExecutionStarted", input='{"n": 1}', roleArn=f"{ARN}:role"),
                ExecutionStarted(**COMMON, input={"n": 1}, role_arn=f"{ARN}:role"),
            ),
            (api("ExecutionRedriven", redriveCount=2), ExecutionRedriven(**COMMON, redrive_count=2)),
            (
                api("WaitStateEntered", name="rest", input="[1]", inputDetails={"truncated": False}),
                StateEntered(**COMMON, type="WaitStateEntered", name="rest", input=[1]),
            ),
            (
                api("PassStateExited", name="set", output="null", assignedVariables={"n": "1", "s": '"x"'}),
                StateExited(
                    **COMMON, type="PassStateExited", name="set", assigned_variables={"n": 1, "s": "x"}
                ),
            ),
            (api("ParallelStateFailed"), Milestone(**COMMON, type="ParallelStateFailed")),
            (api("MapStateStarted", length=0), MapStateStarted(**COMMON, length=0)),
            (
                api("MapIterationAborted", name="each", index=0),
                MapIteration(**COMMON, type="MapIterationAborted", name="each", index=0),
            ),
            (api("MapRunStarted", mapRunArn=ARN), MapRunStarted(**COMMON, map_run_arn=ARN)),
            (
                api("MapRunRedriven", mapRunArn=ARN, redriveCount=1),
                MapRunRedriven(**COMMON, map_run_arn=ARN, redrive_count=1),
            ),
            (
                api(
                    "ActivityScheduled",
                    resource=ARN,
                    input='"hi"',
                    timeoutInSeconds=60,
                    heartbeatInSeconds=25,
                ),
                ActivityScheduled(
                    **COMMON, resource=ARN, input="hi", timeout_in_seconds=60, heartbeat_in_seconds=25
                ),
            ),
            (api("ActivityStarted", workerName="w-1"), ActivityStarted(**COMMON, worker_name="w-1")),
            (
                api("LambdaFunctionScheduled", resource=ARN, input="{}", taskCredentials={"roleArn": ARN}),
                LambdaFunctionScheduled(**COMMON, resource=ARN, input={}, task_credentials={"roleArn": ARN}),
            ),
            (
                api(
                    "TaskScheduled",
                    resourceType="sqs",
                    resource="sendMessage",
                    region="eu-west-1",
                    parameters='{"MessageBody": "hi"}',
                ),
                TaskScheduled(
                    **COMMON,
                    resource_type="sqs",
                    resource="sendMessage",
                    region="eu-west-1",
                    parameters={"MessageBody": "hi"},
                ),
            ),
            (
                api("TaskStarted", resourceType="sqs", resource="sendMessage"),
                TaskStarted(**COMMON, resource_type="sqs", resource="sendMessage"),
            ),
            (
                api("TaskSubmitted", resourceType="sqs", resource="sendMessage", output="1"),
                TaskSubmitted(**COMMON, resource_type="sqs", resource="sendMessage", output=1),
            ),
            (
                api("TaskSucceeded", resourceType="sqs", resource="sendMessage", output="false"),
                ObjectSucceeded(
                    **COMMON, type="TaskSucceeded", output=False, resource_type="sqs", resource="sendMessage"
                ),
            ),
            (
                api("LambdaFunctionFailed", error="ValueError", cause='{"errorType": "ValueError"}'),
                Failed(
                    **COMMON,
                    type="LambdaFunctionFailed",
                    error="ValueError",
                    cause='{"errorType": "ValueError"}',
                ),
            ),
            (
                api("EvaluationFailed", error="E", cause="why", location="Output", state="sum"),
                EvaluationFailed(**COMMON, error="E", cause="why", location="Output", state="sum"),
            ),
        ],
        ids=lambda each: each.get("type") if isinstance(each, dict) else "",
    )
    def test_an_event_has_the_class_of_its_type_and_its_details_in_fields(
        self, api_event: dict[str, Any], event: Event
    ) -> None:
        read = parse_event(api_event)
        assert read == event
        assert type(read) is type(event)

    def test_every_way_to_fail_matches_failed(self) -> None:
        match parsed("EvaluationFailed", error="States.QueryEvaluationError", state="sum"):
            case Failed(type=type_, error=error):
                assert (type_, error) == ("EvaluationFailed", "States.QueryEvaluationError")
            case other:
                pytest.fail(f"no failure: {other}")

    def test_a_history_keeps_its_order(self) -> None:
        events = parse_history([api("ExecutionStarted", 1), api("ExecutionAborted", 2)])
        assert [(event.id, event.type) for event in events] == [
            (1, "ExecutionStarted"),
            (2, "ExecutionAborted"),
        ]

    def test_events_without_data_in_their_details_can_be_hashed(self) -> None:
        assert len({parsed("PassStateEntered", name="a", input="{}") for _ in range(2)}) == 1

    @pytest.mark.parametrize(
        ("given", "read"),
        [
            (NOON, NOON),
            (NOON.replace(tzinfo=None), NOON.replace(tzinfo=UTC)),
            ("2026-03-01T12:00:00.250000+01:00", NOON),
            ("2026-03-01T11:00:00.250Z", NOON),
            (NOON.timestamp(), NOON),
            ("yesterday", datetime(1970, 1, 1, tzinfo=UTC)),
            (float("inf"), datetime(1970, 1, 1, tzinfo=UTC)),
            (None, datetime(1970, 1, 1, tzinfo=UTC)),
        ],
    )
    def test_times_are_aware_however_they_are_written(self, given: object, read: datetime) -> None:
        timestamp = parse_event(api("ExecutionAborted") | {"timestamp": given}).timestamp
        assert timestamp == read
        assert timestamp.tzinfo is not None

    def test_a_time_keeps_its_zone(self) -> None:
        assert str(parsed("ExecutionAborted").timestamp) == "2026-03-01 12:00:00.250000+01:00"


class TestData:
    @pytest.mark.parametrize(
        ("details", "data", "truncated"),
        [
            ({"input": "null"}, None, False),
            ({"input": '{"a": 1.0}'}, {"a": 1.0}, False),
            ({}, None, True),
            ({"input": '{"a": "lo', "inputDetails": {"truncated": True}}, '{"a": "lo', True),
            ({"input": "123", "inputDetails": {"truncated": True}}, "123", True),
            ({"inputDetails": {"truncated": True}}, None, True),
            ({"input": "not JSON"}, "not JSON", True),
            ({"input": "NaN"}, "NaN", True),
            ({"input": "[" * 100_000}, "[" * 100_000, True),
            ({"input": {"already": "parsed"}}, {"already": "parsed"}, False),
        ],
    )
    def test_data_is_parsed_where_it_is_whole(
        self, details: dict[str, Any], data: object, truncated: bool
    ) -> None:
        event = parsed("TaskStateEntered", name="x", **details)
        assert isinstance(event, StateEntered)
        assert (event.input, event.truncated) == (data, truncated)

    def test_a_variable_that_is_cut_leaves_the_others_whole(self) -> None:
        variables = {"n": "1", "long": '"abc'}
        event = parsed("PassStateExited", name="x", output="{}", assignedVariables=variables)
        assert isinstance(event, StateExited)
        assert (event.output, event.assigned_variables, event.truncated) == (
            {},
            {"n": 1, "long": '"abc'},
            True,
        )

    def test_a_state_that_sets_no_variables_is_whole(self) -> None:
        event = parsed("PassStateExited", name="x", output="{}")
        assert isinstance(event, StateExited)
        assert (event.assigned_variables, event.truncated) == ({}, False)

    def test_a_cause_stays_text(self) -> None:
        event = parsed("ActivityFailed", error="E", cause='{"a": 1}')
        assert isinstance(event, Failed)
        assert event.cause == '{"a": 1}'


class TestUnknownEvents:
    def test_an_unknown_type_is_a_plain_event_with_its_details(self) -> None:
        event = parsed("RobotStateDreamt", sheep=3, input="{}")
        assert type(event) is Event
        assert (event.type, event.id, event.details) == ("RobotStateDreamt", 7, {"sheep": 3, "input": "{}"})

    def test_an_unknown_field_is_kept_beside_the_known_ones(self) -> None:
        event = parse_event(api("ActivityStarted", workerName="w", mood="good") | {"weather": "rain"})
        assert isinstance(event, ActivityStarted)
        assert (event.worker_name, event.details) == ("w", {"mood": "good", "weather": "rain"})

    def test_a_field_that_does_not_fit_is_kept_as_it_stands(self) -> None:
        event = parsed("ActivityScheduled", resource=ARN, input="{}", timeoutInSeconds="soon")
        assert isinstance(event, ActivityScheduled)
        assert (event.timeout_in_seconds, event.details) == (None, {"timeoutInSeconds": "soon"})

    def test_an_event_without_what_its_type_needs_is_a_plain_event(self) -> None:
        event = parsed("MapIterationStarted", name="each", index="first")
        assert type(event) is Event
        assert event.details == {"name": "each", "index": "first"}

    @pytest.mark.parametrize("known", ["TaskScheduled", "StateEntered", "PassStateExited", "Failed", "?", ""])
    @pytest.mark.parametrize("nonsense", [None, 3, "x", [], {"a": {"b": []}}])
    def test_nonsense_is_read_and_written_without_complaint(self, known: str, nonsense: Any) -> None:
        keys = ["timestamp", "id", "previousEventId", "stateExitedEventDetails", "taskScheduledEventDetails"]
        event = parse_event({"type": known} | dict.fromkeys(keys, nonsense))
        assert format_event(event, cause=True, input=True).startswith(f"{known} [")
        assert event.to_dict()["type"] == known

    @pytest.mark.parametrize("event", [{}, {"id": 1}, {"type": None, "id": 1}, "ExecutionStarted", None])
    def test_an_event_without_a_type_is_refused(self, event: Any) -> None:
        with pytest.raises(InvalidArgument, match="an event has a type, but this one has"):
            parse_event(event)

    def test_the_refusal_does_not_show_payloads(self) -> None:
        with pytest.raises(InvalidArgument) as caught:
            parse_event({"id": 1, "stateEnteredEventDetails": {"input": "secret"}})
        assert (
            str(caught.value) == "an event has a type, but this one has just 'id', 'stateEnteredEventDetails'"
        )


class TestText:
    def test_a_history_is_written_as_sfini_writes_it(self) -> None:
        events = parse_history(
            [
                api("ExecutionStarted", 1, input="{}"),
                api("TaskStateEntered", 2, name="charge", input="{}"),
                api("ActivityScheduled", 3, resource=f"{ARN}:activity:charge", input="{}"),
                api("ActivityStarted", 4, workerName="till-1"),
                api("ActivityTimedOut", 5, error="States.Timeout"),
                api("LambdaFunctionScheduled", 6, resource=f"{ARN}:function:charge", input="{}"),
                api("LambdaFunctionStarted", 7),
                api("LambdaFunctionSucceeded", 8, output='{"paid": 3}'),
                api("TaskStateExited", 9, name="charge", output='{"paid": 3}'),
                api("ExecutionSucceeded", 10, output='{"paid": 3}'),
            ]
        )
        at = "2026-03-01 12:00:00.250000+01:00"
        assert format_history(events).split("\n") == [
            f"ExecutionStarted [1] @ {at}",
            f"TaskStateEntered [2] @ {at}:",
            "  name: charge",
            f"ActivityScheduled [3] @ {at}:",
            f"  resource: {ARN}:activity:charge",
            f"ActivityStarted [4] @ {at}:",
            "  worker: till-1",
            f"ActivityTimedOut [5] @ {at}:",
            "  error: States.Timeout",
            f"LambdaFunctionScheduled [6] @ {at}:",
            f"  resource: {ARN}:function:charge",
            f"LambdaFunctionStarted [7] @ {at}",
            f"LambdaFunctionSucceeded [8] @ {at}",
            f"TaskStateExited [9] @ {at}:",
            "  name: charge",
            f"ExecutionSucceeded [10] @ {at}",
            'Output: {"paid": 3}',
        ]

    @pytest.mark.parametrize(
        ("event", "lines"),
        [
            (parsed("MapStateStarted", length=0), ["length: 0"]),
            (parsed("MapIterationStarted", name="each", index=0), ["name: each", "index: 0"]),
            (parsed("MapRunStarted", mapRunArn=ARN), [f"map run: {ARN}"]),
            (parsed("MapRunRedriven", mapRunArn=ARN, redriveCount=2), [f"map run: {ARN}", "redrive: 2"]),
            (parsed("ExecutionRedriven", redriveCount=1), ["redrive: 1"]),
            (
                parsed("TaskScheduled", resourceType="aws-sdk:s3", resource="getObject", parameters="{}"),
                ["resource: aws-sdk:s3:getObject"],
            ),
            (
                parsed("EvaluationFailed", error="E", location="Output", state="sum", cause="why"),
                ["error: E", "state: sum", "location: Output"],
            ),
            (parsed("MapRunFailed", error="E"), ["error: E"]),
        ],
        ids=lambda each: each.type if isinstance(each, Event) else "",
    )
    def test_details_stand_indented_below(self, event: Event, lines: list[str]) -> None:
        assert format_event(event).split("\n") == [f"{event}:", *(f"  {line}" for line in lines)]

    @pytest.mark.parametrize(
        "event",
        [
            parsed("ExecutionFailed"),
            parsed("ParallelStateFailed"),
            parsed("ActivityStarted"),
            parsed("ExecutionAborted", cause="just so"),
            parsed("RobotStateDreamt", sheep=3),
        ],
        ids=lambda event: event.type,
    )
    def test_what_an_event_does_not_say_is_not_written(self, event: Event) -> None:
        assert format_event(event) == f"{event.type} [7] @ 2026-03-01 12:00:00.250000+01:00"

    @pytest.mark.parametrize(("output", "line"), [(None, "null"), ("é", '"\\u00e9"'), ([1, {}], "[1, {}]")])
    def test_the_output_stands_last_however_it_is_known(self, output: object, line: str) -> None:
        started, ended = parsed("ExecutionStarted"), parsed("ExecutionSucceeded", output=json.dumps(output))
        told = format_history([started], output=output)
        assert told == f"{started}\nOutput: {line}"
        assert format_history([started, ended]) == f"{started}\n{ended}\nOutput: {line}"

    def test_an_output_that_is_not_known_is_not_written(self) -> None:
        left_out, failed = parsed("ExecutionSucceeded"), parsed("ExecutionFailed", error="E")
        step = parsed("LambdaFunctionSucceeded", output="1")
        assert "Output" not in format_history([step, left_out, failed])

    def test_nothing_is_written_of_no_events(self) -> None:
        assert format_history([]) == ""


class TestCauses:
    def lines(self, cause: str) -> list[str]:
        event = parsed("ActivityFailed", error="E", cause=cause)
        return format_event(event, cause=True).split("\n")[1:]

    def test_a_short_cause_stands_behind_the_error(self) -> None:
        assert self.lines("over the limit") == ["  error: E", "  cause: over the limit"]

    def test_a_traceback_keeps_its_lines(self) -> None:
        traceback = 'Traceback:\n  File "a.py", line 1\n    x()\n\nValueError: x'
        assert self.lines(traceback)[1:] == [
            "  cause:",
            "    Traceback:",
            '      File "a.py", line 1',
            "        x()",
            "",
            "    ValueError: x",
        ]

    def test_a_long_line_is_folded_between_words_and_nothing_is_lost(self) -> None:
        arn = f"{ARN}:stateMachine:{'x' * 120}"
        cause = " ".join(["word"] * 60) + f" {arn} end"
        folded = self.lines(cause)[2:]
        assert " ".join(line.strip() for line in folded) == cause
        assert all(len(line) <= 104 for line in folded if arn not in line)
        assert {len(line) - len(line.lstrip()) for line in folded} == {4, 6}

    def test_a_long_json_cause_is_spread_over_lines(self) -> None:
        cause = json.dumps({"errorMessage": "no " * 30 + "room", "errorType": "ValueError"})
        assert self.lines(cause)[1:] == [
            "  cause:",
            "    {",
            f'      "errorMessage": "{"no " * 26}no',
            '        no no no room",',
            '      "errorType": "ValueError"',
            "    }",
        ]

    @pytest.mark.parametrize("depth", range(50, 1050, 50))
    def test_a_cause_may_be_nested_however_deep(self, depth: int) -> None:
        cause = "[" * depth + "]" * depth
        assert "".join(line.strip() for line in self.lines(cause)[1:]).replace(" ", "") == f"cause:{cause}"

    def test_events_that_did_not_fail_have_none(self) -> None:
        assert "cause" not in format_event(parsed("ExecutionSucceeded", output="{}"), cause=True)


class TestDataAsText:
    def lines(self, type: str, **details: Any) -> list[str]:
        return format_event(parsed(type, **details), input=True).split("\n")[1:]

    def test_inputs_outputs_parameters_and_variables_are_written(self) -> None:
        assert self.lines("ExecutionStarted", input='{"n":1}') == ['  input: {"n": 1}']
        assert self.lines("ActivitySucceeded", output='"é"') == ['  output: "é"']
        assert self.lines("TaskScheduled", resourceType="sqs", resource="x", parameters="{}") == [
            "  resource: sqs:x",
            "  parameters: {}",
        ]
        assert self.lines("PassStateExited", name="p", output="null", assignedVariables={"n": "1"}) == [
            "  name: p",
            "  output: null",
            '  assigned variables: {"n": 1}',
        ]

    def test_long_data_is_spread_over_lines_and_stays_json(self) -> None:
        data = {"words": ["many words here"] * 8, "one": "word " * 40}
        label, *block = self.lines("ExecutionStarted", input=json.dumps(data))
        assert label == "  input:"
        assert len(block) == 13
        assert json.loads("\n".join(block)) == data

    def test_data_that_was_left_out_is_not_written(self) -> None:
        assert self.lines("PassStateEntered", name="p") == ["  name: p"]

    def test_data_that_was_cut_is_called_truncated(self) -> None:
        cut = {"input": '{"n":', "inputDetails": {"truncated": True}}
        assert self.lines("PassStateEntered", name="p", **cut) == ["  name: p", '  input (truncated): {"n":']

    def test_details_that_no_field_holds_are_written(self) -> None:
        assert self.lines("RobotStateDreamt", at=NOON) == [
            '  details: {"at": "2026-03-01 12:00:00.250000+01:00"}'
        ]


class TestPlainData:
    @pytest.mark.parametrize(
        ("event", "fields"),
        [
            (
                parsed("MapIterationStarted", name="each", index=0),
                {"name": "each", "index": 0},
            ),
            (parsed("PassStateEntered", name="p", input="null"), {"name": "p", "input": None}),
            (parsed("PassStateEntered", name="p", input="false"), {"name": "p", "input": False}),
            (parsed("PassStateEntered", name="p"), {"name": "p", "truncated": True}),
            (parsed("ExecutionAborted"), {}),
            (parsed("RobotStateDreamt", sheep=3), {"details": {"sheep": 3}}),
        ],
        ids=lambda each: each.type if isinstance(each, Event) else "",
    )
    def test_an_event_is_written_without_what_it_does_not_say(
        self, event: Event, fields: dict[str, Any]
    ) -> None:
        common = {"timestamp": "2026-03-01T12:00:00.250000+01:00", "id": 7, "previous_event_id": 6}
        assert event.to_dict() == common | {"type": event.type} | fields
        assert json.loads(json.dumps(event.to_dict())) == event.to_dict()


def recorded_events() -> Iterator[dict[str, Any]]:
    for path in sorted(RECORDED.glob("*.json")):
        yield from json.loads(path.read_text(encoding="utf-8"))["expected"].get("events", [])


def test_events_recorded_on_aws_parse_without_remainder() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"there are no recorded executions in {RECORDED}")
    count = 0
    for api_event in recorded_events():
        event = parse_event(api_event)
        unfit = {"cause"} if isinstance(event, Failed) else set()  # recordings hold JSON causes parsed
        assert type(event) is not Event, api_event
        assert event.details.keys() <= unfit, api_event
        count += 1
    assert count > 2_000
