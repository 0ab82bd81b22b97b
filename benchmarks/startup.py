"""How long it takes to import asfini's names and build the hello machine, as a multiple of `import pydantic`.

Each in a process of its own, by turns; times include the interpreter's start. `import pydantic` loads little
of pydantic, so what it takes to define one class of its is told beside it.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator

from measuring import Figure, exit_with

RUNS = 7
HELLO = """
from asfini import ActivityRegistration, Choice, Task, Worker, construct_state_machine

activities = ActivityRegistration(prefix="hello-")

@activities.activity()
async def greet(name: str) -> str:
    return f"Hello, {name}!"

hello = construct_state_machine("hello", Task("greet", greet))
"""
CODES = {
    "python": "pass",
    "pydantic": "import pydantic",
    "one class of pydantic's": "import pydantic\nclass Order(pydantic.BaseModel):\n    pence: int",
    "hello": HELLO,
}


def seconds(code: str) -> float:
    """The time that a process with some code takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


async def figures() -> AsyncIterator[Figure]:
    """Measure all codes by turns, after a first round that compiles what has to be."""
    rounds = [{name: seconds(code) for name, code in CODES.items()} for _ in range(1 + RUNS)][1:]
    medians = {name: statistics.median(each[name] for each in rounds) for name in CODES}
    beside = ", ".join(f"{name} {median * 1000:.0f} ms" for name, median in medians.items())
    ratio = medians["hello"] / medians["pydantic"]
    yield Figure("names and the hello machine, to `import pydantic`", ratio, 2.5, beside=beside)


if __name__ == "__main__":
    exit_with(__doc__, figures)
