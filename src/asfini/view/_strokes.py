"""Lines and outlines in SVG."""

from dataclasses import dataclass, field

from asfini.view._text import number

_NIB = 12.0
"""How far the points of hexagons stick out."""


@dataclass(slots=True)
class Pen:
    """Draws a line; it comes and goes upright."""

    left: float
    top: float
    x: float = 0.0
    y: float = 0.0
    strokes: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> str:
        """A point, as a path has it."""
        return f"{number(self.left + x)} {number(self.top + y)}"

    def move(self, x: float, y: float) -> None:
        """Begin there."""
        self.x, self.y = x, y
        self.strokes.append(f"M{self.at(x, y)}")

    def line(self, x: float, y: float) -> None:
        """Go straight on, if it is anywhere."""
        if abs(y - self.y) > 0.05 or abs(x - self.x) > 0.05:
            self.x, self.y = x, y
            self.strokes.append(f"L{self.at(x, y)}")

    def curve(self, x: float, y: float) -> None:
        """Swing over."""
        if abs(x - self.x) < 0.5:
            self.line(x, y)
            return
        middle = (self.y + y) / 2
        self.strokes.append(f"C{self.at(self.x, middle)} {self.at(x, middle)} {self.at(x, y)}")
        self.x, self.y = x, y

    def turn(self, x: float, y: float, edge: float) -> None:
        """Turn round at the edge of a layer."""
        self.strokes.append(f"C{self.at(self.x, edge)} {self.at(x, edge)} {self.at(x, y)}")
        self.x, self.y = x, y


def rectangle(kind: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    """A rectangle of a class, with rounded corners."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect class="{kind}" {place} rx="{number(radius)}"/>'


def hexagon(left: float, top: float, width: float, height: float) -> str:
    """The path of a box that has a point at either side."""
    across, down, nib = number(width - 2 * _NIB), number(height / 2), number(_NIB)
    start = f"M{number(left + _NIB)} {number(top)}"
    return f"{start}h{across}l{nib} {down}l-{nib} {down}h-{across}l-{nib} -{down}z"
