"""How long a process takes to its first result, beside moto's server asked by boto3, and how much memory.

Both start with nothing imported, run one machine with a Pass, and end.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator

from measuring import ROUNDS, Figure, exit_with, moto_name

OURS = """
import asyncio
import asfini
from asfini import Pass, construct_state_machine

async def main() -> None:
    machine = construct_state_machine("m", Pass("p", result=1))
    async with asfini.local.connect() as client:
        await client.register(machine)
        assert await client.execute(machine) == 1

asyncio.run(main())
"""
THEIRS = """
import json, time, urllib.request
import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
url = "http://{}:{}".format(*server.get_host_and_port())
config = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
headers = {"content-type": "application/json"}
urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/config", config, headers))
keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
sfn = boto3.client("stepfunctions", endpoint_url=url, region_name="us-east-1", **keys)
definition = {"StartAt": "p", "States": {"p": {"Type": "Pass", "Result": 1, "End": True}}}
role = "arn:aws:iam::123456789012:role/benchmarks"
machine = sfn.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)
execution = sfn.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
while (told := sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
    time.sleep(0.005)
assert told["output"] == "1"
server.stop()
"""
PEAK = "\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"


def run(code: str) -> tuple[float, float]:
    """The seconds that a process takes, and its peak of memory in MB."""
    start = time.perf_counter()
    command = [sys.executable, "-W", "ignore", "-c", code + PEAK]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, float(done.stdout)


def medians(runs: list[tuple[float, float]]) -> list[float]:
    """The median time and the median memory."""
    return [statistics.median(values) for values in zip(*runs, strict=True)]


async def figures() -> AsyncIterator[Figure]:
    """Measure both by turns, after a first round that compiles what has to be."""
    rounds = [(run(OURS), run(THEIRS)) for _ in range(1 + ROUNDS)][1:]
    ours, theirs = (medians(list(runs)) for runs in zip(*rounds, strict=True))
    beside = f"{ours[0]:.2f} s, {moto_name()} and boto3 {theirs[0]:.2f} s"
    yield Figure(
        "a process to its first result, theirs to ours",
        theirs[0] / ours[0],
        3,
        " ×",
        at_least=True,
        beside=beside,
    )
    beside = f"{ours[1]:.0f} MB, {theirs[1]:.0f} MB"
    yield Figure("its memory, theirs to ours", theirs[1] / ours[1], 3, " ×", at_least=True, beside=beside)


if __name__ == "__main__":
    exit_with(__doc__, figures)
