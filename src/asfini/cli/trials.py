"""What `run` does: a definition's execution in this process, in virtual time, with mocks."""

import re
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asfini import _json
from asfini._arns import Account, arn_of
from asfini.activity import CallableActivity
from asfini.asl.definition import Definition
from asfini.cli.app import App
from asfini.cli.commands import Work, read_input, told_of
from asfini.cli.local import function_given
from asfini.cli.mocking import read_json, read_mocks
from asfini.cli.output import check_writable, print_json, print_text, write_files
from asfini.cli.sources import is_there, load
from asfini.client import Client
from asfini.clock import virtual_time
from asfini.errors import InvalidArgument, InvalidDefinition
from asfini.execution import Execution
from asfini.local.failures import Failure
from asfini.local.handlers import Call, Target, key_of
from asfini.local.mock_config import MockConfig
from asfini.local.service import DEFAULT_ACCOUNT, LocalService
from asfini.machine import StateMachine
from asfini.worker import Worker

_FUNCTION = re.compile(r'("(?:Resource|FunctionName)": )"\$\{([\w-]+)(?:\.Arn)?\}"')
"""What is filled in when a template is deployed; nearly always a Lambda function."""
_PLACEHOLDER = re.compile(r"\$\{([\w.-]+)\}")
_NO_NAME = re.compile(r"[^\w.-]+")
_ACCOUNT = re.compile(r"arn:(aws[\w-]*):states:([\w-]+):(\d{12}):")
_OF_MAPS = ("s3:getObject", "s3:listObjectsV2", "s3:putObject")
"""What readers and writers of distributed maps ask for, which are no states of their own."""


def prepare(args: Namespace, app: App) -> Work:
    """Check the command's arguments, and give what runs the definition.

    Raises:
        InvalidArgument: they make no sense, or a file cannot be read.
    """
    cases = _test_cases(args)
    machine = _machine(args, cases)
    others = [each for each in app.machines if isinstance(each, StateMachine) and each.name != machine.name]
    machines = [machine, *others]
    mocks = read_mocks(args.mocks, [each.definition for each in machines])
    given = _input(args.input)
    if args.report is not None:
        check_writable(Path(args.report))
    handlers = {**app.handlers, **dict(map(function_given, args.functions))}
    stage = _Stage(machines, app, handlers, args.mock_config)
    start = machine if args.test_case is None else f"{stage.account.fill_in(machine.arn)}#{args.test_case}"
    mocked = cases.get(machine.name, {}).get(args.test_case or "", {})

    async def run() -> None:
        with virtual_time():
            async with stage.client() as client:
                stage.miss(client, mocked)
                for mock in mocks:
                    mock.put(client)
                execution = await client.start_execution(start, given, name="run")
                await execution.wait(raise_on_failure=False)
                await _tell(args, execution)

    return run()


def _input(given: str) -> Any:
    if given == "-":
        return read_input(given)
    try:
        return read_json(given, "the input")
    except InvalidArgument as error:
        if is_there(given):
            raise InvalidArgument(f"{error}; for what is in the file: --input @{given}") from None
        raise


# The machine


def _machine(args: Namespace, cases: Mapping[str, Any]) -> StateMachine:
    """The machine of a file, called as the command line, the only machine with mocks, or the file says."""
    definition = load(Path(args.file), dict(map(_substitution, args.substitutions)))
    stem = _NO_NAME.sub("-", Path(args.file).name.partition(".")[0])[:80] or "machine"
    name = args.name or (stem if stem in cases or len(cases) != 1 else next(iter(cases)))
    machine = StateMachine(name, Definition.from_json(_FUNCTION.sub(_filled, definition.to_json())))
    machine.check()
    if args.test_case is not None and args.test_case not in cases.get(name, {}):
        known = ", ".join(map(repr, cases.get(name, {}))) or f"none of {name!r}; --name names the machine"
        raise InvalidArgument(f"{args.mock_config} has no test case {args.test_case!r}, but {known}")
    return machine


