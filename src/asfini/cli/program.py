"""A program from its arguments to its exit status: `CLI` and `main`."""

import json
import logging
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any

from asfini import _checks
from asfini._host import only_error
from asfini.cli.app import App, activities_in, load, machines_in
from asfini.cli.hints import hint_for
from asfini.cli.options import make_parser, parse
from asfini.errors import AsfiniError, ExecutionError, InvalidArgument

if TYPE_CHECKING:
    from asfini.activity import Activity, ActivityRegistration
    from asfini.client import Client
    from asfini.machine import StateMachine

    Activities = ActivityRegistration | Activity

FAILURE, USAGE, INTERRUPTED, BROKEN_PIPE, TERMINATED = 1, 2, 130, 141, 143
"""Exit statuses; the last three are those that shells give to programs ended by a signal."""
_ENDINGS = {"FAILED": FAILURE, "TIMED_OUT": 3, "ABORTED": 4}
"""Exit statuses by how an execution ended that was waited for."""

_SPELLINGS = {
    "allow_remote=True": "--allow-remote",
    "allow_update=True": "--allow-update",
    "account_id is": "--account is",
    'aws_endpoint="aws"': "--aws-endpoint aws",
    "aws_endpoint is": "--aws-endpoint is",
    "aws_endpoint=": "--aws-endpoint ",
    "endpoint_url must": "--endpoint-url must",
    "mock_config cannot": "--mock-config cannot",
    "poll_seconds is": "--poll-seconds is",
    "port is a": "--port is a",
    "region is AWS": "--region is AWS",
    "pass region=…": "pass --region",
    "with role=…": "with --role",
}
"""How the command line says what errors say in Python's words."""
_LONGEST_CAUSE = 400
_LASTING = frozenset({"local", "watch", "worker"})
"""Commands that last, and say themselves what happens."""


class CLI:
    """A command line for a program's own machines and activities.

    It has the commands `register`, `deregister`, `start`, `worker`, `executions` and `local`, and those about
    one execution, such as `explain`; `--help` tells of them.

    Args:
        state_machine: the machine, or several. One that others deploy is given by its name or ARN; it is
            neither registered nor deregistered.
        activities: the activities: a group, one activity, or several of either.
        role_arn: the role that machines are registered with, an ARN or a name.
        version: what `--version` prints; without it there is no such option.
        prog: the program's name; by default that of the running file.
        handlers: what stands in for Lambda functions and other resources with `--local`, as
            `asfini.local.connect` takes it.
        connect: how Step Functions is reached, in place of `asfini.aws.connect`. It is called with those of
            `region`, `profile` and `endpoint_url` that the command line gives.

    Raises:
        InvalidArgument: there is neither a machine nor an activity, or something else in its place.

    Examples:
        >>> if __name__ == "__main__":  # doctest: +SKIP
        ...     CLI(shop, activities, role_arn="shop", version="1.0").parse_args()
    """

    def __init__(
        self,
        state_machine: "StateMachine | str | Iterable[StateMachine | str] | None" = None,
        activities: "Activities | Iterable[Activities] | None" = None,
        role_arn: str | None = None,
        version: str | None = None,
        prog: str | None = None,
        *,
        handlers: Mapping[Any, Any] | None = None,
        connect: "Callable[..., AbstractAsyncContextManager[Client]] | None" = None,
    ) -> None:
        machines, found = machines_in(state_machine), activities_in(activities)
        if not machines and not found:
            raise InvalidArgument("a CLI needs a state machine or activities")
        _checks.names(role_arn=role_arn, version=version, prog=prog)
        if not (connect is None or callable(connect)):
            raise InvalidArgument(f"connect is a function, not {connect!r}")
        if not (handlers is None or isinstance(handlers, Mapping)):
            raise InvalidArgument(f"handlers is functions by resource, not {handlers!r}")
        self.app = App(machines, found, role_arn, handlers or {}, connect)
        self.version = version
        self.prog = prog

    def parse_args(self, argv: Sequence[str] | None = None) -> None:
        """Do what the arguments say, in an event loop of its own.

        Args:
            argv: the arguments; by default those of the running program.

        Raises:
            SystemExit: it did not go well, or just help was asked for. The status is 1 if an execution or a
                call failed, 3 or 4 if an execution timed out or was stopped, 2 if the arguments or the input
                are wrong, 130 or 143 after a signal.
            RuntimeError: an event loop runs already.
        """
        version = self.version
        parser = make_parser(self.prog, None if version is None else lambda: version, self.app)
        if status := run(parse(parser, argv), parser.prog, lambda: self.app):
            raise SystemExit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `asfini`.

    Args:
        argv: the arguments; by default those of the running program.

    Returns:
        The exit status, as `CLI.parse_args` gives it.

    Raises:
        SystemExit: help was asked for, or the arguments are wrong.
    """
    args = parse(make_parser("asfini", _own_version, None), argv)
    return run(args, "asfini", lambda: load(args.app))


def _own_version() -> str:
    from importlib.metadata import version

    return f"asfini {version('asfini')}"


def run(args: Namespace, prog: str, find_app: Callable[[], App]) -> int:
    """Do a command, and say on standard error what goes wrong.

    Args:
        args: the parsed arguments.
        prog: the program's name.
        find_app: finds what the command acts on.

    Returns:
        The exit status.
    """
    if _loop_runs():
        raise RuntimeError("a command line runs an event loop of its own: call it where none is running")
    if args.command == "completion":  # shells ask for it whenever one starts
        return _complete(args)
    from asfini.cli import progress  # slow, and help does without
    from asfini.cli.commands import prepare
    from asfini.cli.running import Terminated, Unclean, run_to_end

    try:
        app = find_app()
        _set_up_logging(args)  # after the app's modules may have done so
        status = 0
        try:
            with progress.shown(f"{prog} {args.command}", quiet=args.quiet > 0 or args.command in _LASTING):
                run_to_end(prepare(args, app))
        except Unclean:
            status = FAILURE
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except Exception as error:  # noqa: BLE001 - whatever it is, a person wants a line rather than a traceback
        return _report(error, prog, args)
    return status


def _complete(args: Namespace) -> int:
    """Print a shell's script."""
    from asfini.cli.completion import script

    parser, commands = args.completes
    text = script(parser, commands, args.shell)
    print(json.dumps({"shell": args.shell, "script": text}, indent=2) if args.json else text, end="")
    return 0


