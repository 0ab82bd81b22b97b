"""What can be written on the command line about pictures of machines and executions."""

import argparse
from typing import Any

FORMATS = ("svg", "mermaid", "dot")
_GRAPH = """\
Draw a state machine: that of a file with its definition (JSON or YAML), one of --app, or one that is
registered. Of an execution's ARN, the run is drawn over the machine: outcomes, retries, durations."""
_GRAPH_EPILOG = """\
examples:
  {prog} graph shop.asl.json --output shop.svg
  {prog} graph shop --format mermaid
  {prog} graph arn:aws:states:eu-west-1:123456789012:execution:shop:order-7 --output order-7.svg
"""
_REPORT = """\
Write a page about an execution: its graph, its timeline, its events with their data. It is one file, which
needs nothing else and loads nothing; it has the data that the execution had."""
_REPORT_EPILOG = """\
examples:
  {prog} report ARN --output order-7.html
"""
_TRACE = """\
Write an execution as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open."""
_TRACE_EPILOG = """\
examples:
  {prog} trace ARN --output order-7.json
"""


def _add_output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"file to write, - for standard output (default: {default})"
    )


def _add_graph(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument(
        "machine",
        metavar="FILE_OR_NAME",
        nargs="?",
        help="a file, a machine's name or ARN, or an execution's ARN; none where --app has just one machine",
    )
    parser.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        help="what to write (default: what the output's name says, or svg)",
    )
    _add_output(parser, "standard output")


def _add_report(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument("arn", metavar="ARN", help="the execution's ARN")
    _add_output(parser, "the execution's name, .html")


def _add_trace(parser: argparse.ArgumentParser, _: Any) -> None:
    parser.add_argument("arn", metavar="ARN", help="the execution's ARN")
    _add_output(parser, "the execution's name, .trace.json")


PICTURE_COMMANDS = {
    "graph": ("draw a machine, or a run of it", _GRAPH, _GRAPH_EPILOG, _add_graph),
    "report": ("write a page about an execution", _REPORT, _REPORT_EPILOG, _add_report),
    "trace": ("write an execution as a trace", _TRACE, _TRACE_EPILOG, _add_trace),
}
"""Commands by name, as all others: help in the list, description, epilog, and what adds their arguments."""
