"""States as authors write them: fields, links, retriers, catchers, times, resources, copies."""

import copy
import inspect
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel

import asfini
from asfini import (
    Activity,
    Catcher,
    Choice,
    Definition,
    Fail,
    InvalidArgument,
    Lambda,
    Map,
    NumericEquals,
    Parallel,
    Pass,
    Retrier,
    State,
    StateMachine,
    Succeed,
    Task,
    Wait,
    construct_state_machine,
)
from asfini.asl._model import Model, wire_names

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:tax"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

STATES: dict[type[State], dict[str, Any]] = {
    Succeed: {},
    Fail: {"error": "E", "error_path": "$.e", "cause": "C", "cause_path": "$.c"},
    Pass: {"result": {"a": [1]}, "result_path": "$.r", "parameters": {"a.$": "$.b"}},
    Wait: {"seconds": 5, "seconds_path": "$.s", "timestamp": "2030-01-01T00:00:00Z", "timestamp_path": "$.t"},
    Choice: {"choices": [NumericEquals("$.n", 1, "a")], "default": "b"},
    Task: {
        "resource": LAMBDA,
        "timeout_seconds": 60,
        "timeout_seconds_path": "$.t",
        "heartbeat_seconds": 30,
        "heartbeat_seconds_path": "$.h",
        "credentials": {"RoleArn": "arn:aws:iam::123456789012:role/a"},
    },
    Parallel: {"branches": [{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}]},
    Map: {"item_processor": {"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}, "max_concurrency": 3},
}
"""The fields that only some states have, with a value each."""

SHARED: dict[str, Any] = {
    "comment": "why",
    "query_language": "JSONata",
    "input_path": "$.in",
    "output_path": "$.out",
    "output": {"a": "{% 1 %}"},
    "assign": {"v": 1},
    "next": "other",
    "result_selector": {"a.$": "$.b"},
    "arguments": {"a": 1},
    "retriers": [Retrier(["States.ALL"])],
    "catchers": [Catcher(["States.ALL"], "other")],
    **STATES[Pass],
}


class TestFields:
    @pytest.mark.parametrize("kind", STATES)
    def test_every_field_is_written_under_the_languages_name_and_read_again(self, kind: type[State]) -> None:
        values = SHARED | STATES[kind]
        for field, key in wire_names(kind):
            if field == "type" or field not in values:
                continue
            needed = {"resource": LAMBDA} if kind is Task else {}
            state = kind("s", **{**needed, field: values[field]})  # type: ignore[arg-type]
            written = state.to_dict()
            assert key in written, field
            again = kind.from_dict(written)
            assert again.to_dict() == written
            assert getattr(again, field) == getattr(state, field)

    @pytest.mark.parametrize("kind", STATES)
    def test_the_type_is_written_first_and_unset_fields_not_at_all(self, kind: type[State]) -> None:
        state = kind("s", **({"resource": LAMBDA} if kind is Task else {}))  # type: ignore[arg-type]
        written = state.to_dict()
        assert next(iter(written)) == "Type"
        assert written["Type"] == kind.__name__
        assert set(written) <= {"Type", "End", "Resource"}

    def test_none_is_a_value(self) -> None:
        state = Pass("p", result_path=None, result=None)
        assert state.to_dict() == {"Type": "Pass", "End": True, "ResultPath": None, "Result": None}
        assert state.given("result_path")
        assert not state.given("input_path")
        state.unset("result_path")
        assert "ResultPath" not in state.to_dict()

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: Pass("p", result_pth="$"),
                "Pass has no field 'result_pth'; did you mean 'result_path'?",
            ),
            (lambda: Pass("p", ResultPath="$"), "did you mean 'result_path'?"),
            (lambda: Task("t", LAMBDA, timeout=60), "Task has no field 'timeout'"),
            (lambda: Retrier(["A"], max_attemps=1), "did you mean 'max_attempts'?"),
            (lambda: NumericEquals("$.a", 1, comments="x"), "did you mean 'comment'?"),
            (lambda: Definition("a", {}, start="a"), "Definition has no field 'start'"),
            (
                lambda: Pass("p", "too", "many"),
                "at most 1 positional arguments: name; 3 were given",
            ),
            (lambda: Pass("p", name="q"), "Pass got two values for name"),
            (lambda: Pass(), "Pass needs name"),
            (lambda: Task("t"), "Task needs resource"),
            (lambda: Retrier(), "Retrier needs error_equals"),
            (lambda: Catcher(["A"]), "Catcher needs next"),
        ],
    )
    def test_a_mistyped_call_is_refused_with_a_hint(self, make: Any, message: str) -> None:
        with pytest.raises(TypeError) as caught:
            make()
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Pass(5), "Pass: name: a valid string, not 5"),
            (lambda: Pass("p", result_path=5), "Pass 'p': result_path: a valid string, not 5"),
            (lambda: Pass("p", next=5), "Pass 'p': next: a valid string, not 5"),
            (lambda: Pass("p", end="yes"), "Pass 'p': end: a valid boolean, not 'yes'"),
            (lambda: Pass("p", query_language="XPath"), "'JSONPath' or 'JSONata', not 'XPath'"),
            (
                lambda: Task("t", LAMBDA, timeout_seconds=1.5),
                "a valid integer or a valid string",
            ),
            (
                lambda: Task("t", len),
                "Task 't': resource: <built-in function len> is a function: @activities.activity() makes it",
            ),
            (lambda: Task("t", 5), "Task 't': resource: a valid string, not 5"),
            (lambda: Task("t", LAMBDA, retriers=[5]), "Task 't': retriers.0: "),
            (lambda: Retrier("States.ALL"), "Retrier: error_equals: a valid list, not 'States.ALL'"),
            (
                lambda: Wait("w", timedelta(seconds=1.5)),
                "a whole number of seconds, not 0:00:01.5",
            ),
            (
                lambda: Wait("w", datetime(2030, 1, 1)),
                "2030-01-01T00:00:00 has none",
            ),
            (lambda: Wait("w", True), "Wait 'w': seconds: "),
            (lambda: Pass("p", result_path="x" * 100 * 5, next=["y" * 1000]), "…"),
        ],
    )
    def test_a_value_of_the_wrong_type_is_refused_and_named(self, make: Any, message: str) -> None:
        with pytest.raises(InvalidArgument) as caught:
            make()
        assert message in str(caught.value)
        assert len(str(caught.value)) < 400

    def test_tuples_serve_as_lists(self) -> None:
        assert Retrier(("A", "B")).to_dict() == {"ErrorEquals": ["A", "B"]}


