"""Others' SDKs, unmodified, against the endpoint: sfini 0.1.0, boto3 and the AWS command line.

They pin libraries of their own, so that they live in an environment of their own: the variable ASFINI_PEERS
names its interpreter, and `nox -s tests` makes it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PEERS = os.environ.get("ASFINI_PEERS", "")
PROGRAMS = Path(__file__).parent / "programs"
pytestmark = pytest.mark.skipif(
    not PEERS, reason="ASFINI_PEERS names no Python that has sfini, boto3 and awscli"
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The command `asfini local`, in a process of its own. sfini's workers end when their poll does."""
    command = [sys.executable, "-m", "asfini", "local", "--port", "0", "--poll-seconds", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture
def environment(endpoint: str, nothing_configured: None) -> dict[str, str]:
    """What tells every SDK of AWS's where to send its requests."""
    return {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}


def output_of(environment: dict[str, str], *command: str | Path) -> list[str]:
    done = subprocess.run(
        [PEERS, *command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


class TestSfini:
    def test_an_activitys_result_is_the_output(self, environment: dict[str, str]) -> None:
        assert output_of(environment, PROGRAMS / "adding.py") == ["45", "False False"]

    def test_a_loop_ends_when_the_counter_is_large_enough(self, environment: dict[str, str]) -> None:
        assert output_of(environment, PROGRAMS / "looping.py") == ["12"]

    def test_branches_run_side_by_side(self, environment: dict[str, str]) -> None:
        level, result = output_of(environment, PROGRAMS / "parallel.py")
        assert level == "level 20"
        assert json.loads(result) == [{"level": 20, "message": "foo"}, ["level", "message", "until"]]

    def test_a_slow_task_is_tried_again_and_its_failure_caught(self, environment: dict[str, str]) -> None:
        lines = output_of(environment, PROGRAMS / "error_handling.py")
        assert lines[0] == "RuntimeError"
        assert [line for line in lines[1:] if line[0] != " "] == [
            "ExecutionStarted [1]",
            "TaskStateEntered [2]",
            "ActivityScheduled [3]",
            "ActivityStarted [4]",
            "ActivityTimedOut [5]",
            "ActivityScheduled [6]",
            "ActivityStarted [7]",
            "ActivityFailed [8]",
            "TaskStateExited [9]",
            "FailStateEntered [10]",
            "ExecutionFailed [11]",
        ]
        told = [line.strip() for line in lines if "error:" in line]
        assert told == ["error: States.Timeout", "error: MyError", "error: WorkerError"]

    def test_files_are_processed(self, environment: dict[str, str], tmp_path: Path) -> None:
        lines = output_of(environment, PROGRAMS / "file_processing.py", tmp_path)
        assert lines == ["[[128, 255, 0], [0, 0, 255]]"]

    def test_its_command_line_registers_and_starts(self, environment: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "input.json").write_text("[1]")
        output_of(environment, PROGRAMS / "cli.py", "register")
        lines = output_of(environment, PROGRAMS / "cli.py", "start", tmp_path / "input.json")
        assert lines == []
        output_of(environment, PROGRAMS / "cli.py", "deregister")


class TestBoto3:
    def test_an_execution_with_a_task_done_by_hand(self, environment: dict[str, str]) -> None:
        assert output_of(environment, PROGRAMS / "boto3_executions.py") == [
            'SUCCEEDED {"paid":5} True',
            "['ExecutionStarted', 'TaskStateEntered', 'ActivityScheduled', 'ActivityStarted', "
            "'ActivitySucceeded', 'TaskStateExited', 'ExecutionSucceeded']",
            "ExecutionDoesNotExist",
            "123456789012",
        ]

    def test_operations_on_hosts_of_their_own(self, environment: dict[str, str]) -> None:
        assert output_of(environment, PROGRAMS / "boto3_express.py") == [
            'SUCCEEDED {"done":true} 64',
            'SUCCEEDED {"done":true}',
        ]


class TestAwsCommandLine:
    def test_machines_are_made_started_and_looked_at(self, environment: dict[str, str]) -> None:
        def aws(*arguments: str) -> dict[str, object]:
            lines = output_of(environment, "-m", "awscli", "stepfunctions", *arguments)
            told: dict[str, object] = json.loads("\n".join(lines) or "{}")
            return told

        definition = '{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}'
        role = "arn:aws:iam::123456789012:role/any"
        made = aws("create-state-machine", "--name", "cli", "--definition", definition, "--role-arn", role)
        arn = str(made["stateMachineArn"])
        started = aws("start-execution", "--state-machine-arn", arn, "--name", "x", "--input", "[1]")
        told = aws("describe-execution", "--execution-arn", str(started["executionArn"]))
        assert (told["status"], told["output"]) == ("SUCCEEDED", "[1]")
        listed = aws("list-executions", "--state-machine-arn", arn)["executions"]
        assert isinstance(listed, list)
        assert [entry["name"] for entry in listed] == ["x"]
        aws("delete-state-machine", "--state-machine-arn", arn)
