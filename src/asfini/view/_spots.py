"""What is laid out in layers: boxes, edges between them, and the edges' bends."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Spot:
    """A box, or a bend of an edge in one of the layers."""

    width: float = 0.0
    height: float = 0.0
    is_bend: bool = False
    is_light: bool = False
    """Whether the bend is one of an edge that others may push aside."""
    layer: int = 0
    x: float = 0.0
    """Of its middle."""
    y: float = 0.0
    """Of its middle."""
    above: "list[Spot]" = field(default_factory=list)
    below: "list[Spot]" = field(default_factory=list)
    place: int = 0
    """In its layer."""


@dataclass(slots=True, eq=False)
class Link:
    """An edge between two boxes."""

    source: Spot
    target: Spot
    label_width: float = 0.0
    label_height: float = 0.0
    is_light: bool = False
    """Whether it may be pushed aside by others, such as the ways that are usually taken."""
    back: bool = False
    """Whether it leads upwards."""
    bends: list[Spot] = field(default_factory=list)
    """From source to target; the label's place is that of the first."""
