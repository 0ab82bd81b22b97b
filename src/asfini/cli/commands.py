"""What the commands do.

Each is a plain function, which checks and reads what can be without Step Functions, and gives the coroutine
that does the rest: nothing may block a running loop, or an interrupt would be held back.
"""

import asyncio
import importlib
import logging
import sys
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from asfini import _json
from asfini.activity import Activity, CallableActivity
from asfini.cli import progress
from asfini.cli.app import App, name_of
from asfini.cli.check_options import CHECK_COMMANDS
from asfini.cli.connecting import connected
from asfini.cli.health import address_given, answering
from asfini.cli.output import print_json, print_text
from asfini.cli.picture_options import PICTURE_COMMANDS
from asfini.cli.run_options import RUN_COMMANDS
from asfini.cli.trial_options import TRIAL_COMMANDS
from asfini.client import Client, Machine
from asfini.clock import virtual_time
from asfini.errors import InvalidArgument
from asfini.execution import Execution
from asfini.machine import StateMachine
from asfini.worker import Worker
from asfini.worker.worker import LONGEST_POLL

_logger = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]
_ELSEWHERE = {
    **dict.fromkeys(CHECK_COMMANDS, "checks"),
    **dict.fromkeys(PICTURE_COMMANDS, "pictures"),
    **dict.fromkeys(RUN_COMMANDS, "runs"),
    **dict.fromkeys(TRIAL_COMMANDS, "trials"),
    "local": "local",
    "watch": "watching",
}
"""The modules of commands that are not done here: each needs much that others do not."""


def prepare(args: Namespace, app: App) -> Work:
    """Check a command's arguments, and give what does it.

    Raises:
        InvalidArgument: they make no sense, or the input cannot be read.
    """
    module = _ELSEWHERE.get(args.command)
    if module is not None:
        found: Work = importlib.import_module(f"asfini.cli.{module}").prepare(args, app)
        return found
    return _COMMANDS[args.command](args, app)


# register, deregister


def _register(args: Namespace, app: App) -> Work:
    things = _chosen(args, app)

    async def register() -> None:
        async with connected(args, app) as client:
            role = args.role or app.role
            options = {"allow_update": args.allow_update, "dry_run": args.dry_run}
            changes = await client.register(*things, role=role, **options)
            if not args.dry_run:
                await _tell_things(args, client, "registered", things)
            elif args.json:
                print_json([change.to_dict() for change in changes])
            else:
                print_text("\n".join(map(str, changes)) or "nothing would change")

    return register()


def _deregister(args: Namespace, app: App) -> Work:
    things = _chosen(args, app)

    async def deregister() -> None:
        async with connected(args, app) as client:
            await client.deregister(*things)
            await _tell_things(args, client, "deregistered", things)

    return deregister()


def _chosen(args: Namespace, app: App) -> list[StateMachine | Activity]:
    """What to register or deregister. A machine known by its name is others' to deploy."""
    machines = [machine for machine in app.machines if isinstance(machine, StateMachine)]
    things: list[StateMachine | Activity] = [
        *([] if args.state_machine_only else app.activities),
        *([] if args.activities_only else machines),
    ]
    if not things:
        only = {"no state machine": args.state_machine_only, "no activity": args.activities_only}
        what = next((each for each, chosen in only.items() if chosen), "nothing")
        raise InvalidArgument(f"there is {what} here to {args.command}")
    return things


async def _tell_things(
    args: Namespace, client: Client, done: str, things: list[StateMachine | Activity]
) -> None:
    account = await client.account()
    told = [{"name": thing.name, "arn": account.fill_in(thing.arn)} for thing in things]
    if args.json:
        print_json(told)
        return
    for entry in told:
        print_text(f"{done} {entry['arn']}")


# start


def _start(args: Namespace, app: App) -> Work:
    machine = app.machine(args.machine)
    if args.local and not isinstance(machine, StateMachine):
        here = ", ".join(map(name_of, app.machines)) or "none"
        raise InvalidArgument(f"--local runs machines of --app, but {machine!r} is none of them: {here}")
    given = read_input(args.path)

    async def start() -> None:
        with virtual_time() if args.virtual_time else nullcontext():
            await begin()

    async def begin() -> None:
        async with connected(args, app) as client, _working(args, client, app, machine):
            execution = await client.start_execution(machine, given, name=args.name)
            _logger.info("started %s", execution.arn)
            if args.wait or args.history or args.local:
                await wait(args, client, execution)
            elif args.json:
                print_json({"arn": execution.arn, "name": execution.name})
            else:
                print_text(execution.arn)

    return start()


def read_input(path: str) -> Any:
    """Read JSON from a file or from standard input.

    Raises:
        InvalidArgument: it cannot be read, or is not JSON.
    """
    what = "standard input" if path == "-" else path
    try:
        data = getattr(sys.stdin, "buffer", sys.stdin).read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot read {what}: {error.strerror or error}") from error
    return _json.loads(data, what)