def _loop_runs() -> bool:
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio is not None and asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


def _set_up_logging(args: Namespace) -> None:
    """Log to standard error as sfini does, but as it likes where the program has set up its own way."""
    root = logging.getLogger()
    level = max(logging.WARNING - 10 * (args.verbose - args.quiet), logging.DEBUG)
    if args.verbose or args.quiet or not root.handlers:
        root.setLevel(level)
    from asfini.cli.output import LogHandler  # slow, and help does without

    logging.basicConfig(
        format="%(asctime)s [%(levelname)8s] %(name)s: %(message)s", handlers=[LogHandler(sys.stderr)]
    )
    for library in map(logging.getLogger, ("botocore", "aiobotocore", "aiohttp")):
        if library.level == logging.NOTSET:  # they would log payloads and tokens
            library.setLevel(logging.WARNING)


def _drop_output() -> None:
    """Let nobody try to write what is left to a pipe that nobody reads."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _report(error: Exception, prog: str, args: Namespace) -> int:
    """Say what went wrong in a line, and what to do next; with its traceback if that is asked for."""
    found = only_error(error)
    with suppress(OSError, ValueError):  # nobody reads standard error
        if args.verbose > 1:
            traceback.print_exception(found)
        print(f"{prog}: error: {_message(found)}", file=sys.stderr)
        if args.quiet == 0 and (hint := hint_for(found, prog, args)) is not None:
            print(f"{prog}: hint: {hint}", file=sys.stderr)
    if isinstance(found, ExecutionError):
        return _ENDINGS[found.status]
    return USAGE if isinstance(found, InvalidArgument) else FAILURE


def _message(error: BaseException) -> str:
    text = str(error)
    for python, option in _SPELLINGS.items():
        text = text.replace(python, option)
    if isinstance(error, InvalidArgument):  # of a definition it may tell several problems, each in a line
        return text
    if isinstance(error, ExecutionError):
        return _ending(error)
    line = " ".join(text.split())
    return line if isinstance(error, AsfiniError) else f"{type(error).__name__}: {line} (-vv shows where)"


def _ending(error: ExecutionError) -> str:
    """How an execution ended, in a line: of a long cause, such as a traceback, the last one."""
    name = error.execution_arn.split(":")[7]
    cause = ((error.cause or "").strip().splitlines() or [""])[-1].strip()[:_LONGEST_CAUSE]
    ending = error.status.lower().replace("_", " ")
    named = None if error.error and cause.startswith(f"{error.error}:") else error.error  # as in a traceback
    return ": ".join(part for part in (f"execution {name} {ending}", named, cause) if part)
