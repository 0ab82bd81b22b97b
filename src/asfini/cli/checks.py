"""What the commands do that check files, compare definitions and print policies."""

import asyncio
import json
import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asfini import checking, infrastructure
from asfini._arns import has_pseudo_parameters
from asfini.asl.definition import Definition
from asfini.asl.differences import differences
from asfini.aws.session import AWSSession
from asfini.checking import FileResult, Settings
from asfini.cli import progress
from asfini.cli.app import App
from asfini.cli.commands import Work
from asfini.cli.connecting import connected
from asfini.cli.output import check_writable, coloured, print_json, print_text, write_files
from asfini.cli.running import Unclean
from asfini.cli.sources import is_file, load
from asfini.errors import InvalidArgument
from asfini.machine import StateMachine


def prepare(args: Namespace, app: App) -> Work:
    """Check a command's arguments, and give what does it.

    Raises:
        InvalidArgument: they make no sense, or a file cannot be read.
    """
    return _COMMANDS[args.command](args, app)


# check


def _check(args: Namespace, _: App) -> Work:
    if args.explain is not None:
        return _explain(args)
    given = {name: getattr(args, name) for name in ("warnings", "strict") if getattr(args, name) is not None}
    settings = checking.read_settings(ignore=tuple(args.ignore), **given)
    files = checking.find_files(args.paths, settings)
    if args.output not in (None, "-"):
        check_writable(Path(args.output))

    async def check() -> None:
        results = await _checked(files, settings)
        _write(args, _told(results, args))
        if not args.quiet:
            _say(results, len(files))
        bad = ("ERROR", "WARNING") if settings.strict else ("ERROR",)
        if any(finding.severity in bad for result in results for finding in result.findings):
            raise Unclean

    return check()


async def _checked(files: Sequence[Path], settings: Settings) -> list[FileResult]:
    results: list[FileResult] = []
    progress.say(lambda passed: f"checked {len(results)} of {len(files)} files: {passed}")
    for result in checking.check_files(files, settings):
        results.append(result)
        await asyncio.sleep(0)  # a signal may have come
    return results


def _told(results: Sequence[FileResult], args: Namespace) -> str:
    written = args.format or ("json" if args.json else "text")
    if written == "json":
        return checking.to_json(results)
    if written == "sarif":
        return checking.to_sarif(results)
    colours = args.output in (None, "-") and coloured()
    findings = [finding for result in results for finding in result.findings]
    return "\n\n".join(checking.to_text(finding, colours=colours) for finding in findings)


def _write(args: Namespace, text: str) -> None:
    if args.output not in (None, "-"):
        write_files({Path(args.output): f"{text}\n" if text else ""})
    elif text:
        print_text(text)


def _say(results: Sequence[FileResult], files: int) -> None:
    """Say on standard error what was looked at: nothing found may mean that nothing was searched."""
    checked = [result for result in results if result.machines or result.findings]
    if checked:
        print_text(checking.summary(checked), error=True)
    else:
        print_text(f"found no state machine in {files} file{'' if files == 1 else 's'}", error=True)


def _explain(args: Namespace) -> Work:
    rule = checking.RULES.get(args.explain)
    if rule is None:
        raise InvalidArgument(f"there is no rule {args.explain!r}, but {', '.join(checking.RULES)}")

    async def explain() -> None:
        if args.json:
            print_json(
                {"code": rule.code, "severity": rule.severity, "title": rule.title, "text": rule.explanation}
            )
        else:
            print_text(f"{rule.code} ({rule.severity.lower()}): {rule.title}\n\n{rule.explanation}")

    return explain()


# diff


def _diff(args: Namespace, app: App) -> Work:
    names = [name for name in (args.before, args.after) if name is not None]
    if len(names) < 2:
        machine = app.machine(names[0] if names else None, "after `diff`")
        if not isinstance(machine, StateMachine):
            raise InvalidArgument("what are they to be compared with? give two files, names or ARNs")
        sides: list[Definition | str] = [machine.name, machine.definition]
    else:
        sides = [_side(name, app) for name in names]

    async def diff() -> None:
        before, after = await _definitions(args, app, sides)
        found = differences(before, after)
        if args.json:
            print_json([difference.to_dict() for difference in found])
        elif found:
            print_text("\n".join(map(str, found)))
        if found:
            raise Unclean

    return diff()


def _side(named: str, app: App) -> Definition | str:
    """A file's or the app's definition, or a name or ARN to ask for."""
    if is_file(named):
        return load(Path(named))
    machine = app.machine(named)
    return machine.definition if isinstance(machine, StateMachine) else machine


async def _definitions(args: Namespace, app: App, sides: Sequence[Definition | str]) -> list[Definition]:
    """The definitions to compare: what is registered has its account filled in, so that the other gets it."""
    given = [side for side in sides if isinstance(side, Definition)]
    if len(given) == len(sides):
        return given
    async with connected(args, app) as client:
        found = [
            side if isinstance(side, Definition) else (await client.machine(side)).definition
            for side in sides
        ]
        if any(has_pseudo_parameters(side.to_json()) for side in given):
            account = await client.account()
            found = [Definition.from_json(account.fill_in(side.to_json())) for side in found]
    return found


# policy


def _policy(args: Namespace, app: App) -> Work:
    if args.account is not None and not re.fullmatch(r"\d{12}", args.account, re.ASCII):
        raise InvalidArgument(f"--account is a number of 12 digits, not {args.account!r}")
    found = _found(args, app)

    async def policy() -> None:
        machine = await _machine(args, app, found)
        text = json.dumps(_policy_of(args, machine), indent=2)
        partition = None if args.region is None else AWSSession(region=args.region).partition
        for name, value in (("AccountId", args.account), ("Region", args.region), ("Partition", partition)):
            text = text if value is None else text.replace(f"${{AWS::{name}}}", value)
        print_text(text)

    return policy()


def _found(args: Namespace, app: App) -> Definition | StateMachine | str:
    """What the command line names: a file's definition, the app's machine, or a name or ARN to ask for."""
    if args.machine is not None and is_file(args.machine):
        return load(Path(args.machine))
    return app.machine(args.machine, f"after `{args.command}`")


async def _machine(
    args: Namespace, app: App, found: Definition | StateMachine | str
) -> Definition | StateMachine:
    if not isinstance(found, str):
        return found
    async with connected(args, app) as client:
        return await client.machine(found)


def _policy_of(args: Namespace, machine: object) -> dict[str, Any]:
    if args.role == "worker":
        return infrastructure.worker_policy(machine)
    make = infrastructure.starter_policy if args.role == "starter" else infrastructure.required_policy
    return make(machine, name=args.name)


# template


def _template(args: Namespace, app: App) -> Work:
    found = _found(args, app)
    if isinstance(found, Definition):
        found = StateMachine(args.name or Path(args.machine).name.split(".")[0], found)
    if isinstance(found, StateMachine):
        found.check()
    activities = app.activities if args.activities else ()

    async def template() -> None:
        machine = await _machine(args, app, found)
        print_json(infrastructure.cloudformation_template(machine, activities))

    return template()


_COMMANDS: dict[str, Callable[[Namespace, App], Work]] = {
    "check": _check,
    "diff": _diff,
    "policy": _policy,
    "template": _template,
}
