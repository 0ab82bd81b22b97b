"""What can be written on the command line, and the help that says so."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from asfini._checks import STATUSES
from asfini.cli.app import App, name_of
from asfini.cli.check_options import CHECK_COMMANDS
from asfini.cli.completion import SHELLS
from asfini.cli.picture_options import PICTURE_COMMANDS
from asfini.cli.run_options import RUN_COMMANDS
from asfini.cli.trial_options import TRIAL_COMMANDS

if TYPE_CHECKING:
    from asfini.activity import Activity
    from asfini.machine import StateMachine

_EPILOG = """\
examples:
  {call} register                     make machines and activities known
  {call} worker                       do the tasks of all activities
  {call} start order.json --wait      run the machine, print its output
  {call} executions --status FAILED   what failed, and how it came about
  {call} start order.json --local     run it here and now, without AWS
  {call} graph --output shop.svg      what the machine looks like
  {prog} watch ARN                    what an execution does, while it does it
  {prog} explain ARN                  why it failed
  {prog} report ARN                   a page about it
  {prog} run shop.asl.json            run a definition here and now, with mocks
  {prog} check                        what is wrong with definitions in files
  {prog} local                        be Step Functions on this machine, for any SDK
  {prog} COMMAND --help               examples of a command

exit status:
  0 all is well; 1 the execution or a call failed; 2 wrong usage or bad input;
  3 the execution timed out; 4 it was stopped;
  130 and 143 interrupted by a signal, but for `worker` and `local`, which end in good order
"""

_REGISTER = """\
Make activities and state machines known. Nothing is sent where nothing has changed; a machine that is
registered otherwise is changed with -u alone."""
_REGISTER_EPILOG = """\
examples:
  {call} register --dry-run
  {call} register --allow-update --role sellers
  {call} register --activities-only --region eu-west-1
"""
_DEREGISTER = """\
Delete the state machines and activities. Executions that run are stopped by AWS; what is not there is no
error."""
_DEREGISTER_EPILOG = """\
examples:
  {call} deregister
  {call} deregister --state-machine-only
"""
_START = """\
Start an execution, and print its ARN; or its output, with --wait.

With --local it runs in this process, without AWS: the machine and the activities are registered, a worker
does the tasks, and the command waits for the end, for nothing is left afterwards."""
_START_EPILOG = """\
examples:
  {call} start order.json
  echo '{{"pence": 500}}' | {call} start - --wait
  {call} start order.json --local --history
"""
_WORKER = """\
Do tasks until SIGINT (Ctrl-C) or SIGTERM: then no more are taken, and those in work have 30 seconds to
finish. Open polls end first, which takes up to 60 seconds on AWS. A second signal leaves no time."""
_WORKER_EPILOG = """\
examples:
  {call} worker
  {call} worker shop-charge shop-pack -v
  {call} worker --endpoint-url http://127.0.0.1:8083
"""
_EXECUTIONS = """\
List the executions of the state machine, of all if there are several, the youngest first, each with its
history."""
_EXECUTIONS_EPILOG = """\
examples:
  {call} executions --status FAILED
  {call} executions --no-history
  {prog} executions --machine shop --status running --json
"""

_LOCAL = """\
Be Step Functions on this machine, over HTTP, for any SDK in any language, until SIGINT (Ctrl-C) or SIGTERM.

What --app names is registered, and its activities are done here. Nothing is kept when the command ends."""
_LOCAL_EPILOG = """\
examples:
  {prog} local
  {call} local --lambda resize=images.handlers:resize
  {prog} local --port 0 --virtual-time
"""
_COMPLETION = """\
Print a script by which a shell completes commands, options and their values."""
_COMPLETION_EPILOG = """\
examples:
  eval "$({prog} completion bash)"                                       in ~/.bashrc
  eval "$({prog} completion zsh)"                                        in ~/.zshrc, after compinit
  {prog} completion fish > ~/.config/fish/completions/{prog}.fish
"""


_AFTER = "after_"
"""What the names of general options begin with that follow the command."""
_ALONE = frozenset({"check", "completion", "local", "run"})
"""Commands that call no service."""
_SUMS = ("app", "verbose", "quiet")
"""General options that add up; of others the last one counts."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keep the lines of descriptions and examples as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


class _Version(argparse.Action):
    """Print a version that is found out only when it is asked for."""

    def __init__(self, *, find: Callable[[], str], **options: Any) -> None:
        super().__init__(nargs=0, **options)
        self.find = find

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(self.find())
        parser.exit()