class TestAttributes:
    def test_a_field_can_be_set_afterwards(self) -> None:
        state = Task("t", LAMBDA)
        state.timeout_seconds = 60
        state.comment = "why"
        assert state.to_dict() == {
            "Type": "Task",
            "Comment": "why",
            "End": True,
            "Resource": LAMBDA,
            "TimeoutSeconds": 60,
        }

    def test_a_mistyped_attribute_is_refused_with_a_hint(self) -> None:
        state: Any = Pass("p")
        with pytest.raises(
            AttributeError, match="Pass has no field 'result_pth'; did you mean 'result_path'"
        ):
            state.result_pth = "$"
        assert state.to_dict() == {"Type": "Pass", "End": True}

    def test_a_value_of_the_wrong_type_is_refused_and_changes_nothing(self) -> None:
        state: Any = Pass("p", result_path="$.a")
        with pytest.raises(InvalidArgument, match=r"Pass 'p': result_path: a valid string, not 5"):
            state.result_path = 5
        assert state.result_path == "$.a"

    def test_a_name_stays(self) -> None:
        with pytest.raises(InvalidArgument, match="Pass 'p': name: "):
            Pass("p").name = "q"

    def test_a_state_is_linked_by_assigning_it(self) -> None:
        first: Any = Pass("first")
        last = Succeed("last")
        first.next = last
        assert first.next == "last"
        assert [*first.linked()] == [last]
        first.next = "elsewhere"
        assert [*first.linked()] == []

    def test_next_and_end_take_each_others_place(self) -> None:
        state = Pass("p")
        state.next = "q"
        assert state.to_dict() == {"Type": "Pass", "Next": "q"}
        state.end = True
        assert state.to_dict() == {"Type": "Pass", "End": True}

    def test_what_json_held_there_is_replaced(self) -> None:
        state: Any = Pass.from_dict({"Type": "Pass", "ResultPath": 5, "New": 1})
        assert state.to_dict()["ResultPath"] == 5
        state.result_path = "$.a"
        assert state.to_dict() == {"Type": "Pass", "ResultPath": "$.a", "New": 1}


