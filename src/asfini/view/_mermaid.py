"""Graphs as Mermaid's text."""

from collections.abc import Iterator

from asfini.view._wording import cut
from asfini.view.graphs import Graph
from asfini.view.marks import Marks, titled

_LONGEST = 60
_SHAPES = {
    "Choice": ("{{", "}}"),
    "Succeed": ("([", "])"),
    "Fail": ("([", "])"),
    "Wait": ("[/", "/]"),
    "Missing": (">", "]"),
}
_ARROWS = {"next": "-->", "choice": "-->", "default": "-->", "catch": "-.->"}
_STYLES = {
    "succeeded": "fill:#dcf5e3,stroke:#1a7f37,color:#0b3d1a",
    "failed": "fill:#ffe1dd,stroke:#c4281b,color:#5c0f08",
    "caught": "fill:#fff0cc,stroke:#a86a00,color:#4d3100",
    "running": "fill:#dcecff,stroke:#0a62c9,color:#06305f",
    "aborted": "fill:#ececef,stroke:#6a6a75,color:#33333a",
    "unreached": "fill:#fafafa,stroke:#b5b5bd,color:#8a8a93",
}


def mermaid(graph: Graph, marks: Marks | None) -> str:
    """Write a flowchart."""
    lines = ["flowchart TD", *_lines(graph, marks, "  ")]
    if graph.start is not None:
        lines += ["  start((start))", f"  start --> {graph.start.key}"]
    if ending := [node for node in graph.nodes.values() if node.ends]:
        lines += ["  finish(((end)))", *(f"  {node.key} --> finish" for node in ending)]
    if marks is not None:
        lines += _marked(graph, marks)
    return "\n".join(lines) + "\n"


def _lines(graph: Graph, marks: Marks | None, indent: str) -> Iterator[str]:
    for node in graph.nodes.values():
        if node.parts:
            title = _text(" · ".join(titled(node, marks).split("\n")))  # in one line: more would be covered
            yield f'{indent}subgraph {node.key}["{title}"]'
            for number, part in enumerate(node.parts):
                yield f'{indent}  subgraph {node.key}_{number}["{_text(part.title)}"]'
                yield from _lines(part, marks, f"{indent}    ")
                yield f"{indent}  end"
            yield f"{indent}end"
        else:
            opening, closing = _SHAPES.get(node.type, ("[", "]"))
            yield f'{indent}{node.key}{opening}"{_text(titled(node, marks))}"{closing}'
    for node in graph.nodes.values():
        if node.retry:
            yield f'{indent}{node.key} -. "{_text(node.retry)}" .-> {node.key}'
    for edge in graph.edges:
        arrow = _ARROWS[edge.kind]
        said = _text(" or ".join(edge.labels))
        label = f'|"{said}"|' if said else ""
        yield f"{indent}{edge.source.key} {arrow}{label} {edge.target.key}"


def _text(text: str) -> str:
    """Text between quotes: Mermaid reads it as HTML and as Markdown, and knows of entities by number."""
    lines = [cut(line, _LONGEST) for line in text.split("\n")]
    return "<br/>".join("".join(map(_character, line)) for line in lines)


def _character(character: str) -> str:
    plain = character.isalnum() or character in " .,:-_/()=×·…≤≥$"
    return character if plain else f"#{ord(character)};"


def _marked(graph: Graph, marks: Marks) -> Iterator[str]:
    by_outcome: dict[str, list[str]] = {}
    for node in graph.walk():
        by_outcome.setdefault(marks.outcome(node), []).append(node.key)
    for outcome, keys in sorted(by_outcome.items()):
        yield f"  classDef {outcome} {_STYLES[outcome]}"
        yield f"  class {','.join(keys)} {outcome}"