@asynccontextmanager
async def _working(args: Namespace, client: Client, app: App, machine: Machine) -> AsyncIterator[None]:
    """Offline, have all in this process that the execution needs."""
    if not args.local:
        yield
        return
    workable = [activity for activity in app.activities if isinstance(activity, CallableActivity)]
    await client.register(*workable, *(each for each in app.machines if isinstance(each, StateMachine)))
    if missing := await _missing(client, machine, workable):
        _logger.warning(
            "no function here does %s: such a task will fail; --app may name more modules", ", ".join(missing)
        )
    if not workable:
        yield
        return
    async with Worker(client, workable, grace=0):
        yield


async def _missing(
    client: Client, machine: Machine, activities: list[CallableActivity[Any, Any]]
) -> list[str]:
    """The ARNs of activities that a machine needs, and nobody here does."""
    if not isinstance(machine, StateMachine):
        return []
    account = await client.account()
    done = {account.fill_in(activity.arn) for activity in activities}
    resources = [account.fill_in(state.held("resource") or "") for state in machine.definition.walk()]
    return [arn for arn in dict.fromkeys(resources) if ":activity:" in arn and arn not in done]


async def wait(args: Namespace, client: Client, execution: Execution) -> None:
    """Wait for an execution's end, and print what came of it.

    Raises:
        ExecutionError: it ended without success.
    """
    jumps = getattr(args, "virtual_time", False)  # from look to look, too
    try:
        async with nullcontext() if jumps else progress.following(client.service, execution):
            await execution.wait(raise_on_failure=False)
    except asyncio.CancelledError:
        if not args.local:
            print_text(f"the execution goes on: {execution.arn}", error=True)
        raise
    if args.json:
        print_json(await told_of(execution, history=args.history))
    elif args.history:
        print_text(await execution.format_history(cause=args.verbose > 0))
    output = await execution.output()
    if not (args.json or args.history):
        print_json(output)


# worker


def _work(args: Namespace, app: App) -> Work:
    activities = app.activities_named(args.names)
    address = None if args.health is None else address_given(args.health)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connected(args, app))
            worker = Worker(client, activities)
            if address is not None:
                await stack.enter_async_context(answering(worker, *address))
            names = ", ".join(activity.name for activity in worker.activities)
            _logger.info("%s works at %s", worker.name, names)
            if progress.watched(quiet=args.quiet > 0):
                print_text(f"working at {names}; Ctrl-C ends it, and once more cuts tasks off", error=True)
                stack.callback(asyncio.create_task(_tell_end(worker)).cancel)
            await worker.run(signals=threading.current_thread() is threading.main_thread())

    return work()


async def _tell_end(worker: Worker) -> None:
    """Say what a worker waits for when it was told to end: on AWS, polls alone may take a minute."""
    while not (stats := worker.stats()).stopping:  # noqa: ASYNC110 - a signal tells the worker alone
        await asyncio.sleep(0.1)
    each = stats.activities.values()
    tasks, polls = sum(one.tasks for one in each), sum(one.open_polls for one in each)
    most = f"{tasks} tasks in work have {worker.grace:g} s, {polls} open polls end within {LONGEST_POLL:g} s"
    print_text(f"ending: {most}; Ctrl-C leaves no time to either", error=True)


# executions


def _executions(args: Namespace, app: App) -> Work:
    several = args.machine is None and len(app.machines) > 1
    machines = app.machines if several else (app.machine(args.machine),)

    async def executions() -> None:
        told = []
        async with connected(args, app) as client:
            for machine in machines:
                async for execution in client.list_executions(machine, status=args.status):
                    if args.json:
                        told.append(await told_of(execution, history=args.history))
                    else:
                        await _print_execution(execution, history=args.history, cause=args.verbose > 0)
        if args.json:
            print_json(told)

    return executions()


async def _print_execution(execution: Execution, *, history: bool, cause: bool) -> None:
    told = await told_of(execution, history=False)
    print_text(f"{execution.name}: {told['status']}, {told['start_date']} to {told['stop_date'] or 'now'}")
    if history:
        print_text(f"{await execution.format_history(cause=cause)}\n")


async def told_of(execution: Execution, *, history: bool) -> dict[str, Any]:
    """All there is to say of an execution, by the names of `Execution`, as JSON data."""
    description = await execution.describe()
    stopped = description.get("stopDate")
    told: dict[str, Any] = {
        "arn": execution.arn,
        "name": execution.name,
        "status": description["status"],
        "start_date": description["startDate"].isoformat(),
        "stop_date": stopped and stopped.isoformat(),
    }
    if "output" in description:
        told["output"] = _json.loads(description["output"], "the output")
    told |= {key: description[key] for key in ("error", "cause") if description.get(key) is not None}
    if history:
        told["history"] = [event.to_dict() async for event in execution.history()]
    return told


_COMMANDS: dict[str, Callable[[Namespace, App], Work]] = {
    "register": _register,
    "deregister": _deregister,
    "start": _start,
    "worker": _work,
    "executions": _executions,
}
