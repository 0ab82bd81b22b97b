"""The command line's commands against moto's server."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asfini.cli import main

APP = """
import asfini

activities = asfini.ActivityRegistration(prefix="shop-")


@activities.activity()
async def charge(pence: int) -> str:
    return f"charged {pence}"


shop = asfini.construct_state_machine("shop", asfini.Pass("p", result_path="$.paid", result=True))
"""


@pytest.fixture
def asfini(
    moto_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command `asfini`, talking to moto: it gives its exit status and what it writes."""
    (tmp_path / "aws_shop.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "aws_shop", raising=False)

    def run(*argv: str, given: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        where = ["--app", "aws_shop", "--endpoint-url", moto_url, "--region", "eu-west-1"]
        return main([*where, *argv]), *capsys.readouterr()

    return run


def test_machines_and_activities_are_registered_run_listed_and_deregistered(
    asfini: Callable[..., tuple[int, str, str]],
) -> None:
    prefix = "arn:aws:states:eu-west-1:123456789012"
    arns = [f"{prefix}:activity:shop-charge", f"{prefix}:stateMachine:shop"]
    assert asfini("register") == (0, "".join(f"registered {arn}\n" for arn in arns), "")
    status, out, err = asfini("start", "-", "--wait", given='{"pence": 5}')
    assert (status, json.loads(out), err) == (0, {"pence": 5, "paid": True}, "")
    assert asfini("start", "-", "-n", "x", given="{}") == (0, f"{prefix}:execution:shop:x\n", "")
    status, out, err = asfini("executions", "--json")
    assert (status, {each["history"][0]["type"] for each in json.loads(out)}) == (0, {"ExecutionStarted"})
    assert len(json.loads(out)) == 2
    assert asfini("deregister") == (0, "".join(f"deregistered {arn}\n" for arn in arns), "")
    status, out, err = asfini("executions")
    assert (status, out) == (1, "")
    assert err.startswith("asfini: error: list_executions: StateMachineDoesNotExist: ")


def test_an_endpoint_where_nobody_answers_is_named(
    asfini: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    status, out, err = asfini("executions", "--endpoint-url", "http://127.0.0.1:9")
    error, hint = err.splitlines()
    assert (status, out) == (1, "")
    assert "http://127.0.0.1:9" in error
    assert hint.startswith("asfini: hint: ")


def test_without_a_region_the_way_to_give_one_is_told(
    asfini: Callable[..., tuple[int, str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--app", "aws_shop", "--endpoint-url", "http://elsewhere.invalid", "register"]) == 2
    assert "no region is configured: pass --region, set AWS_DEFAULT_REGION" in capsys.readouterr().err
