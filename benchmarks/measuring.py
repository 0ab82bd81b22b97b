"""What the benchmarks share: runs by turns, figures with their bars, and moto's interpreter beside ours."""

import argparse
import asyncio
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

CHECK = "--check" in sys.argv
"""Whether it is enough to see that no bar is missed by far."""
ROUNDS = 3 if CHECK else 5
ROLE = "arn:aws:iam::123456789012:role/benchmarks"


@dataclass
class Figure:
    """Something that was measured, with its bar."""

    name: str
    value: float
    bar: float
    unit: str = ""
    at_least: bool = False
    """Whether more is better; else less is."""
    slack: float | None = None
    """The bar of `--check`, where that is not half as strict."""
    beside: str = ""
    """What was measured beside it."""

    @property
    def bar_told(self) -> str:
        """The bar, unless whatever was measured would do."""
        if self.bar == (0 if self.at_least else math.inf):
            return "none"
        return f"{'≥' if self.at_least else '≤'} {self.bar:g}{self.unit}"

    def holds(self, bar: float) -> bool:
        """Whether it is good enough for a bar."""
        return self.value >= bar if self.at_least else self.value <= bar

    @property
    def checked(self) -> float:
        """The bar of `--check`: machines that others use meanwhile are noisy."""
        return self.slack or (self.bar / 2 if self.at_least else self.bar * 2)


def exit_with(description: str | None, figures: Callable[[], AsyncIterator[Figure]]) -> None:
    """Be a benchmark's program: print a table; with `--check`, fail where a figure misses half its bar."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="fail where a figure misses even half its bar")
    check = parser.parse_args().check
    missed = asyncio.run(_print(figures()))
    sys.exit(int(check and missed))


async def _print(figures: AsyncIterator[Figure]) -> bool:
    """Print figures as they come; whether one misses half its bar."""
    missed = False
    print(f"{'':<58}{'measured':>12}{'bar':>12}")
    async for figure in figures:
        missed |= not figure.holds(figure.checked)
        verdict = "" if figure.holds(figure.bar) else "  missed"
        measured = f"{figure.value:,.2f}{figure.unit}"
        print(
            f"{figure.name:<58}{measured:>12}{figure.bar_told:>12}{verdict}  {figure.beside}".rstrip(),
            flush=True,
        )
    return missed


def middle(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


async def alternating(
    one: Callable[[], Awaitable[float]], other: Callable[[], Awaitable[float]], rounds: int = ROUNDS
) -> list[tuple[float, float]]:
    """Measure two things by turns, so that what else the machine does meets both alike.

    Each is done once before, for warmth.
    """
    await one(), await other()
    pairs = []
    for _ in range(rounds):
        gc.collect()
        pairs.append((await one(), await other()))
    return pairs


def moto_name() -> str:
    """The peer with its version."""
    return f"moto {version('moto')}"


class Moto:
    """moto's interpreter in this process, without its server, botocore or any poll."""

    def __init__(self) -> None:
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends
        from moto.stepfunctions.parser.utils import TMP_THREADS

        self._threads = TMP_THREADS
        self._backend = stepfunctions_parser_backends["123456789012"]["us-east-1"]
        self._count = 0
        self.name = moto_name()

    def create(self, definition: dict[str, Any]) -> str:
        """Register a machine; its ARN."""
        self._count += 1
        arn: str = self._backend.create_state_machine(f"m{self._count}", json.dumps(definition), ROLE).arn
        return arn

    def run(self, arn: str, given: Any) -> float:
        """The seconds that an execution takes, to the end of the thread that runs it."""
        self._count += 1
        thread = len(self._threads)
        start = time.perf_counter()
        execution = self._backend.start_execution(
            arn, name=f"e{self._count}", execution_input=json.dumps(given)
        )
        self._threads[thread].join()
        passed = time.perf_counter() - start
        if execution.status != "SUCCEEDED":
            raise RuntimeError(f"{self.name} says {execution.status}: {execution.error}: {execution.cause}")
        return passed


def chain(length: int) -> dict[str, Any]:
    """Pass states, one after the other."""
    states = {f"p{n}": {"Type": "Pass", "Next": f"p{n + 1}"} for n in range(length)}
    states[f"p{length - 1}"] = {"Type": "Pass", "End": True}
    return {"StartAt": "p0", "States": states}


def loop(rounds: int) -> dict[str, Any]:
    """A Choice that goes back to a Pass so many times."""
    done = {"Variable": "$.n", "NumericGreaterThanEquals": rounds, "Next": "done"}
    return {
        "StartAt": "zero",
        "States": {
            "zero": {"Type": "Pass", "Result": {"n": 0}, "Next": "enough"},
            "enough": {"Type": "Choice", "Choices": [done], "Default": "more"},
            "more": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "enough"},
            "done": {"Type": "Succeed"},
        },
    }
