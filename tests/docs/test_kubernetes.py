"""The page on Kubernetes holds: its program answers probes and ends at SIGTERM; its files fit together."""

import asyncio
import json
import os
import re
import socket
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

import pytest
import yaml

import asfini
from asfini import Activity, Task, construct_state_machine
from asfini.worker.worker import DEFAULT_GRACE, LONGEST_POLL

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
SECONDS = 60
"""After which whatever is waited for is not going to happen."""
SPARE = 10
"""Seconds that reporting and cleaning up take at most, after polls and tasks have ended."""


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def command() -> list[str]:
    """What the image starts."""
    *_, last = block("dockerfile").strip().splitlines()
    words: list[str] = json.loads(last.removeprefix("CMD "))  # a list: a shell would keep signals
    return words


def deployment() -> dict[str, Any]:
    return dict(yaml.safe_load(block("yaml"))["spec"]["template"]["spec"])


def test_kubernetes_waits_longer_than_the_worker_takes_to_stop() -> None:
    takes = max(DEFAULT_GRACE, LONGEST_POLL) + SPARE
    assert deployment()["terminationGracePeriodSeconds"] > takes


def test_probes_and_port_are_those_of_the_command() -> None:
    (container,) = deployment()["containers"]
    assert container["ports"] == [{"name": "health", "containerPort": int(command()[-1].split(":")[1])}]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")}
    assert {probe["port"] for probe in probes.values()} == {"health"}
    assert (probes["readiness"]["path"], probes["liveness"]["path"]) == ("/ready", "/live")


async def get(port: int, path: str) -> str:
    """The status of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n".encode())
    status = (await reader.readline()).decode().split()[1]
    writer.close()
    await writer.wait_closed()
    return status


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
async def test_the_program_is_ready_does_tasks_and_ends_at_sigterm(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(block("python"), encoding="utf-8")
    machine = construct_state_machine("shop", Task("charge", Activity("shop-charge")))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    async with asfini.local.serve(machine, Activity("shop-charge"), port=0, poll_seconds=1) as endpoint:
        environment = os.environ | {
            "AWS_ENDPOINT_URL": endpoint.url,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "thing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        name, *arguments, address = command()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-m", name),
            *arguments,
            address.replace("0.0.0.0", "127.0.0.1").replace("8080", str(port)),
            cwd=tmp_path,
            env=environment,
            stdin=DEVNULL,
        )
        try:
            assert await endpoint.client.execute(machine, {"pence": 7}, timeout=SECONDS) == {"paid": 7}
            assert [await get(port, path) for path in ("/ready", "/live")] == ["200", "200"]
            process.terminate()
            assert await asyncio.wait_for(process.wait(), SECONDS) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