class TestLinks:
    def test_what_is_linked_is_written_and_known(self) -> None:
        first, second, third = Pass("1"), Pass("2"), Succeed("3")
        assert (first >> second >> third) is third
        assert first.to_dict() == {"Type": "Pass", "Next": "2"}
        assert [*first.linked()] == [second]
        assert (first.ends, third.ends) == (False, True)

    def test_the_last_link_counts(self) -> None:
        first, second, third = Pass("1"), Pass("2"), Pass("3")
        first.goes_to(second)
        first.goes_to(third)
        assert first.next == "3"
        assert [*first.linked()] == [third]
        first.remove_next()
        assert first.to_dict() == {"Type": "Pass", "End": True}
        assert [*first.linked()] == []

    def test_a_state_may_follow_itself(self) -> None:
        again = Wait("again", 5)
        again >> again
        assert again.to_dict()["Next"] == "again"
        assert [*Definition.starting_at(again).states] == ["again"]

    @pytest.mark.parametrize("end", [Succeed("s"), Fail("f")])
    def test_nothing_follows_an_end(self, end: Any) -> None:
        assert not hasattr(end, "goes_to")
        with pytest.raises(TypeError):
            end >> Pass("p")

    @pytest.mark.parametrize("other", ["name", 5, None, NumericEquals("$.a", 1)])
    def test_only_states_can_follow(self, other: Any) -> None:
        state = Task("t", LAMBDA)
        for link in (
            lambda: state.goes_to(other),
            lambda: state.catch(["A"], other),
            lambda: Choice("c").set_default(other),
        ):
            with pytest.raises(InvalidArgument, match="state"):
                link()
        assert state.to_dict() == {"Type": "Task", "End": True, "Resource": LAMBDA}

    def test_next_may_be_given_as_a_state_or_a_name(self) -> None:
        last = Succeed("last")
        assert Pass("p", next="last").to_dict() == Pass("p", next=last).to_dict()  # type: ignore[arg-type]
        assert [*Pass("p", next=last).linked()] == [last]  # type: ignore[arg-type]


