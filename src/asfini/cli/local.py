"""The command `local`: Step Functions on this machine, over HTTP, until a signal comes."""

import asyncio
import importlib
import logging
import os
import signal
from argparse import Namespace
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

from asfini.cli.app import App, object_named
from asfini.cli.output import print_json, print_text
from asfini.errors import InvalidArgument
from asfini.functions import Lambda
from asfini.machine import StateMachine

_logger = logging.getLogger("asfini.local")
_OPEN_FILES = 20_000


def prepare(args: Namespace, app: App) -> Coroutine[Any, Any, None]:
    """Check the command's arguments, and give what serves.

    Raises:
        InvalidArgument: they make no sense.
    """
    handlers = {**app.handlers, **dict(map(function_given, args.functions))}
    machines = [machine for machine in app.machines if isinstance(machine, StateMachine)]
    options: dict[str, Any] = {
        "host": args.host,
        "port": args.port,
        "allow_remote": args.allow_remote,
        "virtual_time": args.virtual_time,
        "poll_seconds": args.poll_seconds,
        "handlers": handlers,
        "mock_config": args.mock_config,
        "aws_endpoint": args.aws_endpoint,
        "http": args.http,
        "quotas": args.quotas,
        "region": args.region,
        "account_id": args.account,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if args.quiet == 0:
        _logger.setLevel(min(logging.INFO, logging.getLogger().level))
    return _serve([*app.activities, *machines], given, as_json=args.json)


def function_given(given: str) -> tuple[Lambda, Callable[..., Any]]:
    """Read what stands in for a Lambda function: `NAME=module:function`.

    Raises:
        InvalidArgument: it is written otherwise, or cannot be imported.
    """
    name, equals, target = given.partition("=")
    if not (name and equals and ":" in target):
        raise InvalidArgument(f"a Lambda function is given like 'NAME=module:function', not {given!r}")
    found = object_named(target)
    if not callable(found):
        raise InvalidArgument(f"{target!r} is no function, but {found!r:.60}")
    return Lambda(name), found


def _allow_many_connections() -> None:
    """Let there be more open files than systems allow by default: each poll is a socket."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
        if limit != resource.RLIM_INFINITY and limit < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


async def _serve(things: list[Any], options: dict[str, Any], *, as_json: bool) -> None:
    _allow_many_connections()
    serve = importlib.import_module("asfini.local.endpoint").serve
    with _until_signal() as stop:
        async with AsyncExitStack() as stack:
            try:
                endpoint = await stack.enter_async_context(serve(*things, **options))
            except OSError as error:
                raise InvalidArgument(_cannot_listen(error, options)) from error
            if as_json:
                print_json({"url": endpoint.url}, flush=True)
            else:
                print_text(f"asfini local listening on {endpoint.url}", flush=True)
            await stop.wait()


def _cannot_listen(error: OSError, options: dict[str, Any]) -> str:
    number = error.errno or 0  # a name that leads nowhere has one below 0
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    given = " ".join(f"--{name} {options[name]}" for name in ("host", "port"))
    return f"cannot listen with {given}: {reason}"


@contextmanager
def _until_signal() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, in place of what they do otherwise; the second does that."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def receive(*_: object) -> None:
        restore()
        loop.call_soon_threadsafe(stop.set)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, receive)
    except ValueError:  # outside of the main thread: whoever runs this one ends it
        before.clear()
    try:
        yield stop
    finally:
        restore()
