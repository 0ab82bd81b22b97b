"""What can be written on the command line about checking, comparing and deploying machines."""

import argparse
from typing import Any

FORMATS = ("text", "json", "sarif")
ROLES = ("machine", "worker", "starter")
_CHECK = """\
Check definitions in files: States Language in JSON or YAML, and the state machines of CloudFormation's and
SAM's templates. Folders are searched; other files in them are left alone. pyproject.toml says more, in
[tool.asfini.check]: include, exclude, ignore, per-file-ignores, warnings, strict."""
_CHECK_EPILOG = """\
examples:
  {prog} check
  {prog} check template.yaml 'machines/**/*.asl.json'
  {prog} check --format sarif --output asfini.sarif
  {prog} check --ignore NO_DOLLAR --strict
  {prog} check --explain NO_DOLLAR

exit status: 0 no errors (with --strict, no warnings either); 1 some; 2 wrong usage, or a file cannot be read
"""
_DIFF = """\
Compare two definitions by what they mean: formatting, the order of keys and defaults that are spelled out
make no difference. Each is a file, or a registered machine's name or ARN; a name of --app's machines stands
for that. Without a second one, a machine of --app is compared with what is registered under its name."""
_DIFF_EPILOG = """\
examples:
  {prog} diff old.asl.json new.asl.json
  {prog} diff shop.asl.yaml arn:aws:states:eu-west-1:123456789012:stateMachine:shop
  {prog} --app shop diff

exit status: 0 they mean the same; 1 they differ; 2 wrong usage
"""
_POLICY = """\
Print the least IAM policy that a role needs: the machine's own (by default), a worker's for the machine's
activities, or that of who starts it. The machine is a file, one of --app, or one that is registered."""
_POLICY_EPILOG = """\
examples:
  {prog} policy shop.asl.json
  {prog} --app shop policy --for worker
  {prog} policy shop.asl.json --for starter --name shop --account 123456789012
"""

_TEMPLATE = """\
Print a CloudFormation template with the machine, the activities of --app, and a role for the machine that may
do just what it needs, unless the machine names one. The machine is a file, one of --app, or one that is
registered. Nothing is sent to CloudFormation."""
_TEMPLATE_EPILOG = """\
examples:
  {prog} --app shop template > template.json
  {prog} --app shop template --no-activities
  {prog} template shop.asl.json --name shop
"""


def _add_check(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="files, folders and patterns (default: what is configured, or .)",
    )
    parser.add_argument("-f", "--format", choices=FORMATS, help="how to tell (default: text)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")
    parser.add_argument(
        "--ignore",
        metavar="RULE",
        action="append",
        default=[],
        help="leave out a rule, besides those that are configured; may be given several times",
    )
    parser.add_argument(
        "--no-warnings", dest="warnings", action="store_false", default=None, help="tell of errors only"
    )
    parser.add_argument("--strict", action="store_true", default=None, help="let warnings count as errors")
    parser.add_argument("--explain", metavar="RULE", help="say what a rule is about, and check nothing")


def _add_diff(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument("before", metavar="A", nargs="?", help="a file, or a machine's name or ARN")
    parser.add_argument("after", metavar="B", nargs="?", help="as A")


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "machine",
        metavar="FILE_OR_NAME",
        nargs="?",
        help="a file, or a machine's name or ARN; none where --app has just one machine",
    )


def _add_policy(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_machine(parser)
    parser.add_argument(
        "--for", dest="role", choices=ROLES, default="machine", help="whose role (default: %(default)s)"
    )
    parser.add_argument("-n", "--name", help="the machine's name, where a file has its definition")
    parser.add_argument("--account", metavar="ID", help="the account (default: CloudFormation's placeholder)")


def _add_template(parser: argparse.ArgumentParser, _: Any) -> None:
    _add_machine(parser)
    parser.add_argument(
        "-n", "--name", help="the machine's name, where a file has its definition (default: the file's)"
    )
    parser.add_argument(
        "--no-activities",
        dest="activities",
        action="store_false",
        help="leave out the activities: others make them",
    )


CHECK_COMMANDS = {
    "check": ("check definitions and templates in files", _CHECK, _CHECK_EPILOG, _add_check),
    "diff": ("compare two definitions by meaning", _DIFF, _DIFF_EPILOG, _add_diff),
    "policy": ("print the IAM policy that a role needs", _POLICY, _POLICY_EPILOG, _add_policy),
    "template": ("print a CloudFormation template", _TEMPLATE, _TEMPLATE_EPILOG, _add_template),
}
"""Commands by name, as all others: help in the list, description, epilog, and what adds their arguments."""
