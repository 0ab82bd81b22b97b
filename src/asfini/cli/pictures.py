"""What the commands do that draw machines and executions."""

import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from asfini import _arns
from asfini.cli.app import App
from asfini.cli.commands import Work
from asfini.cli.connecting import connected, execution_arn, use_region_of
from asfini.cli.output import check_writable, print_json, print_text, write_files
from asfini.cli.sources import is_file, load
from asfini.client import Client
from asfini.errors import InvalidArgument
from asfini.machine import StateMachine
from asfini.view.graphs import Graph, graph

_SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot"}


def prepare(args: Namespace, app: App) -> Work:
    """Check a command's arguments, and give what does it.

    Raises:
        InvalidArgument: they make no sense, or a file cannot be read.
    """
    if args.command == "graph":
        return _graph(args, app)
    return _told(args, app)


# graph


def _graph(args: Namespace, app: App) -> Work:
    written = args.format or _format_of(args.output)
    found = _offline(args.machine, app)
    if isinstance(found, str) and found.startswith("arn:"):
        use_region_of(_arns.Arn.parse(found), args, app)
    if args.output not in (None, "-"):
        check_writable(Path(args.output))

    async def draw() -> None:
        if isinstance(found, Graph):
            text = _DRAWING[written](found)
        else:
            async with connected(args, app) as client:
                text = await _drawn(client, found, written)
        if args.output not in (None, "-"):
            _tell(args, Path(args.output), text)
        elif args.json:
            print_json({"format": written, "graph": text})
        else:
            print_text(text.rstrip("\n"))

    return draw()


def _format_of(output: str | None) -> str:
    """What a file's name says that it is to hold.

    Raises:
        InvalidArgument: it says that it is something else than a graph.
    """
    suffix = "" if output in (None, "-") else Path(output or "").suffix
    if suffix and suffix not in _SUFFIXES:
        raise InvalidArgument(
            f"what is {output} to be? its name may end in {', '.join(_SUFFIXES)}, or give --format"
        )
    return _SUFFIXES.get(suffix, "svg")


def _offline(named: str | None, app: App) -> Graph | str:
    """The graph of a file's or the app's machine, or a name or ARN to ask for."""
    if named is not None and is_file(named):
        return graph(load(Path(named)))
    if named is None and len(app.machines) != 1:
        raise InvalidArgument("which machine? give a file with its definition, its name or its ARN")
    machine = app.machine(named)
    return graph(machine) if isinstance(machine, StateMachine) else machine


async def _drawn(client: Client, named: str, written: str) -> str:
    if ":execution:" not in named and ":express:" not in named:
        return _DRAWING[written](graph(await client.machine(named)))
    drawn, marks = await client.execution(named).graph()
    return {"svg": drawn.to_svg, "mermaid": drawn.to_mermaid, "dot": drawn.to_dot}[written](marks)


_DRAWING: dict[str, Callable[[Graph], str]] = {
    "svg": Graph.to_svg,
    "mermaid": Graph.to_mermaid,
    "dot": Graph.to_dot,
}


# report, trace


def _told(args: Namespace, app: App) -> Work:
    arn = execution_arn(args, app)
    ending = ".html" if args.command == "report" else ".trace.json"
    path = Path(args.output or f"{arn.parts[1]}{ending}")
    if args.output != "-":
        check_writable(path)

    async def tell() -> None:
        async with connected(args, app) as client:
            execution = client.execution(args.arn)
            if args.command == "report":
                text = await execution.to_html()
            else:
                text = json.dumps(await execution.to_trace(), default=str)
        if args.output == "-" and args.json and args.command == "report":
            print_json({"format": "html", "report": text})
        elif args.output == "-":
            print_text(text.rstrip("\n"))
        else:
            _tell(args, path, text)

    return tell()


def _tell(args: Namespace, path: Path, text: str) -> None:
    write_files({path: text})
    if args.json:
        print_json([str(path)])
    else:
        print_text(f"wrote {path}")