class TestRetryAndCatch:
    def test_retriers_come_in_the_order_of_the_calls(self) -> None:
        task = Task("t", LAMBDA)
        again = task.retry_for(["A"], interval_seconds=timedelta(seconds=5), max_attempts=0)
        again.retry_for(["B", "C"], backoff_rate=1, max_delay_seconds=60, jitter_strategy="FULL")
        assert again is task
        assert task.to_dict()["Retry"] == [
            {"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxAttempts": 0},
            {"ErrorEquals": ["B", "C"], "BackoffRate": 1, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"},
        ]

    def test_catchers_lead_to_states_that_are_found(self) -> None:
        handler, other = Pass("handler"), Succeed("other")
        task = Task("t", LAMBDA)
        task.catch(["A"], handler, result_path=None).catch(["States.ALL"], other, result_path="$.error")
        assert task.to_dict()["Catch"] == [
            {"ErrorEquals": ["A"], "Next": "handler", "ResultPath": None},
            {"ErrorEquals": ["States.ALL"], "Next": "other", "ResultPath": "$.error"},
        ]
        assert [*task.linked()] == [handler, other]
        assert set(Definition.starting_at(task).states) == {"t", "handler", "other"}

    def test_a_catcher_in_jsonata_has_an_output(self) -> None:
        task = Task("t", LAMBDA, query_language="JSONata")
        task.catch(["A"], Succeed("s"), output="{% $states.errorOutput %}", assign={"seen": True})
        assert task.to_dict()["Catch"] == [
            {
                "ErrorEquals": ["A"],
                "Next": "s",
                "Output": "{% $states.errorOutput %}",
                "Assign": {"seen": True},
            }
        ]

    @pytest.mark.parametrize("errors", ["States.ALL", [], ()])
    def test_errors_are_a_list_with_something_in_it(self, errors: Any) -> None:
        task = Task("t", LAMBDA)
        with pytest.raises(InvalidArgument, match="errors are given as a list"):
            task.retry_for(errors)
        with pytest.raises(InvalidArgument, match="errors are given as a list"):
            task.catch(errors, Succeed("s"))

    @pytest.mark.parametrize("kind", [Task, Parallel, Map])
    def test_only_what_can_fail_retries_and_catches(self, kind: Any) -> None:
        state = kind("s", **({"resource": LAMBDA} if kind is Task else {}))
        assert state.retry_for(["A"]).catch(["A"], Succeed("e")) is state
        assert not hasattr(Pass("p"), "retry_for")


class TestWait:
    @pytest.mark.parametrize(
        ("wait", "written"),
        [
            (Wait("w", 5), {"Seconds": 5}),
            (Wait("w", 0), {"Seconds": 0}),
            (Wait("w", timedelta(hours=1)), {"Seconds": 3600}),
            (Wait("w", NOON), {"Timestamp": "2030-01-01T12:00:00+00:00"}),
            (
                Wait("w", NOON.astimezone(timezone(timedelta(hours=2)))),
                {"Timestamp": "2030-01-01T14:00:00+02:00"},
            ),
            (Wait("w", "$.due"), {"TimestampPath": "$.due"}),
            (Wait("w", "$due"), {"TimestampPath": "$due"}),
            (Wait("w", "2030-01-01T12:00:00Z"), {"Timestamp": "2030-01-01T12:00:00Z"}),
            (Wait("w", "{% $states.input.due %}"), {"Timestamp": "{% $states.input.due %}"}),
            (Wait("w", until=5), {"Seconds": 5}),
            (Wait(name="w", until=5), {"Seconds": 5}),
            (Wait("w", seconds=timedelta(minutes=1)), {"Seconds": 60}),
            (Wait("w", seconds="{% $n %}"), {"Seconds": "{% $n %}"}),
            (Wait("w", seconds_path="$.n"), {"SecondsPath": "$.n"}),
            (Wait("w", timestamp=NOON), {"Timestamp": "2030-01-01T12:00:00+00:00"}),
            (Wait("w", timestamp_path="$.t"), {"TimestampPath": "$.t"}),
        ],
    )
    def test_a_time_is_given_in_any_form(self, wait: Wait, written: dict[str, Any]) -> None:
        assert wait.to_dict() == {"Type": "Wait", "End": True, **written}

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Wait("w", 5, seconds=6),
            lambda: Wait("w", 5, until=6),
            lambda: Wait("w", 5, 6),
            lambda: Wait("w", NOON, timestamp="2030-01-01T00:00:00Z"),
        ],
    )
    def test_but_not_twice(self, make: Any) -> None:
        with pytest.raises(TypeError):
            make()


