"""What can be written on the command line about single executions."""

import argparse
from typing import Any

_EXPLAIN = """\
Say why an execution failed: in which state, branch or item, with what input, after which tries, and what
Retry and Catch did; or where it stands, and what it waits for."""
_EXPLAIN_EPILOG = """\
examples:
  {prog} explain arn:aws:states:eu-west-1:123456789012:execution:shop:order-7
  {prog} explain ARN --json
"""
_HISTORY = """\
Print the events of an execution, all or some of them. With --json they are a JSON array; with --follow, too,
an object each, a line each."""
_HISTORY_EPILOG = """\
examples:
  {prog} history ARN --follow
  {prog} history ARN --state charge --data
  {prog} history ARN --type '*Failed' --type '*TimedOut' -v
"""
_WATCH = """\
Watch an execution until it ends: its states with outcome, tries and durations, what it waits for, branches
and counts of items. A terminal shows a table, which is drawn anew; else each change is a line, with --json an
object. Ctrl-C ends the watching: the execution goes on."""
_WATCH_EPILOG = """\
examples:
  {prog} watch arn:aws:states:eu-west-1:123456789012:execution:shop:order-7
  {prog} watch ARN > order-7.log
  {prog} watch ARN --json | jq .place

exit status: as it ended: 0 SUCCEEDED; 1 FAILED; 3 TIMED_OUT; 4 ABORTED; 130 after Ctrl-C
"""
_REDRIVE = """\
Let an execution go on from where it failed, timed out or was stopped, within 14 days."""
_REDRIVE_EPILOG = """\
examples:
  {prog} redrive ARN
  {prog} redrive ARN --wait && echo well
"""
_RECORD = """\
Make a test of an execution: a file for pytest that runs the same machine offline, the results of its tasks
in the format of Step Functions Local's MockConfigFile.json, and its input and end, which the test asserts.

The files have the data that the execution had: look through them before you share them."""
_RECORD_EPILOG = """\
examples:
  {prog} record ARN
  {prog} record ARN --directory tests/runs --name declined
"""


def _add_arn(parser: argparse.ArgumentParser, _: Any = None) -> None:
    parser.add_argument("arn", metavar="ARN", help="the execution's ARN")


def _add_explain(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_arn(parser)
    parser.add_argument(
        "--no-children",
        dest="children",
        action="store_false",
        help="leave out nested executions and children of map runs",
    )


def _add_history(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_arn(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="wait for further events until it ends")
    parser.add_argument(
        "-s",
        "--state",
        metavar="NAME",
        dest="states",
        action="append",
        default=[],
        help="only events of this state; `*` stands for anything, and it may be given several times",
    )
    parser.add_argument(
        "-t",
        "--type",
        metavar="TYPE",
        dest="types",
        action="append",
        default=[],
        help="only events of this type, such as TaskFailed; `*` stands for anything, and it may be given "
        "several times",
    )
    parser.add_argument("--data", action="store_true", help="print inputs and outputs, too")


def _add_watch(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_arn(parser)


def _add_redrive(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_arn(parser)
    parser.add_argument("-w", "--wait", action="store_true", help="wait for the end, and print the output")
    parser.add_argument("--history", action="store_true", help="wait for the end, and print the history")


def _add_record(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_arn(parser)
    parser.add_argument(
        "-d", "--directory", metavar="DIR", default=".", help="where to write files (default: here)"
    )
    parser.add_argument("-n", "--name", help="what their names begin with (default: the execution's name)")
    parser.add_argument("--force", action="store_true", help="write over files that are there")


RUN_COMMANDS = {
    "explain": ("say why an execution failed, or what it waits for", _EXPLAIN, _EXPLAIN_EPILOG, _add_explain),
    "history": ("print an execution's events", _HISTORY, _HISTORY_EPILOG, _add_history),
    "watch": ("watch an execution until it ends", _WATCH, _WATCH_EPILOG, _add_watch),
    "redrive": ("let an execution go on from where it failed", _REDRIVE, _REDRIVE_EPILOG, _add_redrive),
    "record": ("make a test of an execution", _RECORD, _RECORD_EPILOG, _add_record),
}
"""Commands by name, as all others: help in the list, description, epilog, and what adds their arguments."""
