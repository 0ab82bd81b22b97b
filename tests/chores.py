"""Activities that run in processes, which must find them in a module by their names."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from asfini import ActivityRegistration, CallableActivity, TaskFailed, current_task

chores = ActivityRegistration(prefix="chore-")


class Point(BaseModel):
    x: int
    y: int = 0


@chores.activity(runs_in="process")
def where(point: Point) -> dict[str, Any]:
    """Tells what is known in the process."""
    task = current_task()
    return {"process": os.getpid(), "point": point, "input": task.input, "worker": task.worker_name}


@chores.smart_activity(runs_in="process")
def add(x: int, y: int = 1) -> int:
    return x + y


@chores.activity(runs_in="process")
def decline(why: str) -> None:
    raise TaskFailed("CardDeclined", why)


@chores.activity(runs_in="process")
def stumble() -> None:
    raise ValueError("over a stone")


@chores.activity(runs_in="process")
def unsayable() -> Any:
    return {object()}


@chores.activity(runs_in="process")
def leave(code: int) -> None:
    sys.stdout.flush()
    os._exit(code)


@chores.activity(runs_in="process")
def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


@chores.activity(runs_in="process")
def exit_politely() -> None:
    sys.exit(3)


@chores.activity(runs_in="process")
def masked() -> list[int]:
    """Tells which signals are held back."""
    return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))


@chores.activity(runs_in="process", heartbeat=1)
def dawdle(path: str) -> None:
    """Never ends by itself; says which process it is in."""
    Path(path).write_text(str(os.getpid()))
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)  # signals to the whole group are not for it
    while True:
        time.sleep(0.01)


@chores.activity(runs_in="process", heartbeat=None)
def postpone(path: str) -> str:
    Path(path).write_text(current_task().defer())
    return "not this"


def _square(number: int) -> int:
    return number * number


square = CallableActivity("chore-square", _square, runs_in="process")