class TestTask:
    @pytest.mark.parametrize(
        ("resource", "written"),
        [
            (LAMBDA, LAMBDA),
            ("sqs:sendMessage", "arn:${AWS::Partition}:states:::sqs:sendMessage"),
            ("ecs:runTask.sync", "arn:${AWS::Partition}:states:::ecs:runTask.sync"),
            (
                "sqs:sendMessage.waitForTaskToken",
                "arn:${AWS::Partition}:states:::sqs:sendMessage.waitForTaskToken",
            ),
            ("aws-sdk:s3:getObject", "arn:${AWS::Partition}:states:::aws-sdk:s3:getObject"),
            ("${MyFunctionArn}", "${MyFunctionArn}"),
            (
                Lambda("tax:live"),
                "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:tax:live",
            ),
            (
                Activity("pay"),
                "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:activity:pay",
            ),
        ],
    )
    def test_a_resource_is_an_object_an_arn_or_a_short_name(self, resource: Any, written: str) -> None:
        assert Task("t", resource).to_dict() == {"Type": "Task", "End": True, "Resource": written}

    def test_anything_that_has_an_arn_serves(self) -> None:
        class Own:
            arn = LAMBDA
            heartbeat_seconds = 7

        assert Task("t", Own()).to_dict() == {
            "Type": "Task",
            "End": True,
            "Resource": LAMBDA,
            "HeartbeatSeconds": 7,
        }

    def test_a_machine_is_started_and_waited_for(self) -> None:
        inner = construct_state_machine("inner", Succeed("done"))
        assert Task("t", inner).to_dict() == {
            "Type": "Task",
            "End": True,
            "Parameters": {"StateMachineArn": inner.arn, "Input.$": "$"},
            "Resource": "arn:${AWS::Partition}:states:::states:startExecution.sync:2",
        }
        jsonata = Task("t", inner, query_language="JSONata").to_dict()
        assert jsonata["Arguments"] == {"StateMachineArn": inner.arn, "Input": "{% $states.input %}"}
        own = Task("t", inner, parameters={"Input": {"a": 1}, "Name": "x"}).to_dict()
        assert own["Parameters"] == {"StateMachineArn": inner.arn, "Input": {"a": 1}, "Name": "x"}

    def test_a_heartbeat_comes_from_the_activity(self) -> None:
        task = Task("t", Activity("pay", heartbeat=10))
        assert task.to_dict()["HeartbeatSeconds"] == 15
        assert task.heartbeat_seconds == 15
        assert not task.given("heartbeat_seconds")

    def test_one_of_its_own_comes_before_it(self) -> None:
        pay = Activity("pay", heartbeat=10)
        assert Task("t", pay, heartbeat_seconds=60).to_dict()["HeartbeatSeconds"] == 60
        by_path = Task("t", pay, heartbeat_seconds_path="$.h").to_dict()
        assert "HeartbeatSeconds" not in by_path
        later = Task("t", pay)
        later.heartbeat_seconds = 60
        assert later.to_dict()["HeartbeatSeconds"] == 60
        later.unset("heartbeat_seconds")
        assert "HeartbeatSeconds" not in later.to_dict()

    @pytest.mark.parametrize(
        ("timeout", "written"), [(14, False), (15, False), (16, True), ("{% 5 %}", True)]
    )
    def test_it_yields_to_a_time_out_that_is_no_longer(self, timeout: Any, written: bool) -> None:
        task = Task("t", Activity("pay", heartbeat=10), timeout_seconds=timeout)
        assert ("HeartbeatSeconds" in task.to_dict()) is written
        task = Task("t", Activity("pay", heartbeat=10))
        task.timeout_seconds = timeout
        assert ("HeartbeatSeconds" in task.to_dict()) is written


