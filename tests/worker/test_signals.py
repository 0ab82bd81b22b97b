"""A worker in a program of its own that gets signals: what becomes of its tasks, and how the program ends."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

PROGRAM = """
import asyncio, atexit, signal, sys, threading
import asfini
from asfini import CallableActivity, Client, ServiceWrapper, Task, Worker, construct_state_machine

def say(line):
    print(line, flush=True)

class Telling(ServiceWrapper):
    async def call(self, operation, **parameters):
        if operation == "send_task_failure":
            say(parameters["error"])
        return await super().call(operation, **parameters)

    async def end_polls(self, worker_name):
        say("draining")
        await super().end_polls(worker_name)

async def work(_):
    say("begun")
    await go.wait()
    return "done"

async def interrupt(_):
    say("begun")
    signal.default_int_handler(signal.SIGINT, None)  # as where the loop was not asyncio.run's

def block(_):
    say("begun")
    threaded.wait()
    return "done"

def listen():
    for line in sys.stdin:
        threaded.set()
        loop.call_soon_threadsafe(go.set)

async def main(how, what):
    global go, loop, threaded
    go, threaded, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()
    threading.Thread(target=listen, daemon=True).start()
    activity = CallableActivity("work", {"async": work, "thread": block, "loop": interrupt}[what])
    machine = construct_state_machine("works", Task("work", activity))
    async with asfini.local.connect() as local:
        client = Client(Telling(local.service))
        await client.register(activity, machine)
        execution = None if how.startswith("idle") else await client.start_execution(machine)
        worker = Worker(client, activity, grace=600)
        try:
            if how.endswith("run"):
                if execution is None:
                    loop.call_later(0, say, "begun")
                await worker.run()
            else:
                async with worker:
                    if execution is None:
                        say("begun")
                    await loop.create_future()
        finally:
            told = await execution.describe() if execution else {}
            say(f"{told.get('status')} {told.get('output') or told.get('error')}")

atexit.register(say, "bye")
asyncio.run(main(*sys.argv[1:]))
sys.exit(3 if sys.argv[1] == "exit run" else 0)
"""

Start = Callable[..., "Program"]


class Program:
    """A program under way."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def hears(self, line: str) -> None:
        """Wait for what it says."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        assert said == line, self.process.communicate(timeout=60)

    def goes_on(self) -> None:
        """Let its task finish."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def ends(self) -> tuple[int, list[str], str]:
        """Wait for its end: its return code, what it said at last, and what it complained about."""
        output, errors = self.process.communicate(timeout=60)
        said = output.splitlines()
        assert said.pop() == "bye", (said, errors)  # whatever else is to be done at the end, is
        return self.process.returncode, said, errors


@pytest.fixture
def program() -> Iterator[Start]:
    programs: list[Program] = []

    def begin(*arguments: str) -> Program:
        programs.append(Program(*arguments))
        return programs[-1]

    yield begin
    for each in programs:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize("what", ["async", "thread"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_tasks_in_work_finish(program: Start, number: signal.Signals, what: str) -> None:
    running = program("run", what)
    running.hears("begun")
    running.process.send_signal(number)
    running.hears("draining")
    running.goes_on()
    assert running.ends() == (0, ['SUCCEEDED "done"'], "")


def test_threads_that_have_ended_leave_the_exit_code_to_the_program(program: Start) -> None:
    running = program("exit run", "thread")
    running.hears("begun")
    running.process.send_signal(signal.SIGTERM)
    running.hears("draining")
    running.goes_on()
    assert running.ends() == (3, ['SUCCEEDED "done"'], "")


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_one_gives_them_back(program: Start, first: signal.Signals) -> None:
    running = program("run", "async")
    running.hears("begun")
    running.process.send_signal(first)
    running.hears("draining")
    running.process.send_signal(signal.SIGTERM)
    code, said, errors = running.ends()
    assert (code, said) == (0, ["WorkerCancel", "FAILED WorkerCancel"])
    assert re.fullmatch(r"work task \w{8}: given up, for the worker stops\n", errors)


def test_a_thread_that_goes_on_does_not_keep_the_process(program: Start) -> None:
    running = program("run", "thread")
    running.hears("begun")
    running.process.send_signal(signal.SIGTERM)
    running.hears("draining")
    running.process.send_signal(signal.SIGTERM)
    code, said, errors = running.ends()
    assert (code, said) == (0, ["WorkerCancel", "FAILED WorkerCancel"])
    assert re.fullmatch(r"work task \w{8}: given up, for the worker stops\n", errors)


def test_an_idle_worker_ends_at_a_signal_without_a_word(program: Start) -> None:
    running = program("idle run", "async")
    running.hears("begun")
    running.process.send_signal(signal.SIGTERM)
    code, said, errors = running.ends()
    assert (code, said[-1], errors) == (0, "None None", "")


@pytest.mark.parametrize("what", ["async", "thread"])
def test_ctrl_c_lets_tasks_of_a_block_finish(program: Start, what: str) -> None:
    running = program("block", what)
    running.hears("begun")
    running.process.send_signal(signal.SIGINT)
    running.hears("draining")
    running.goes_on()
    code, said, errors = running.ends()
    assert (code, said) == (-signal.SIGINT, ['SUCCEEDED "done"'])
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in errors


def test_pressed_twice_it_gives_them_back(program: Start) -> None:
    running = program("block", "async")
    running.hears("begun")
    running.process.send_signal(signal.SIGINT)
    running.hears("draining")
    running.process.send_signal(signal.SIGINT)
    code, said, errors = running.ends()
    assert (code, said[0]) == (-signal.SIGINT, "WorkerCancel")
    assert "never retrieved" not in errors
    assert "never awaited" not in errors


@pytest.mark.parametrize("how", ["run", "block"])
def test_an_interrupt_that_meets_a_function_ends_the_program(program: Start, how: str) -> None:
    code, said, errors = program(how, "loop").ends()
    assert (code, said[0]) == (-signal.SIGINT, "begun")
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_ctrl_c_ends_an_idle_block(program: Start) -> None:
    running = program("idle block", "async")
    running.hears("begun")
    running.process.send_signal(signal.SIGINT)
    code, said, _ = running.ends()
    assert (code, said[-1]) == (-signal.SIGINT, "None None")
