"""What the commands do that draw machines and executions."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from asfini import _arns
from asfini.asl.definition import Definition
from asfini.cli.app import App
from asfini.cli.commands import Work, connected, print_json, print_text, use_region_of
from asfini.client import Client
from asfini.errors import InvalidArgument
from asfini.machine import StateMachine
from asfini.view.graphs import Graph, graph

_SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot"}
_DEFINITIONS = frozenset({".json", ".yaml", ".yml"})


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
    written = args.format or _SUFFIXES.get(Path(args.output or "").suffix, "svg")
    found = _offline(args.machine, app)
    if isinstance(found, str) and found.startswith("arn:"):
        use_region_of(_arns.Arn.parse(found), args, app)

    async def draw() -> None:
        if isinstance(found, Graph):
            text = _DRAWING[written](found)
        else:
            async with connected(args, app) as client:
                text = await _drawn(client, found, written)
        if args.output not in (None, "-"):
            _tell(args, _write(Path(args.output), text))
        elif args.json:
            print_json({"format": written, "graph": text})
        else:
            print_text(text.rstrip("\n"))

    return draw()


def _offline(named: str | None, app: App) -> Graph | str:
    """The graph of a file's or the app's machine, or a name or ARN to ask for."""
    path = Path(named) if named is not None else None
    if path is not None and (path.is_file() or path.suffix in _DEFINITIONS):
        try:
            return graph(Definition.load(path))
        except OSError as error:
            raise InvalidArgument(f"cannot read {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise InvalidArgument(f"{path} is not text in UTF-8") from error
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
    use_region_of(_arns.Arn.parse(args.arn), args, app)

    async def tell() -> None:
        async with connected(args, app) as client:
            execution = client.execution(args.arn)
            if args.command == "report":
                text, ending = await execution.to_html(), ".html"
            else:
                text, ending = json.dumps(await execution.to_trace(), default=str), ".trace.json"
        if args.output == "-":
            sys.stdout.write(text)
        else:
            _tell(args, _write(Path(args.output or f"{execution.name}{ending}"), text))

    return tell()


def _write(path: Path, text: str) -> Path:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidArgument(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _tell(args: Namespace, path: Path) -> None:
    if args.json:
        print_json([str(path)])
    else:
        print_text(f"wrote {path}")
