"""What can be written on the command line, and the help that says so."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from asfini.cli.app import App
from asfini.cli.check_options import CHECK_COMMANDS
from asfini.cli.local_options import LOCAL_COMMANDS
from asfini.cli.machine_options import MACHINE_COMMANDS, listed
from asfini.cli.picture_options import PICTURE_COMMANDS
from asfini.cli.run_options import RUN_COMMANDS
from asfini.cli.trial_options import TRIAL_COMMANDS

_EPILOG = """\
examples:
  {call} register                     make machines and activities known
  {call} worker                       do the tasks of all activities
  {call} start order.json --wait      run the machine, print its output
  {call} executions --status FAILED   what failed, and how it came about
  {call} start order.json --local     run it here and now, without AWS
  {call} graph --output shop.svg      what the machine looks like
  {prog} watch ARN{gap}                    what an execution does, while it does it
  {prog} explain ARN{gap}                  why it failed
  {prog} report ARN{gap}                   a page about it
  {prog} run shop.asl.json{gap}            run a definition here and now, with mocks
  {prog} check{gap}                        what is wrong with definitions in files
  {prog} local{gap}                        be Step Functions on this machine, for any SDK
  {prog} COMMAND --help{gap}               examples of a command

exit status:
  0 all is well; 1 the execution or a call failed; 2 wrong usage or bad input;
  3 the execution timed out; 4 it was stopped;
  130 and 143 interrupted by a signal, but for `worker` and `local`, which end in good order
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
    gap = " " * (len(call) - len(parser.prog))
    parser.epilog = _EPILOG.format(call=call, prog=parser.prog, gap=gap)
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
        f"{what} {listed(things)}"
        for what, things in (("state machine", app.machines), ("activities", app.activities))
        if things
    ]
    return f"Control {' and '.join(parts)}."


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


_Adding = Callable[[argparse.ArgumentParser, App | None], None]
_COMMANDS: dict[str, tuple[str, str, str, _Adding]] = {
    **MACHINE_COMMANDS,
    **TRIAL_COMMANDS,
    **RUN_COMMANDS,
    **PICTURE_COMMANDS,
    **CHECK_COMMANDS,
    **LOCAL_COMMANDS,
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
    if args.command == "start" and args.virtual_time and not args.local:
        parser.error("--virtual-time is for --local: on AWS, time passes")
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
