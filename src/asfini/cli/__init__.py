"""The command line: `asfini`, and `CLI` for a program of one's own."""

from asfini.cli.program import CLI, main

__all__ = ["CLI", "main"]