def make_parser(
    prog: str | None, version: Callable[[], str] | None, app: App | None
) -> argparse.ArgumentParser:
    """Make the parser of a program.

    Args:
        prog: the program's name; by default that of the running file.
        version: finds out the version.
        app: what commands act on; `None` where the command line is to say.
    """
    parser = argparse.ArgumentParser(
        prog=prog, description=_described(app), formatter_class=_Formatter, allow_abbrev=False
    )
    call = parser.prog if app else f"{parser.prog} --app shop"
    parser.epilog = _EPILOG.format(call=call, prog=parser.prog)
    if version is not None:
        parser.add_argument(
            "-V", "--version", action=_Version, find=version, help="show the program's version and exit"
        )
    _add_general(parser, app, top=True)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, title="commands")
    for name, (text, description, epilog, add) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=description,
            epilog=epilog.format(call=call, prog=parser.prog),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        command.set_defaults(parser=command)
        add(command, app)
        _add_general(command.add_argument_group("general options"), app, top=False)
    offered = {name: (_COMMANDS[name][0], command) for name, command in commands.choices.items()}
    commands.choices["completion"].set_defaults(completes=(parser, offered))
    return parser


def _described(app: App | None) -> str:
    if app is None:
        return "Register, run and work at the state machines of AWS Step Functions, with or without AWS."
    parts = [
        f"{what} {_listed(things)}"
        for what, things in (("state machine", app.machines), ("activities", app.activities))
        if things
    ]
    return f"Control {' and '.join(parts)}."


def _listed(things: "Iterable[StateMachine | Activity | str]") -> str:
    return ", ".join(map(name_of, things))


def _add_general(parser: Any, app: App | None, *, top: bool) -> None:
    """Add what can be written before the command, and after it as well."""

    def add(option: str, *short: str, **options: Any) -> None:
        # What follows the command is kept apart: argparse would put it in place of what was said before.
        name = option.removeprefix("--").replace("-", "_")
        parser.add_argument(*short, option, dest=name if top else _AFTER + name, **options)

    if app is None:
        add(
            "--app",
            action="append",
            default=[],
            metavar="MODULE[:NAME]",
            help="Python module, or a CLI, state machine or activities in it; may be given several times",
        )
    add("--verbose", "-v", action="count", default=0, help="log more; twice: everything, and tracebacks")
    add("--quiet", "-q", action="count", default=0, help="log less, and show no progress")
    add("--json", action="store_true", default=False, help="print JSON")
    add("--local", action="store_true", default=False, help="run in this process, without AWS (start only)")
    add("--region", metavar="REGION", help="AWS region")
    add("--profile", metavar="PROFILE", help="profile in AWS's configuration files")
    add("--endpoint-url", metavar="URL", help="where to send requests instead of AWS")


def _add_only(parser: argparse.ArgumentParser, verb: str) -> None:
    only = parser.add_mutually_exclusive_group()
    only.add_argument("-s", "--state-machine-only", action="store_true", help=f"{verb} no activities")
    only.add_argument("-a", "--activities-only", action="store_true", help=f"{verb} activities only")


def _add_register(parser: argparse.ArgumentParser, _: App | None) -> None:
    parser.add_argument(
        "-u",
        "--allow-update",
        action="store_true",
        help="change a state machine that is registered otherwise",
    )
    parser.add_argument("--role", help="role that executions act in, an ARN or a name")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print what would be changed, even without -u, and send nothing",
    )
    _add_only(parser, "register")


def _add_deregister(parser: argparse.ArgumentParser, _: App | None) -> None:
    _add_only(parser, "deregister")


def _add_machine(parser: argparse.ArgumentParser, app: App | None) -> None:
    known = f": {_listed(app.machines)}".replace("%", "%%") if app and app.machines else ""
    parser.add_argument(
        "-m",
        "--machine",
        metavar="NAME",
        help=f"which state machine, if not the only one{known}; or an ARN",
    )


def _add_start(parser: argparse.ArgumentParser, app: App | None) -> None:
    parser.add_argument("path", metavar="PATH", help="file with the input as JSON; - is standard input")
    parser.add_argument("-w", "--wait", action="store_true", help="wait for the end, and print the output")
    parser.add_argument("--history", action="store_true", help="wait for the end, and print the history")
    parser.add_argument("-n", "--name", help="the execution's name; one is made by default")
    _add_machine(parser, app)


def _add_worker(parser: argparse.ArgumentParser, app: App | None) -> None:
    known = f": {_listed(app.activities)}" if app and app.activities else ""
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"activities to work at{known} (default: all)"
    )