class TestEquality:
    def test_what_is_written_is_compared_and_the_name(self) -> None:
        assert Pass("p", result_path="$.a") == Pass("p", result_path="$.a")
        assert Pass("p") != Pass("q")
        assert Pass("p") != Succeed("p")
        assert Pass("p", comment=None) != Pass("p")
        assert Task("t", Activity("a", heartbeat=10)) == Task("t", Activity("a"), heartbeat_seconds=15)
        assert Pass("p") != {"Type": "Pass", "End": True}

    def test_a_linked_state_equals_one_that_names_it(self) -> None:
        linked = Pass("p")
        linked >> Succeed("s")
        assert linked == Pass("p", next="s")

    def test_models_have_no_hash_for_they_change(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(Pass("p"))

    def test_a_representation_shows_what_was_given(self) -> None:
        assert repr(Pass("p", comment="why")) == "Pass(name='p', comment='why', end=True)"


def ring() -> Pass:
    """A machine that leads back to its beginning."""
    first, size, last = Pass("first"), Choice("size"), Succeed("last")
    first >> size
    size.add(NumericEquals("$.n", 1), first)
    size.set_default(last)
    return first


class TestCopies:
    def test_a_deep_copy_shares_nothing_and_is_linked_alike(self) -> None:
        first = ring()
        copied = copy.deepcopy(first)
        assert copied == first
        [size] = copied.linked()
        back, last = size.linked()
        assert back is copied
        assert next(iter(first.linked())) is not size
        copied.goes_to(last)
        assert first.next == "size"

    def test_a_long_way_can_be_copied(self) -> None:
        first = state = Pass("0")
        for number in range(1, 2000):
            state = state >> Pass(str(number))
        copied = copy.deepcopy(first)
        assert len(Definition.starting_at(copied).states) == 2000

    def test_copies_made_together_stay_together(self) -> None:
        first = ring()
        [size] = first.linked()
        both = copy.deepcopy({"first": first, "size": size})
        assert next(iter(both["first"].linked())) is both["size"]

    @pytest.mark.parametrize("shallow", [copy.copy, lambda state: state.model_copy()])
    def test_a_copy_can_be_linked_elsewhere(self, shallow: Any) -> None:
        first = ring()
        [size] = first.linked()
        other = shallow(first)
        other.goes_to(Succeed("other"))
        other.comment = "changed"
        assert (first.next, first.comment, [*first.linked()]) == ("size", None, [size])

    def test_a_copied_choice_has_its_own_rules(self) -> None:
        [size] = ring().linked()
        other = copy.copy(size)
        other.remove(other.choices[0])
        assert len(size.choices) == 1

    def test_states_can_be_sent_to_other_processes(self) -> None:
        first = pickle.loads(pickle.dumps(ring()))
        assert first == ring()
        [size] = first.linked()
        assert next(iter(size.linked())) is first

    @pytest.mark.parametrize(
        "again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
    )
    def test_machines_too_however_long(self, again: Any) -> None:
        first = state = Pass("0")
        for number in range(1, 2000):
            state = state >> Pass(str(number))
        machine = construct_state_machine("long", first, role="a", tags={"a": "b"})
        copied = again(machine)
        assert copied == machine
        assert isinstance(copied, StateMachine)


class TestPydantic:
    """Models are pydantic's, and dump as what they are: the language's JSON."""

    def test_dumps_are_the_languages_json(self) -> None:
        task = Task("t", LAMBDA, result_path=None).retry_for(["A"])
        written = {
            "Type": "Task",
            "ResultPath": None,
            "End": True,
            "Retry": [{"ErrorEquals": ["A"]}],
            "Resource": LAMBDA,
        }
        assert task.model_dump() == task.to_dict() == written
        assert task.model_validate_json(task.model_dump_json()).to_dict() == written
        assert task.model_dump(by_alias=False) == written

    def test_they_can_be_fields_of_other_models(self) -> None:
        class Project(BaseModel):
            start: Pass
            definition: Definition

        data = {
            "start": {"Type": "Pass", "End": True, "New": 1},
            "definition": {"StartAt": "a", "States": {"a": {"Type": "Succeed"}}},
        }
        project = Project.model_validate(data)
        assert project.model_dump() == data
        assert isinstance(project.definition.states["a"], Succeed)

    def test_all_models_know_their_fields_by_name_only(self) -> None:
        for name in asfini.__all__:
            kind = getattr(asfini, name)
            if inspect.isclass(kind) and issubclass(kind, Model):
                keys = [key for _, key in wire_names(kind)]
                assert len(keys) == len(set(keys))
