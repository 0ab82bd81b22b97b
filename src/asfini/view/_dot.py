"""Graphs as Graphviz's text."""

from collections.abc import Iterator

from asfini.view._wording import cut
from asfini.view.graphs import Graph, Node
from asfini.view.marks import Marks, titled

_LONGEST = 60
_SHAPES = {"Choice": "hexagon", "Succeed": "oval", "Fail": "oval", "Missing": "note"}
_COLOURS = {
    "succeeded": ("#1a7f37", "#dcf5e3"),
    "failed": ("#c4281b", "#ffe1dd"),
    "caught": ("#a86a00", "#fff0cc"),
    "running": ("#0a62c9", "#dcecff"),
    "aborted": ("#6a6a75", "#ececef"),
    "unreached": ("#b5b5bd", "#fafafa"),
}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "&": "&amp;"})
_STYLES = {"next": "solid", "choice": "solid", "default": "solid", "catch": "dashed"}


def dot(graph: Graph, marks: Marks | None) -> str:
    """Write a digraph, in which states that hold others are clusters."""
    lines = [
        "digraph machine {",
        "  compound=true;",
        '  graph [fontname="Helvetica"];',
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica"];',
        '  edge [fontname="Helvetica", fontsize=10];',
        *_lines(graph, marks, "  "),
    ]
    if graph.start is not None:
        into = f" [lhead=cluster_{graph.start.key}]" if graph.start.parts else ""
        lines += ["  start [shape=circle, label=start];", f"  start -> {graph.start.key}{into};"]
    if ending := [node for node in graph.nodes.values() if node.ends]:
        lines += ["  finish [shape=doublecircle, label=end];"]
        lines += [f"  {_tail(node, None)} -> finish{_ends(node, None)};" for node in ending]
    return "\n".join([*lines, "}"]) + "\n"


def _lines(graph: Graph, marks: Marks | None, indent: str) -> Iterator[str]:
    for node in graph.nodes.values():
        yield from _state(node, marks, indent)
    for node in graph.nodes.values():
        if node.retry:
            yield f"{indent}{node.key} -> {node.key} [style=dashed, label={_text(node.retry)}];"
    for edge in graph.edges:
        label = f"label={_text(' or '.join(edge.labels))}, " if edge.labels else ""
        how = f"{label}style={_STYLES[edge.kind]}"
        ends = _ends(edge.source, edge.target, how)
        yield f"{indent}{_tail(edge.source, edge.target)} -> {edge.target.key}{ends};"


def _state(node: Node, marks: Marks | None, indent: str) -> Iterator[str]:
    line, fill = _COLOURS[marks.outcome(node)] if marks is not None else ("black", "white")
    label = _text(titled(node, marks))
    if not node.parts:
        shape = _SHAPES.get(node.type, "box")
        yield f'{indent}{node.key} [label={label}, shape={shape}, color="{line}", fillcolor="{fill}"];'
        return
    yield f"{indent}subgraph cluster_{node.key} {{"
    yield f'{indent}  label={label}; style="rounded"; color="{line}";'
    yield f'{indent}  {node.key} [shape=point, style=invis, label=""];'
    for number, part in enumerate(node.parts):
        yield f"{indent}  subgraph cluster_{node.key}_{number} {{"
        yield f"{indent}    label={_text(part.title)}; style=dashed;"
        yield from _lines(part, marks, f"{indent}    ")
        yield f"{indent}  }}"
    yield f"{indent}}}"


def _tail(source: Node, target: Node | None) -> str:
    """What an edge comes from: of a cluster the last state, so that it goes on below."""
    inner = [node for part in source.parts for node in part.nodes.values() if target is not source]
    last = [node for node in inner if node.ends or node.type in ("Succeed", "Fail")] or inner
    return _tail(last[-1], target) if last else source.key


def _ends(source: Node, target: Node | None, how: str = "") -> str:
    """An edge's attributes: it is cut off at the borders of clusters."""
    parts = [how] if how else []
    if source.parts and target is not source:
        parts.append(f"ltail=cluster_{source.key}")
    if target is not None and target.parts and target is not source:
        parts.append(f"lhead=cluster_{target.key}")
    return f" [{', '.join(parts)}]" if parts else ""


def _text(text: str) -> str:
    r"""A quoted string, in which `\`, `"` and `&` mean themselves."""
    lines = [cut(line, _LONGEST) for line in text.split("\n")]
    return '"{}"'.format("\\n".join(line.translate(_ESCAPES) for line in lines))
