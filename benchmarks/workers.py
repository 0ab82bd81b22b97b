"""What a worker costs, and how punctual it is, beside workers written with aiobotocore, boto3 and sfini.

Each worker is a process of its own, so is the service, a stand-in that costs next to nothing. Workers take
turns. sfini's takes part where ASFINI_PEERS names the Python of an environment that has it.
"""

import asyncio
import datetime
import ipaddress
import json
import math
import os
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import CHECK, Figure, exit_with, middle

PROGRAMS = Path(__file__).parent / "programs"
PEERS = os.environ.get("ASFINI_PEERS", "")
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:bench"
LONGEST = 180
"""Seconds that nothing here takes."""

ROUNDS = 1 if CHECK else 3
TASKS = {"asfini": 4000, "aiobotocore": 2000, "boto3": 2000, "sfini": 600}
"""Tasks that do nothing, in each round."""
POLLS = {"sfini": 5}
"""How many polls peers keep open, where they are not 20: five have sfini busy, for each task is a thread."""
LONG_TASKS = 300 if CHECK else 5000
BLOCKED_TASKS, BLOCK_SECONDS = 100, 3 if CHECK else 10
IDLE_ACTIVITIES, IDLE_SECONDS = 50, 8 if CHECK else 60
SETTLING_SECONDS = 4
"""How long a worker may take to open its first polls before it is idle."""


@dataclass
class Service:
    """The stand-in, and how to reach it."""

    plain: str
    tls: str
    environment: dict[str, str]
    """What tells every SDK of AWS's where to send its requests, but for the URL."""

    async def control(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Ask the stand-in for something that Step Functions has not."""
        request = urllib.request.Request(
            self.plain, json.dumps(parameters).encode(), {"X-Amz-Target": f"Control.{operation}"}
        )
        answer: dict[str, Any] = json.loads(await asyncio.to_thread(_post, request))
        return answer

    async def seed(self, count: int, task: dict[str, float]) -> None:
        """Make tasks."""
        await self.control("Seed", activityArn=ACTIVITY, count=count, input=json.dumps(task))


def _post(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: bytes = answer.read()
        return data


@dataclass
class Usage:
    """What a process has taken, as Linux tells."""

    cpu: float
    """In seconds."""
    memory: float
    """In kilobytes."""
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Look."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return cls(cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1000, int(fields[17]))


@dataclass
class Run:
    """A worker's doing of some tasks."""

    cpu: float
    """In milliseconds for each task."""
    memory: float
    """In kilobytes for each task that was in work at once with others."""
    threads: int
    """How many more there were than before."""
    p99_gap: float
    """Seconds without a heartbeat, of tasks in work."""
    max_gap: float


@asynccontextmanager
async def served() -> AsyncIterator[Service]:
    """Start the stand-in."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = self_signed(Path(folder, "certificate.pem"))
        async with program(sys.executable, "fake_service.py", "--certificate", str(certificate)) as process:
            assert process.stdout is not None
            plain, tls = map(int, (await process.stdout.readline()).split())
            environment = {
                "AWS_ACCESS_KEY_ID": "benchmarks",
                "AWS_SECRET_ACCESS_KEY": "benchmarks",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_CA_BUNDLE": str(certificate),
                "AWS_CONFIG_FILE": str(Path(folder, "none")),
                "AWS_SHARED_CREDENTIALS_FILE": str(Path(folder, "none")),
                "PYTHONPATH": str(PROGRAMS),
                "PATH": os.environ["PATH"],
            }
            yield Service(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}", environment)


def self_signed(path: Path) -> Path:
    """Write a certificate for this machine, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now, address = datetime.datetime.now(datetime.UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(made.public_bytes(pem[0]) + key.private_bytes(*pem))
    return path


@asynccontextmanager
async def program(
    python: str, name: str, *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of the programs, and kill it at the end."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL  # logs of what is late
    command = python, str(PROGRAMS / name), *arguments
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=nowhere, env=environment)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def worker(service: Service, name: str, *arguments: str, tls: bool = False) -> AsyncIterator[int]:
    """Run one of the workers; its process's number once it works."""
    await service.control("Reset")
    environment = {**service.environment, "AWS_ENDPOINT_URL": service.tls if tls else service.plain}
    python = PEERS if name == "sfini" else sys.executable
    async with program(python, f"{name}_worker.py", *arguments, environment=environment) as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONGEST):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"the worker with {name} does not begin")
        await asyncio.sleep(2)  # for its first polls
        yield process.pid


async def finished(service: Service, count: int, pid: int) -> Usage:
    """Wait until so many tasks are done; the most memory and threads that there were meanwhile."""
    most = Usage.of(pid)
    async with asyncio.timeout(LONGEST):
        while (await service.control("Stats"))["counts"].get("SendTaskSuccess", 0) < count:
            await asyncio.sleep(0.2)
            now = Usage.of(pid)
            most = Usage(now.cpu, max(most.memory, now.memory), max(most.threads, now.threads))
    return Usage(Usage.of(pid).cpu, most.memory, most.threads)


async def run(
    service: Service, name: str, count: int, *arguments: str, tls: bool = False, warm: int = 50
) -> Run:
    """Have a worker do tasks, after some for warmth."""
    async with worker(service, name, "bench", *arguments, tls=tls) as pid:
        await service.seed(warm, {})
        before = await finished(service, warm, pid)
        await service.control("Reset")
        await service.seed(count, {})
        after = await finished(service, count, pid)
        told = await service.control("Stats")
    cpu, memory = after.cpu - before.cpu, after.memory - before.memory
    gaps = told["p99_gap"], told["max_gap"]
    return Run(cpu / count * 1000, memory / max(told["most"], 1), after.threads - before.threads, *gaps)


