"""Machines and runs for people: pictures, a history as a tree, why it failed, a test that repeats it."""

from asfini.view.explaining import Clause, Explanation, Handled, Try, explain
from asfini.view.folding import fold
from asfini.view.graphs import Edge, Graph, Node, graph
from asfini.view.marks import Mark, Marks, mark
from asfini.view.recording import Recording, record
from asfini.view.reporting import report
from asfini.view.tracing import trace
from asfini.view.tree import Attempt, Line, Run, StateRun
from asfini.view.waiting import Standing

__all__ = [
    "Attempt",
    "Clause",
    "Edge",
    "Explanation",
    "Graph",
    "Handled",
    "Line",
    "Mark",
    "Marks",
    "Node",
    "Recording",
    "Run",
    "Standing",
    "StateRun",
    "Try",
    "explain",
    "fold",
    "graph",
    "mark",
    "record",
    "report",
    "trace",
]
