"""What sfini documents is there: each of its names is on the page for those who come from it, and works."""

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import asfini
from asfini import (
    ActivityRegistration,
    And,
    BooleanEquals,
    Choice,
    Client,
    ExecutionAborted,
    Fail,
    InvalidArgument,
    Not,
    NumericLessThan,
    Parallel,
    Pass,
    Succeed,
    Task,
    TimestampEquals,
    Wait,
    Worker,
    construct_state_machine,
    history,
)

ROOT = Path(__file__).parents[1]
DOCUMENTED = ROOT / "../shared/seeds"
FAMILIES = {"Numeric": "Numeric…", "String": "String…", "Timestamp": "Timestamp…"}
"""Names that the page tells by how they begin."""


def names(text: str) -> set[str]:
    """What a reference page made by Sphinx and kept as text has headings for."""
    lines = text.splitlines()
    return {
        name.strip().rpartition(".")[2].partition("(")[0]
        for name, below in itertools.pairwise(lines)
        if re.fullmatch(r"[\w.]+", name.strip()) and re.match(r"\(.*\)(\[| →)|¶", below)
    }


def is_told(name: str, page: str) -> bool:
    return bool(re.search(rf"\b{name}\b", page)) or any(
        name.startswith(family) and f"`{told}`" in page for family, told in FAMILIES.items()
    )


def test_every_name_that_sfini_documents_is_on_its_page() -> None:
    pages = sorted(DOCUMENTED.glob("*.txt"))
    if not pages:
        pytest.skip("sfini's documentation is not beside the project")
    documented = set().union(*(names(page.read_text(encoding="utf-8")) for page in pages))
    assert len(documented) > 80
    told = (ROOT / "docs" / "sfini.md").read_text(encoding="utf-8")
    assert {name for name in documented if not is_told(name, told)} == set()


class TestActivities:
    def test_a_groups_activities_bear_its_prefix_and_a_given_or_their_functions_name(self) -> None:
        activities = ActivityRegistration(prefix="foo")

        @activities.activity(name="MyActivity")
        def print_it(data: str) -> str:
            return data

        @activities.smart_activity(heartbeat=20)
        def resize(image: str, new_size: int = 64) -> str:
            return f"{image} {new_size}"

        assert [*activities.activities] == ["fooMyActivity", "fooresize"]
        assert resize.call_with({"image": "a"}) == resize("a") == "a 64"
        assert [*resize.sig.parameters] == ["image", "new_size"]
        with pytest.raises(ValueError, match="two activities are named"):
            activities.add_activity(asfini.Activity("fooMyActivity"))

    def test_an_activity_can_be_decorated_without_a_group(self) -> None:
        @asfini.CallableActivity.decorate("alone", heartbeat=20)
        def double(number: int) -> int:
            return 2 * number

        assert (double.name, double.call_with(3)) == ("alone", 6)