async def nothing_done(service: Service, name: str, *, tls: bool = False) -> float:
    """Milliseconds of processor time for a task that does nothing."""
    count = TASKS[name] // (3 if CHECK else 1)
    polls = () if name == "asfini" else ("--max-polls", str(POLLS.get(name, 20)))
    return (await run(service, name, count, *polls, tls=tls)).cpu


async def by_turns(measure: Callable[[str], Any], names: list[str]) -> dict[str, list[float]]:
    """Measure all, one after the other, several times."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            found[name].append(await measure(name))
    return found


async def cpu_figures(service: Service, *, tls: bool) -> AsyncIterator[Figure]:
    """Processor time for a task that does nothing."""
    names = ["asfini", "aiobotocore"]
    if not tls:
        names += ["boto3"] if not CHECK else []
        names += ["sfini"] if PEERS else []
    over = ", over TLS" if tls else ""
    found = await by_turns(lambda name: nothing_done(service, name, tls=tls), names)
    middles = {name: middle(values) for name, values in found.items()}
    beside = ", ".join(f"{name} {value:.2f} ms" for name, value in middles.items() if name != "asfini")
    name = f"CPU per task that does nothing{over}"
    bar = math.inf if tls else 0.4
    yield Figure(name, middles["asfini"], bar, " ms", slack=math.inf, beside=beside)
    bars = {"aiobotocore": 0 if tls else 3, "sfini": 6}
    for name in [name for name in names if name in bars]:
        ratio = middle(other / own for own, other in zip(found["asfini"], found[name], strict=True))
        yield Figure(f"{name}'s CPU per task, to asfini's{over}", ratio, bars[name], " ×", at_least=True)


async def long_tasks(service: Service, name: str, *, tls: bool = False) -> Run:
    """Thousands of five-second tasks at once, each with a heartbeat every second."""
    polls = "100" if name == "asfini" else "50"
    options = f"--seconds 5 --heartbeat 1 --max-tasks {LONG_TASKS} --max-polls {polls}".split()
    return await run(service, name, LONG_TASKS, *options, tls=tls)


async def heartbeat_figures(service: Service, *, tls: bool) -> AsyncIterator[Figure]:
    """How punctual heartbeats are."""
    names = ["asfini"] if CHECK or tls else ["asfini", "aiobotocore", "boto3"]
    runs = {name: [await long_tasks(service, name, tls=tls)] for name in names}
    runs["asfini"] += [await long_tasks(service, "asfini", tls=tls) for _ in range(ROUNDS - 1)]

    def told(name: str, what: str) -> float:
        return middle(getattr(each, what) for each in runs[name])

    def beside(what: str, unit: str) -> str:
        return ", ".join(f"{name} {told(name, what):,.1f}{unit}" for name in names[1:])

    over = f"{LONG_TASKS:,} tasks with heartbeats{', over TLS' if tls else ''}"
    bars = (math.inf,) * 3 if tls else (1.5, 12, 1)
    few = math.inf if CHECK else None  # what connections take counts among few
    name, gap = f"{over}: p99 of gaps", told("asfini", "p99_gap")
    yield Figure(name, gap, bars[0], " s", beside=beside("p99_gap", " s"))
    name, memory = f"{over}: memory per task", told("asfini", "memory")
    yield Figure(name, memory, bars[1], " kB", slack=few, beside=beside("memory", " kB"))
    name, threads = f"{over}: threads more", told("asfini", "threads")
    yield Figure(name, threads, bars[2], beside=beside("threads", ""))
    name, cpu = f"{over}: CPU per task", told("asfini", "cpu")
    yield Figure(name, cpu, math.inf, " ms", beside=beside("cpu", " ms"))


async def blocked(service: Service, name: str) -> float:
    """The longest that tasks go without a heartbeat while another one blocks the event loop."""
    options = f"--heartbeat 1 --seconds {BLOCK_SECONDS + 2} --max-tasks {BLOCKED_TASKS + 1}".split()
    async with worker(service, name, "bench", *options) as pid:
        await service.seed(BLOCKED_TASKS, {})
        await asyncio.sleep(1.5)
        await service.seed(1, {"block": BLOCK_SECONDS})
        await finished(service, BLOCKED_TASKS + 1, pid)
        gap: float = (await service.control("Stats"))["max_gap"]
    return gap


async def idle(service: Service) -> float:
    """The share of a core that a worker of fifty activities takes while nothing happens, in percent."""
    async with worker(service, "asfini", *(f"a{number}" for number in range(IDLE_ACTIVITIES))) as pid:
        await asyncio.sleep(SETTLING_SECONDS)
        before = Usage.of(pid).cpu
        await asyncio.sleep(IDLE_SECONDS)
        return (Usage.of(pid).cpu - before) / IDLE_SECONDS * 100


async def figures() -> AsyncIterator[Figure]:
    """All of it, one after the other."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(served())
        for tls in (False,) if CHECK else (False, True):
            async for figure in cpu_figures(service, tls=tls):
                yield figure
            async for figure in heartbeat_figures(service, tls=tls):
                yield figure
        beside = "" if CHECK else f"aiobotocore {await blocked(service, 'aiobotocore'):.1f} s"
        name = f"the loop blocked for {BLOCK_SECONDS} s: longest gap"
        yield Figure(name, await blocked(service, "asfini"), 2, " s", beside=beside)
        name = f"{IDLE_ACTIVITIES} activities idle for {IDLE_SECONDS} s"
        yield Figure(name, await idle(service), 0.5, " % of a core")


if __name__ == "__main__":
    exit_with(__doc__, figures)
