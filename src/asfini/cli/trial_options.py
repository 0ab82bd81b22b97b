"""What can be written on the command line about running a definition here."""

import argparse
from typing import Any

from asfini.cli.local_options import add_stand_ins

_RUN = """\
Run a definition here and now, without AWS and in virtual time: an hour's Wait takes no time. Its output is
printed. Nothing leaves the process: tasks give what --mock says or a file for Step Functions Local, are
done by functions, or fail.

A mock is NAME=RESULT. The name is that of a Task, or what does it: an ARN, its last part, such as
sqs:sendMessage, or a Lambda function's name. The result is JSON, @FILE with JSON, error:Name or
error:Name:cause. Given several times for one name, results come in turn, and the last one from then on."""
_RUN_EPILOG = """\
examples:
  {prog} run shop.asl.json
  {prog} run shop.asl.json --input '{{"pence": 500}}' --mock 'charge={{"paid": 500}}'
  {prog} run shop.asl.json --input @order.json --mock charge=error:Declined --explain
  {prog} run shop.asl.json --mock charge=error:Busy --mock 'charge="paid"' --history
  {prog} run shop.asl.json --mock-config MockConfigFile.json --test-case Declined --report run.html
  {prog} --app shop run shop.asl.json --lambda resize=images.handlers:resize

exit status: as it ended: 0 SUCCEEDED; 1 FAILED; 3 TIMED_OUT; 4 ABORTED; 2 wrong usage or bad input
"""


def _add_run(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument("file", metavar="FILE", help="the definition, as JSON or YAML")
    parser.add_argument(
        "-i",
        "--input",
        metavar="JSON",
        default="{}",
        help="its input, @FILE for one in a file, - for standard input (default: %(default)s)",
    )
    parser.add_argument(
        "-m",
        "--mock",
        metavar="NAME=RESULT",
        dest="mocks",
        action="append",
        default=[],
        help="what a task gives; may be given several times",
    )
    add_stand_ins(parser)
    parser.add_argument("--test-case", metavar="CASE", help="which of them")
    parser.add_argument(
        "--substitute",
        dest="substitutions",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what stands for ${NAME}, as a template's DefinitionSubstitutions; may be given several times",
    )
    parser.add_argument(
        "-n", "--name", help="the machine's name (default: that of --mock-config's only one, or the file's)"
    )
    parser.add_argument("--history", action="store_true", help="print the history, and the output with it")
    parser.add_argument("--explain", action="store_true", help="say why it failed")
    parser.add_argument("--report", metavar="FILE", help="write a page about it, as HTML")


TRIAL_COMMANDS = {"run": ("run a definition here, with mocks", _RUN, _RUN_EPILOG, _add_run)}
"""Commands by name, as all others: help in the list, description, epilog, and what adds their arguments."""