class TestStates:
    def test_paths_that_are_none_are_null_and_those_not_given_are_left_out(self) -> None:
        end = Succeed("end", comment="c", input_path="$.a", output_path=None)
        assert end.to_dict() == {"Type": "Succeed", "Comment": "c", "InputPath": "$.a", "OutputPath": None}
        assert Pass("pass", result=None).to_dict() == {"Type": "Pass", "Result": None, "End": True}

    def test_a_wait_takes_seconds_a_time_or_a_path(self) -> None:
        time = datetime(2030, 1, 1, tzinfo=UTC)
        waits = [Wait("wait", until).to_dict() for until in (5, time, "$.until")]
        kinds = [wait.keys() & {"Seconds", "Timestamp", "TimestampPath"} for wait in waits]
        assert kinds == [{"Seconds"}, {"Timestamp"}, {"TimestampPath"}]

    def test_what_follows_can_be_taken_away(self) -> None:
        first = Pass("first")
        first.goes_to(Pass("second"))
        assert first.next == "second"
        first.remove_next()
        assert first.next is None

    def test_a_choice_takes_rules_away_and_refuses_those_that_lead_nowhere(self) -> None:
        there, choice = Pass("there"), Choice("choice")
        rule = And([BooleanEquals("$.b", True), Not(TimestampEquals("$.t", datetime.now(UTC)))], there)
        choice.add(rule)
        choice.set_default(there)
        assert (choice.choices, choice.default) == ([rule], "there")
        choice.remove(rule)
        assert choice.choices == []
        with pytest.raises(ValueError, match="no such rule"):
            choice.remove(rule)
        with pytest.raises(InvalidArgument, match="does not say where to go"):
            choice.add(NumericLessThan("$.n", 10))

    def test_branches_are_machines_that_need_not_be_registered(self) -> None:
        branches = [construct_state_machine(name, Pass(name)) for name in ("log", "print")]
        both = Parallel("both").add(branches[0]).add(branches[1])
        assert [branch.start_at for branch in both.branches or []] == ["log", "print"]

    def test_errors_are_retried_and_caught(self) -> None:
        task = Task("task", asfini.Lambda("work"), timeout_seconds=10)
        task.retry_for(["States.Timeout"], interval_seconds=3, max_attempts=2, backoff_rate=1.5)
        task.catch(["MyError"], Fail("fail", error="E", cause="why"), result_path="$.error-info")
        assert [retrier.interval_seconds for retrier in task.retriers or []] == [3]
        assert [(each.next, each.result_path) for each in task.catchers or []] == [("fail", "$.error-info")]


class TestExecutions:
    async def test_one_that_has_ended_tells_its_times_output_and_history(self, local_client: Client) -> None:
        machine = construct_state_machine("sums", Pass("sum", result=45))
        await local_client.register(machine)
        execution = await local_client.start_execution(machine, {"a": 3})
        await execution.wait()

        found = local_client.execution(execution.arn)
        assert (await found.status(), await found.output()) == ("SUCCEEDED", 45)
        assert await found.start_date() == await found.stop_date()
        listed = [each.name async for each in local_client.list_executions(machine, status="SUCCEEDED")]
        assert listed == [execution.name]
        events = [event async for event in found.history()]
        assert isinstance(events[0], history.ExecutionStarted)
        assert (events[0].input, events[0].role_arn) == (
            {"a": 3},
            "arn:aws:iam::123456789012:role/sfiniGenerated",
        )
        text = (await found.format_history()).splitlines()
        assert text[0] == f"ExecutionStarted [1] @ {events[0].timestamp}"
        assert text[-1] == "Output: 45"

    async def test_one_that_runs_has_no_output_and_can_be_stopped(self, local_client: Client) -> None:
        machine = construct_state_machine("long", Wait("wait", 3600))
        await local_client.register(machine)
        execution = await local_client.start_execution(machine)
        with pytest.raises(InvalidArgument, match="has no output yet"):
            await execution.output()
        assert await execution.stop_date() is None
        with pytest.raises(TimeoutError):
            await execution.wait(timeout=1)

        await execution.stop("Enough", "of that")
        await execution.stop("again")
        with pytest.raises(ExecutionAborted, match="Enough: of that"):
            await execution.output()
        assert await execution.wait(raise_on_failure=False) is None

    async def test_a_worker_is_started_and_ended_by_hand(self, local_client: Client) -> None:
        activities = ActivityRegistration(prefix="test")

        @activities.activity(name="addActivity")
        async def add(data: dict[str, int]) -> int:
            return data["a"] + data["b"]

        machine = construct_state_machine("testAdding", Task("add", add))
        await local_client.register(activities, machine)
        execution = await local_client.start_execution(machine, {"a": 3, "b": 42})
        worker = Worker(local_client, add)
        await worker.start()
        assert await execution.wait() == 45
        worker.end()
        await worker.join()
        await local_client.deregister(activities, machine)
        assert not await local_client.is_registered(add)