def _substitution(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise InvalidArgument(f"--substitute is given like NAME=VALUE, not {given!r}")
    return name, value


def _filled(found: re.Match[str]) -> str:
    prefix = "" if "Function" in found[1] else DEFAULT_ACCOUNT.fill_in(arn_of("lambda", "function:"))
    return f'{found[1]}"{prefix}{found[2]}"'


def _test_cases(args: Namespace) -> dict[str, dict[str, Collection[str]]]:
    """The states that are mocked, by machine and test case."""
    if (args.mock_config is None) != (args.test_case is None):
        raise InvalidArgument("--mock-config FILE and --test-case CASE belong together")
    if args.mock_config is None:
        return {}
    MockConfig(args.mock_config)  # it says what is wrong
    content = _json.loads(Path(args.mock_config).read_bytes(), args.mock_config)
    return {name: machine["TestCases"] for name, machine in content["StateMachines"].items()}


# What does its tasks


@dataclass
class _Stage:
    """A service in this process, and all that does tasks there.

    It plays the account that the first machine's definition names, so that its activities are its own.
    """

    machines: list[StateMachine]
    app: App
    handlers: Mapping[Any, Any]
    mock_config: str | None

    def __post_init__(self) -> None:
        named = _ACCOUNT.search(self.machines[0].to_json())
        self.account = Account(*named.groups()) if named else DEFAULT_ACCOUNT
        self.works = [each for each in self.app.activities if isinstance(each, CallableActivity)]
        self.done = {key_of(each, self.account) for each in (*self.handlers, *self.works)}
        """What the activities and resources are called that functions do."""

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Open the service, with a worker for activities that have functions."""
        service = LocalService(
            handlers=self.handlers,
            mock_config=self.mock_config,
            stand_in=self._stand_in,
            account=self.account,
        )
        async with service:
            client = Client(service)
            await self._register(client)
            for target, _ in self._activities():
                await service.call("create_activity", name=target.name)
            if not self.works:
                yield client
                return
            async with Worker(client, self.works, grace=0):
                yield client

    async def _register(self, client: Client) -> None:
        try:
            await client.register(*self.works, *self.machines)
        except InvalidDefinition as error:
            left = _PLACEHOLDER.search(self.machines[0].to_json())
            if left is None:
                raise
            way = f"--substitute {left[1]}=VALUE fills in what a template would"
            raise InvalidArgument(f"{error.message}; {way}") from None

    def miss(self, client: Client, mocked: Collection[str]) -> None:
        """Let tasks of activities fail that nobody does: they would wait for ever.

        Args:
            client: the client.
            mocked: the states that the test case mocks.
        """
        for target, state in self._activities():
            if target.arn not in self.done and state not in mocked:
                client.mock(target.arn, state=state, side_effect=_nobody(target, state))

    def _activities(self) -> Iterator[tuple[Target, str]]:
        """The activities that machines ask for, with the names of their Tasks."""
        states = [state for machine in self.machines for state in machine.definition.walk()]
        for state in states:
            target = Target.parse(self.account.fill_in(state.held("resource") or ""))
            if target.kind == "activity":
                yield target, state.name

    def _stand_in(self, call: Call) -> Awaitable[Any] | None:
        """Fail a task that nobody does; others do all others."""
        target = call.target
        named = target.name == "lambda:invoke" and "FunctionName" in call.text  # it is asked for next
        own = named or target.name.startswith("aws-sdk:sfn:") or self._starts(call)
        return None if own or self.done & {*target.keys} else _failing(_nobody(target, call.state))

    def _starts(self, call: Call) -> bool:
        """Whether a task starts a machine that is here."""
        if call.target.name != "states:startExecution" or not isinstance(call.input, dict):
            return False
        arn = str(call.input.get("StateMachineArn"))
        return arn.partition(":stateMachine:")[2].partition(":")[0] in {each.name for each in self.machines}


async def _failing(failure: Failure) -> Any:
    raise failure


class _Nobody(Failure):
    """Nobody does a task."""

    def __str__(self) -> str:
        return str(self.cause)


def _nobody(target: Target, state: str) -> Failure:
    """Say that nobody does a task, and how somebody would."""
    name = target.name + target.pattern
    more = {
        "activity": ", --app MODULE with its function",
        "function": f", --lambda {name}=MODULE:FUNCTION",
        "states:startExecution": ", --app MODULE with the machine",
    }
    way = more.get(target.kind) or more.get(target.name, "")
    mocked = target.name if target.name in _OF_MAPS else state
    ways = f"'{mocked}=JSON' or '{mocked}=error:Name:cause', --mock-config FILE with --test-case CASE{way}"
    return _Nobody("States.Runtime", f"nobody here does {name!r}, the task of {state!r}; use --mock {ways}")


# What is told


async def _tell(args: Namespace, execution: Execution) -> None:
    """Print what came of it.

    Raises:
        ExecutionError: it ended without success.
    """
    explanation = await execution.explain() if args.explain else None
    if args.report is not None:
        write_files({Path(args.report): await execution.to_html()})
    if args.json:
        told = await told_of(execution, history=args.history)
        told |= {} if explanation is None else {"explanation": explanation.to_dict()}
        print_json(told | ({} if args.report is None else {"report": args.report}))
    elif args.history:
        print_text(await execution.format_history(cause=args.verbose > 0))
    if explanation is not None and not args.json:
        print_text(str(explanation))
    output = await execution.output()
    if not (args.json or args.history):
        print_json(output)
