"""What can be written on the command line about machines and activities of programs."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from asfini._checks import STATUSES
from asfini.cli.app import App, name_of

if TYPE_CHECKING:
    from asfini.activity import Activity
    from asfini.machine import StateMachine

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
  {call} start order.json --local --virtual-time
"""
_WORKER = """\
Do tasks until SIGINT (Ctrl-C) or SIGTERM: then no more are taken, and those in work have 30 seconds to
finish. Open polls end first, which takes up to 60 seconds on AWS. A second signal leaves no time."""
_WORKER_EPILOG = """\
examples:
  {call} worker
  {call} worker shop-charge shop-pack -v
  {call} worker --endpoint-url http://127.0.0.1:8083
  {call} worker --health 0.0.0.0:8080
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


def listed(things: "Iterable[StateMachine | Activity | str]") -> str:
    """Names of machines or activities, for people."""
    return ", ".join(map(name_of, things))


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
    known = f": {listed(app.machines)}".replace("%", "%%") if app and app.machines else ""
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
    parser.add_argument(
        "--virtual-time", action="store_true", help="jump over the time of waits and retries, with --local"
    )
    _add_machine(parser, app)


def _add_worker(parser: argparse.ArgumentParser, app: App | None) -> None:
    known = f": {listed(app.activities)}" if app and app.activities else ""
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"activities to work at{known} (default: all)"
    )
    parser.add_argument(
        "--health",
        metavar="[HOST:]PORT",
        help="answer probes over HTTP, GET /ready and GET /live, with the worker's figures (default host: "
        "127.0.0.1; containers need 0.0.0.0)",
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


MACHINE_COMMANDS = {
    "register": ("make machines and activities known", _REGISTER, _REGISTER_EPILOG, _add_register),
    "deregister": (
        "delete machines and activities",
        _DEREGISTER,
        _DEREGISTER_EPILOG,
        _add_deregister,
    ),
    "start": ("start an execution", _START, _START_EPILOG, _add_start),
    "worker": ("do the tasks of activities", _WORKER, _WORKER_EPILOG, _add_worker),
    "executions": (
        "list executions and their histories",
        _EXECUTIONS,
        _EXECUTIONS_EPILOG,
        _add_executions,
    ),
}
"""Commands by name, as all others: help in the list, description, epilog, and what adds their arguments."""
