"""What can be written on the command line about Step Functions on this machine, and about shells."""

import argparse
from typing import Any

from asfini.cli.completion import SHELLS

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


def add_stand_ins(parser: argparse.ArgumentParser) -> None:
    """Add what stands in for tasks."""
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


def _add_completion(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}")


def _add_local(parser: argparse.ArgumentParser, _: Any) -> None:
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
    add_stand_ins(parser)
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


LOCAL_COMMANDS = {
    "local": ("be Step Functions on this machine", _LOCAL, _LOCAL_EPILOG, _add_local),
    "completion": (
        "print a script that completes commands",
        _COMPLETION,
        _COMPLETION_EPILOG,
        _add_completion,
    ),
}
"""Commands by name, as all others: help in the list, description, epilog, and what adds their arguments."""
