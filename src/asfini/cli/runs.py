"""What the commands about single executions do."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from asfini.cli.app import App
from asfini.cli.commands import Work, wait
from asfini.cli.connecting import connected, execution_arn
from asfini.cli.output import print_json, print_text, write_files
from asfini.client import Client
from asfini.errors import InvalidArgument
from asfini.history import Event, format_event
from asfini.view.folding import Folding


def prepare(args: Namespace, app: App) -> Work:
    """Check a command's arguments, and give what does it.

    Raises:
        InvalidArgument: they make no sense.
    """
    execution_arn(args, app)
    return _COMMANDS[args.command](args, connected(args, app))


def _explain(args: Namespace, connecting: AbstractAsyncContextManager[Client]) -> Work:
    async def explain() -> None:
        async with connecting as client:
            explanation = await client.execution(args.arn).explain(children=args.children)
        if args.json:
            print_json(explanation.to_dict())
        else:
            print_text(str(explanation))

    return explain()


def _history(args: Namespace, connecting: AbstractAsyncContextManager[Client]) -> Work:
    async def history() -> None:
        chosen, told = _Chosen(args.states, args.types), []
        async with connecting as client:
            events = client.execution(args.arn).history(
                follow=args.follow, include_data=args.data or args.json
            )
            async for event in events:
                if not chosen.takes(event):
                    continue
                if not args.json:
                    text = format_event(event, cause=args.verbose > 0, input=args.data)
                    print_text(text, flush=args.follow)
                elif args.follow:
                    print_json(event.to_dict(), indent=None, flush=True)
                else:
                    told.append(event.to_dict())
        if args.json and not args.follow:
            print_json(told)
        if not args.quiet and (note := chosen.note()) is not None:
            print_text(note, error=True)

    return history()


class _Chosen:
    """Which events are to be printed.

    Args:
        states: patterns of states' names; none for all events.
        types: patterns of events' types; none for all.
    """

    def __init__(self, states: list[str], types: list[str]) -> None:
        self._patterns = {"state": states, "type": types}
        self._seen: dict[str, dict[str, None]] = {"state": {}, "type": {}}
        self._folding = Folding()
        self._taken = 0

    def takes(self, event: Event) -> bool:
        """Whether an event, which follows those that were asked for before, is to be printed."""
        state = self._folding.take(event)
        name = getattr(event, "name", None if state is None else state.name)
        for what, found in (("state", name), ("type", event.type)):
            if found is not None:
                self._seen[what][found] = None
        taken = all(
            not patterns or (found is not None and _fits(found, patterns))
            for found, patterns in zip((name, event.type), self._patterns.values(), strict=True)
        )
        self._taken += taken
        return taken

    def note(self) -> str | None:
        """What to tell somebody who got nothing: what there would be."""
        if self._taken or not any(self._patterns.values()):
            return None
        asked = [f"{what} {' or '.join(map(repr, each))}" for what, each in self._patterns.items() if each]
        there = [f"{what}s: {', '.join(self._seen[what])}" for what, each in self._patterns.items() if each]
        return f"no event is of {' and '.join(asked)}; there are {'; '.join(there)}"


def _fits(name: str, patterns: list[str]) -> bool:
    """Whether a name is like one of some patterns, in which `*` stands for anything."""
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) for pattern in patterns
    )


def _redrive(args: Namespace, connecting: AbstractAsyncContextManager[Client]) -> Work:
    async def redrive() -> None:
        async with connecting as client:
            execution = client.execution(args.arn)
            date = await execution.redrive()
            if args.wait or args.history:
                await wait(args, client, execution)
            elif args.json:
                print_json({"arn": execution.arn, "redrive_date": date.isoformat()})
            else:
                print_text(f"goes on: {execution.arn}")

    return redrive()


def _record(args: Namespace, connecting: AbstractAsyncContextManager[Client]) -> Work:
    from asfini.testing.recording import (
        record as record_execution,
    )  # nobody else needs a service of one's own

    async def record() -> None:
        async with connecting as client:
            recording = await record_execution(client.execution(args.arn))
        files = recording.files(args.name)
        paths = _paths(files, args.directory, force=args.force)
        write_files(dict(zip(paths, files.values(), strict=True)))
        if args.json:
            print_json([str(path) for path in paths])
        else:
            print_text("\n".join(f"wrote {path}" for path in paths))

    return record()


def _paths(names: Iterable[str], directory: str, *, force: bool) -> list[Path]:
    """Where files are to be written.

    Raises:
        InvalidArgument: one is there already, or the directory cannot be had.
    """
    folder = Path(directory)
    paths = [folder / name for name in names]
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise InvalidArgument(
            f"{there[0]} is there already; --force writes over it, --name names it otherwise"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgument(f"cannot write to {directory}: {error.strerror or error}") from error
    return paths


_COMMANDS: dict[str, Callable[[Namespace, AbstractAsyncContextManager[Client]], Work]] = {
    "explain": _explain,
    "history": _history,
    "redrive": _redrive,
    "record": _record,
}