def _add_executions(parser: argparse.ArgumentParser, app: App | None) -> None:
    parser.add_argument(
        "-s",
        "--status",
        metavar="STATUS",
        type=str.upper,
        choices=STATUSES,
        help=f"list only those that are {', '.join(STATUSES)}",
    )
    parser.add_argument(
        "--no-history", dest="history", action="store_false", help="print a line each, without histories"
    )
    _add_machine(parser, app)


def _add_completion(parser: argparse.ArgumentParser, _: App | None) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")


def _add_local(parser: argparse.ArgumentParser, _: App | None) -> None:
    parser.add_argument(
        "--host", metavar="HOST", default="127.0.0.1", help="address to listen at (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        metavar="PORT",
        type=int,
        default=8083,
        help="port to listen at; 0 picks one (default: %(default)s)",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="allow --host to be one that other machines reach, who could then start executions",
    )
    parser.add_argument(
        "--virtual-time", action="store_true", help="jump over the time of waits, retries and time-outs"
    )
    parser.add_argument(
        "--poll-seconds",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="how long a poll waits for a task (default: %(default)g)",
    )
    parser.add_argument(
        "--mock-config", metavar="FILE", help="mocked results by test case, as for Step Functions Local"
    )
    parser.add_argument(
        "--lambda",
        dest="functions",
        metavar="NAME=MODULE:FUNCTION",
        action="append",
        default=[],
        help="Python function to call as a Lambda function; may be given several times",
    )
    parser.add_argument(
        "--aws-endpoint",
        metavar="URL",
        help="where to have tasks of other services done, such as moto's server; `aws` is AWS itself "
        "(default: nothing leaves the process)",
    )
    parser.add_argument("--http", action="store_true", help="let HTTP tasks leave the process")
    parser.add_argument(
        "--quotas", choices=["aws"], help="throttle calls as AWS does (default: take all that come)"
    )
    parser.add_argument("--account", metavar="ID", help="account to play (default: 123456789012)")


_Adding = Callable[[argparse.ArgumentParser, App | None], None]
_COMMANDS: dict[str, tuple[str, str, str, _Adding]] = {
    "register": ("make machines and activities known", _REGISTER, _REGISTER_EPILOG, _add_register),
    "deregister": (
        "delete machines and activities",
        _DEREGISTER,
        _DEREGISTER_EPILOG,
        _add_deregister,
    ),
    "start": ("start an execution", _START, _START_EPILOG, _add_start),
    "worker": ("do the tasks of activities", _WORKER, _WORKER_EPILOG, _add_worker),
    "executions": ("list executions and their histories", _EXECUTIONS, _EXECUTIONS_EPILOG, _add_executions),
    **TRIAL_COMMANDS,
    **RUN_COMMANDS,
    **PICTURE_COMMANDS,
    **CHECK_COMMANDS,
    "local": ("be Step Functions on this machine", _LOCAL, _LOCAL_EPILOG, _add_local),
    "completion": (
        "print a script that completes commands",
        _COMPLETION,
        _COMPLETION_EPILOG,
        _add_completion,
    ),
}
"""Commands by name: help in the list, description, epilog, and what adds their own arguments."""


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments; wrong ones end the program with status 2."""
    args, unknown = parser.parse_known_args(argv)
    if unknown:  # told with the command's usage, for the program's does not have its options
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args = _joined(args)
    _check_app(parser, args)
    for option, given in (("--profile", args.profile), ("--endpoint-url", args.endpoint_url)):
        if args.local and given is not None:
            parser.error(f"--local and {option} exclude each other")
        if args.command in _ALONE and given is not None:
            parser.error(f"{option} is not for {args.command}, which calls nobody")
    if args.local and args.command != "start":
        parser.error(
            f"--local is not for {args.command}, only for start, which registers the machine and does the "
            "activities by itself: a service in this process ends with the command"
        )
    return args


def _check_app(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Demand something to act on: only a machine that is named stands for itself."""
    if args.command in {
        "completion",
        "local",
        *RUN_COMMANDS,
        *PICTURE_COMMANDS,
        *CHECK_COMMANDS,
        *TRIAL_COMMANDS,
    }:
        return
    if getattr(args, "app", None) == [] and getattr(args, "machine", None) is None:
        instead = " or --machine NAME" if hasattr(args, "machine") else ""
        parser.error(f"{args.command} needs --app MODULE[:NAME]{instead}")


def _joined(args: argparse.Namespace) -> argparse.Namespace:
    """Put what follows the command where it belongs."""
    for after in [name for name in vars(args) if name.startswith(_AFTER)]:
        name, said = after.removeprefix(_AFTER), vars(args).pop(after)
        before = getattr(args, name)
        later = before if said in (None, False) else said
        setattr(args, name, before + said if name in _SUMS else later)
    return args
