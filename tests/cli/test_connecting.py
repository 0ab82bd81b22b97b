"""Services on this machine are reached without region and keys, and others are not."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

import asfini
from asfini import Pass, construct_state_machine
from asfini.aws.session import AWSSession, Credentials, for_this_machine, is_loopback
from asfini.cli import main
from asfini.errors import AsfiniError, CredentialsInvalid, InvalidArgument

MACHINE = construct_state_machine("shop", Pass("pay", result={"paid": 1}))
SECONDS = 60


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Configure nothing."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.delenv("HTTP_PROXY", raising=False)


@pytest.mark.parametrize("way", ["option", "environment"])
async def test_a_service_on_this_machine_is_reached_with_its_endpoint_alone(way: str, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text("{}", encoding="utf-8")
    async with asfini.local.serve(MACHINE, port=0) as endpoint:
        option = ["--endpoint-url", endpoint.url] if way == "option" else []
        variable = {} if option else {"AWS_ENDPOINT_URL": endpoint.url}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *"-m asfini start input.json --machine shop --wait".split(),
            *option,
            env=os.environ | variable,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=tmp_path,
        )
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert (process.returncode, err) == (0, b"")
    assert b'"paid": 1' in out


async def test_what_is_configured_is_used_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    session = await for_this_machine(AWSSession(endpoint_url="http://localhost:8083"))
    assert (session.region, await session.credentials()) == ("eu-west-1", Credentials("mine", "secret"))
    session = await for_this_machine(AWSSession(endpoint_url="http://localhost:8083", region="eu-west-2"))
    assert session.region == "eu-west-2"


async def test_a_profile_that_is_not_there_is_still_told() -> None:
    with pytest.raises(InvalidArgument, match="nobody"):
        await for_this_machine(AWSSession(endpoint_url="http://127.0.0.1:8083", profile="nobody"))


@pytest.mark.parametrize(
    "url", [None, "http://192.0.2.1:8083", "https://localhost.example.com", "http://0.0.0.0:1"]
)
async def test_nothing_is_made_up_for_other_hosts(url: str | None) -> None:
    session = await for_this_machine(AWSSession(endpoint_url=url))
    with pytest.raises(AsfiniError, match="no region is configured"):
        session.region  # noqa: B018 - it raises
    with pytest.raises(CredentialsInvalid, match="no credentials are configured"):
        await session.credentials()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "LocalHost"])
def test_this_machine_is_told_from_others(host: str) -> None:
    assert is_loopback(f"http://{host}:8083")
    assert is_loopback(f"https://{host}")
    assert not is_loopback(host)


def test_whoever_has_configured_nothing_is_told_how_to_do_without(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["executions", "--machine", "shop"]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("asfini: error: no region is configured: pass --region, ")
    assert hint.startswith(
        "asfini: hint: without AWS, run `asfini local` and give its address as --endpoint-url"
    )


def test_endpoints_by_service_are_left_to_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://sts.example.com")
    assert main(["executions", "--machine", "shop"]) == 2  # nothing is sent, least of all made-up keys
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://states.example.com")
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    assert main(["executions", "--machine", "shop"]) == 2
