"""How long it takes to read a real machine and find what is wrong, beside moto's parser, which checks less.

The machines are those that others wrote, in `../shared/definitions/machines` beside the project, or else the
examples'. Each pass over them runs in a new process, so that nothing is remembered from an earlier one.
"""

import contextlib
import io
import json
import logging
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from measuring import ROUNDS, Figure, exit_with, middle, moto_name

PROJECT = Path(__file__).parents[1]
RECORDED = PROJECT / "../shared/definitions/machines"


def machines() -> list[str]:
    """Definitions as text."""
    files = sorted(RECORDED.glob("*.json"))
    if files:
        cases = (json.loads(file.read_text(encoding="utf-8")) for file in files)
        return [json.dumps(case["definition"]) for case in cases if case["kind"] != "fragment"]
    return [file.read_text(encoding="utf-8") for file in sorted(PROJECT.glob("examples/*.asl.json"))]


def our_pass() -> list[float | None]:
    """What `asfini` does before it registers a machine that was loaded."""
    from asfini import Definition
    from asfini.asl.validation import problems

    return timed(lambda text: problems(Definition.from_json(text)))


def their_pass() -> list[float | None]:
    """What moto does before it registers a machine."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    logging.disable()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return timed(AmazonStateLanguageParser.parse)


def timed(work: Callable[[str], Any]) -> list[float | None]:
    """The milliseconds that some work on each machine takes; nothing where it refuses one."""
    return [_milliseconds(work, text) for text in machines()]


def _milliseconds(work: Callable[[str], Any], text: str) -> float | None:
    start = time.perf_counter()
    try:
        work(text)
    except Exception:  # noqa: BLE001 - whatever it raises, it did not do the same work
        return None
    return (time.perf_counter() - start) * 1e3


def rounds() -> tuple[list[float], list[float]]:
    """The median for each machine that is not refused, ours and theirs."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as processes:
        pairs = [
            (processes.submit(our_pass).result(), processes.submit(their_pass).result())
            for _ in range(ROUNDS)
        ]
    ours, theirs = (
        sorted(middle(times) for times in zip(*passes, strict=True) if None not in times)
        for passes in zip(*pairs, strict=True)
    )
    return ours, theirs


async def figures() -> AsyncIterator[Figure]:
    """Both parsers, by turns over all machines."""
    count = len(machines())
    ours, theirs = rounds()
    took = f"{middle(theirs):.2f} ms for the {len(theirs)} that it takes" if theirs else "takes none of them"
    peer = f"{moto_name()}'s parser: {took}"
    beside = f"(one in ten: more than {ours[len(ours) * 9 // 10]:.2f} ms) {peer}"
    yield Figure(f"one of {count} machines read and checked, median", middle(ours), 1, " ms", beside=beside)


if __name__ == "__main__":
    exit_with(__doc__, figures)
